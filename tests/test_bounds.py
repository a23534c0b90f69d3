"""What one ModelRouter may cost: no more than its turn, whatever is in it."""

import asyncio
import difflib
import random
import re
import sys
import tracemalloc
from typing import Any

import grpc
import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from function import fn, names
from function.api import bounds
from function.call import Manifest, Request
from function.compose import compose
from function.gateways.litellm import known_keys, providers
from function.guesses import Guesser
from function.observed.secret_values import MAX_SECRETS
from function.report import status
from tests.benchmark import hostile
from tests.support.processes import running
from tests.support.world import World, router

ONE = [{"name": "openai/gpt-4o"}]


def nested(levels: int, *, lists: bool = False) -> Any:  # noqa: ANN401
    """An object with so many levels."""
    value: Any = 1
    for _ in range(levels - 1):
        value = [value] if lists else {"a": value}
    return {"a": value}


def fatal(rsp: fnv1.RunFunctionResponse) -> tuple[str, str] | None:
    """Reason and sentence of a refusal, and that there is a condition with the same."""
    for result in rsp.results:
        if result.severity == fnv1.SEVERITY_FATAL:
            assert (rsp.conditions[0].reason, rsp.conditions[0].message) == (
                result.reason,
                result.message,
            )
            return result.reason, result.message
    return None


def run(req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    return asyncio.run(fn.FunctionRunner().RunFunction(req, None))


# -- Refused by what it holds, before anything is done with it


TOO_MUCH: list[tuple[str, Manifest, str]] = [
    (
        "too many values in all",
        {"aiModels": [{"name": "openai/x", "info": {"a": [1] * 400}}] * 50},
        "spec holds more than the 12000 values (objects, lists and scalars) that are allowed: set "
        "less for each model, or split the models among several ModelRouters.",
    ),
    (
        "too many values of no field",
        {"aiModels": ONE, "junk": [1] * 12_000},
        "spec holds more than the 12000 values (objects, lists and scalars) that are allowed: set "
        "less for each model, or split the models among several ModelRouters.",
    ),
    (
        "too much text in all",
        {"aiModels": [{"name": "openai/x", "info": {"a": "x" * 200_000}}] * 8},
        "spec holds 1600150 characters of text, but at most 1572864 are allowed: use shorter "
        "values, or split the models among several ModelRouters.",
    ),
    (
        "too much text that is no model's",
        {"aiModels": ONE, "podMetadata": {"annotations": {"a": "x" * 655_360}}},
        "spec holds 655397 characters of text beside aiModels and config, but at most 655360 are "
        "allowed: use shorter values.",
    ),
    (
        "too many values in an open object",
        {"aiModels": [*ONE, {"name": "openai/x", "parameters": {"a": [1] * 5000}}]},
        "spec.aiModels[1].parameters holds more than the 5000 values (objects, lists and scalars) "
        "that are allowed: shorten it.",
    ),
    (
        "too much text in one",
        {"aiModels": ONE, "config": {"merge": {"a": "x" * 262144}}},
        "spec.config.merge holds 262145 characters of text, but at most 262144 are allowed: "
        "shorten it.",
    ),
    (
        "too deep",
        {"aiModels": [{"name": "openai/x", "info": nested(21)}]},
        "spec.aiModels[0].info is nested more than the 20 levels deep that are allowed: make it "
        "flatter.",
    ),
    (
        "too deep in lists",
        {"aiModels": ONE, "config": {"merge": nested(21, lists=True)}},
        "spec.config.merge is nested more than the 20 levels deep that are allowed: make it "
        "flatter.",
    ),
    (
        "too deep in no field",
        {"aiModels": ONE, "junk": nested(25)},
        "spec is nested more than 23 levels deep, which no field is: make it flatter.",
    ),
]


@pytest.mark.parametrize(("what", "spec", "sentence"), TOO_MUCH, ids=[row[0] for row in TOO_MUCH])
def test_a_spec_that_holds_too_much_is_refused_in_one_sentence(
    what: str,  # noqa: ARG001
    spec: Manifest,
    sentence: str,
) -> None:
    answer = compose(Request(router(**spec)))
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.message) == (names.REASON_INVALID_SPEC, sentence)
    assert fatal(run(hostile.request(spec))) == (names.REASON_INVALID_SPEC, sentence)


FITS: list[Manifest] = [
    {"aiModels": [{"name": f"openai/{i}", "info": {"a": [1] * 234}} for i in range(50)]},
    {"aiModels": [{"name": "openai/x", "parameters": {"a": [1] * 4999}}]},
    {"aiModels": ONE, "config": {"merge": {"a": "x" * 262143}}},
    {"aiModels": [{"name": "openai/x", "parameters": nested(20), "info": nested(20, lists=True)}]},
    {"aiModels": ONE, "config": {"merge": nested(20)}},
]


