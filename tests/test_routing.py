"""Routing, run for real: LiteLLM proxies on what is composed, in front of providers that fail, are
slow or well, and count what arrives.
"""

import base64
import time
import urllib.error
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import get_args

import pytest
import yaml

from function.api.routing import Strategy
from function.call import Manifest
from function.gateways.litellm.config import modules
from function.gateways.litellm.variables import MASTER_KEY
from tests.generate import GOLDEN
from tests.support import gateway as support
from tests.support.authority import Authority
from tests.support.gateway import Gateway, within_a_minute
from tests.support.kubelet import Pod
from tests.support.processes import free_port
from tests.support.redis_server import Redis, redis_server
from tests.support.upstream import ANSWER, Upstream
from tests.support.world import World, router, secret

OK, TOO_MANY = HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS
FAILURES = [400, 401, 403, 404, 408, 429, 500, 503]
"""What a provider may answer with when it fails."""
SOME_FAILURES = [401, 404, 429, 500]
"""One of each kind that LiteLLM tells apart."""


@dataclass
class Providers:
    """The providers of a gateway: each test says how they are, and counts what came to each.

    In the order of their bases, which is that of the entries in a group: some strategies take the
    first where nothing else decides, and it is one of the ill ones that is to be tried.
    """

    failing: Upstream
    slow: Upstream
    healthy: Upstream
    other: Upstream

    def reset(self) -> None:
        for field in fields(self):
            upstream: Upstream = getattr(self, field.name)
            upstream.reset()
        self.failing.status = HTTPStatus.INTERNAL_SERVER_ERROR
        self.slow.delay = 3


@contextmanager
def providers() -> Iterator[Providers]:
    with ExitStack() as stack:
        upstreams = [stack.enter_context(Upstream()) for _ in fields(Providers)]
        up = Providers(*sorted(upstreams, key=lambda upstream: upstream.url))
        up.reset()
        yield up


def entry(alias: str, upstream: Upstream, **more: object) -> Manifest:
    """A deployment of a model at a provider; no two are the same."""
    base = f"{upstream.url}/v1"
    return {"name": f"openai/m{next(_ids)}", "alias": alias, "apiBase": base, **more}


_ids = count()


def spread(
    gateway: Gateway, model: str, calls: int, *upstreams: Upstream, at_once: int = 1
) -> tuple[Counter[int], list[int]]:
    """Many calls of a model: how often each status was answered, and what arrived where."""
    before = [upstream.asked for upstream in upstreams]
    answered = gateway.chats(model, calls, at_once=at_once)
    return answered, [up.asked - n for up, n in zip(upstreams, before, strict=True)]


# -- What a router does that says nothing of routing


@pytest.fixture(scope="module", name="up")
def all_providers() -> Iterator[Providers]:
    with providers() as up:
        yield up


@pytest.fixture(autouse=True)
def _reset_providers(request: pytest.FixtureRequest) -> None:
    """Whatever order the tests run in, each begins with the same providers."""
    for name in ("up", "apart"):
        if name in request.fixturenames:
            request.getfixturevalue(name).reset()


