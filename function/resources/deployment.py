"""The Deployment that runs the gateway."""

from collections.abc import Mapping
from typing import Any, Final

from function import names
from function.composition import Manifest, Selector, conditions_of
from function.plan import Plan
from function.resources import metadata
from function.router import Router

DEFAULT_REPLICAS: Final = 1

_USER: Final = 65534
"""The user that LiteLLM's rootless image runs as; its other image runs as any."""

# Endpoints and load balancers need some seconds to learn that a pod goes; LiteLLM closes its
# listener at once on SIGTERM, so the pod waits before that.
_PAUSE_SECONDS: Final = 10
_MARGIN_SECONDS: Final = 20


def selector(router: Router) -> Selector:
    """What it is called."""
    return Selector("apps/v1", "Deployment", router.name, router.namespace)


def build(plan: Plan) -> Manifest:
    """The object."""
    router = plan.router
    wanted = router.spec.deployment
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata.object_metadata(router, selector(router)),
        "spec": {
            "replicas": DEFAULT_REPLICAS if wanted.replicas is None else wanted.replicas,
            "selector": {"matchLabels": metadata.deployment_selector(router)},
            # Never below the wanted replicas.
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
            },
            "template": {
                "metadata": metadata.pod_metadata(router, _hashes(plan)),
                "spec": _pod(plan),
            },
        },
    }


def available(observed: Mapping[str, Any] | None) -> bool | None:
    """The Deployment's own Available: whether the gateway can be called. None if not known."""
    condition = condition_of(observed, "Available")
    return None if condition is None else condition.get("status") == "True"


def ready(observed: Mapping[str, Any]) -> bool:
    """Whether it counts as ready: while a rotation rolls, it does."""
    return available(observed) is True


def condition_of(observed: Mapping[str, Any] | None, kind: str) -> Mapping[str, Any] | None:
    """The observed Deployment's condition of that type, if it is there."""
    return next((c for c in conditions_of(observed) if c.get("type") == kind), None)


def _pod(plan: Plan) -> Manifest:
    """The pod's spec. It meets the restricted Pod Security Standard, on a read-only root."""
    return {
        **_account(plan.router.spec.deployment.service_account_name),
        "containers": [_container(plan)],
        # A Service named redis would otherwise set REDIS_PORT, which LiteLLM reads.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": (
            _PAUSE_SECONDS + plan.longest_call_seconds + _MARGIN_SECONDS
        ),
        "volumes": [
            {"name": "config", "configMap": {"name": names.config_map(plan.router.name)}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }


def _hashes(plan: Plan) -> dict[str, str]:
    """What rolls the pods when it changes, beside their own fields."""
    hashes = {names.ANNOTATION_CONFIG_HASH: plan.config_hash}
    if plan.secret_hash is not None:
        hashes[names.ANNOTATION_SECRET_HASH] = plan.secret_hash
    return hashes


def _account(name: str | None) -> Manifest:
    """The pod's service account: no token, unless one is named."""
    if name is None:
        return {"automountServiceAccountToken": False}
    return {"automountServiceAccountToken": True, "serviceAccountName": name}


def _container(plan: Plan) -> Manifest:
    container: Manifest = {
        "name": names.CONTAINER,
        "image": plan.image,
        "args": list(plan.args),
        "env": plan.env,
        "ports": [
            {
                "name": names.PORT_NAME,
                "containerPort": plan.router.spec.port,
                "protocol": "TCP",
            }
        ],
        "resources": plan.resources,
        "lifecycle": {"preStop": {"sleep": {"seconds": _PAUSE_SECONDS}}},
        # Five minutes to start: ten seconds are enough with a whole core, seventy without.
        "startupProbe": _probe("liveliness", period=5, failures=60),
        "livenessProbe": _probe("liveliness", period=10, failures=6),
        "readinessProbe": _probe("readiness", period=5, failures=3),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "config", "mountPath": names.CONFIG_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # In the container.
        ],
    }
    if sources := plan.router.spec.deployment.env_from:
        container["envFrom"] = [source.manifest() for source in sources]
    return container


def _probe(check: str, *, period: int, failures: int) -> Manifest:
    """A probe of one of LiteLLM's health checks that need no key and call no model."""
    return {
        "httpGet": {"path": f"/health/{check}", "port": names.PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
