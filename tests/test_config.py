"""The config.yaml that is composed: what each field puts into it, and the router's last word."""

import copy
from typing import Any

import pytest
import yaml

from function import names
from function.api.literals import REFERENCE
from function.call import Manifest, Response
from tests.support.world import World, router, secret


def composed(**spec: Any) -> Response:  # noqa: ANN401
    return World(router(**spec)).reconcile()


def config(**spec: Any) -> Manifest:  # noqa: ANN401
    """The configuration of a router that is composed."""
    answer = composed(**spec)
    assert answer.refusal is None, answer.refusal
    text = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]["config.yaml"]
    loaded: Manifest = yaml.safe_load(text)
    return loaded


def said(answer: Response, reason: str) -> list[str]:
    return [result.message for result in answer.results if result.reason == reason]


PAIR: list[Manifest] = [{"name": "openai/a", "alias": "x"}, {"name": "openai/b", "alias": "x"}]
LONE: list[Manifest] = [{"name": "openai/a"}]
TWO = [*LONE, {"name": "openai/b"}]
BACKED = {"fallbacks": [{"model": "openai/a", "to": ["openai/b"]}]}


# -- Limits and shares


ENTRIES: list[tuple[str, Manifest, list[Manifest]]] = [
    ("a lone model says nothing", {"aiModels": LONE}, [{}]),
    ("each of a group has its weight", {"aiModels": PAIR}, [{"weight": 1}, {"weight": 1}]),
    (
        "a given weight is kept",
        {"aiModels": [{**PAIR[0], "weight": 2}, PAIR[1]]},
        [{"weight": 2}, {"weight": 1}],
    ),
    (
        "a standby has no weight, so that LiteLLM asks it last",
        {"aiModels": [{**PAIR[0], "standby": True}, {**PAIR[1], "standby": False}]},
        [{"weight": 0}, {"weight": 1}],
    ),
    (
        "an entry of weight 0 is left out, and its group is what remains",
        {"aiModels": [{**PAIR[0], "weight": 0, "rpm": 5, "timeoutSeconds": 1200}, PAIR[1]]},
        [{}],
    ),
    (
        "under another strategy too",
        {
            "aiModels": [{**PAIR[0], "weight": 0, "standby": False}, PAIR[1]],
            "routing": {"strategy": "least-busy"},
        },
        [{}],
    ),
    (
        "no limit of calls at once follows from another limit",
        {"aiModels": [{**LONE[0], "rpm": 5}]},
        [{"rpm": 5, "max_parallel_requests": 0}],
    ),
    (
        "a given limit of calls at once stays beside another limit",
        {"aiModels": [{**LONE[0], "tpm": 5, "maxParallelRequests": 2}]},
        [{"tpm": 5, "max_parallel_requests": 2}],
    ),
    (
        "an entry's timeout and retries are its own",
        {"aiModels": [{**LONE[0], "timeoutSeconds": 5, "maxRetries": 0}]},
        [{"timeout": 5, "num_retries": 0}],
    ),
    (
        "a lone model with a fallback goes on to it at once",
        {"aiModels": TWO, "routing": BACKED},
        [{"num_retries": 0}, {}],
    ),
    (
        "a lone model with a fallback retries as the router says",
        {"aiModels": TWO, "routing": {**BACKED, "retries": 2}},
        [{}, {}],
    ),
    (
        "a model that all others fall back to has none, and retries",
        {"aiModels": TWO, "routing": {"fallbacks": [{"model": "*", "to": ["openai/b"]}]}},
        [{"num_retries": 0}, {}],
    ),
    (
        "a fallback for one kind of failure alone leaves the others to retries",
        {
            "aiModels": TWO,
            "routing": {"fallbacks": [{**BACKED["fallbacks"][0], "when": "ContextWindow"}]},
        },
        [{}, {}],
    ),
    (
        "a wildcard goes on at once where all of its models have a fallback",
        {
            "aiModels": [{"name": "openai/*"}, {"name": "mistral/*"}],
            "routing": {
                "fallbacks": [
                    {"model": "openai/a", "to": ["mistral/b"]},
                    {"model": "*", "to": ["mistral/b"]},
                ]
            },
        },
        [{"num_retries": 0}, {"num_retries": 0}],
    ),
    (
        "and retries where only some have one",
        {
            "aiModels": [{"name": "openai/*"}, {"name": "mistral/*"}],
            "routing": {"fallbacks": [{"model": "openai/a", "to": ["mistral/b"]}]},
        },
        [{}, {}],
    ),
    (
        "where deployments rest, wildcards of models with fallbacks do not, nor of the fallbacks",
        {
            "aiModels": [{"name": f"{p}/*"} for p in ("groq", "mistral", "openai")],
            "routing": {
                "cooldownSeconds": 9,
                "fallbacks": [{"model": "openai/a", "to": ["mistral/b"]}],
            },
        },
        [{}, {"cooldown_time": 0}, {"cooldown_time": 0}],
    ),
    (
        "where deployments rest, models with fallbacks do not, nor those they go to",
        {"aiModels": TWO, "routing": {**BACKED, "retries": 2, "cooldownSeconds": 9}},
        [{"cooldown_time": 0}, {"cooldown_time": 0}],
    ),
    (
        "under another strategy models that fallbacks go to rest, as there is no other failover",
        {"aiModels": TWO, "routing": {**BACKED, "retries": 2, "strategy": "least-busy"}},
        [{"cooldown_time": 0}, {}],
    ),
    (
        "where deployments rest, those of a group with a limit do not",
        {"aiModels": [{**PAIR[0], "rpm": 1}, PAIR[1]], "routing": {"allowedFailures": 1}},
        [
            {"rpm": 1, "max_parallel_requests": 0, "weight": 1, "cooldown_time": 0},
            {"weight": 1, "cooldown_time": 0},
        ],
    ),
    (
        "parameters have the last word",
        {"aiModels": [{**PAIR[0], "parameters": {"cooldown_time": 7, "api_key": "os.environ/K"}}]},
        [{"cooldown_time": 7}],
    ),
]


