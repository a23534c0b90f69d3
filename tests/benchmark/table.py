"""What is printed."""

from collections.abc import Mapping

from tests.benchmark.measure import Sample
from tests.benchmark.peers import REFERENCE

_HEAD = f"{'series':<22}{'models':>7}  {'function':<13}{'CPU ms':>9}{'alone ms':>10}{'ratio':>8}{'p50 ms':>9}{'p95 ms':>9}{'calls/s':>9}"


def head() -> str:
    """The first line of a table."""
    return _HEAD


def lines(series: str, models: int, samples: Mapping[str, Sample]) -> list[str]:
    """A line for each function, with its CPU time as a multiple of the empty function's."""
    reference = samples[REFERENCE].cpu
    return [
        f"{series:<22}{models:>7}  {name:<13}{s.cpu * 1e3:>9.3f}{s.alone * 1e3:>10.3f}{s.cpu / reference:>8.2f}"
        f"{s.p50 * 1e3:>9.3f}{s.p95 * 1e3:>9.3f}{s.rate:>9.0f}"
        for name, s in samples.items()
    ]
