"""To whom an object belongs. Nothing foreign is ever taken over.

Crossplane force-applies a composed resource over any object of that name that has no controller,
and later deletes it with the composite resource. So before a name is composed for the first time,
the object of that name is looked up; until that is done, nothing is composed.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from function import names, shapes
from function.call import ResourceSelector
from function.errors import Refused
from function.text import shorten


class Owner(Protocol):
    """A composite resource, by which its own objects are recognized."""

    @property
    def kind(self) -> str:
        """What people call its kind."""

    @property
    def uid(self) -> str:
        """What its own objects refer to."""


def is_own(found: Mapping[str, Any], composite: Owner, wanted: ResourceSelector) -> bool:
    """Whether an observed composed resource is the wanted object, and its owner's own.

    Crossplane shows a function only resources that its composite resource refers to, so one without
    a controller (as in `composition render`) counts as its own.
    """
    metadata = shapes.object_at(found, "metadata")
    owner = controller(found)
    return (
        metadata.get("name") == wanted.name
        and metadata.get("namespace", wanted.namespace) == wanted.namespace
        and (owner is None or owner.get("uid") == composite.uid)
    )


def check_free(
    found: Mapping[str, Any] | None,
    composite: Owner,
    wanted: ResourceSelector,
    *,
    adopt: bool,
) -> None:
    """Refuses a name that an object of another owner has.

    Args:
        found: the object of that name in the cluster, or None.
        composite: whose name it is to become.
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
    if owner is not None and owner.get("uid") == composite.uid:
        return  # Its own, which Crossplane's cache does not yet show as observed.
    whose = (
        f"belongs to {_shown(owner, 'kind')} '{_shown(owner, 'name')}'"
        if owner is not None
        else f"does not belong to this {composite.kind}"
    )
    raise Refused(
        names.REASON_NAME_TAKEN,
        f"{wanted.kind} '{wanted.name}' already exists in namespace '{wanted.namespace}' and "
        f"{whose}: delete it, or give the {composite.kind} another name.",
    )


def controller(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference of an object's controller, if it has one."""
    owners = shapes.objects_at(found, "metadata", "ownerReferences")
    return next((owner for owner in owners if owner.get("controller")), None)


def _shown(owner: Mapping[str, Any], field: str) -> str:
    return shorten(shapes.text_at(owner, field))