@pytest.mark.parametrize(
    ("spec", "params"), [row[1:] for row in ENTRIES], ids=[r[0] for r in ENTRIES]
)
def test_an_entry_says_its_share_its_limits_and_whether_it_rests(
    spec: Manifest, params: list[Manifest]
) -> None:
    found = config(**spec)["model_list"]
    own = {"model", "api_key", "api_base", "organization"}
    shown = [{k: v for k, v in m["litellm_params"].items() if k not in own} for m in found]
    assert shown == params


AGAIN = [{"model": "x", "num_retries": 2}]
SETTINGS: list[tuple[str, Manifest, Manifest]] = [
    (
        "nothing is said of routing",
        {},
        {"enable_weighted_failover": True, "disable_cooldowns": True, "num_retries": 2},
    ),
    (
        "deployments rest after more failures than are allowed",
        {"routing": {"allowedFailures": 2}},
        {
            "enable_weighted_failover": True,
            "allowed_fails": 2,
            "cooldown_time": 5,
            "num_retries": 2,
        },
    ),
    (
        "a cooldown by itself follows the first failure",
        {"routing": {"cooldownSeconds": 60}},
        {
            "enable_weighted_failover": True,
            "allowed_fails": 0,
            "cooldown_time": 60,
            "num_retries": 2,
        },
    ),
    (
        "a cooldown of 0 is no rest, whatever else is said",
        {"routing": {"allowedFailures": 2, "cooldownSeconds": 0, "retries": 0}},
        {"enable_weighted_failover": True, "disable_cooldowns": True, "num_retries": 0},
    ),
    (
        "another strategy rests, and asks a group again",
        {"aiModels": PAIR, "routing": {"strategy": "least-busy"}},
        {
            "allowed_fails": 0,
            "cooldown_time": 5,
            "num_retries": 2,
            "fallbacks": [{"x": AGAIN}],
        },
    ),
    (
        "another strategy does not ask a group of wildcards again",
        {
            "aiModels": [{"name": f"{p}/*", "alias": "*"} for p in ("openai", "mistral")],
            "routing": {"strategy": "least-busy"},
        },
        {"allowed_fails": 0, "cooldown_time": 5, "num_retries": 2},
    ),
    (
        "another strategy asks a group again before it goes on to other models",
        {
            "aiModels": [*PAIR, *LONE],
            "routing": {
                "strategy": "least-busy",
                "cooldownSeconds": 0,
                "fallbacks": [{"model": "x", "to": ["openai/a"]}],
            },
        },
        {
            "disable_cooldowns": True,
            "num_retries": 2,
            "fallbacks": [{"x": [*AGAIN, "openai/a"]}],
        },
    ),
    (
        "another strategy asks a group again before it goes on to what all others fall back to",
        {
            "aiModels": [*PAIR, *LONE],
            "routing": {
                "strategy": "least-busy",
                "cooldownSeconds": 0,
                "fallbacks": [{"model": "*", "to": ["openai/a"]}],
            },
        },
        {
            "disable_cooldowns": True,
            "num_retries": 2,
            "fallbacks": [{"*": ["openai/a"]}, {"x": [*AGAIN, "openai/a"]}],
        },
    ),
    (
        "large groups are gone through to the end",
        {"aiModels": [{"name": f"openai/{i}", "alias": "x"} for i in range(9)]},
        {
            "enable_weighted_failover": True,
            "disable_cooldowns": True,
            "num_retries": 2,
            "max_fallbacks": 9,
        },
    ),
    (
        "very large groups are gone through as far as calls within calls may go",
        {"aiModels": [{"name": f"openai/{i}", "alias": "x"} for i in range(33)]},
        {
            "enable_weighted_failover": True,
            "disable_cooldowns": True,
            "num_retries": 2,
            "max_fallbacks": 32,
        },
    ),
    (
        "limits are checked before a call",
        {"aiModels": [{**LONE[0], "tpm": 1}]},
        {
            "enable_weighted_failover": True,
            "disable_cooldowns": True,
            "num_retries": 2,
            "optional_pre_call_checks": ["enforce_model_rate_limits"],
        },
    ),
]


