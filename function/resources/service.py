"""The Service in front of the gateway's pods."""

from collections.abc import Mapping
from typing import Any

from function import names, shapes
from function.api import Router
from function.call import Manifest
from function.gateways.base import Plan
from function.observed import Observed
from function.resources.base import ComposedKind, service_selector


class Service(ComposedKind[None]):
    """The Service in front of the gateway's pods."""

    name = names.RESOURCE_SERVICE
    api_version = "v1"
    kind = "Service"

    def is_ready(self, desired: Manifest, observed: Mapping[str, Any]) -> bool:
        """Whether it can be called at the port that the status names."""
        return serves(desired, observed)

    def part(self, observed: Observed) -> None:
        """Nothing."""

    def body(self, plan: Plan, part: None) -> Manifest:  # noqa: ARG002
        """One port, to the pods that this function composed."""
        return {
            "spec": {
                "type": "ClusterIP",
                "selector": service_selector(plan.router),
                "ports": [
                    {
                        "name": names.PORT_NAME,
                        "port": plan.router.spec.port,
                        "protocol": "TCP",
                        "targetPort": names.PORT_NAME,
                    }
                ],
            },
        }


def url(router: Router) -> str:
    """The gateway's base URL in the cluster, to which a client adds /v1."""
    return f"http://{router.name}.{router.namespace}.svc:{router.spec.port}"


def serves(desired: Manifest, observed: Mapping[str, Any]) -> bool:
    """Whether the observed Service has the desired ports.

    If someone edits a port's number, no apply repairs it: Kubernetes merges ports by their number,
    so the desired port would be added beside the edited one, and is rejected for having its name.
    """
    ports = shapes.objects_at(observed, "spec", "ports")
    numbers = {shapes.as_int(port.get("port")) for port in ports}
    return all(port["port"] in numbers for port in desired["spec"]["ports"])
