"""What an API server and its controllers make of objects, as far as a function is sent it."""

import copy
import json
from typing import Any, Final

from function.call import Manifest

TIME: Final = "2026-01-01T00:00:00Z"

_PROBE: Final[Manifest] = {"httpGet": {"scheme": "HTTP"}, "successThreshold": 1}
_DEFAULTS: Final[dict[str, Manifest]] = {
    "Deployment": {
        "spec": {
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
            "template": {
                "metadata": {"creationTimestamp": None},
                "spec": {
                    "dnsPolicy": "ClusterFirst",
                    "restartPolicy": "Always",
                    "schedulerName": "default-scheduler",
                },
            },
        }
    },
    "Service": {
        "spec": {
            "clusterIP": "10.96.14.20",
            "clusterIPs": ["10.96.14.20"],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
        },
        "status": {"loadBalancer": {}},
    },
    "Secret": {"type": "Opaque"},
}
_CONTAINER: Final[Manifest] = {
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}


def stored(manifest: Manifest, version: int, managers: dict[str, Manifest]) -> Manifest:
    """An object as the API server keeps it.

    Args:
        manifest: all that was written.
        version: its resource version.
        managers: who wrote which parts of it.
    """
    kept = merged(_DEFAULTS.get(manifest["kind"], {}), manifest)
    if manifest["kind"] == "Deployment":
        for container in kept["spec"]["template"]["spec"]["containers"]:
            container.update(merged(_CONTAINER, container))
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                container[probe] = merged(_PROBE, container.get(probe, {}))
        kept["status"] = _rolled_out(kept["spec"]["replicas"])
    kept["metadata"] |= {
        "creationTimestamp": TIME,
        "generation": 1,
        "resourceVersion": str(version),
        "managedFields": [_managed(*manager, kept) for manager in managers.items()],
    }
    return kept


def merged(under: Manifest, over: Manifest) -> Manifest:
    """One object laid over another; lists are replaced."""
    result = copy.deepcopy(under)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _managed(manager: str, part: Manifest, whole: Manifest) -> Manifest:
    fields = {
        key: value for key, value in part.items() if key not in ("apiVersion", "kind", "status")
    }
    if set(part) == {"status"}:
        fields = part
    return {
        "apiVersion": whole["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": _fields(fields),
        "manager": manager,
        "operation": "Apply" if "status" not in fields else "Update",
        "time": TIME,
        **({"subresource": "status"} if "status" in fields else {}),
    }


def _fields(value: Any) -> Manifest:  # noqa: ANN401  # Any JSON value.
    """The names of the fields of a value, as managedFields tell them."""
    if isinstance(value, dict):
        return {f"f:{key}": _fields(item) for key, item in value.items()}
    if isinstance(value, list):
        keyed = {}
        for item in value:
            key = _merge_key(item)
            if not key:
                return {}  # An atomic list.
            keyed["k:" + json.dumps(key, separators=(",", ":"))] = {".": {}, **_fields(item)}
        return keyed
    return {}


def _merge_key(item: Any) -> Manifest:  # noqa: ANN401
    """By what an item of a list is known, if it is an item of such a list."""
    if not isinstance(item, dict) or "alias" in item:
        return {}
    for keys in (("containerPort", "protocol"), ("port", "protocol"), ("mountPath",), ("name",)):
        if all(key in item for key in keys):
            return {key: item[key] for key in keys}
    return {}


def _rolled_out(replicas: int) -> Manifest:
    """The status of a Deployment with all its pods up."""

    def condition(kind: str, reason: str, message: str) -> Manifest:
        return {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": TIME,
            "lastUpdateTime": TIME,
        }

    return {
        "observedGeneration": 1,
        "replicas": replicas,
        "readyReplicas": replicas,
        "updatedReplicas": replicas,
        "availableReplicas": replicas,
        "conditions": [
            condition(
                "Available", "MinimumReplicasAvailable", "Deployment has minimum availability."
            ),
            condition(
                "Progressing", "NewReplicaSetAvailable", "ReplicaSet has successfully progressed."
            ),
        ],
    }
