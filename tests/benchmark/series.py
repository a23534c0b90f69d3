"""Which requests are sent one after the other, and which of them are counted."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, islice
from typing import Final

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function import names
from tests.benchmark.requests import about, tagged

SIZES: Final = (1, 10, 100, 1000)
"""How many models a router has."""
CALLS: Final = {1: 256, 10: 256, 100: 128, 1000: 32}
"""How many calls are counted in each round, by the number of models."""
ROUTERS: Final = 256
MANY_ROUTERS: Final = 10_000

_UNSEEN: Final = count(0x1000_0000)
"""Numbers of routers that no series has asked about."""


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


def idle(models: int, rounds: int, routers: int = ROUTERS) -> Series:
    """Many routers in turn, each asked about again unchanged."""
    requests = [_tagged_about(number, models) for number in range(routers)]
    name = "idle" if routers == ROUTERS else f"idle, {routers:,} routers"
    return Series(name, models, requests, _split(cycle(requests), models, rounds))


def same(models: int, rounds: int) -> Series:
    """One router, unchanged."""
    request = _tagged_about(0, models)
    return Series("same", models, [request] * 3, _split(cycle([request]), models, rounds))


def around(models: int, rounds: int) -> Series:
    """One router, of which something other than the spec differs in each request."""
    return _varied("around", models, rounds, _touch)


def edited(models: int, rounds: int) -> Series:
    """One router, of which one model differs in each request."""
    return _varied("edited", models, rounds, _edit)


def new(models: int, rounds: int) -> Series:
    """Routers that were never asked about."""
    requests = (_tagged_about(number, models) for number in _UNSEEN)
    return Series("new", models, list(islice(requests, 3)), _split(requests, models, rounds))


ALL: Final[dict[str, Callable[[int, int], Series]]] = {
    "idle": idle,
    "same": same,
    "around": around,
    "edited": edited,
    "new": new,
}


def _tagged_about(number: int, models: int) -> bytes:
    return tagged(about(number, models))


def _split(requests: Iterator[bytes], models: int, rounds: int) -> list[list[bytes]]:
    return [list(islice(requests, CALLS[models])) for _ in range(rounds)]


def _varied(
    name: str,
    models: int,
    rounds: int,
    change: Callable[[fnv1.RunFunctionRequest, int], None],
) -> Series:
    data = about(0, models)

    def requests() -> Iterator[bytes]:
        for number in count():
            request = fnv1.RunFunctionRequest.FromString(data)
            change(request, number)
            yield tagged(request.SerializeToString(deterministic=True))

    stream = requests()
    return Series(name, models, list(islice(stream, 3)), _split(stream, models, rounds))


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
        for condition in status.get_or_create_list("conditions").items():
            condition["lastUpdateTime"] = f"2026-01-01T{number % 24:02}:{number // 24 % 60:02}:00Z"


def _edit(request: fnv1.RunFunctionRequest, number: int) -> None:
    """Renames one model, another each time."""
    metadata = request.observed.composite.resource.get_or_create_struct("metadata")
    metadata["resourceVersion"] = f"{10_000 + number}"
    metadata["generation"] = 2 + number
    spec = request.observed.composite.resource.get_or_create_struct("spec")
    models = spec.get_or_create_list("aiModels")
    model = models[random.Random(number).randrange(len(models))]
    model["name"] = f"{model['name']}-{number}"
