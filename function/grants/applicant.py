"""A ModelAccess as its router sees it: whose it is, what it asks for, and the hashes of its keys.

Whoever may edit a ModelAccess may write anything into it, into its status too. So it is read as far
as it is of the right shape, and no further than it may be large.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import names, shapes
from function.api.model_access import MAX_GENERATIONS, AccessSpec
from function.api.validation import parse
from function.errors import Refused

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_UID: Final = re.compile(r"[-0-9A-Za-z]{1,64}")

_MAX_VALUES: Final = 200
"""How many values a spec may hold: more than the API server takes, Crossplane's own included."""


@dataclass(frozen=True)
class Applicant:
    """A ModelAccess as its router sees it.

    Attributes:
        uid: the composite resource's, which each of its keys begins with.
        namespace: the application's.
        name: what the application calls it.
        created: when it was made, as Kubernetes writes it.
        spec: what it asks for; None if that cannot be read.
        hashes: the hashes of its keys, the newest generation first.
    """

    uid: str
    namespace: str
    name: str
    created: str
    spec: AccessSpec | None
    hashes: tuple[str, ...]

    @property
    def age(self) -> tuple[str, str]:
        """By which the oldest come first."""
        return self.created, self.uid


def place(found: Mapping[str, Any]) -> tuple[str, str]:
    """The namespace and name of a ModelAccess, or of the claim behind which it is."""
    metadata = shapes.object_at(found, "metadata")
    if namespace := shapes.text_at(metadata, "namespace"):
        return namespace, shapes.text_at(metadata, "name")
    claim = shapes.object_at(found, "spec", "claimRef")
    return shapes.text_at(claim, "namespace"), shapes.text_at(claim, "name")


def applies_to(found: Mapping[str, Any], namespace: str, name: str) -> bool:
    """Whether a ModelAccess is for the router of that name, and is to stay."""
    ref = shapes.object_at(found, "spec", "routerRef")
    if ref.get("name") != name:
        return False
    where = shapes.text_at(ref, "namespace") or place(found)[0]
    return where == namespace and shapes.at(found, "metadata", "deletionTimestamp") is None


def read(found: Mapping[str, Any]) -> Applicant | None:
    """A ModelAccess; None if it is none that Kubernetes or Crossplane could have made."""
    metadata = shapes.object_at(found, "metadata")
    uid, (namespace, name) = shapes.text_at(metadata, "uid"), place(found)
    if not (_UID.fullmatch(uid) and namespace and name):
        return None
    return Applicant(
        uid=uid,
        namespace=namespace,
        name=name,
        created=shapes.text_at(metadata, "creationTimestamp"),
        spec=_spec(found),
        hashes=_hashes(found),
    )


def _spec(found: Mapping[str, Any]) -> AccessSpec | None:
    try:
        spec = shapes.plain(found.get("spec"), most=_MAX_VALUES)
        return parse(AccessSpec, spec, "spec", names.REASON_INVALID_SPEC)
    except Refused:
        return None


def _hashes(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Those that are hashes at all, of as many generations as there may be."""
    by_generation: dict[int, str] = {}
    for key in shapes.objects_at(found, "status", "keys")[:MAX_GENERATIONS]:
        generation, text = shapes.as_int(key.get("generation")), shapes.text_at(key, "hash")
        if generation is not None and _HASH.fullmatch(text):
            by_generation[generation] = text
    return tuple(dict.fromkeys(by_generation[g] for g in sorted(by_generation, reverse=True)))
