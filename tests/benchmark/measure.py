"""The cost of each call."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import astuple, dataclass
from itertools import islice
from statistics import median, quantiles
from typing import Final

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from tests.benchmark.functions import OURS, Function, Program
from tests.benchmark.series import FIRST, Series
from tests.benchmark.servers import Server, running

_SECONDS: Final = 0.6
"""How long a round of a slow function may take: it then makes fewer calls."""
_LEAST: Final = 5
"""How many calls each round makes at least."""


@dataclass(frozen=True)
class Sample:
    """What the calls of one round cost, or the medians of several rounds.

    Attributes:
        cpu: CPU seconds for each call, with the request decoded and the answer encoded.
        alone: CPU seconds of the function itself, without that; 0 if not known.
        p50: the median of a call's duration in seconds.
        p95: the duration that 95 % of the calls do not exceed.
        rate: calls for each second.
        resident: bytes of memory after the round; 0 if not known.
    """

    cpu: float
    alone: float
    p50: float
    p95: float
    rate: float
    resident: float = 0.0


_Round = Callable[[Sequence[bytes]], Awaitable[Sample]]


async def in_process(functions: Mapping[str, Function], series: Series) -> dict[str, list[Sample]]:
    """What a series costs in this process, round by round."""

    def round_of(function: Function) -> _Round:
        return lambda requests: _alone(function, requests)

    rounds = {name: round_of(function) for name, function in functions.items()}
    return await _in_turn(rounds, series, series.rounds)


async def over_grpc(
    programs: Mapping[str, Program], series: Series, *, concurrency: Sequence[int]
) -> dict[int, dict[str, list[Sample]]]:
    """What a series costs over one connection, by how many calls there are at once."""
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(running(program, series.warm[0]))
            for name, program in programs.items()
        }
        found = {}
        for i, calls in enumerate(concurrency):

            def round_of(name: str, calls: int = calls) -> _Round:
                return lambda requests: _served(
                    servers[name], [programs[name].prefix + data for data in requests], calls
                )

            rounds = series.rounds[i :: len(concurrency)]
            runs = {name: round_of(name) for name in servers}
            found[calls] = await _in_turn(runs, series, rounds)
        return found


async def starts(programs: Mapping[str, Program], first: bytes, rounds: int) -> dict[str, float]:
    """The median seconds from a server's start to its first answer."""
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            async with running(program, first) as server:
                found[name].append(server.start)
    return {name: median(seconds) for name, seconds in found.items()}


async def _in_turn(
    functions: Mapping[str, _Round], series: Series, rounds: Sequence[Sequence[bytes]]
) -> dict[str, list[Sample]]:
    """Rounds, in each of which the functions have their turns."""
    most: dict[str, int] = {}
    for name, run in functions.items():
        # The others remember nothing.
        warmed = await run(series.warm if name == OURS else series.warm[:FIRST])
        most[name] = max(_LEAST, int(warmed.rate * _SECONDS))
    samples: dict[str, list[Sample]] = {name: [] for name in functions}
    for requests in rounds:
        for name, run in functions.items():
            samples[name].append(await run(list(islice(requests, most[name]))))
    return samples


async def _alone(function: Function, requests: Sequence[bytes]) -> Sample:
    gc.collect()
    durations = []
    alone = 0.0
    begin, begin_cpu = time.perf_counter(), time.process_time()
    for data in requests:
        started = time.perf_counter()
        request = fnv1.RunFunctionRequest.FromString(data)
        asked = time.process_time()
        answer = await function.RunFunction(request, None)
        alone += time.process_time() - asked
        answer.SerializeToString()
        durations.append(time.perf_counter() - started)
    cpu, elapsed = time.process_time() - begin_cpu, time.perf_counter() - begin
    return _sample(durations, cpu, elapsed, alone=alone)


async def _served(server: Server, requests: Sequence[bytes], concurrency: int) -> Sample:
    durations: list[float] = []
    queue = iter(requests)

    async def client() -> None:
        for data in queue:
            started = time.perf_counter()
            await server.call(data)
            durations.append(time.perf_counter() - started)

    gc.collect()
    begin, begin_cpu = time.perf_counter(), server.cpu
    await asyncio.gather(*(client() for _ in range(concurrency)))
    cpu, elapsed = server.cpu - begin_cpu, time.perf_counter() - begin
    return _sample(durations, cpu, elapsed, resident=server.resident)


def _sample(
    durations: Sequence[float],
    cpu: float,
    elapsed: float,
    *,
    alone: float = 0.0,
    resident: float = 0.0,
) -> Sample:
    calls = len(durations)
    p95 = quantiles(durations, n=20, method="inclusive")[-1]
    rate = calls / elapsed
    return Sample(cpu / calls, alone / calls, median(durations), p95, rate, resident)


def middle(samples: Sequence[Sample]) -> Sample:
    """The medians of rounds."""
    return Sample(*map(median, zip(*map(astuple, samples), strict=True)))