@pytest.fixture(scope="module")
def plain(up: Providers) -> Iterator[Gateway]:
    """A gateway whose router leaves routing as it is, but for fallbacks."""
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    models = [
        entry("pair", up.failing, weight=9),
        entry("pair", up.healthy, weight=1),
        {"name": "openai/gone", "alias": "gone", "apiBase": nowhere, "weight": 9},
        entry("gone", up.healthy, weight=1),
        entry("slow", up.slow, weight=9, timeoutSeconds=1),
        entry("slow", up.healthy, weight=1),
        *(entry("eight", up.failing, weight=100) for _ in range(7)),
        entry("eight", up.healthy),
        entry("lone", up.failing),
        entry("shares", up.healthy, weight=3),
        entry("shares", up.other),
        entry("even", up.healthy, rpm=100000),
        entry("even", up.other),
        entry("standby", up.failing),
        entry("standby", up.healthy, standby=True),
        entry("embedding", up.failing, weight=99, maxRetries=0),
        entry("embedding", up.healthy, weight=1),
        entry("rpm embedding", up.healthy, rpm=3, weight=99),
        entry("rpm embedding", up.other, weight=1),
        entry("idle", up.failing, maxRetries=0),
        entry("idle", up.healthy, weight=0),
        entry("rpm", up.healthy, rpm=3),
        entry("tpm", up.healthy, tpm=30),
        entry("rpm pair", up.healthy, rpm=3, weight=9),
        entry("rpm pair", up.other, weight=1),
        entry("tpm pair", up.healthy, tpm=30, weight=9),
        entry("tpm pair", up.other, weight=1),
        entry("rpm three", up.healthy, rpm=3, weight=9),
        entry("rpm three", up.failing, rpm=5, weight=3),
        entry("rpm three", up.other),
        entry("parallel", up.slow, maxParallelRequests=2),
        entry("parallel pair", up.slow, maxParallelRequests=2, weight=9),
        entry("parallel pair", up.other),
        entry("many tokens", up.slow, tpm=1000),
        entry("once", up.failing, maxRetries=0),
        entry("twice", up.failing, maxRetries=1),
        entry("patience", up.slow, timeoutSeconds=1, maxRetries=0),
        entry("backed", up.failing, maxRetries=0),
        entry("one", up.failing, maxRetries=0),
        entry("two", up.other, maxRetries=0),
        entry("far", up.failing, maxRetries=0),
        *(entry(f"stop {i}", up.failing, maxRetries=0) for i in range(7)),
        entry("end", up.healthy),
        entry("long", up.failing, maxRetries=0),
        entry("strict", up.failing, maxRetries=0),
        entry("few/*", up.failing, name="openai/*", maxRetries=0),
        entry("my/*", up.healthy, name="openai/*"),
        entry("openai/*", up.healthy, name="openai/*"),
        entry(
            "mapped",
            up.healthy,
            credentials={"secretRef": {"keys": {"OPENAI_API_KEY": "MISTRAL_API_KEY"}}},
        ),
        entry(
            "verbatim",
            up.healthy,
            parameters={
                "temperature": 0.5,
                "seed": 7,
                "stop": ["a"],
                "extra_headers": {"X-Team": "a", "X-Api-Key": "os.environ/TEAM_KEY"},
            },
            info={"mode": "chat", "input_cost_per_token": 0.000001, "our": {"notes": [1, None]}},
        ),
    ]
    fallbacks = [
        {"model": "backed", "to": ["pair"]},
        {"model": "one", "to": ["two"]},
        {"model": "two", "to": ["one"]},
        {"model": "far", "to": [*(f"stop {i}" for i in range(7)), "end"]},
        {"model": "long", "to": ["my/general"]},
        {"model": "long", "when": "ContextWindow", "to": ["my/longer"]},
        {"model": "strict", "when": "ContentPolicy", "to": ["my/lenient"]},
        {"model": "few/one", "to": ["my/many"]},
    ]
    key = {"secretKeyRef": {"name": "litellm-secrets", "key": "UNUSED_API_KEY"}}
    env = [{"name": "TEAM_KEY", "valueFrom": key}]
    with support.gateway(
        aiModels=models, routing={"fallbacks": fallbacks}, deployment={"env": env}
    ) as gateway:
        yield gateway


@pytest.mark.parametrize("status", FAILURES)
def test_a_deployment_that_fails_costs_no_client_a_call(
    plain: Gateway, up: Providers, status: int
) -> None:
    up.failing.status = status
    answered, (failed, went_well) = spread(plain, "pair", 15, up.failing, up.healthy)
    assert answered == {OK: 15}
    assert failed > 0
    assert went_well == 15


def test_a_deployment_that_is_not_there_costs_no_client_a_call(
    plain: Gateway, up: Providers
) -> None:
    assert spread(plain, "gone", 15, up.healthy) == ({OK: 15}, [15])


def test_a_deployment_that_does_not_answer_in_time_costs_no_client_a_call(
    plain: Gateway, up: Providers
) -> None:
    answered, (slow, went_well) = spread(plain, "slow", 4, up.slow, up.healthy, at_once=4)
    assert answered == {OK: 4}
    assert (slow > 0, went_well) == (True, 4)


@pytest.mark.parametrize("model", ["pair", "gone", "backed"])
def test_a_deployment_that_fails_costs_no_client_a_stream(plain: Gateway, model: str) -> None:
    assert [plain.stream(model) for _ in range(8)] == [ANSWER] * 8


def test_a_stream_may_take_its_time_as_long_as_it_goes_on(plain: Gateway, up: Providers) -> None:
    """The timeout is for each part of it: one second, and four halts of 0.6."""
    up.slow.delay, up.slow.pause = 0, 0.6
    assert plain.stream("patience") == ANSWER


def test_a_stream_that_does_not_begin_in_time_gets_408(plain: Gateway, up: Providers) -> None:
    up.slow.delay, up.slow.pause = 0, 10
    begin = time.monotonic()
    with pytest.raises(urllib.error.HTTPError) as refused:
        plain.stream("patience")
    with refused.value as answer:
        assert answer.code == HTTPStatus.REQUEST_TIMEOUT
    assert time.monotonic() - begin < 5


