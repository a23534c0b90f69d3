"""What the gateway's pods are made of: the spec in the Deployment's template."""

from collections.abc import Collection
from typing import Any, Final

from function import names
from function.call import Manifest
from function.gateways.base import Container, Plan, Probe
from function.resources.base import service_selector

_SCRATCH_SIZE: Final = "1Gi"
"""How much the gateway may write: the files of uploads that it passes on, several at once."""

_SPREAD_OVER: Final = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")

_PASSED_ON: Final = (
    *("affinity", "dnsConfig", "dnsPolicy", "hostAliases", "imagePullSecrets", "nodeSelector"),
    *("priorityClassName", "serviceAccountName", "tolerations"),
)
"""The fields of a pod that are passed on as they are."""


def spec(plan: Plan) -> Manifest:
    """The pods' spec. It meets the restricted Pod Security Standard, on a read-only root."""
    wanted = plan.router.spec.deployment
    given = wanted.manifest()
    return {
        **_set_among(given, _PASSED_ON),
        "automountServiceAccountToken": wanted.automount_service_account_token is True,
        "containers": [_container(plan, given)],
        # A Service named redis would otherwise set REDIS_PORT for the gateway.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            **_user(plan.container),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": plan.container.grace_seconds,
        **_spread(plan),
        "volumes": [
            {"name": "config", "configMap": {"name": names.config_map_of(plan.router.name)}},
            {"name": "tmp", "emptyDir": {"sizeLimit": _SCRATCH_SIZE}},
            *plan.container.volumes,
            *_of_container(given.get("volumes", []), plan.container.name),
        ],
    }


def _user(container: Container) -> Manifest:
    """Whom the pods run as, unless the cluster assigns each of them a user and groups."""
    user = container.user
    return {} if user is None else {"runAsUser": user, "runAsGroup": user, "fsGroup": user}


def _spread(plan: Plan) -> Manifest:
    """How the pods are spread: as evenly as can be, if the router does not say."""
    own = {"labelSelector": {"matchLabels": service_selector(plan.router)}}
    wanted = plan.router.spec.deployment.topology_spread_constraints
    if wanted is None:
        constraints: list[Manifest] = [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                **own,
                # Otherwise the pods that a rollout replaces would count as well.
                "matchLabelKeys": ["pod-template-hash"],
            }
            for key in _SPREAD_OVER
        ]
    else:
        constraints = [{**own, **constraint.manifest()} for constraint in wanted]
    return {"topologySpreadConstraints": constraints} if constraints else {}


def _of_container(value: Any, name: str) -> Any:  # noqa: ANN401  # Any part of a volume.
    """A volume in which resources are those of the container: a file must say which one."""
    if isinstance(value, list):
        return [_of_container(item, name) for item in value]
    if not isinstance(value, dict):
        return value
    named = {key: _of_container(item, name) for key, item in value.items()}
    if isinstance(ref := named.get("resourceFieldRef"), dict):
        named["resourceFieldRef"] = {"containerName": name, **ref}
    return named


def _set_among(given: Manifest, fields: Collection[str]) -> Manifest:
    """Those of the fields that are set, and not to nothing."""
    return {field: given[field] for field in fields if given.get(field)}


def _container(plan: Plan, given: Manifest) -> Manifest:
    wanted = plan.container
    return {
        "name": wanted.name,
        "image": wanted.image,
        **_set_among(given, ("envFrom", "imagePullPolicy")),
        "args": list(wanted.args),
        "env": wanted.env,
        "ports": [
            {
                "name": names.PORT_NAME,
                "containerPort": plan.router.spec.port,
                "protocol": "TCP",
            }
        ],
        "resources": wanted.resources,
        "lifecycle": {"preStop": {"sleep": {"seconds": wanted.pause_seconds}}},
        **_probes(wanted),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "config", "mountPath": plan.config.folder, "readOnly": True},
            {"name": "tmp", "mountPath": wanted.scratch},
            *wanted.mounts,
            *given.get("volumeMounts", []),
        ],
    }


def _probes(container: Container) -> Manifest:
    return {
        "startupProbe": _probe(container.startup),
        "livenessProbe": _probe(container.liveness),
        "readinessProbe": _probe(container.readiness),
    }


def _probe(probe: Probe) -> Manifest:
    return {
        "httpGet": {"path": probe.path, "port": names.PORT_NAME},
        "periodSeconds": probe.period_seconds,
        "timeoutSeconds": 5,
        "failureThreshold": probe.failures,
    }
