"""To whom an object belongs. Nothing foreign is ever taken over.

Crossplane force-applies a composed resource over any object of that name that has no controller,
and later deletes it with the composite resource. So before a name is composed for the first time,
the object of that name is looked up; until that is done, nothing is composed.
"""

from collections.abc import Mapping
from typing import Any

from function import names, shapes
from function.api import Router
from function.call import ResourceSelector
from function.errors import Refused
from function.text import shorten


def is_own(found: Mapping[str, Any], router: Router, wanted: ResourceSelector) -> bool:
    """Whether an observed composed resource is the wanted object, and the router's own.

    Crossplane shows a function only resources that its composite resource refers to, so one without
    a controller (as in `composition render`) counts as the router's own.
    """
    metadata = shapes.object_at(found, "metadata")
    owner = controller(found)
    return (
        metadata.get("name") == wanted.name
        and metadata.get("namespace", wanted.namespace) == wanted.namespace
        and (owner is None or owner.get("uid") == router.uid)
    )


def check_free(
    found: Mapping[str, Any] | None,
    router: Router,
    wanted: ResourceSelector,
    *,
    adopt: bool,
) -> None:
    """Refuses a name that an object of another owner has.

    Args:
        found: the object of that name in the cluster, or None.
        router: whose name it is to become.
        wanted: the name.
        adopt: whether an object without a controller may be taken over.

    Raises:
        Refused: the name is taken.
    """
    if found is None:
        return
    owner = controller(found)
    if owner is None and adopt:
        return
    if owner is not None and owner.get("uid") == router.uid:
        return  # The router's own, which Crossplane's cache does not yet show as observed.
    whose = (
        f"belongs to {_shown(owner, 'kind')} '{_shown(owner, 'name')}'"
        if owner is not None
        else "does not belong to this ModelRouter"
    )
    raise Refused(
        names.REASON_NAME_TAKEN,
        f"{wanted.kind} '{wanted.name}' already exists in namespace '{wanted.namespace}' and "
        f"{whose}: delete it, or give the {names.KIND} another name.",
    )


def controller(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference of an object's controller, if it has one."""
    owners = shapes.objects_at(found, "metadata", "ownerReferences")
    return next((owner for owner in owners if owner.get("controller")), None)


def _shown(owner: Mapping[str, Any], field: str) -> str:
    return shorten(shapes.text_at(owner, field))