def test_a_stream_that_halts_for_too_long_breaks_off(plain: Gateway, up: Providers) -> None:
    up.slow.delay, up.slow.halt = 0, 10
    begin = time.monotonic()
    assert plain.stream("patience") == ANSWER[: len(ANSWER) // 2]
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("model", ["embedding", "rpm embedding"])
def test_a_deployment_that_fails_or_is_at_its_limit_costs_no_client_an_embedding(
    plain: Gateway, up: Providers, model: str
) -> None:
    within_a_minute()
    before = up.healthy.asked + up.other.asked
    body = {"model": model, "input": "ping"}
    answered = [plain.call("/v1/embeddings", body, key=plain.key)[0] for _ in range(6)]
    assert answered == [OK] * 6
    assert up.healthy.asked + up.other.asked == before + 6


def test_seven_of_eight_that_fail_cost_no_client_a_call(plain: Gateway, up: Providers) -> None:
    assert spread(plain, "eight", 5, up.healthy) == ({OK: 5}, [5])


def test_a_deployment_that_fails_costs_none_of_many_calls_at_once(
    plain: Gateway, up: Providers
) -> None:
    answered, (went_well,) = spread(plain, "pair", 40, up.healthy, at_once=8)
    assert (answered, went_well) == ({OK: 40}, 40)


def test_a_deployment_that_is_well_again_is_called_at_once(plain: Gateway, up: Providers) -> None:
    """No deployment rests, so that no client waits for one that is well again."""
    up.healthy.status = HTTPStatus.INTERNAL_SERVER_ERROR
    assert plain.chats("pair", 2) == {HTTPStatus.INTERNAL_SERVER_ERROR: 2}
    up.healthy.status = OK
    assert plain.chats("pair", 5) == {OK: 5}


@pytest.mark.parametrize("status", SOME_FAILURES)
def test_a_lone_deployment_never_rests(plain: Gateway, up: Providers, status: int) -> None:
    """Each call is tried, and the first after it is well again succeeds."""
    up.failing.status = status
    answered, (tried,) = spread(plain, "lone", 2, up.failing)
    assert answered == {status: 2}
    assert tried >= 2
    up.failing.status = OK
    assert plain.chats("lone", 3) == {OK: 3}


def test_weights_are_shares(plain: Gateway, up: Providers) -> None:
    """Three of four; five standard deviations of 200 draws are 31 calls."""
    answered, (three, one) = spread(plain, "shares", 200, up.healthy, up.other, at_once=4)
    assert answered == {OK: 200}
    assert three + one == 200
    assert 119 <= three <= 181


def test_without_weights_all_have_the_same_share_and_limits_do_not_steer(
    plain: Gateway, up: Providers
) -> None:
    _, (limited, unlimited) = spread(plain, "even", 200, up.healthy, up.other, at_once=4)
    assert limited + unlimited == 200
    assert 65 <= limited <= 135


def test_an_entry_of_weight_0_gets_no_calls_even_if_the_others_fail(
    plain: Gateway, up: Providers
) -> None:
    assert spread(plain, "idle", 5, up.healthy) == ({500: 5}, [0])


def test_a_standby_is_asked_when_the_others_fail(plain: Gateway, up: Providers) -> None:
    up.failing.status = OK
    assert spread(plain, "standby", 20, up.failing, up.healthy) == ({OK: 20}, [20, 0])
    up.failing.status = HTTPStatus.INTERNAL_SERVER_ERROR
    answered, (_, stands_in) = spread(plain, "standby", 10, up.failing, up.healthy)
    assert (answered, stands_in) == ({OK: 10}, 10)


def test_calls_over_a_limit_a_minute_get_429_and_do_not_arrive(
    plain: Gateway, up: Providers
) -> None:
    up.healthy.tokens = 10
    within_a_minute()
    assert spread(plain, "rpm", 10, up.healthy) == ({OK: 3, TOO_MANY: 7}, [3])
    assert spread(plain, "tpm", 10, up.healthy) == ({OK: 3, TOO_MANY: 7}, [3])


@pytest.mark.parametrize("limit", ["rpm", "tpm"])
def test_calls_over_a_limit_go_on_to_the_rest_of_the_group(
    plain: Gateway, up: Providers, limit: str
) -> None:
    up.healthy.tokens = 10
    within_a_minute()
    answered, (limited, rest) = spread(plain, f"{limit} pair", 30, up.healthy, up.other)
    assert answered == {OK: 30}
    assert (limited, rest) == (3, 27)


def test_calls_over_several_limits_and_a_failure_go_on_to_the_rest_of_the_group(
    plain: Gateway, up: Providers
) -> None:
    within_a_minute()
    answered, (limited, failing, rest) = spread(
        plain, "rpm three", 30, up.healthy, up.failing, up.other
    )
    assert answered == {OK: 30}
    assert (limited, rest) == (3, 27)
    assert failing <= 5


def test_calls_over_the_limit_at_once_get_429(plain: Gateway, up: Providers) -> None:
    answered, (arrived,) = spread(plain, "parallel", 6, up.slow, at_once=6)
    assert answered == {OK: 2, TOO_MANY: 4}
    assert (arrived, up.slow.busiest) == (2, 2)
    up.slow.delay = 0
    assert plain.chats("parallel", 2) == {OK: 2}


def test_calls_over_the_limit_at_once_go_on_to_the_rest_of_the_group(
    plain: Gateway, up: Providers
) -> None:
    answered, (limited, rest) = spread(plain, "parallel pair", 12, up.slow, up.other, at_once=12)
    assert answered == {OK: 12}
    assert (limited <= 2, up.slow.busiest <= 2) == (True, True)
    assert limited + rest == 12


def test_a_limit_of_tokens_is_no_limit_of_calls_at_once(plain: Gateway, up: Providers) -> None:
    """LiteLLM derives one from the other: six at once of 1,000 tokens a minute."""
    up.slow.delay = 1
    within_a_minute()
    assert plain.chats("many tokens", 12, at_once=12) == {OK: 12}
    assert up.slow.busiest > 6


@pytest.mark.parametrize(("model", "tries"), [("once", 1), ("twice", 2), ("lone", 3)])
def test_a_lone_deployment_is_tried_as_often_as_it_says(
    plain: Gateway, up: Providers, model: str, tries: int
) -> None:
    assert spread(plain, model, 1, up.failing) == ({500: 1}, [tries])


def test_a_retry_mends_a_single_failure(plain: Gateway, up: Providers) -> None:
    up.failing.status, up.failing.failures = OK, 1
    assert spread(plain, "twice", 1, up.failing) == ({OK: 1}, [2])


def test_an_entrys_timeout_is_its_own(plain: Gateway, up: Providers) -> None:
    assert spread(plain, "patience", 1, up.slow) == ({HTTPStatus.REQUEST_TIMEOUT: 1}, [1])


def test_a_fallback_is_asked_when_a_model_fails(plain: Gateway, up: Providers) -> None:
    assert spread(plain, "backed", 5, up.healthy) == ({OK: 5}, [5])


def test_fallbacks_are_tried_in_order_to_the_last(plain: Gateway, up: Providers) -> None:
    assert spread(plain, "far", 2, up.failing, up.healthy) == ({OK: 2}, [16, 2])
    assert [call.body["model"] for call in up.failing.calls[-8:]] == [
        call.body["model"] for call in up.failing.calls[-16:-8]
    ]


def test_two_models_may_be_each_others_fallback(plain: Gateway, up: Providers) -> None:
    assert spread(plain, "one", 2, up.failing, up.other) == ({OK: 2}, [2, 2])
    assert spread(plain, "two", 2, up.failing, up.other) == ({OK: 2}, [0, 2])
    up.other.status = HTTPStatus.INTERNAL_SERVER_ERROR
    assert spread(plain, "one", 1, up.failing, up.other) == ({500: 1}, [1, 1])
    up.other.status = OK
    assert plain.chats("one", 2) == {OK: 2}


FAILED: tuple[int, str | None] = (HTTPStatus.INTERNAL_SERVER_ERROR, None)
TOO_LONG = (HTTPStatus.BAD_REQUEST, "This model's maximum context length is 10 tokens.")
REJECTED = (HTTPStatus.BAD_REQUEST, "invalid_request_error: content_policy_violation")
"""How a provider answers, and what it says, where LiteLLM tells kinds of failure apart."""


@pytest.mark.parametrize(
    ("model", "failure", "called"),
    [
        ("long", FAILED, "general"),
        ("long", TOO_LONG, "longer"),
        ("long", REJECTED, "general"),
        ("strict", FAILED, None),
        ("strict", TOO_LONG, None),
        ("strict", REJECTED, "lenient"),
        ("few/one", FAILED, "many"),
        ("few/one", TOO_LONG, "many"),
        ("few/two", FAILED, None),
    ],
)
def test_a_fallback_is_for_its_kind_of_failure_and_otherwise_for_any(
    plain: Gateway,
    up: Providers,
    model: str,
    failure: tuple[int, str | None],
    called: str | None,
) -> None:
    """Also from and to models that only a wildcard offers."""
    up.failing.status, up.failing.error = failure
    answered, arrived = spread(plain, model, 2, up.failing, up.healthy)
    assert answered == {failure[0] if called is None else OK: 2}
    assert arrived == [2, 0 if called is None else 2]
    if called is not None:
        assert up.healthy.calls[-1].body["model"] == called


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        ("my/gpt-4o", "gpt-4o"),
        ("my/org/model", "org/model"),
        ("openai/o3", "o3"),
    ],
)
def test_a_wildcard_offers_every_model_that_it_matches(
    plain: Gateway, up: Providers, asked: str, called: str
) -> None:
    assert spread(plain, asked, 1, up.healthy) == ({OK: 1}, [1])
    assert up.healthy.calls[-1].body["model"] == called


