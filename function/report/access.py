"""What a router says of the keys of applications."""

from collections.abc import Iterator, Mapping
from typing import Any

from function import names, shapes
from function.call import Manifest, Result
from function.grants import Listing


def fields(listing: Listing | None) -> Manifest:
    """The field of the status; nothing if applications have no keys."""
    if listing is None:
        return {}
    counts = {"accepted": listing.accepted, "refused": listing.refused}
    return {"access": {**counts, "keys": list(listing.keys)}}


def results(listing: Listing | None) -> Iterator[Result]:
    """A warning before there is no room for more keys, and once there is none."""
    if listing is None or not (listing.is_near or listing.is_full):
        return
    which = (
        "cannot keep the keys of all ModelAccess objects, so the newest are refused"
        if listing.is_full
        else "can keep the keys of few more ModelAccess objects, and will then refuse the newest"
    )
    yield Result(
        names.EVENT_ACCESS,
        f"The gateway {which}: lower maxKeys of spec.access.grants, delete ModelAccess objects, or "
        "share them among several ModelRouters.",
    )


def meanwhile(composite: Mapping[str, Any]) -> Iterator[str]:
    """What a refusal means for the keys of applications, if there are any."""
    if shapes.object_at(composite, "status", "access"):
        yield (
            "While this lasts, no change to the keys of applications takes effect: none is added, "
            "and none is revoked."
        )
