"""Deployments that hang, run for real: a LiteLLM proxy on what is composed, in front of providers
that take calls and give no answer.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import get_args

import pytest

from tests.support import gateway as support
from tests.support.gateway import Gateway
from tests.support.unanswering import Way, unanswering
from tests.support.upstream import ANSWER, Upstream

OK = HTTPStatus.OK
WAYS: tuple[Way, ...] = get_args(Way)
CALLS = 12


@dataclass
class Side:
    """A gateway, the providers behind it, and what those that do not answer were told."""

    well: Upstream
    other: Upstream
    ill: Upstream
    stalling: Upstream
    heard: dict[str, list[list[bytes]]] = field(default_factory=dict)
    gateway: Gateway = field(init=False)

    def prompts(self, model: str) -> list[int]:
        """How many calls of clients each of a group's deployments got that do not answer."""
        return [sum(b"ping " in said for said in heard) for heard in self.heard[model]]

    def is_set_aside(self, model: str, *, within_seconds: float = 0) -> bool:
        end = time.monotonic() + within_seconds
        while True:
            lines = self.gateway.pod.log().splitlines()
            if any(f" {model}: " in line and line.endswith(": set aside.") for line in lines):
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(0.1)


@pytest.fixture(scope="module")
def side() -> Iterator[Side]:
    with ExitStack() as stack:
        well, other, ill, stalling = (stack.enter_context(Upstream()) for _ in range(4))
        side = Side(well, other, ill, stalling)
        models: list[dict[str, object]] = []

        def offer(alias: str, *bases: str, **more: object) -> None:
            for base in bases:
                name = f"openai/m{len(models)}"
                models.append({"name": name, "alias": alias, "apiBase": base, **more})

        def offer_silent(alias: str, way: Way, count: int, **more: object) -> None:
            started = [stack.enter_context(unanswering(way)) for _ in range(count)]
            side.heard[alias] = [heard for _, heard in started]
            offer(alias, *(base for base, _ in started), **more)
            offer(alias, f"{well.url}/v1", **more)

        for way in WAYS:
            for asked in ("plain", "streamed"):
                offer_silent(f"half {asked} {way}", way, 1, timeoutSeconds=2)
                offer_silent(f"most {asked} {way}", way, 2, timeoutSeconds=2)
        offer("well", f"{well.url}/v1")
        offer_silent("patient", "black hole", 1)
        offer_silent("limited", "black hole", 1, timeoutSeconds=1, maxParallelRequests=9)
        offer("back", f"{ill.url}/v1", timeoutSeconds=1, weight=99)
        offer("back", f"{well.url}/v1")
        offer("slow", f"{ill.url}/v1", f"{other.url}/v1")
        offer("none", f"{ill.url}/v1", f"{stalling.url}/v1", timeoutSeconds=1)
        offer("stalling", f"{stalling.url}/v1", f"{well.url}/v1", timeoutSeconds=1)
        offer("standby", f"{ill.url}/v1", timeoutSeconds=1)
        offer("standby", f"{well.url}/v1", standby=True)
        with support.gateway(aiModels=models) as side.gateway:
            yield side


@pytest.fixture(autouse=True)
def _reset(side: Side) -> None:
    for upstream in (side.well, side.other, side.ill, side.stalling):
        upstream.reset()


@pytest.fixture(scope="module")
def answered(side: Side) -> dict[str, list[bool]]:
    """How the calls of each group went that has one, or most, of each way to hang."""

    def calls(model: str) -> list[bool]:
        if "streamed" in model:
            return [side.gateway.stream(model) == ANSWER for _ in range(CALLS)]
        return [side.gateway.chat(model)[0] == OK for _ in range(CALLS)]

    # The first calls of a gateway take longer.
    assert side.gateway.chats("well", 8, at_once=4) == {OK: 8}
    assert side.gateway.stream("well") == ANSWER
    models = [model for model in side.heard if model.startswith(("half", "most"))]
    with ThreadPoolExecutor(18) as clients:
        return dict(zip(models, clients.map(calls, models), strict=True))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("asked", ["plain", "streamed"])
@pytest.mark.parametrize("part", ["half", "most"])
def test_one_that_hangs_gets_one_call_and_costs_none(
    side: Side, answered: dict[str, list[bool]], part: str, asked: str, way: Way
) -> None:
    """It costs the one its time, and no client ever the answer."""
    model = f"{part} {asked} {way}"
    assert answered[model] == [True] * CALLS
    assert all(prompts <= 1 for prompts in side.prompts(model))


def test_with_the_default_timeout_calls_in_flight_are_passed_on(side: Side) -> None:
    """Ten minutes are not waited for."""
    begin = time.monotonic()
    assert side.gateway.chats("patient", 24, at_once=4) == {OK: 24}
    (passed_on,) = side.prompts("patient")
    assert 1 <= passed_on <= 4
    assert time.monotonic() - begin < 60
    assert side.is_set_aside("patient")


def test_one_that_answers_again_gets_its_share_again(side: Side) -> None:
    side.ill.delay = 1000
    assert side.gateway.chats("back", 4, at_once=4) == {OK: 4}
    assert side.is_set_aside("back", within_seconds=20)
    side.ill.reset()
    before = prompts(side.ill)
    end = time.monotonic() + 30
    while prompts(side.ill) == before and time.monotonic() < end:
        assert side.gateway.chat("back")[0] == OK
        time.sleep(0.2)
    assert prompts(side.ill) > before


def prompts(upstream: Upstream) -> int:
    """How many calls of clients came in."""
    return sum("ping " in str(call.body) for call in upstream.calls)


def test_one_that_is_slow_keeps_its_calls(side: Side) -> None:
    """It answers the question in its own time, and the call that waits stays where it is."""
    side.ill.delay = 3
    assert side.gateway.chats("slow", 8, at_once=2) == {OK: 8}
    assert side.ill.asked > 0
    assert not side.is_set_aside("slow")


def test_one_whose_calls_at_once_are_limited_is_not_asked(side: Side) -> None:
    assert side.gateway.chats("limited", CALLS) == {OK: CALLS}
    (heard,) = side.heard["limited"]
    assert [said for said in heard if b"POST" in said and b"ping " not in said] == []
    assert side.prompts("limited") <= [1]


def test_a_group_of_which_none_answers_is_called_all_the_same(side: Side) -> None:
    side.ill.delay = side.stalling.delay = 1000
    begin = time.monotonic()
    assert side.gateway.chats("none", 2) == {HTTPStatus.REQUEST_TIMEOUT: 2}
    assert time.monotonic() - begin < 30
    side.ill.reset()
    side.stalling.reset()
    assert side.gateway.chats("none", 2) == {OK: 2}


def test_streams_that_break_off_cost_the_others_none(side: Side) -> None:
    side.stalling.halt = 1000
    said = [side.gateway.stream("stalling") for _ in range(CALLS)]
    assert said.count(ANSWER) >= CALLS - 1


def test_a_standby_takes_over_for_one_that_hangs(side: Side) -> None:
    side.ill.delay, before = 1000, prompts(side.ill)
    assert side.gateway.chats("standby", CALLS) == {OK: CALLS}
    assert prompts(side.ill) <= before + 1
    assert side.is_set_aside("standby", within_seconds=20)