@pytest.mark.parametrize("spec", FITS)
def test_what_just_fits_is_composed(spec: Manifest) -> None:
    assert fatal(run(hostile.request(spec))) is None


def test_an_input_that_holds_too_much_is_refused() -> None:
    req = hostile.request({"aiModels": ONE})
    req.input.update({"metadata": {"a": [1] * 1000}})
    assert fatal(run(req)) == (
        names.REASON_INVALID_INPUT,
        "input holds more than the 1000 values (objects, lists and scalars) that are allowed: "
        "remove what is not needed.",
    )


def test_too_many_secrets_are_refused() -> None:
    """Each is looked up in each reconcile."""
    models = [
        {"name": "openai/x", "alias": f"a{i}", "credentials": {"secretRef": {"name": f"s{i}"}}}
        for i in range(MAX_SECRETS + 1)
    ]
    assert World(router(aiModels=models[1:])).reconcile().refusal is None
    refusal = World(router(aiModels=models)).reconcile().refusal
    assert refusal is not None
    assert refusal.message == (
        "spec takes credentials from 65 Secrets, but at most 64 are allowed, since each is looked "
        "up again and again: keep several keys in one Secret, or split the models among several "
        "ModelRouters."
    )


def test_a_deployment_that_etcd_could_not_keep_is_refused() -> None:
    env = [{"name": f"V{i}", "value": "x" * 11_000} for i in range(50)]
    refusal = World(router(deployment={"env": env})).reconcile().refusal
    assert refusal is not None
    assert refusal.reason == names.REASON_DEPLOYMENT_TOO_LARGE
    assert re.fullmatch(
        r"Deployment 'gw' would have 55\d{4} bytes, but at most 524288 are allowed: use shorter "
        r"values in spec\.deployment and spec\.patches\.deployment, or take credentials from fewer "
        r"Secrets\.",
        refusal.message,
    )
    assert World(router(deployment={"env": env[:40]})).reconcile().refusal is None


def test_a_response_that_crossplane_could_not_take_is_refused() -> None:
    req = hostile.request({"aiModels": ONE})
    req.desired.resources["other"].resource.update({"data": {"a": "x" * fn.MAX_RESPONSE_BYTES}})
    rsp = run(req)
    found = fatal(rsp)
    assert found is not None
    assert found[0] == names.REASON_RESPONSE_TOO_LARGE
    assert rsp.ByteSize() < 2000


def test_the_largest_response_is_far_from_what_crossplane_takes() -> None:
    text = "x" * 200
    spec = {
        "aiModels": [
            {"name": f"openai/{text}{i}", "apiBase": f"https://h/{text * 2}{i}"}
            for i in range(1000)
        ],
        "deployment": {"env": [{"name": f"V{i}", "value": "x" * 4000} for i in range(120)]},
    }
    rsp = run(hostile.request(spec))
    assert fatal(rsp) is None
    assert 1_000_000 < rsp.ByteSize() < fn.MAX_RESPONSE_BYTES / 2


def test_the_status_lists_no_more_names_than_fit() -> None:
    """XR and status are one object, and etcd keeps 1.5 MiB of it."""
    models = [
        {"name": f"openai/{i:04}".ljust(256, "x"), "alias": f"{i // 9:04}".ljust(256, "a")}
        for i in range(900)
    ]
    found = World(router(aiModels=models)).reconcile().status
    assert found["modelCount"] == 100
    assert 20 < len(found["models"]) < 50
    assert len(str(found)) < status.MAX_TEXT + 10_000


def test_messages_stay_short_whatever_the_names() -> None:
    long = "x" * 250
    spec: Manifest = {
        "aiModels": [
            *({"name": f"{i}{long}/m", "parameters": {f"temperatur{i}": 1}} for i in range(20)),
            {"name": f"bedrock/{long[:240]}"},
        ],
        "config": {"merge": {f"{i}{'y' * 1000}": 1 for i in range(9)}},
    }
    answer = World(router(**spec)).reconcile()
    assert answer.results
    assert max(len(result.message) for result in answer.results) < 2048
    assert max(len(condition.message) for condition in answer.conditions) <= 4096


def test_a_long_key_is_cut_in_a_message() -> None:
    labels = {"x" * 100_000 + "\n": "v"}
    found = fatal(run(hostile.request({"aiModels": ONE, "commonMetadata": {"labels": labels}})))
    assert found is not None
    assert len(found[1]) < 1024
    assert "\n" not in found[1]


