"""One call of the function in plain values: what the core is asked, and what it answers.

These are the messages of Crossplane's RunFunction without their protobuf.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from function import shapes
from function.errors import Refused

Manifest = dict[str, Any]
"""A Kubernetes object, or a part of one, as plain values."""

Objects = Mapping[str, Mapping[str, Any]]
"""Kubernetes objects by the name under which Crossplane sends them."""

ConditionStatus = Literal["True", "False", "Unknown"]


@dataclass(frozen=True)
class Request:
    """What the core is asked.

    Attributes:
        composite: the observed composite resource.
        observed: the observed composed resources, by name.
        required: the required resources that Crossplane has looked up, by the name of the
            requirement: the object, or None if it does not exist. What has not been looked up yet
            is left out.
        input: the input of the Composition's step.
        router: what tells the composite resource from all others: its namespace, name and uid.
        source: a digest of all that its plan is made from: the composite resource's identity and
            spec, and the input. None: nothing is kept for the next call.
        size: how many bytes that has.
        entries: tells the entries of the spec's `aiModels` as bytes, in order, once it was read.
        lists: all objects of each requirement, where there may be several.
        now: the time, in seconds since 1970.
    """

    composite: Mapping[str, Any] = field(default_factory=dict)
    observed: Objects = field(default_factory=dict)
    required: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    input: Mapping[str, Any] = field(default_factory=dict)
    router: tuple[str, ...] = ()
    source: bytes | None = None
    size: int = 0
    entries: Callable[[], Sequence[bytes]] = tuple
    lists: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    now: float = 0.0


@dataclass(frozen=True)
class Condition:
    """A condition of the composite resource and its claim.

    Its message holds no time stamps and no counters: an unchanged world must give an unchanged
    condition, or Crossplane would reconcile endlessly.
    """

    type: str
    status: ConditionStatus
    reason: str
    message: str


@dataclass(frozen=True)
class Result:
    """Something the user should look at or know. It does not stop anything from being composed."""

    reason: str
    message: str
    severity: Literal["Warning", "Normal"] = "Warning"


@dataclass(frozen=True)
class ResourceSelector:
    """What Crossplane is asked to look up before it calls the function again.

    Attributes:
        api_version: of the object.
        kind: of the object.
        name: of the object; None for all objects of the kind, in all namespaces.
        namespace: of the object; None if its kind has none.
    """

    api_version: str
    kind: str
    name: str | None
    namespace: str | None = None


@dataclass(frozen=True)
class DesiredResource:
    """A desired composed resource, and whether the observed one is ready.

    Attributes:
        manifest: the object.
        ready: whether the observed one is ready.
        results: what the user should look at or know about it.
        forms: other forms in which the same manifest has been written before, kept with it.
    """

    manifest: Manifest
    ready: bool
    results: tuple[Result, ...] = ()
    forms: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Response:
    """What the core answers.

    Attributes:
        resources: the desired composed resources, by name. Complete or empty: Crossplane deletes a
            composed resource that is left out.
        status: fields of the composite resource's status.
        conditions: conditions of the composite resource and its claim.
        results: what the user should look at or know.
        requirements: the objects that must be looked up, by the name of the requirement.
        refusal: why nothing is composed; Crossplane then keeps the last good state.
        unready: whether the composite resource is unready although no composed resource is.
        ttl_seconds: how many seconds Crossplane may wait before it calls again.
        repeatable: whether the same request would get the same answer: nothing in it is random.
        until: from when on it would not, in seconds since 1970; None if time changes nothing.
    """

    resources: Mapping[str, DesiredResource] = field(default_factory=dict)
    status: Manifest = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    results: tuple[Result, ...] = ()
    requirements: Mapping[str, ResourceSelector] = field(default_factory=dict)
    refusal: Refused | None = None
    unready: bool = False
    ttl_seconds: int = 60
    repeatable: bool = True
    until: float | None = None


def conditions_of(observed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The conditions in an observed object's status."""
    return shapes.objects_at(observed, "status", "conditions")