def test_parameters_reach_the_provider_as_they_are(plain: Gateway, up: Providers) -> None:
    plain.chat("verbatim")
    call = up.healthy.calls[-1]
    said = {key: call.body[key] for key in ("temperature", "seed", "stop")}
    assert repr(said) == "{'temperature': 0.5, 'seed': 7, 'stop': ['a']}"
    assert call.headers["x-team"] == "a"
    assert call.headers["x-api-key"] == support.KEYS["UNUSED_API_KEY"]
    assert not {"cooldown_time", "num_retries", "weight", "rpm"} & call.body.keys()


@pytest.mark.parametrize(
    ("model", "key"), [("mapped", "MISTRAL_API_KEY"), ("lone", "OPENAI_API_KEY")]
)
def test_a_provider_gets_the_key_that_its_entry_names(
    plain: Gateway, up: Providers, model: str, key: str
) -> None:
    """Two keys of one Secret, for the same variable of LiteLLM's."""
    up.failing.status = OK
    assert plain.chat(model)[0] == OK
    upstream = up.healthy if model == "mapped" else up.failing
    assert upstream.calls[-1].headers["authorization"] == f"Bearer {support.KEYS[key]}"


def test_info_is_shown_as_it_is(plain: Gateway) -> None:
    _, answer = plain.call("/v1/model/info", key=plain.key)
    (info,) = [m["model_info"] for m in answer["data"] if m["model_name"] == "verbatim"]
    assert (info["mode"], info["input_cost_per_token"]) == ("chat", 0.000001)
    assert info["our"] == {"notes": [1, None]}


