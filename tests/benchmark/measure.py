"""The cost of each call."""

import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from tests.benchmark.peers import Function
from tests.benchmark.series import Series


@dataclass(frozen=True)
class Sample:
    """What calls cost: of one round, or the medians of several.

    Attributes:
        cpu: CPU seconds for each call, with the request decoded and the answer encoded.
        alone: CPU seconds of the function itself, without that.
        p50: the median of a call's duration in seconds.
        p95: the duration that 95 % of the calls do not exceed.
        rate: calls for each second.
    """

    cpu: float
    alone: float
    p50: float
    p95: float
    rate: float


def middle(samples: Sequence[Sample]) -> Sample:
    """The medians of rounds."""
    fields = zip(*((s.cpu, s.alone, s.p50, s.p95, s.rate) for s in samples), strict=True)
    return Sample(*map(median, fields))


async def in_process(functions: Mapping[str, Function], series: Series) -> dict[str, Sample]:
    """What a series costs in this process, with the functions in turn in each round."""
    for function in functions.values():
        await _round(function, series.warm)
    samples: dict[str, list[Sample]] = {name: [] for name in functions}
    for requests in series.rounds:
        for name, function in functions.items():
            samples[name].append(await _round(function, requests))
    return {name: middle(found) for name, found in samples.items()}


async def _round(function: Function, requests: Sequence[bytes]) -> Sample:
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
    calls = len(durations)
    p95 = quantiles(durations, n=20)[-1]
    return Sample(cpu / calls, alone / calls, median(durations), p95, calls / elapsed)
