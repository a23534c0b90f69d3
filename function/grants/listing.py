"""The keys that a router accepts: what its gateway reads, and what its status says of them.

Which ModelAccess comes first where there is not room for all is the same for everyone who looks:
the oldest. One that cannot be read costs the others nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from function.grants import applicant
from function.grants.applicant import Applicant
from function.grants.judge import Limits, judge
from function.grants.offer import Offer

MAX_BYTES: Final = 896 * 1024
"""How large the file may be. A ConfigMap holds 1 MiB."""

MAX_APPLICANTS: Final = 1000
"""How many ModelAccess objects a router accepts."""

_NEAR: Final = 0.8
"""From which part of either limit on it is near."""

_HEAD, _TAIL = '{"keys":{', '},"version":1}'

_json: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True)
class Listing:
    """The keys that a router accepts.

    Attributes:
        text: the file that the gateway reads.
        accepted: how many ModelAccess objects are accepted.
        refused: how many are refused.
        keys: the first 8 hexadecimal digits of each accepted key's hash.
        is_near: whether not many more would find room.
        is_full: whether some find none.
        until: when the next of them expires, in seconds since 1970; None if none does.
    """

    text: str
    accepted: int
    refused: int
    keys: tuple[str, ...]
    is_near: bool
    is_full: bool
    until: float | None


def list_keys(
    offer: Offer, found: Iterable[Mapping[str, Any]], namespace: str, name: str, now: float
) -> Listing:
    """The keys that a router accepts.

    Args:
        offer: what it offers.
        found: all ModelAccess objects of the cluster.
        namespace: the router's.
        name: the router's.
        now: the time, in seconds since 1970.
    """
    mine = [one for one in found if applicant.applies_to(one, namespace, name)]
    applicants = sorted(filter(None, map(applicant.read, mine)), key=lambda one: one.age)
    entries: dict[str, str] = {}
    keys: set[str] = set()
    ends: list[float] = []
    refused = len(mine) - len(applicants)
    size = len(_HEAD) + len(_TAIL)
    left_out = False
    of_namespace = Counter[str]()
    for one in applicants:
        verdict = None if one.spec is None else judge(offer, one.spec, one.namespace, now)
        if verdict is None or verdict.limits is None or verdict.grant is None:
            refused += 1
            continue
        if one.spec is not None and one.spec.end is not None:
            ends.append(one.spec.end)  # Its place is free then, if it has one.
        of_namespace[one.namespace] += 1
        if of_namespace[one.namespace] > verdict.grant.most_keys:
            refused += 1
            continue
        if not one.hashes:
            continue  # Its place is kept, but it has no key yet.
        entry = _entry(one, verdict.limits)
        if len(entries) == MAX_APPLICANTS or size + len(entry) + 1 > MAX_BYTES:
            left_out = True
            refused += 1
            continue
        size += len(entry) + 1
        entries[one.uid] = entry
        keys.update(text[:8] for text in one.hashes)
    return Listing(
        text=_HEAD + ",".join(entries[uid] for uid in sorted(entries)) + _TAIL,
        accepted=len(entries),
        refused=refused,
        keys=tuple(sorted(keys)),
        is_near=len(entries) >= _NEAR * MAX_APPLICANTS or size >= _NEAR * MAX_BYTES,
        is_full=left_out,
        until=min(ends, default=None),
    )


def _entry(one: Applicant, limits: Limits) -> str:
    """A member of the file, in ASCII."""
    said = {
        "alias": f"{one.namespace}/{one.name}",
        "hashes": list(one.hashes),
        **limits.entry(),
    }
    return f"{_json(one.uid)}:{_json(said)}"