@pytest.fixture(scope="module")
def caught(up: Providers) -> Iterator[Gateway]:
    """A gateway all of whose models have fallbacks, for each kind of failure."""
    models = [
        entry("one", up.failing),
        entry("own", up.failing),
        entry("pair", up.failing, weight=9),
        entry("pair", up.other),
        entry("few/*", up.failing, name="openai/*"),
        entry("my/*", up.healthy, name="openai/*"),
    ]
    fallbacks = [
        {"model": "*", "to": ["my/net", "one"]},
        {"model": "*", "when": "ContextWindow", "to": ["my/longer"]},
        {"model": "*", "when": "ContentPolicy", "to": ["my/lenient"]},
        {"model": "own", "to": ["my/own"]},
    ]
    with support.gateway(aiModels=models, routing={"fallbacks": fallbacks}) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("model", "failure", "called"),
    [
        ("one", FAILED, "net"),
        ("one", TOO_LONG, "longer"),
        ("one", REJECTED, "lenient"),
        ("own", FAILED, "own"),
        ("own", TOO_LONG, "longer"),
        ("few/one", FAILED, "net"),
        ("few/one", TOO_LONG, "longer"),
    ],
)
def test_what_all_models_fall_back_to_is_for_those_without_their_own(
    caught: Gateway,
    up: Providers,
    model: str,
    failure: tuple[int, str | None],
    called: str,
) -> None:
    up.failing.status, up.failing.error = failure
    assert spread(caught, model, 2, up.failing, up.healthy) == ({OK: 2}, [2, 2])
    assert up.healthy.calls[-1].body["model"] == called


def test_what_all_models_fall_back_to_comes_after_the_rest_of_a_group(
    caught: Gateway, up: Providers
) -> None:
    assert spread(caught, "pair", 10, up.healthy, up.other) == ({OK: 10}, [0, 10])
    up.other.status = HTTPStatus.SERVICE_UNAVAILABLE
    assert spread(caught, "pair", 2, up.healthy) == ({OK: 2}, [2])


def test_what_all_models_fall_back_to_ends_in_an_error_if_all_fail(
    caught: Gateway, up: Providers
) -> None:
    up.healthy.status = HTTPStatus.SERVICE_UNAVAILABLE
    for model in ("one", "my/net"):
        answered, (tried, _) = spread(caught, model, 1, up.failing, up.healthy)
        assert OK not in answered
        assert tried <= 2


def test_what_all_models_fall_back_to_answers_for_models_that_nothing_offers(
    caught: Gateway, plain: Gateway, up: Providers
) -> None:
    assert caught.chat("unheard-of")[0] == OK
    assert up.healthy.calls[-1].body["model"] == "net"
    assert plain.chat("unheard-of")[0] == HTTPStatus.BAD_REQUEST


# -- What it does where it says so


@pytest.fixture(scope="module")
def apart() -> Iterator[Providers]:
    """Providers of the gateways below, whose calls the others' retries do not touch."""
    with providers() as up:
        yield up


@pytest.fixture(scope="module")
def told(apart: Providers) -> Iterator[Gateway]:
    """A gateway whose router sets everything about routing, and that keeps answers."""
    models = [
        entry("pair", apart.failing),
        entry("pair", apart.healthy, standby=True),
        entry("lone", apart.failing),
        entry("backed", apart.failing),
        entry("backed", apart.failing),
        entry("two", apart.healthy),
        entry("two", apart.other),
        entry("slow", apart.slow),
        entry("rpm pair", apart.healthy, rpm=3, weight=9),
        entry("rpm pair", apart.other, weight=1),
        entry("spare", apart.other),
    ]
    routing = {
        "retries": 0,
        "timeoutSeconds": 1,
        "allowedFailures": 3,  # LiteLLM's own number, which it takes for not given.
        "cooldownSeconds": 4,
        "fallbacks": [{"model": "backed", "to": ["two"]}],
    }
    nicknames = {"router_settings": {"model_group_alias": {"nick": "spare", "gone": "spare"}}}
    config = {"merge": nicknames, "remove": ["/router_settings/model_group_alias/gone"]}
    with support.gateway(
        aiModels=models, routing=routing, cache={"ttlSeconds": 60}, config=config
    ) as gateway:
        yield gateway