@pytest.mark.parametrize(
    ("spec", "settings"), [row[1:] for row in SETTINGS], ids=[row[0] for row in SETTINGS]
)
def test_the_router_settings_say_what_routing_asks_for(spec: Manifest, settings: Manifest) -> None:
    found = config(**spec)["router_settings"]
    strategy = spec.get("routing", {}).get("strategy", "simple-shuffle")
    assert found == {"routing_strategy": strategy, **settings}


def test_a_number_of_failures_that_is_litellms_default_takes_effect() -> None:
    """Where it equals the default, LiteLLM takes it for not given."""
    found = config(routing={"allowedFailures": 3})
    assert found["router_settings"]["allowed_fails"] == 3
    assert found["litellm_settings"]["allowed_fails"] != 3


def test_the_order_of_fallbacks_has_no_meaning_but_that_of_their_models_has() -> None:
    models = [{"name": f"openai/{name}"} for name in "abc"]
    one = {"model": "openai/a", "to": ["openai/c", "openai/b"]}
    other = {"model": "openai/b", "to": ["openai/a"]}
    texts = [
        config(aiModels=models, routing={"fallbacks": f}) for f in ([one, other], [other, one])
    ]
    assert texts[0] == texts[1]
    assert texts[0]["router_settings"]["fallbacks"] == [
        {"openai/a": ["openai/c", "openai/b"]},
        {"openai/b": ["openai/a"]},
    ]


