"""What calls cost, as multiples of what they cost a function that composes nothing.

The CPU time of this process alone is counted, and of several rounds the cheapest, so that a busy
machine changes little. `python -m tests.benchmark` tells more.
"""

import asyncio
from collections.abc import Iterator

import pytest
from crossplane.function import logging

from tests.benchmark import measure, series
from tests.benchmark.functions import IN_PROCESS, OURS, REFERENCE

LIMITS = [
    # The series, the number of models, and how often the empty function's CPU time is allowed.
    ("idle", 10, 3.5),
    ("same", 1000, 3.5),
    ("around", 10, 15),
    ("around", 1000, 10),
    ("edited", 1000, 25),
]
SLACK = 1.6
"""How much more is taken, as machines differ."""

ROUNDS = 5
CALLS = {10: 64, 1000: 8}
"""How many calls are counted in each round, by the number of models."""


@pytest.fixture(autouse=True)
def _logs_as_when_served() -> Iterator[None]:
    logging.configure(level=logging.Level.INFO)
    yield
    logging.configure(level=logging.Level.DEBUG)


@pytest.mark.parametrize(("name", "models", "limit"), LIMITS)
def test_a_call_costs_no_more_than_so_many_empty_ones(name: str, models: int, limit: float) -> None:
    functions = {name: IN_PROCESS[name]() for name in (REFERENCE, OURS)}
    found = asyncio.run(
        measure.in_process(functions, series.build(name, models, ROUNDS, CALLS[models]))
    )
    cheapest = {name: min(sample.cpu for sample in rounds) for name, rounds in found.items()}
    assert cheapest[OURS] <= limit * SLACK * cheapest[REFERENCE]
