"""Which requests are sent one after the other, and which of them are counted."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, islice
from typing import Final

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function import names
from tests.benchmark.requests import about
from tests.benchmark.wire import sent

SIZES: Final = (1, 10, 100, 1000)
"""How many models a router has."""
CALLS: Final = {1: 256, 10: 256, 100: 128, 1000: 32}
"""How many calls are counted in each round at most, by the number of models."""
ROUTERS: Final = 256
MANY_ROUTERS: Final = 10_000
_FEWER_ROUTERS: Final = 64
FIRST: Final = 3
"""How many requests warm up a series that does not depend on what was asked before."""

_Requests = Iterator[fnv1.RunFunctionRequest]

_unseen: Final = count(0x1000_0000)
"""Numbers of routers that no series has asked about."""
_order: Final = random.Random(1)


@dataclass(frozen=True)
class Series:
    """Requests of one sort.

    Attributes:
        name: what sort.
        models: how many models a router has.
        warm: what is sent first, uncounted.
        rounds: what is sent and counted, round by round.
    """

    name: str
    models: int
    warm: Sequence[bytes]
    rounds: Sequence[Sequence[bytes]]


def build(name: str, models: int, rounds: int, calls: int | None = None) -> Series:
    """The series of that name.

    It asks the function which hashes the routers want, so series `new` must not be built where the
    function is measured.

    Args:
        name: one of ALL.
        models: how many models a router has.
        rounds: how many rounds.
        calls: how many calls in each; None for those of CALLS.
    """
    warm, requests = _SERIES[name](models)
    calls = CALLS[models] if calls is None else calls
    return Series(
        name,
        models,
        [sent(request, _order) for request in islice(requests, warm)],
        [[sent(request, _order) for request in islice(requests, calls)] for _ in range(rounds)],
    )


def _idle(models: int) -> tuple[int, _Requests]:
    """Some routers in turn, each asked about again unchanged."""
    return ROUTERS, cycle([about(number, models) for number in range(ROUTERS)])


def _many(models: int) -> tuple[int, _Requests]:
    """Very many routers in turn, each asked about again unchanged."""
    return MANY_ROUTERS, cycle([about(number, models) for number in range(MANY_ROUTERS)])


def _both(models: int) -> tuple[int, _Requests]:
    """Some routers in turn with both calls of a reconcile: nothing is looked up in its first."""

    def calls() -> _Requests:
        for number in range(_FEWER_ROUTERS):
            first, second = about(number, models), about(number, models)
            first.ClearField("required_resources")
            yield from (first, second)

    return 2 * _FEWER_ROUTERS, cycle(list(calls()))


def _same(models: int) -> tuple[int, _Requests]:
    """One router, unchanged."""
    return FIRST, cycle([about(0, models)])


def _around(models: int) -> tuple[int, _Requests]:
    """One router, of which something other than the spec differs in each request."""
    return FIRST, _varied(models, _touch)


def _edited(models: int) -> tuple[int, _Requests]:
    """One router, of which one model differs in each request."""
    return FIRST, _varied(models, _edit)


def _new(models: int) -> tuple[int, _Requests]:
    """Routers that were never asked about."""
    return FIRST, (about(number, models) for number in _unseen)


_SERIES: Final[dict[str, Callable[[int], tuple[int, _Requests]]]] = {
    "idle": _idle,
    "idle-10000": _many,
    "both": _both,
    "same": _same,
    "around": _around,
    "edited": _edited,
    "new": _new,
}

ALL: Final = tuple(_SERIES)
ONLY: Final = {"idle-10000": (10,)}
"""The series that are not of all sizes."""


def _varied(models: int, change: Callable[[fnv1.RunFunctionRequest, int], None]) -> _Requests:
    unchanged = about(0, models)
    for number in count():
        request = fnv1.RunFunctionRequest()
        request.CopyFrom(unchanged)
        change(request, number)
        yield request


def _touch(request: fnv1.RunFunctionRequest, number: int) -> None:
    """Changes what others write: in turn a version alone, a Deployment's status, and both."""
    version = f"{10_000 + number}"
    deployment = request.observed.resources[names.RESOURCE_DEPLOYMENT].resource
    if number % 3 != 1:
        composite = request.observed.composite.resource
        composite.get_or_create_struct("metadata")["resourceVersion"] = version
    if number % 3 != 0:
        deployment.get_or_create_struct("metadata")["resourceVersion"] = version
        status = deployment.get_or_create_struct("status")
        status["readyReplicas"] = number % 2
        for value in status.get_or_create_list("conditions").values:
            condition = value.struct_value
            condition["lastUpdateTime"] = f"2026-01-01T{number % 24:02}:{number // 24 % 60:02}:00Z"


def _edit(request: fnv1.RunFunctionRequest, number: int) -> None:
    """Renames one model, another each time."""
    metadata = request.observed.composite.resource.get_or_create_struct("metadata")
    metadata["resourceVersion"] = f"{10_000 + number}"
    metadata["generation"] = 2 + number
    spec = request.observed.composite.resource.get_or_create_struct("spec")
    models = spec.get_or_create_list("aiModels").values
    model = models[number * 7 % len(models)].struct_value
    model["name"] = f"{model['name']}-{number}"