@pytest.mark.parametrize(
    ("routing", "entry", "seconds"),
    [
        ({}, {}, 3 * 600 + 2 * 8),
        ({"timeoutSeconds": 60, "retries": 0}, {}, 60),
        ({"timeoutSeconds": 60, "retries": 0}, {"timeoutSeconds": 300, "maxRetries": 1}, 608),
        ({"retries": 0}, {"timeoutSeconds": 3600}, 3600),
    ],
)
def test_a_pod_that_stops_waits_for_the_longest_call_but_no_more_than_ten_minutes(
    routing: Manifest, entry: Manifest, seconds: int
) -> None:
    answer = composed(aiModels=[{**LONE[0], **entry}], routing=routing)
    pod = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"]
    grace = min(seconds + 30, 600)
    assert pod["terminationGracePeriodSeconds"] == grace
    (container,) = pod["containers"]
    variables = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert variables["GRACEFUL_SHUTDOWN_TIMEOUT"] == str(grace - 20)
    assert config(routing=routing)["litellm_settings"]["request_timeout"] == routing.get(
        "timeoutSeconds", 600
    )


# -- Redis and the cache

REDIS = {"host": "redis.infra.svc", "passwordSecretRef": {"name": "redis", "key": "password"}}
WHERE = {"host": "redis.infra.svc", "port": 6379, "password": f"{REFERENCE}REDIS_PASSWORD"}


def test_redis_is_for_the_router_and_the_cache() -> None:
    found = config(redis=REDIS, cache={})
    assert {k: v for k, v in found["router_settings"].items() if k.startswith("redis")} == {
        f"redis_{key}": value for key, value in WHERE.items()
    }
    assert found["litellm_settings"]["cache"] is True
    assert found["litellm_settings"]["cache_params"] == {"type": "redis", "ttl": 300, **WHERE}


def test_redis_may_encrypt() -> None:
    found = config(redis={"host": "h", "tls": True}, cache={})
    assert found["router_settings"]["cache_kwargs"] == {"ssl": True}
    assert found["litellm_settings"]["cache_params"]["ssl"] is True


def test_without_redis_answers_are_kept_by_each_pod() -> None:
    found = config(cache={"ttlSeconds": 9})["litellm_settings"]
    assert found["cache_params"] == {"type": "local", "ttl": 9}


@pytest.mark.parametrize("off", [{"enabled": False}, {"enabled": False, "host": "h"}])
def test_redis_and_a_cache_that_are_switched_off_leave_nothing(off: Manifest) -> None:
    plain, answer = composed(), composed(redis=off, cache={"enabled": False, "ttlSeconds": 9})
    assert answer.status["configHash"] == plain.status["configHash"]
    assert answer.requirements == plain.requirements


def test_the_password_of_redis_comes_from_its_secret_and_its_change_rolls_the_pods() -> None:
    world = World(router(redis=REDIS))
    missing = world.reconcile()
    (condition,) = (c for c in missing.conditions if c.type == names.CREDENTIALS_PRESENT)
    assert "password in Secret 'redis'" in condition.message
    hashes = [secret_hash(missing)]
    for password in ("one", "two"):
        world.add(secret("redis", password=password), secret("litellm-secrets", OPENAI_API_KEY="k"))
        answer = world.reconcile()
        hashes.append(secret_hash(answer))
        (condition,) = (c for c in answer.conditions if c.type == names.CREDENTIALS_PRESENT)
        assert condition.status == "True"
    assert len(set(hashes)) == 3
    pod = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"]
    ref = {"name": "redis", "key": "password", "optional": True}
    assert {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": ref}} in pod["containers"][0][
        "env"
    ]


def secret_hash(answer: Response) -> str:
    template = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]
    found: str = template["metadata"]["annotations"][names.ANNOTATION_SECRET_HASH]
    return found


A, B, C = ({"model": "openai/a", "to": [f"openai/{to}"]} for to in "bcd")
ALL, ALL_LONG = {"model": "*", "to": ["openai/e"]}, {"model": "*", "to": ["openai/f"]}
LONG, POLICY = {"when": "ContextWindow"}, {"when": "ContentPolicy"}