# -- Depth, through a real server


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        (20, None),
        (
            21,
            "spec.config.merge is nested more than the 20 levels deep that are allowed: make it "
            "flatter.",
        ),
        (
            33,
            "the ModelRouter cannot be read, most likely because spec is nested too deep: "
            "aiModels[].parameters, aiModels[].info, config.merge and the merge of each of patches "
            "may have at most 20 levels, so make them flatter.",
        ),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_what_is_nested_too_deep_gets_a_condition(
    levels: int, sentence: str | None, version: str
) -> None:
    """Also where protobuf itself cannot read it."""
    data = _serialized(levels)
    with running("--insecure") as (_, address), grpc.insecure_channel(address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, fnv1.RunFunctionResponse] = channel.unary_unary(
            f"/apiextensions.fn.proto.{version}.FunctionRunnerService/RunFunction",
            response_deserializer=fnv1.RunFunctionResponse.FromString,
        )
        rsp = call(data, timeout=20, wait_for_ready=True)
    assert fatal(rsp) == (None if sentence is None else (names.REASON_INVALID_SPEC, sentence))


def _serialized(levels: int) -> bytes:
    """A request with an override of so many levels, as Crossplane sends it."""
    req = hostile.request({"aiModels": ONE, "config": {"merge": {"a": 1}}})
    value = req.observed.composite.resource.fields["spec"].struct_value
    value = value.fields["config"].struct_value.fields["merge"].struct_value
    for _ in range(levels - 1):
        value = value.fields["a"].struct_value
    value.fields["a"].number_value = 1
    return req.SerializeToString()


def test_the_clients_of_v1_are_those_of_the_sdk() -> None:
    """Guards the test above, which calls by a path of its own."""
    with running("--insecure") as (_, address), grpc.insecure_channel(address) as channel:
        stub = grpcv1.FunctionRunnerServiceStub(channel)
        req = hostile.request({"aiModels": ONE})
        assert fatal(stub.RunFunction(req, timeout=20, wait_for_ready=True)) is None


# -- Cost


def _cost(spec: Manifest) -> int:
    """How many functions a call for a router runs: the same at each time, on any machine."""
    runner, req = fn.FunctionRunner(), hostile.request(spec)
    count = 0

    def count_call(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    async def run() -> None:
        sys.setprofile(count_call)
        try:
            await runner.RunFunction(req, None)
        finally:
            sys.setprofile(None)

    asyncio.run(run())
    return count


HOSTILE = dict(hostile.hostile())


@pytest.fixture(scope="module")
def plain() -> int:
    """What a call for a plain router of 1,000 models costs."""
    (_, spec), *_ = hostile.specs(1000)
    _cost(spec)  # Loads the tables.
    return _cost(spec)


@pytest.mark.parametrize("what", HOSTILE)
def test_no_router_costs_much_more_than_a_plain_one_of_1000_models(what: str, plain: int) -> None:
    assert _cost(HOSTILE[what]) < 8 * plain


@pytest.mark.parametrize("what", HOSTILE)
def test_no_router_takes_much_memory(what: str) -> None:
    req = hostile.request(HOSTILE[what])
    runner = fn.FunctionRunner()
    asyncio.run(runner.RunFunction(hostile.request({"aiModels": ONE}), None))
    tracemalloc.start()
    try:
        asyncio.run(runner.RunFunction(req, None))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * 1024 * 1024


@pytest.mark.parametrize(
    ("known", "cutoff"), [(known_keys.known("litellm_params"), 0.82), (providers.known(), 0.6)]
)
def test_guesses_are_those_of_difflib(known: list[str], cutoff: float) -> None:
    source = random.Random(1)
    guesser = Guesser(known, cutoff=cutoff)
    for _ in range(300):
        letters = list(source.choice(known))
        for _ in range(source.randint(0, 4)):
            at = source.randrange(len(letters) + 1)
            letters[at : at + source.randint(0, 1)] = source.choice("abcdeé_xyz ")
        word = "".join(letters)
        near = difflib.get_close_matches(word, known, n=2, cutoff=cutoff)
        assert list(guesser.nearest(word)) == near
    assert not guesser.nearest("x" * 1_000_000)


def test_only_some_guesses_are_made_and_all_unknown_providers_told() -> None:
    models = [{"name": f"{'abcdefghij'[i % 10]}openai{i}/m"} for i in range(100)]
    (found,) = [
        r for r in World(router(aiModels=models)).reconcile().results if r.reason == "CheckModels"
    ][-1:]
    assert found.message == "And 95 more."


def test_the_bounds_of_the_parts_fit_into_the_whole() -> None:
    assert bounds.MAX_OPEN_VALUES < bounds.MAX_VALUES
    assert bounds.MAX_OPEN_TEXT < bounds.MAX_TEXT