def test_a_deployment_that_fails_too_often_rests(told: Gateway, apart: Providers) -> None:
    """After four failures it gets no calls, and four seconds later it gets them again."""
    answered, (failed, _) = spread(told, "pair", 12, apart.failing, apart.healthy)
    assert (answered, failed) == ({OK: 12}, 4)
    apart.failing.status = OK
    assert spread(told, "pair", 1, apart.failing, apart.healthy)[1] == [0, 1]
    time.sleep(4)
    assert spread(told, "pair", 3, apart.failing, apart.healthy) == ({OK: 3}, [3, 0])


def test_a_group_that_fails_makes_its_fallback_no_rest(told: Gateway, apart: Providers) -> None:
    answered, (one, other) = spread(told, "backed", 30, apart.healthy, apart.other)
    assert (answered, one + other) == ({OK: 30}, 30)


def test_a_lone_deployment_does_not_rest_where_others_do(told: Gateway, apart: Providers) -> None:
    assert spread(told, "lone", 10, apart.failing) == ({500: 10}, [10])


def test_a_limit_makes_no_other_deployment_rest(told: Gateway, apart: Providers) -> None:
    within_a_minute()
    answered, arrived = spread(told, "rpm pair", 30, apart.healthy, apart.other)
    assert (answered, arrived) == ({OK: 30}, [3, 27])


def test_the_routers_timeout_is_for_every_entry_without_one(
    told: Gateway, apart: Providers
) -> None:
    assert spread(told, "slow", 1, apart.slow) == ({HTTPStatus.REQUEST_TIMEOUT: 1}, [1])


def test_an_answer_is_kept(told: Gateway, apart: Providers) -> None:
    before = apart.other.asked
    assert [told.chat("spare", "the same")[0] for _ in range(3)] == [OK] * 3
    assert apart.other.asked == before + 1
    told.chat("spare", "another")
    assert apart.other.asked == before + 2


def test_the_configuration_is_as_the_router_has_merged_it(told: Gateway) -> None:
    assert told.chats("nick", 1) == {OK: 1}
    assert told.chats("gone", 1) == {HTTPStatus.BAD_REQUEST: 1}


CHEAP, DEAR = ({"input_cost_per_token": x, "output_cost_per_token": x} for x in (1e-8, 1e-4))


@pytest.fixture(scope="module", params=[s for s in get_args(Strategy) if s != "simple-shuffle"])
def strategy(request: pytest.FixtureRequest, apart: Providers) -> Iterator[tuple[str, Gateway]]:
    """A gateway of each other strategy."""
    pairs = [
        (f"pair {status}", up) for status in SOME_FAILURES for up in (apart.failing, apart.healthy)
    ]
    models = [
        *(entry(alias, upstream) for alias, upstream in pairs),
        entry("slow", apart.slow, timeoutSeconds=1),
        entry("slow", apart.healthy),
        entry("lone", apart.failing, maxRetries=0),
        entry("backed", apart.failing, maxRetries=0),
        entry("well", apart.healthy),
        entry("well", apart.other),
        entry("rpm pair", apart.healthy, rpm=3),
        entry("rpm pair", apart.other),
        entry("choice", apart.slow, parameters=DEAR),
        entry("choice", apart.other, parameters=CHEAP),
    ]
    routing = {"strategy": request.param, "fallbacks": [{"model": "backed", "to": ["well"]}]}
    with support.gateway(aiModels=models, routing=routing) as gateway:
        yield request.param, gateway


@pytest.mark.parametrize("status", SOME_FAILURES)
def test_each_strategy_finds_the_healthy_deployment(
    strategy: tuple[str, Gateway], apart: Providers, status: int
) -> None:
    """Each status in a group of its own: after the first failure a deployment rests."""
    apart.failing.status = status
    answered, (failed, went_well) = spread(
        strategy[1], f"pair {status}", 15, apart.failing, apart.healthy
    )
    assert (answered, went_well) == ({OK: 15}, 15)
    assert failed > 0


def test_each_strategy_gets_round_one_that_is_slow(
    strategy: tuple[str, Gateway], apart: Providers
) -> None:
    answered, (late, went_well) = spread(strategy[1], "slow", 6, apart.slow, apart.healthy)
    assert (answered, went_well) == ({OK: 6}, 6)
    assert late > 0


def test_each_strategy_keeps_a_limit_and_goes_on(
    strategy: tuple[str, Gateway], apart: Providers
) -> None:
    within_a_minute()
    answered, (limited, rest) = spread(strategy[1], "rpm pair", 20, apart.healthy, apart.other)
    assert answered == {OK: 20}
    assert limited <= 3
    assert limited + rest == 20


def test_each_strategy_falls_back_and_never_rests_what_stands_alone(
    strategy: tuple[str, Gateway], apart: Providers
) -> None:
    assert strategy[1].chats("backed", 12) == {OK: 12}
    assert spread(strategy[1], "lone", 4, apart.failing) == ({500: 4}, [4])