@pytest.mark.parametrize(
    ("fallbacks", "settings"),
    [
        pytest.param(
            [A],
            {"fallbacks": [{"openai/a": ["openai/b"]}]},
            id="without an entry of their own, LiteLLM asks those of any failure by itself",
        ),
        pytest.param(
            [{**A, **LONG}],
            {"context_window_fallbacks": [{"openai/a": ["openai/b"]}]},
            id="those of one kind of failure are for no other",
        ),
        pytest.param(
            [A, {**B, **LONG}, {**C, **POLICY}],
            {
                "fallbacks": [{"openai/a": ["openai/b"]}],
                "context_window_fallbacks": [{"openai/a": ["openai/c"]}],
                "content_policy_fallbacks": [{"openai/a": ["openai/d"]}],
            },
            id="each kind of failure has its own",
        ),
        pytest.param(
            [A, ALL, {"model": "openai/b", "to": ["openai/c"], **LONG}],
            {
                "fallbacks": [{"*": ["openai/e"]}, {"openai/a": ["openai/b"]}],
                "context_window_fallbacks": [
                    {"*": ["openai/e"]},
                    {"openai/a": ["openai/b"]},
                    {"openai/b": ["openai/c"]},
                ],
            },
            id="models without one for the kind keep theirs for any failure",
        ),
        pytest.param(
            [A, ALL, {**ALL_LONG, **LONG}],
            {
                "fallbacks": [{"*": ["openai/e"]}, {"openai/a": ["openai/b"]}],
                "context_window_fallbacks": [{"*": ["openai/f"]}],
            },
            id="that of all models for the kind comes before one of the model for any failure",
        ),
    ],
)
def test_fallbacks_are_for_a_kind_of_failure_or_for_any(
    fallbacks: list[Manifest], settings: Manifest
) -> None:
    models = [{"name": f"openai/{name}"} for name in "abcdef"]
    for order in (fallbacks, fallbacks[::-1]):
        found = config(aiModels=models, routing={"fallbacks": order})["router_settings"]
        assert {key: value for key, value in found.items() if "fallbacks" in key} == settings


# -- What stands alone


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"aiModels": PAIR}, None),
        (
            {"aiModels": TWO, "routing": BACKED},
            "'openai/b': a single deployment without a fallback",
        ),
        (
            {
                "aiModels": [*TWO, {"name": "groq/*"}],
                "routing": {"fallbacks": [{"model": "*", "to": ["openai/b"]}]},
            },
            "'openai/b': a single deployment without a fallback",
        ),
        (
            {
                "aiModels": [*LONE, {"name": "groq/*"}],
                "routing": {"fallbacks": [{"model": "groq/a", "to": ["openai/a"]}]},
            },
            "'openai/a', 'groq/*': a single deployment without a fallback",
        ),
        (
            {"aiModels": [{**PAIR[0], "weight": 0}, PAIR[1]]},
            "'x': a single deployment without a fallback",
        ),
        (
            {"aiModels": [{"name": f"openai/{i}"} for i in range(8)]},
            "'openai/0', 'openai/1', 'openai/2', 'openai/3', 'openai/4', and 3 more: a single",
        ),
    ],
)
def test_models_that_nothing_stands_in_for_are_named(spec: Manifest, sentence: str | None) -> None:
    answer = composed(**spec)
    lone = [r for r in answer.results if r.reason == names.EVENT_SINGLE_DEPLOYMENT]
    assert [result.severity for result in lone] == ([] if sentence is None else ["Normal"])
    if sentence is not None:
        assert lone[0].message.startswith(sentence)
        assert lone[0].message in answer.conditions[0].message


# -- Keys that LiteLLM does not know


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            {"parameters": {"temprature": 1}},
            "openai/a: parameters.temprature is unknown to LiteLLM 1.108; did you mean "
            "temperature?",
        ),
        (
            {"info": {"input_cost_per_tokn": 1}, "alias": "gpt"},
            "gpt: info.input_cost_per_tokn is unknown to LiteLLM 1.108; did you mean "
            "input_cost_per_token",
        ),
        ({"parameters": {"top_a": 1, "my_own": 1}, "info": {"team": "a"}}, None),
        ({"parameters": {"temperature": 1, "extra_body": {"tempratur": 1}}}, None),
    ],
)
def test_a_slip_of_the_pen_is_told(entry: Manifest, sentence: str | None) -> None:
    """Providers have parameters of their own: nothing is said where nothing is near."""
    found = said(composed(aiModels=[{**LONE[0], **entry}]), names.EVENT_MODELS)
    assert len(found) == (0 if sentence is None else 1)
    assert not found or found[0].startswith(str(sentence))


