"""A server under load: many routers of mixed size, of which some are edited and keys rotated."""

import asyncio
import base64
import random
import time
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Final

import grpc
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from tests.benchmark import routers
from tests.benchmark.functions import Program
from tests.benchmark.requests import renamed
from tests.benchmark.servers import Server, running
from tests.benchmark.wire import tagged

ROUTERS: Final = 500
LIGHT, HEAVY = 10, 1000
_HEAVY_EVERY: Final = 20
"""Every so many-th router is a heavy one."""
_CONCURRENCY: Final = 64
_EDITED: Final = 0.1
_ROTATED: Final = 0.02
"""The shares of the calls that show something new; a rotation concerns all later calls."""
_TENTH: Final = 10


@dataclass
class Load:
    """What came of it.

    Attributes:
        seconds: the durations of all calls, by the number of models.
        errors: what went wrong.
        resident: bytes of memory at the beginning, after a tenth of the time, and at the end.
    """

    seconds: dict[int, list[float]] = field(default_factory=lambda: {LIGHT: [], HEAVY: []})
    errors: list[str] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    def percentiles(self, models: int) -> tuple[float, float, float]:
        """The 50th, 95th and 99th percentile of the calls about routers of that size."""
        cuts = quantiles(self.seconds[models], n=100)
        return cuts[49], cuts[94], cuts[98]


class _World:
    """The routers, and what has been changed in them so far."""

    def __init__(self) -> None:
        self._source = random.Random(1)
        self._data = {number: renamed(number, _size(number)) for number in range(ROUTERS)}
        secret = routers.credentials()["data"]
        self._first = secret["OPENAI_API_KEY"].encode()
        self._key = self._first
        self._changes = 0

    def next(self) -> tuple[int, bytes]:
        """The next request, with the number of models of its router."""
        number = self._source.randrange(ROUTERS)
        if self._source.random() < _EDITED:
            self._data[number] = self._edited(number)
        if self._source.random() < _ROTATED:
            self._changes += 1
            key = f"sk-{self._changes:048}"[: len(base64.b64decode(self._first))]
            self._key = base64.b64encode(key.encode())
        return _size(number), tagged(self._data[number].replace(self._first, self._key))

    def _edited(self, number: int) -> bytes:
        """The request with one model renamed: by bytes, so the new name is as long as the old."""
        self._changes += 1
        data = self._data[number]
        at = data.index(b"/model-0-") + 1
        old = data[at : at + len("model-0-") + len(routers.TOKEN)]
        return data.replace(old, f"model-0-{self._changes:08x}".encode())


def _size(number: int) -> int:
    return HEAVY if number % _HEAVY_EVERY == 0 else LIGHT


async def run(program: Program, minutes: float) -> Load:
    """Puts a server under load for so many minutes."""
    world, load = _World(), Load()
    async with running(program, tagged(renamed(0, LIGHT))) as server:
        load.resident.append(server.resident)
        begin = time.monotonic()
        for end in (begin + minutes * 60 / _TENTH, begin + minutes * 60):
            await asyncio.gather(*(_client(server, world, load, end) for _ in range(_CONCURRENCY)))
            load.resident.append(server.resident)
    return load


async def _client(server: Server, world: _World, load: Load, end: float) -> None:
    while time.monotonic() < end:
        models, data = world.next()
        started = time.perf_counter()
        try:
            answer = await server.call(data)
        except grpc.RpcError as error:
            load.errors.append(str(error))
            continue
        load.seconds[models].append(time.perf_counter() - started)
        load.errors += _refusals(answer)


def _refusals(answer: bytes) -> list[str]:
    results = fnv1.RunFunctionResponse.FromString(answer).results
    return [result.message for result in results if result.severity == fnv1.SEVERITY_FATAL]
