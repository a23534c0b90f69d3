"""What the command line can be asked for, beside the series."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.benchmark import accesses, hostile, load, measure, memory
from tests.benchmark.functions import OURS, PROGRAMS, REFERENCE, Program
from tests.benchmark.requests import renamed
from tests.benchmark.wire import tagged

Record = dict[str, Any]

_MIB: Final = 1024 * 1024
_MEMORY: Final = (10_000,)
_SOAK: Final = tuple(range(10_000, 100_001, 10_000))


def starts(programs: Mapping[str, Program], rounds: int) -> Iterator[tuple[str, Record]]:
    """How long each server takes from its start to its first answer."""
    first = tagged(renamed(0, memory.MODELS))
    found = asyncio.run(measure.starts(programs, first, rounds))
    for name, seconds in found.items():
        ratio = seconds / found[REFERENCE]
        yield (
            f"{name:<12} first answer {seconds * 1e3:.0f} ms after the start, {ratio:.2f} times",
            {"function": name, "start": seconds, "ratio": ratio},
        )


def growth(*, soak: bool) -> Iterator[tuple[str, Record]]:
    """How much memory our server takes above the empty function's."""
    programs = {name: PROGRAMS[name]() for name in (REFERENCE, OURS)}
    for count, found in asyncio.run(memory.growth(programs, _SOAK if soak else _MEMORY)):
        above = found[OURS] - found[REFERENCE]
        yield (
            f"{count:>7,} distinct routers: {found[OURS] / _MIB:.1f} MiB, "
            f"{above / _MIB:.1f} MiB above the empty function's {found[REFERENCE] / _MIB:.1f} MiB",
            {"routers": count, "resident": found, "above": above},
        )


def under_load(minutes: float) -> Iterator[tuple[str, Record]]:
    """How our server does under load."""
    found = asyncio.run(load.run(PROGRAMS[OURS](), minutes))
    for models, seconds in found.seconds.items():
        p50, p95, p99 = found.percentiles(models)
        yield (
            f"{models:>5} models: {len(seconds):>7} calls, p50 {p50 * 1e3:.1f} ms, "
            f"p95 {p95 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms",
            {"models": models, "calls": len(seconds), "p50": p50, "p95": p95, "p99": p99},
        )
    first, early, late = (size / _MIB for size in found.resident)
    yield (
        f"{len(found.errors)} errors{': ' if found.errors else ''}{'; '.join(found.errors[:3])}",
        {"errors": len(found.errors)},
    )
    yield (
        f"memory: {first:.1f} MiB at first, {early:.1f} after a tenth of the time, {late:.1f} MiB",
        {"resident": found.resident},
    )


def keys(rounds: int) -> Iterator[tuple[str, Record]]:
    """What a router costs with ModelAccess objects around it."""
    for count, size, same, changed in accesses.costs(rounds):
        yield (
            f"{count:>5} ModelAccess objects, {size / _MIB:.2f} MiB: {same * 1e3:.2f} ms if "
            f"nothing has changed, {changed * 1e3:.2f} ms if one has",
            {"accesses": count, "bytes": size, "same": same, "changed": changed},
        )


def worst() -> Iterator[tuple[str, Record]]:
    """What specs cost that are made to cost much, beside a plain router."""
    plain = 0.0
    for what, first, then in hostile.costs():
        plain = plain or then
        yield (
            f"{what:<24}{first * 1e3:>9.2f} ms, then {then * 1e3:>9.2f} ms, {then / plain:>6.2f}",
            {"spec": what, "first": first, "then": then, "ratio": then / plain},
        )