@pytest.mark.parametrize(
    ("strategy", "weight", "told"),
    [
        ("simple-shuffle", 2, []),
        ("least-busy", 2, ["Weights have no effect"]),
        ("least-busy", 0, []),
    ],
)
def test_weights_that_have_no_effect_are_told(strategy: str, weight: int, told: list[str]) -> None:
    models = [{**PAIR[0], "weight": weight}, PAIR[1]]
    found = said(composed(aiModels=models, routing={"strategy": strategy}), names.EVENT_MODELS)
    assert [sentence[:22] for sentence in found] == told


def test_of_many_slips_a_few_are_told() -> None:
    models = [
        {"name": f"openai/{i}", "parameters": {f"temperature{i}{j}": 1 for j in range(64)}}
        for i in range(50)
    ]
    found = said(composed(aiModels=models), names.EVENT_MODELS)
    assert len(found) == 6
    assert found[-1] == "And 15 more."


# -- The last word


CHANGES: list[tuple[str, Manifest, list[str]]] = [
    ("an empty config overrides nothing", {}, []),
    (
        "what is added is not told",
        {"merge": {"litellm_settings": {"drop_params": True, "success_callback": ["langfuse"]}}},
        [],
    ),
    (
        "what is replaced is told",
        {"merge": {"litellm_settings": {"request_timeout": 60}}},
        ["config.merge replaces /litellm_settings/request_timeout."],
    ),
    (
        "what a null replaces is told",
        {"merge": {"router_settings": {"num_retries": None}}},
        ["config.merge replaces /router_settings/num_retries."],
    ),
    (
        "what stays the same is not told",
        {"merge": {"litellm_settings": {"request_timeout": 600}}},
        [],
    ),
    (
        "what a list loses is named",
        {"merge": {"router_settings": {"optional_pre_call_checks": ["prompt_caching"]}}},
        [
            "config.merge replaces /router_settings/optional_pre_call_checks.",
            "config.merge removes enforce_model_rate_limits from "
            "/router_settings/optional_pre_call_checks.",
        ],
    ),
    (
        "what a list keeps is not named",
        {
            "merge": {
                "router_settings": {
                    "optional_pre_call_checks": ["prompt_caching", "enforce_model_rate_limits"]
                }
            }
        },
        ["config.merge replaces /router_settings/optional_pre_call_checks."],
    ),
    (
        "what is removed is told, and what was not there",
        {"remove": ["/router_settings/num_retries", "/router_settings/no~1such", "/model_list/7"]},
        [
            "config.remove removes /router_settings/num_retries.",
            "config.remove names /router_settings/no~1such, /model_list/7, but nothing is there.",
        ],
    ),
    (
        "a key that LiteLLM ignores is told",
        {"merge": {"router_settings": {"num_retrys": 1}}},
        [
            "config.merge: /router_settings/num_retrys is unknown to LiteLLM 1.108; did you mean "
            "num_retries?"
        ],
    ),
    (
        "unknown keys are told in each section and at the top",
        {
            "merge": {
                "litellm_setting": {},
                "general_settings": {"zzz": 1},
                "litellm_settings": {"cache_params": {"namespac": 1}},
            }
        },
        [
            "config.merge: /litellm_setting is unknown to LiteLLM 1.108; did you mean "
            "litellm_settings?",
            "config.merge: /general_settings/zzz is unknown to LiteLLM 1.108.",
            "config.merge: /litellm_settings/cache_params/namespac is unknown to LiteLLM 1.108; "
            "did you mean namespace?",
        ],
    ),
    (
        "of many pointers to nothing the last are counted",
        {"remove": [f"/{i}" for i in range(9)]},
        ["config.remove names /0, /1, /2, /3, /4, and 4 more, but nothing is there."],
    ),
]


