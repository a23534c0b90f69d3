"""What a patch of the Deployment must leave as it is in the gateway's pods.

The fields of `spec.deployment` are checked one by one: no key but a provider's own reaches it, and
nothing lies over the configuration. A patch could undo all of that, so what those fields decide
stays as it was generated, and what a patch adds gets none of the gateway's credentials.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from function import merging, shapes
from function.call import Manifest
from function.gateways.base import Plan, SecretKey
from function.resources.patching import REMOVE, Refuse, values
from function.text import shorten

POD: Final = "/spec/template/spec"

_OWN_FIELDS: Final = (
    *("automountServiceAccountToken", "dnsConfig", "dnsPolicy", "hostAliases"),
    "serviceAccountName",
)
_NAMESPACES: Final = ("hostIPC", "hostNetwork", "hostPID", "hostUsers", "shareProcessNamespace")

FIXED: Final[Mapping[str, str]] = {
    **{
        f"{POD}/{field}": f"which has a field of its own, spec.deployment.{field}"
        for field in _OWN_FIELDS
    },
    **{
        f"{POD}/{field}": "with which others could see the gateway's credentials, or it others'"
        for field in _NAMESPACES
    },
    f"{POD}/serviceAccount": "which has a field of its own, spec.deployment.serviceAccountName",
    f"{POD}/enableServiceLinks": "since a Service could then set variables of the gateway's",
    f"{POD}/ephemeralContainers": "which no pod may begin with",
}
"""What a patch may not change in the pods, and why."""

_OPEN: Final = frozenset(
    {
        *("imagePullPolicy", "lifecycle", "livenessProbe", "readinessProbe", "resizePolicy"),
        *("resources", "securityContext", "startupProbe", "terminationMessagePath"),
        "terminationMessagePolicy",
    }
)
"""What a patch may change in the gateway's container."""


def check(plan: Plan, before: Manifest, after: Manifest, refuse: Refuse) -> None:
    """Refuses a patch with which the gateway would not keep its promises.

    Args:
        plan: the plan of the gateway.
        before: the Deployment without the patch.
        after: the Deployment with it.
        refuse: makes the refusal.

    Raises:
        Refused: it would not.
    """
    generated, patched = (shapes.object_at(m, "spec", "template", "spec") for m in (before, after))
    volumes = _list_of_objects(patched, "volumes", refuse)
    containers = _list_of_objects(patched, "containers", refuse)
    initial = _list_of_objects(patched, "initContainers", refuse)
    (own,) = generated["containers"]
    _check_own(own, containers, refuse)
    for volume in generated["volumes"]:
        if not any(merging.same(volume, kept) for kept in volumes):
            raise refuse(
                f"must leave the volume {shorten(volume['name'])} as it is",
                "a list replaces the whole list, so repeat what it had",
            )
    for outside in _outside(patched):
        raise refuse(f"must not set {outside}, which lets a pod out of its container", REMOVE)
    others = [*(c for c in containers if c.get("name") != own["name"]), *initial]
    for container in others:
        _check_other(container, volumes, plan, refuse)


def _list_of_objects(pod: Mapping[str, Any], field: str, refuse: Refuse) -> list[Manifest]:
    found = pod.get(field, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise refuse(f"must leave {POD}/{field} a list of objects", REMOVE)
    return found


def _check_own(own: Manifest, containers: list[Manifest], refuse: Refuse) -> None:
    """Refuses other variables, arguments, mounts and so on for the gateway's container."""
    name = own["name"]
    found = [container for container in containers if container.get("name") == name]
    if len(found) != 1:
        raise refuse(
            f"must leave the container {name} in {POD}/containers",
            "a list replaces the whole list, so add another container in initContainers, with "
            "restartPolicy Always",
        )
    for field in sorted((own.keys() | found[0].keys()) - _OPEN):
        if not merging.same(own.get(field), found[0].get(field)):
            raise refuse(
                f"must not change {shorten(field)} of the container {name}, which the function "
                "decides",
                "use the fields of spec.deployment",
            )


def _outside(pod: Mapping[str, Any]) -> Iterator[str]:
    """What is set that the baseline Pod Security Standard forbids as well."""
    for item in values(pod):
        if isinstance(item.get("hostPath"), dict):
            yield "hostPath"
        if isinstance(item.get("hostPort"), int):
            yield "hostPort"
        for field in ("privileged", "hostProcess"):
            if item.get(field) is True:
                yield field


def _check_other(container: Manifest, volumes: list[Manifest], plan: Plan, refuse: Refuse) -> None:
    """Refuses a container beside the gateway's that gets one of its credentials."""
    keys = {*plan.keys, *plan.own_keys, plan.master_key, plan.generated_key}
    secrets = {key.secret for key in keys}
    mounted = {mount.get("name") for mount in shapes.objects_at(container, "volumeMounts")}
    holding = [volume for volume in volumes if volume.get("name") in mounted]
    named = _first_secret(container, holding, keys, secrets)
    if named is not None:
        raise refuse(
            f"must not give another container the Secret {shorten(named)}, whose keys are for the "
            "gateway alone",
            "keep what it needs in a Secret of its own",
        )


def _first_secret(
    container: Manifest, volumes: list[Manifest], keys: set[SecretKey], secrets: set[str]
) -> str | None:
    """The first Secret with the gateway's credentials that a container gets."""
    for item in values(container):
        ref = shapes.object_at(item, "secretKeyRef")
        if (ref.get("name"), ref.get("key")) in keys:
            return shapes.text_at(ref, "name")
        if (name := shapes.text_at(item, "secretRef", "name")) in secrets:
            return name
    for volume in values(volumes):
        for field in ("secretName", "name"):
            name = shapes.text_at(volume, "secret", field)
            if name in secrets:
                return name
    return None