def test_each_strategy_chooses_by_what_it_has_seen(
    strategy: tuple[str, Gateway], apart: Providers
) -> None:
    """The one that is slow, dear, and says that it used many tokens gets the smaller part."""
    name, gateway = strategy
    within_a_minute()
    if name == "least-busy":
        answered, (worse, better) = spread_around_one_in_flight(gateway, apart)
    else:
        apart.slow.delay, apart.slow.tokens = 2, 1000
        answered, (worse, better) = spread(gateway, "choice", 20, apart.slow, apart.other)
    assert set(answered) == {OK}
    assert better > 2 * worse


def spread_around_one_in_flight(
    gateway: Gateway, apart: Providers
) -> tuple[Counter[int], list[int]]:
    """Calls one after the other, while the deployment that LiteLLM takes first has one in flight.

    LiteLLM counts a call as ended some time after its client has the answer, so each waits a bit.
    """
    apart.slow.delay = 8
    before = apart.slow.asked
    with ThreadPoolExecutor(1) as client:
        held = client.submit(gateway.chat, "choice")
        while apart.slow.asked == before and not held.done():
            time.sleep(0.05)
        answered, arrived = Counter[int](), [0, 0]
        for _ in range(8):
            time.sleep(0.5)
            statuses, counts = spread(gateway, "choice", 1, apart.slow, apart.other)
            answered += statuses
            arrived = [a + b for a, b in zip(arrived, counts, strict=True)]
        assert held.result()[0] == OK
    return answered, arrived


# -- The example


def test_the_example_goes_on_when_a_provider_fails() -> None:
    """The golden file is what is run, with hosts of this test in place of the providers'."""
    rendered = list(yaml.safe_load_all((GOLDEN / "resilient.yaml").read_text()))
    objects = {document["kind"]: document for document in rendered}
    master_key = objects["Secret"]["data"][MASTER_KEY]
    keys = secret("litellm-secrets", "default", **support.KEYS)
    with Upstream() as openai, Upstream() as azure, Upstream() as mistral:
        bases = {"openai": f"{openai.url}/v1", "azure": azure.url, "mistral": f"{mistral.url}/v1"}
        config = yaml.safe_load(objects["ConfigMap"]["data"]["config.yaml"])
        for model in config["model_list"]:
            provider = model["litellm_params"]["model"].partition("/")[0]
            model["litellm_params"]["api_base"] = bases[provider]
        objects["ConfigMap"]["data"] = {
            "config.yaml": yaml.safe_dump(config),
            **modules(),  # The golden file only names them.
        }
        with Pod(
            objects["Deployment"],
            config_maps=[objects["ConfigMap"]],
            secrets=[objects["Secret"], keys],
        ) as pod:
            pod.wait_ready()
            gateway = Gateway(pod, base64.b64decode(master_key).decode())
            everywhere = (openai, azure, mistral)
            within_a_minute(30)
            answered, (most, fewer, none) = spread(gateway, "gpt-4o", 60, *everywhere)
            assert (answered, most + fewer, none) == ({OK: 60}, 60, 0)
            assert most > fewer > 0
            answered, (rest, _, none) = spread(gateway, "gpt-4o", 120, *everywhere, at_once=4)
            assert (answered, most + rest, none) == ({OK: 120}, 100, 0)

            openai.status = HTTPStatus.INTERNAL_SERVER_ERROR
            assert spread(gateway, "gpt-4o", 10, azure, mistral) == ({OK: 10}, [10, 0])
            azure.status = HTTPStatus.UNAUTHORIZED
            assert spread(gateway, "gpt-4o", 10, mistral) == ({OK: 10}, [10])
            mistral.status = HTTPStatus.SERVICE_UNAVAILABLE
            # Of all that went wrong, clients are told of the limit.
            assert gateway.chats("gpt-4o", 1) == {TOO_MANY: 1}
            azure.status = OK
            assert spread(gateway, "mistral-large", 10, azure) == ({OK: 10}, [10])
            mistral.status = OK
            assert gateway.chat("mistral-large")[0] == OK
            assert mistral.calls[-1].body["temperature"] == 0.5


# -- Several pods

PASSWORD = "redis-of-the-test"


@dataclass
class Fleet:
    """Two pods of one router, and the Redis server that they share."""

    pods: tuple[Gateway, Gateway]
    redis: Redis


@pytest.fixture(scope="module")
def fleet(apart: Providers) -> Iterator[Fleet]:
    with two_pods(apart) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def bereft(apart: Providers) -> Iterator[Fleet]:
    """Pods whose Redis server has gone; it does not come back."""
    with two_pods(apart) as fleet:
        fleet.redis.stop()
        yield fleet