@pytest.mark.parametrize(
    ("wanted", "sentences"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_what_is_overridden_is_told(wanted: Manifest, sentences: list[str]) -> None:
    answer = composed(aiModels=[{**LONE[0], "rpm": 1}], config=wanted)
    assert said(answer, names.EVENT_CONFIG) == sentences
    for sentence in sentences:
        assert sentence in answer.conditions[0].message


def test_config_merges_first_and_removes_then_and_numbers_keep_their_kind() -> None:
    found = config(
        config={
            "merge": {
                "litellm_settings": {"a": {"b": 1, "c": 0.5, "d": [1, None, {"e": None}]}},
                "router_settings": {"num_retries": None, "timeout": 7},
            },
            "remove": ["/litellm_settings/a/b", "/litellm_settings/request_timeout"],
        }
    )
    assert repr(found["litellm_settings"]) == repr({"a": {"c": 0.5, "d": [1, None, {"e": None}]}})
    assert found["router_settings"]["timeout"] == 7
    assert "num_retries" not in found["router_settings"]


def test_config_changes_the_hash_and_nothing_that_is_kept_between_calls() -> None:
    spec: Manifest = {"config": {"merge": {"litellm_settings": {"drop_params": True}}}}
    before = copy.deepcopy(spec)
    one, plain, again = composed(**spec), composed(), composed(**spec)
    assert spec == before
    assert one.status["configHash"] == again.status["configHash"] != plain.status["configHash"]


BROKEN: list[tuple[str, Manifest, str]] = [
    ("no models", {"remove": ["/model_list"]}, "/model_list must be a list of models"),
    (
        "an object in place of the models",
        {"merge": {"model_list": {}}},
        "/model_list must be a list of models",
    ),
    (
        "an empty list of models",
        {"remove": ["/model_list/0"]},
        "/model_list must be a list of models",
    ),
    (
        "a model without a name",
        {"remove": ["/model_list/0/model_name"]},
        "/model_list/0/model_name must be the name of a model",
    ),
    (
        "a model that calls nothing",
        {"remove": ["/model_list/0/litellm_params"]},
        "/model_list/0/litellm_params/model must be the name of a model",
    ),
    (
        "a model that is no object",
        {"merge": {"model_list": ["openai/a"]}},
        "/model_list/0/model_name must be the name of a model",
    ),
    (
        "a limit for which LiteLLM drops the model",
        {
            "merge": {
                "model_list": [
                    {"model_name": "a", "litellm_params": {"model": "openai/a", "rpm": "abc"}}
                ]
            }
        },
        "/model_list/0/litellm_params/rpm must be a number",
    ),
    (
        "no master key",
        {"remove": ["/general_settings"]},
        "/general_settings/master_key must be set: LiteLLM does not start without it",
    ),
    (
        "a section that is no object",
        {"merge": {"router_settings": []}},
        "/router_settings must be an object",
    ),
    (
        "a setting that is no number",
        {"merge": {"router_settings": {"num_retries": "lots"}}},
        "/router_settings/num_retries must be a number",
    ),
    (
        "a strategy that LiteLLM does not have",
        {"merge": {"router_settings": {"routing_strategy": "round-robin"}}},
        "/router_settings/routing_strategy must be one of ",
    ),
    (
        "a check that LiteLLM ignores",
        {"merge": {"router_settings": {"optional_pre_call_checks": ["enforce_limits"]}}},
        "/router_settings/optional_pre_call_checks may only hold ",
    ),
    (
        "fallbacks of another form",
        {"merge": {"router_settings": {"fallbacks": [{"a": ["b"], "c": ["d"]}]}}},
        "/router_settings/fallbacks must be a list of objects with one model each",
    ),
]


@pytest.mark.parametrize(
    ("wanted", "sentence"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_what_litellm_could_not_use_is_refused(wanted: Manifest, sentence: str) -> None:
    answer = composed(config=wanted)
    assert answer.refusal is not None
    assert not answer.resources
    assert answer.refusal.reason == names.REASON_CONFIG_BROKEN
    assert answer.refusal.message.startswith(f"spec.config: in the result, {sentence}")
    assert answer.refusal.message.endswith("; fix merge or remove.")
