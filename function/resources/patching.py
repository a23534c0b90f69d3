"""Patches of composed objects: what they do, and what they must leave as it is.

A patch is applied to the object as it was generated. Then the result is compared with that: so it
makes no difference how a patch comes by a change.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from function import merging, names, shapes
from function.api.metadata import CommonMetadata
from function.api.patches import Patch
from function.api.validation import parse
from function.call import Manifest, Result
from function.errors import Refused
from function.text import first, shorten

Refuse = Callable[[str, str], Refused]
"""Makes a refusal of what is wrong, said after the name of the patch, and the remedy."""

REMOVE: Final = "remove that from the patch"
"""The remedy where there is no other."""

_IDENTITY: Final = {
    "/apiVersion": "which tells what the object is",
    "/kind": "which tells what the object is",
    "/status": "which is for the cluster to write",
}
"""What no patch may change in any object, and why."""

_OPEN_METADATA: Final = ("annotations", "labels")
_RESERVED: Final = (names.GROUP, "crossplane.io")
"""Domains whose labels and annotations are the function's or Crossplane's own."""


def refusal_of(name: str) -> Refuse:
    """What refuses the patch of a composed resource."""
    return lambda what, remedy: Refused(
        names.REASON_PATCH_REFUSED, f"spec.patches.{name} {what}: {remedy}."
    )


def apply(generated: Manifest, patch: Patch, name: str) -> tuple[Manifest, tuple[Result, ...]]:
    """The object with its patch applied, and what the user is told about that."""
    merge = patch.merge or {}
    patched = merging.merge(generated, merge)
    found = [(pointer, merging.remove(patched, pointer)) for pointer in patch.remove]
    gone = [pointer for pointer, there in found if there]
    absent = [pointer for pointer, there in found if not there]
    told = []
    if merge:
        told.append(f"sets {_listed(merging.touched(merge))}")
    if gone:
        told.append(f"removes {_listed(gone)}")
    results = []
    if told:
        results.append(
            Result(names.EVENT_PATCHES, f"patches.{name} {' and '.join(told)}.", "Normal")
        )
    if absent:
        results.append(
            Result(
                names.EVENT_PATCHES,
                f"patches.{name}.remove names {_listed(absent)}, but nothing is there.",
            )
        )
    return patched, tuple(results)


def check(
    generated: Manifest,
    patched: Manifest,
    name: str,
    labels: Mapping[str, str],
    fixed: Mapping[str, str],
) -> None:
    """Refuses a patch that changes what an object of any kind must keep.

    Args:
        generated: the object without the patch.
        patched: the object with it.
        name: of the composed resource.
        labels: the function's own labels.
        fixed: the pointers to what this kind of object must keep, and why.

    Raises:
        Refused: it does.
    """
    refuse = refusal_of(name)
    for pointer, why in {**_IDENTITY, **fixed}.items():
        path = pointer.split("/")[1:]
        if not merging.same(shapes.at(generated, *path), shapes.at(patched, *path)):
            raise refuse(f"must not change {pointer}, {why}", REMOVE)
    check_metadata(generated, patched, name, "/metadata", labels)


def check_metadata(
    generated: Manifest, patched: Manifest, name: str, pointer: str, labels: Mapping[str, str]
) -> None:
    """Refuses a patch that changes who an object is, or adds metadata that Kubernetes refuses.

    Args:
        generated: the object without the patch.
        patched: the object with it.
        name: of the composed resource.
        pointer: where in it the metadata is.
        labels: the function's own labels.

    Raises:
        Refused: it does.
    """
    refuse, path = refusal_of(name), pointer.split("/")[1:]
    before, after = (shapes.at(manifest, *path) for manifest in (generated, patched))
    if not isinstance(after, dict):
        raise refuse(f"must leave {pointer} an object", REMOVE)
    for key in sorted({*before, *after} - {*_OPEN_METADATA}):
        if not merging.same(before.get(key), after.get(key)):
            raise refuse(
                f"must not change {pointer}/{shorten(key)}, which tells who the object is and "
                "whose it is",
                REMOVE,
            )
    changed = {}
    for kind in _OPEN_METADATA:
        old, new = before.get(kind, {}), after.get(kind, {})
        if not isinstance(new, dict):
            raise refuse(f"must leave {pointer}/{kind} an object", REMOVE)
        for key in sorted({*old, *new}):
            is_own = (kind == "labels" and key in labels) or _is_reserved(key)
            if is_own and not merging.same(old.get(key), new.get(key)):
                raise refuse(
                    f"must not change {pointer}/{kind}/{shorten(key)}, by which the function, "
                    "Crossplane or the objects know one another",
                    REMOVE,
                )
        changed[kind] = {
            key: value for key, value in new.items() if not merging.same(old.get(key), value)
        }
    where = f"spec.patches.{name}.merge{pointer.replace('/', '.')}"
    parse(CommonMetadata, changed, where, names.REASON_PATCH_REFUSED)


def _is_reserved(key: str) -> bool:
    domain, slash, _ = key.rpartition("/")
    return bool(slash) and any(domain == own or domain.endswith(f".{own}") for own in _RESERVED)


def _listed(pointers: list[str]) -> str:
    return ", ".join(first([shorten(pointer) for pointer in pointers]))


def values(value: Any) -> list[Any]:  # noqa: ANN401  # Any JSON.
    """All objects in a value, at any depth."""
    found, todo = [], [value]
    while todo:
        match todo.pop():
            case dict() as item:
                found.append(item)
                todo += item.values()
            case list() as items:
                todo += items
    return found