@contextmanager
def two_pods(apart: Providers) -> Iterator[Fleet]:
    models = [
        entry("rpm", apart.healthy, rpm=6),
        entry("tpm", apart.healthy, tpm=60),
        entry("pair", apart.failing),
        entry("pair", apart.healthy, standby=True),
        entry("spare", apart.other),
        entry("parallel", apart.slow, maxParallelRequests=1),
    ]
    spec: Manifest = {
        "aiModels": models,
        "auth": {"masterKeySecretRef": {"name": "master", "key": "key"}},
        "cache": {"ttlSeconds": 60},
        "routing": {
            "retries": 0,
            "allowedFailures": 3,
            "cooldownSeconds": 60,
        },
    }
    secrets = [
        secret("master", "team", key="sk-of-both"),
        secret("redis", "team", password=PASSWORD),
        secret("litellm-secrets", "team", **support.KEYS),
    ]
    with redis_server(PASSWORD) as redis, ExitStack() as stack:
        shared = {
            "host": "127.0.0.1",
            "port": redis.port,
            "passwordSecretRef": {"name": "redis", "key": "password"},
        }
        one, two = (World(router(port=free_port(), redis=shared, **spec)) for _ in range(2))
        pods = [
            stack.enter_context(support.starting(world, *secrets, key="sk-of-both"))
            for world in (one, two)
        ]
        for gateway in pods:
            gateway.pod.wait_ready()
        yield Fleet((pods[0], pods[1]), redis)


def both(fleet: Fleet, model: str, calls: int, *, pause: float = 0) -> Counter[int]:
    """Calls of a model, by turns at the one pod and at the other, with pauses in seconds."""
    answered = Counter[int]()
    for i in range(calls):
        answered[fleet.pods[i % 2].chat(model)[0]] += 1
        time.sleep(pause)
    return answered


def test_pods_share_a_limit(fleet: Fleet, apart: Providers) -> None:
    before = apart.healthy.asked
    apart.healthy.tokens = 10
    within_a_minute()
    assert both(fleet, "rpm", 12) == {OK: 6, TOO_MANY: 6}
    # Tokens are counted after the answer.
    assert both(fleet, "tpm", 12, pause=0.3) == {OK: 6, TOO_MANY: 6}
    assert apart.healthy.asked == before + 12


@pytest.mark.parametrize("trusted", [True, False])
def test_redis_may_encrypt_and_must_then_be_trusted(tmp_path: Path, *, trusted: bool) -> None:
    authority, stranger = Authority("localhost"), Authority("localhost")
    certificates = authority.folder(tmp_path / "server")
    known = (authority if trusted else stranger).folder(tmp_path / "client") / "ca.crt"
    # With two slashes it is the machine's own /tmp and not the pod's.
    variable = {"name": "SSL_CERT_FILE", "value": f"/{known}"}
    with Upstream() as upstream, redis_server(PASSWORD, certificates) as redis:
        ref = {"name": "redis", "key": "password"}
        world = World(
            router(
                port=free_port(),
                aiModels=[entry("chat", upstream, rpm=5)],
                redis={
                    "host": "localhost",
                    "port": redis.port,
                    "tls": True,
                    "passwordSecretRef": ref,
                },
                cache={},
                deployment={"env": [variable]},
            )
        )
        held = [
            secret("redis", "team", password=PASSWORD),
            secret("litellm-secrets", "team", **support.KEYS),
        ]
        with support.running(world, *held) as gateway:
            assert gateway.chats("chat", 2) == {OK: 2}
            end = time.monotonic() + (20 if trusted else 1)
            while not redis.keys() and time.monotonic() < end:
                time.sleep(0.1)
            assert (redis.keys() > 0) is trusted


def test_pods_share_failures_and_rests(fleet: Fleet, apart: Providers) -> None:
    """By itself each pod would let four calls fail before the deployment rests."""
    before = apart.failing.asked
    assert both(fleet, "pair", 12, pause=0.3) == {OK: 12}
    assert apart.failing.asked <= before + 5


def test_pods_share_answers(fleet: Fleet, apart: Providers) -> None:
    before = apart.other.asked
    for pod in fleet.pods:
        assert pod.chat("spare", "once for all")[0] == OK
    assert apart.other.asked == before + 1


def test_each_pod_counts_calls_at_once_by_itself(fleet: Fleet, apart: Providers) -> None:
    apart.slow.delay = 1
    with ThreadPoolExecutor(2) as clients:
        answered = list(clients.map(lambda pod: pod.chat("parallel")[0], fleet.pods))
    assert answered == [OK, OK]
    assert apart.slow.busiest == 2


def test_without_redis_each_pod_counts_by_itself(bereft: Fleet, apart: Providers) -> None:
    within_a_minute()
    for gateway in bereft.pods:
        assert spread(gateway, "rpm", 8, apart.healthy) == ({OK: 6, TOO_MANY: 2}, [6])


@pytest.mark.parametrize("which", ["fleet", "bereft"])
def test_no_password_of_redis_is_in_a_log(request: pytest.FixtureRequest, which: str) -> None:
    """Whether the server is there or not: calls go well, and what is logged does not tell."""
    pods: Fleet = request.getfixturevalue(which)
    assert both(pods, "spare", 4) == {OK: 4}
    for gateway in pods.pods:
        log = gateway.pod.log()
        assert log
        assert PASSWORD not in log
