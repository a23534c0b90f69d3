"""The Service in front of the gateway's pods."""

from function import names
from function.composition import Manifest, Selector
from function.plan import Plan
from function.resources import metadata
from function.router import Router


def selector(router: Router) -> Selector:
    """What it is called."""
    return Selector("v1", "Service", router.name, router.namespace)


def build(plan: Plan) -> Manifest:
    """The object."""
    router = plan.router
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata.object_metadata(router, selector(router)),
        "spec": {
            "type": "ClusterIP",
            "selector": metadata.service_selector(router),
            "ports": [
                {
                    "name": names.PORT_NAME,
                    "port": router.spec.port,
                    "protocol": "TCP",
                    "targetPort": names.PORT_NAME,
                }
            ],
        },
    }


def url(router: Router) -> str:
    """The gateway's base URL in the cluster, to which a client adds /v1."""
    return f"http://{router.name}.{router.namespace}.svc:{router.spec.port}"
