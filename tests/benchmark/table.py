"""What is printed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.benchmark.functions import OURS, REFERENCE
from tests.benchmark.measure import Sample

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Row:
    """What one series costs a function.

    Attributes:
        way: how the function was called.
        series: the name of the series.
        models: how many models a router has.
        samples: the medians, by function.
    """

    way: str
    series: str
    models: int
    samples: Mapping[str, Sample]

    def ratio(self, name: str) -> float:
        """A function's CPU time as a multiple of the empty function's."""
        return self.samples[name].cpu / self.samples[REFERENCE].cpu

    def lines(self) -> Iterator[str]:
        """A line of the table for each function."""
        head = f"{self.way:<9}{self.series:<12}{self.models:>6}"
        for name, found in self.samples.items():
            yield (
                f"{head}  {name:<12}{found.cpu * 1e3:>9.3f}{self.ratio(name):>8.2f}"
                f"{_milli(found.alone)}{found.p50 * 1e3:>9.3f}{found.p95 * 1e3:>9.3f}"
                f"{found.rate:>9.0f}{_mebi(found.resident)}"
            )

    def records(self) -> Iterator[dict[str, Any]]:
        """The same for programs."""
        for name, found in self.samples.items():
            of = {"way": self.way, "series": self.series, "models": self.models, "function": name}
            yield {**of, "ratio": self.ratio(name), **asdict(found)}


def head() -> str:
    """The first line of the table."""
    return (
        f"{'way':<9}{'series':<12}{'models':>6}  {'function':<12}{'CPU ms':>9}{'ratio':>8}"
        f"{'alone':>9}{'p50 ms':>9}{'p95 ms':>9}{'calls/s':>9}{'MiB':>8}"
    )


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """What the rows say of each other."""
    found = {(row.way, row.series, row.models): row.samples[OURS].cpu for row in rows}
    for (way, series, models), cpu in found.items():
        if models == 1000 and (way, series, 100) in found:
            growth = cpu / found[way, series, 100]
            yield f"{way} {series}: 1000 models cost {growth:.1f} times as much as 100"
        if series == "idle-10000":
            idle, new = (found.get((way, other, models)) for other in ("idle", "new"))
            if idle and new:
                share = min(1.0, max(0.0, (new - cpu) / (new - idle))) if new > idle else 0.0
                yield (
                    f"{way} {series}: costs {cpu / new:.2f} of a new router's call; by that, "
                    f"{share:.0%} of the routers are remembered"
                )


def _mebi(size: float) -> str:
    return f"{size / _MIB:>8.1f}" if size else ""


def _milli(seconds: float) -> str:
    return f"{seconds * 1e3:>9.3f}" if seconds else " " * 9
