"""What composing answers: plain values, ready to be put into a response."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from function.refusal import Refused

Manifest = dict[str, Any]
"""A Kubernetes object, or a part of one, as plain values."""

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True)
class Condition:
    """A condition of the composite resource and its claim.

    Its message holds no time stamps and no counters: an unchanged world gives an unchanged
    condition, or Crossplane would reconcile without end.
    """

    type: str
    status: Status
    reason: str
    message: str


def conditions_of(observed: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The conditions that an observed object shows; none where there is no object."""
    return ((observed or {}).get("status") or {}).get("conditions") or []


@dataclass(frozen=True)
class Result:
    """What the user should look at, or only know. What is composed stands."""

    reason: str
    message: str
    severity: Literal["Warning", "Normal"] = "Warning"


@dataclass(frozen=True)
class Selector:
    """One object that Crossplane is asked to fetch before the function is called again."""

    api_version: str
    kind: str
    name: str
    namespace: str


@dataclass(frozen=True)
class Composed:
    """A composed resource that is wanted, and whether the observed one is ready."""

    manifest: Manifest
    ready: bool


@dataclass(frozen=True)
class Composition:
    """The answer to one call.

    Attributes:
        resources: the composed resources, by their names in the composition. Complete or empty: a
            resource that is left out is deleted by Crossplane.
        status: fields of the composite resource's status.
        conditions: conditions of the composite resource and its claim.
        results: what the user should look at or know.
        requirements: objects that must be known to compose, by name of the requirement.
        refusal: why nothing is composed; Crossplane keeps the last good state.
        unready: whether the composite resource is not ready although nothing that it composes says
            so.
        ttl_seconds: after how many seconds at the latest Crossplane asks again.
    """

    resources: Mapping[str, Composed] = field(default_factory=dict)
    status: Manifest = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    results: tuple[Result, ...] = ()
    requirements: Mapping[str, Selector] = field(default_factory=dict)
    refusal: Refused | None = None
    unready: bool = False
    ttl_seconds: int = 60
