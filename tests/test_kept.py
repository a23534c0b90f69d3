"""What is kept between calls changes no answer, and is bounded."""

import asyncio
import copy
import gc
import random
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from click.testing import CliRunner
from crossplane.function import logging
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function import compose, fn, names, server, structs
from function.call import Manifest, Request, Response
from function.kept import Kept
from function.main import cli
from function.observed import definitions, master_key
from function.resources import KINDS
from tests.support.world import behind_claim, controlled, router, secret

THEIRS = "theirs"
"""The name of what an earlier step of the Composition desires."""
ROUNDS = 40
STEPS = 40
PROVIDERS = ["openai", "anthropic", "azure", "mistral", "cerebras", "no-such-provider"]


ON_FAILURE = {"model": "*", "when": "Failure", "to": ["a"]}

PATCHES: list[Manifest] = [{"sessionAffinity": "ClientIP"}, {"selector": {"app": "other"}}]

OF_ENTRIES: list[Callable[[random.Random], Manifest]] = [
    lambda draw: {"rpm": draw.choice([1, 2, True, 1.0])},  # Python says `1 == True == 1.0`.
    lambda draw: {"parameters": {"temperatur": draw.random(), "user": f"u{draw.random()}"}},
    lambda _: {"parameters": {"user": "os.environ/LITELLM_MASTER_KEY"}, "weight": 1},
    lambda draw: {"alias": draw.choice(["a", "b", "c"])},
    lambda draw: {"apiBase": draw.choice(["https://a.example.com"] * 3 + ["not a URL"])},
    lambda draw: {"weight": draw.choice([0, 1, 7]), "standby": False},
    lambda draw: {"credentials": {"source": draw.choice(["None", "WorkloadIdentity"])}},
]
"""What may change in an entry."""

OF_SPECS: list[Callable[[random.Random], Manifest]] = [
    lambda draw: {"routing": {"retries": draw.choice([0, 1]), "cooldownSeconds": 5}},
    lambda draw: {"routing": {**draw.choice([{}, {"retries": 1}]), "fallbacks": [ON_FAILURE]}},
    lambda draw: {"credentials": {"source": draw.choice(["None", "WorkloadIdentity"])}},
    lambda _: {"routing": {"strategy": "least-busy"}},
    lambda draw: {"config": {"merge": {"litellm_settings": {"drop_params": draw.random() < 0.5}}}},
    lambda _: {"config": {"remove": ["/model_list/0/litellm_params/weight"]}},
    lambda _: {"config": {}},
    lambda draw: {"port": draw.choice([0, 4000, 5000])},
    lambda draw: {"credentials": {"secretRef": {"name": draw.choice(["mine", "other"])}}},
    lambda draw: {
        "deployment": {"env": [{"name": "AZURE_API_BASE", "value": draw.choice(["x", ""])}]}
    },
    lambda draw: {"deployment": {"replicas": draw.randrange(3)}},
    lambda draw: {"autoscaling": {"maxReplicas": 3, "enabled": draw.random() < 0.7}},
    lambda draw: {"patches": {"service": {"merge": {"spec": draw.choice(PATCHES)}}}},
    lambda draw: {"commonMetadata": {"labels": {"team": draw.choice(["a", "b"])}}},
    lambda draw: {"ingress": {"hosts": ["a.example.com"], "enabled": draw.random() < 0.7}},
    lambda _: {"httpRoute": {"parentRefs": [{"name": "gateway"}]}},
]
"""What may change in a spec."""


@pytest.fixture(autouse=True)
def _keys_are_not_random(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that two functions can be compared; that a random key is not kept is tested by itself."""
    monkeypatch.setattr(master_key, "_random", lambda: "c2stb25l")
    monkeypatch.setattr(master_key, "_new_id", lambda: "0badcafe")


class Cluster:
    """Routers as they change, each with what the function has composed of it."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._xrs = [
            behind_claim(f"gw{i}") if i == 0 else router(f"gw{i}", aiModels=self._models())
            for i in range(3)
        ]
        for i, xr in enumerate(self._xrs):
            xr["metadata"]["uid"] = f"uid-{i}"
        self._observed: list[dict[str, Manifest]] = [{} for _ in self._xrs]
        self._values = {"OPENAI_API_KEY": "one"}

    def step(self) -> tuple[int, fnv1.RunFunctionRequest]:
        """Changes something, or nothing, and asks about a router."""
        i = self._source.randrange(len(self._xrs))
        self._source.choice([self._edit, self._edit, self._touch, self._rotate, self._nothing])(i)
        return i, self._request(i)

    def apply(self, i: int, answer: fnv1.RunFunctionResponse) -> None:
        """Composes what was desired; sometimes the caches of Crossplane show nothing of it yet."""
        if answer.desired.resources and self._source.random() < 0.9:
            uid = self._xrs[i]["metadata"]["uid"]
            self._observed[i] = {
                name: controlled(structs.read(desired.resource), uid=uid)
                for name, desired in answer.desired.resources.items()
                if name != THEIRS
            }
        status = structs.read(answer.desired.composite.resource).get("status", {})
        status["conditions"] = [
            {"type": c.type, "status": "True", "reason": c.reason, "message": c.message}
            for c in answer.conditions
        ]
        self._xrs[i]["status"] = status

    def _edit(self, i: int) -> None:
        spec, draw = self._xrs[i]["spec"], self._source
        models = spec["aiModels"]
        match draw.randrange(4):
            case 0:
                models.append(self._model())
            case 1 if len(models) > 1:
                models.remove(draw.choice(models))
            case 2:
                draw.choice(models).update(draw.choice(OF_ENTRIES)(draw))
            case _:
                draw.shuffle(models)
                spec.update(draw.choice(OF_SPECS)(draw))

    def _touch(self, i: int) -> None:
        """Someone else changes an object, so that it is no longer as it was composed."""
        for manifest in self._observed[i].values():
            manifest["metadata"]["resourceVersion"] = str(self._source.random())
            if "ports" in manifest.get("spec", {}) and self._source.random() < 0.2:
                manifest["spec"]["ports"][0]["port"] = 1
        if "deployment" in self._observed[i]:
            deployment = self._observed[i]["deployment"]
            deployment["status"] = {"replicas": self._source.randrange(3)}
            deployment["spec"]["replicas"] = self._source.randrange(3)
            deployment["metadata"]["managedFields"] = [
                {
                    "manager": self._source.choice(["kube-controller-manager", "other"]),
                    "operation": "Update",
                    "subresource": "scale",
                    "fieldsV1": {"f:spec": {"f:replicas": {}}},
                }
            ]
            self._observed[i]["deployment"]["spec"]["replicas"] = self._source.randrange(3)

    def _rotate(self, _: int) -> None:
        self._values = {"OPENAI_API_KEY": self._source.choice(["one", "two", ""])}

    def _nothing(self, _: int) -> None:
        pass

    def _models(self) -> list[Manifest]:
        return [self._model() for _ in range(self._source.choice([1, 3, 12]))]

    def _model(self) -> Manifest:
        number = self._source.randrange(1000)
        name = f"{self._source.choice(PROVIDERS)}/m{number}"
        return {"name": name, "alias": self._source.choice(["a", "b", name])}

    def _request(self, i: int) -> fnv1.RunFunctionRequest:
        req = fnv1.RunFunctionRequest()
        xr = copy.deepcopy(self._xrs[i])
        xr["spec"].setdefault("aiModels", self._models())
        req.observed.composite.resource.update(xr)
        for name, manifest in self._observed[i].items():
            req.observed.resources[name].resource.update(manifest)
        if self._source.random() < 0.9:
            for name in (*KINDS, definitions.requirement(names.RESOURCE_HTTP_ROUTE)):
                req.required_resources[name].SetInParent()
            for name in ("litellm-secrets", "mine"):
                found = req.required_resources[f"secret.{name}"].items.add()
                found.resource.update(secret(name, "team", **self._values))
        if self._source.random() < 0.1:  # The platform team changes its mind.
            kind = {"apiVersion": names.INPUT_API_VERSION, "kind": names.INPUT_KIND}
            req.input.update({**kind, "image": f"ghcr.io/berriai/litellm:v{self._source.random()}"})
        if self._source.random() < 0.1:  # An earlier step desires something.
            req.desired.resources[THEIRS].resource.update({"kind": "ConfigMap"})
        return req


def ask(runner: fn.FunctionRunner, req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    return asyncio.run(runner.RunFunction(req, None))


def as_bytes(message: fnv1.RunFunctionResponse) -> bytes:
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_answers_are_the_same_as_if_nothing_were_kept(seed: int) -> None:
    """Over routers that are edited, objects that change, keys that rotate, and restarts.

    Each request comes twice; in some rounds little may be kept, so that much is dropped.
    """
    source = random.Random(seed)
    cluster = Cluster(source)
    most = source.choice([100_000, 500_000, 10_000_000])
    keeping = fn.FunctionRunner(most)
    refused = 0
    for _ in range(STEPS):
        if source.random() < 0.02:
            keeping = fn.FunctionRunner(most)
        i, req = cluster.step()
        expected = ask(fn.FunctionRunner(0), req)
        for _ in range(2):
            assert as_bytes(ask(keeping, req)) == as_bytes(expected)
        refused += bool(expected.results and expected.results[-1].severity == fnv1.SEVERITY_FATAL)
        cluster.apply(i, expected)
    assert refused < STEPS


OPENAI = {"name": "openai/a", "apiBase": "https://a.example.com"}
FALLBACK = [{"model": "openai/a", "when": "Failure", "to": ["cerebras/b"]}]
AROUND: dict[str, tuple[Manifest, Manifest]] = {
    "retries are set": (
        {"routing": {"fallbacks": FALLBACK}},
        {"routing": {"fallbacks": FALLBACK, "retries": 3}},
    ),
    "a fallback is there": ({}, {"routing": {"fallbacks": FALLBACK}}),
    "no key is needed": (
        {"credentials": {"source": "WorkloadIdentity"}},
        {"credentials": {"source": "None"}},
    ),
    "another Secret has the keys": ({}, {"credentials": {"secretRef": {"name": "other"}}}),
    "the keys have other names": (
        {},
        {"credentials": {"secretRef": {"keys": {"OPENAI_API_KEY": "mine"}}}},
    ),
    "deployments cool down": (
        {"routing": {"fallbacks": FALLBACK}},
        {"routing": {"fallbacks": FALLBACK, "cooldownSeconds": 5}},
    ),
    "a variable is given": (
        {},
        {"deployment": {"env": [{"name": "CEREBRAS_API_BASE", "value": "https://b.example.com"}]}},
    ),
}
"""What may change around entries that stay as they are, and matters to them."""


@pytest.mark.parametrize(("before", "after"), AROUND.values(), ids=AROUND)
def test_an_entry_follows_what_changes_around_it(before: Manifest, after: Manifest) -> None:
    models = [OPENAI, {"name": "cerebras/b"}]
    runner = fn.FunctionRunner()
    for spec in (before, after, before):
        req = settled({"aiModels": models, **spec})
        fresh = ask(fn.FunctionRunner(0), req)
        assert fresh.desired.resources
        assert as_bytes(ask(runner, req)) == as_bytes(fresh)


def settled(spec: Manifest, name: str = "gw") -> fnv1.RunFunctionRequest:
    """A request for a router that has a master key of its own, so that nothing is random."""
    req = fnv1.RunFunctionRequest()
    auth = {"masterKeySecretRef": {"name": "mine", "key": "k"}}
    req.observed.composite.resource.update(router(name, auth=auth, **spec))
    for kind in ("configMap", "deployment", "service", "secret.litellm-secrets", "secret.mine"):
        req.required_resources[kind].SetInParent()
    return req


MODELS = [{"name": "openai/a"}, {"name": "cerebras/b", "rpm": 1}]


@pytest.fixture(name="composed")
def count_compositions(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A list that grows with each request that is really composed."""
    composed: list[object] = []
    real = compose.compose

    def counted(*args: Any) -> Any:  # noqa: ANN401
        composed.append(args)
        return real(*args)

    monkeypatch.setattr(fn, "compose", counted)
    return composed


def test_the_same_request_is_answered_without_being_read(composed: list[object]) -> None:
    runner = fn.FunctionRunner()
    first = ask(runner, settled({"aiModels": MODELS}))
    assert ask(runner, settled({"aiModels": MODELS})) == first
    assert len(composed) == 1


def test_nothing_is_kept_where_nothing_may_be(composed: list[object]) -> None:
    runner = fn.FunctionRunner(0)
    for _ in range(2):
        ask(runner, settled({"aiModels": MODELS}))
    assert len(composed) == 2


def test_no_refusal_is_kept(composed: list[object]) -> None:
    runner = fn.FunctionRunner()
    for _ in range(2):
        ask(runner, settled({"aiModels": []}))
    assert len(composed) == 2


def test_no_answer_with_a_new_key_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is random: a kept one would come back after its Secret was deleted."""
    keys = iter(["b25l", "dHdv"])
    monkeypatch.setattr(master_key, "_random", lambda: next(keys))
    req = fnv1.RunFunctionRequest()
    req.observed.composite.resource.update(router())
    for name in ("configMap", "deployment", "masterKey", "service", "secret.litellm-secrets"):
        req.required_resources[name].SetInParent()
    runner = fn.FunctionRunner()
    made = [ask(runner, req).desired.resources[names.RESOURCE_MASTER_KEY] for _ in range(2)]
    assert [structs.read(key.resource)["data"] for key in made] == [
        {"LITELLM_MASTER_KEY": "b25l"},
        {"LITELLM_MASTER_KEY": "dHdv"},
    ]


def test_no_defect_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = fn.FunctionRunner()
    req = settled({"aiModels": MODELS})
    with monkeypatch.context() as patched:
        patched.setattr(fn, "compose", lambda *_: 1 / 0)
        assert ask(runner, req).results[0].reason == names.REASON_INTERNAL_ERROR
    assert ask(runner, req).desired.resources


def test_a_kept_answer_is_logged_as_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.reset_defaults()  # An earlier level would go on to filter.
    logging.configure(level=logging.Level.DEBUG)
    try:
        runner = fn.FunctionRunner()
        for _ in range(2):
            ask(runner, settled({"aiModels": MODELS}))
    finally:
        logging.configure(level=logging.Level.DISABLED)
    assert capsys.readouterr().out.count("Running function") == 2


def test_only_new_entries_are_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    real = structs.Reader.object

    def count(self: structs.Reader, struct: Any) -> Any:  # noqa: ANN401
        read.append(struct)
        return real(self, struct)

    monkeypatch.setattr(structs.Reader, "object", count)
    runner = fn.FunctionRunner()
    many = [{"name": f"openai/{i}"} for i in range(50)]
    ask(runner, settled({"aiModels": many}))
    before = len(read)
    ask(runner, settled({"aiModels": [*many, {"name": "openai/new"}]}))
    assert len(read) - before < 10


def many_parameters(i: int) -> Manifest:
    return {
        "parameters": {"temperature": 0.5, "a": {"b": [1, 2, 3], "c": f"x{i}"}},
        "info": {"mode": "chat", "text": f"{i}" * 20},
    }


SPECS: dict[str, Manifest] = {
    "one model": {"aiModels": [{"name": "openai/a"}]},
    "ten models": {"aiModels": [{"name": f"openai/{i}"} for i in range(10)]},
    "a thousand": {
        "aiModels": [
            {"name": f"{PROVIDERS[i % 5]}/{i}", "alias": f"a{i // 2}", "rpm": 60 + i % 7}
            for i in range(1000)
        ]
    },
    "much in each": {
        "aiModels": [{"name": f"openai/{i}", **many_parameters(i)} for i in range(300)]
    },
    "a large environment": {
        "aiModels": [{"name": "openai/a"}],
        "deployment": {"env": [{"name": f"V{i}", "value": "x" * 500} for i in range(100)]},
    },
    "large overrides": {
        "aiModels": [{"name": "openai/a"}],
        "config": {"merge": {"x": {f"k{i}": [i, i + 0.5, f"v{i}"] for i in range(300)}}},
    },
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_what_is_kept_is_counted_as_python_counts_it(spec: Manifest) -> None:
    """With all that is made of a plan; too little would let the memory grow beyond its bound."""
    ask(fn.FunctionRunner(), settled(spec))  # Reads the tables.
    requests = [settled(spec, f"gw{i}") for i in range(3)]
    runner = fn.FunctionRunner(1 << 30)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for req in requests:
            ask(runner, req)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    counted = runner.kept.size
    assert 0.9 * (after - before) <= counted <= 3 * (after - before)


def test_texts_that_answers_share_are_kept_and_counted_once() -> None:
    one, other = "a" * 5000, "b" * 5000
    kept = Kept(10_000, [one, other])
    answers = {bytes([i]): f"{i}{one}x{other}{one}y".encode() for i in range(5)}
    for digest, answer in answers.items():
        kept.keep_answer(digest, answer)
    assert {digest: kept.answer(digest) for digest in answers} == answers
    assert kept.size < len(one)


def test_no_more_is_kept_than_may_be() -> None:
    most = 1_000_000
    runner = fn.FunctionRunner(most)
    for i in range(40):
        ask(runner, settled(SPECS["ten models"], f"gw{i}"))
        assert runner.kept.size <= most
    assert runner.kept.size > most / 2


def test_what_earlier_steps_desire_counts_too() -> None:
    """Also in an answer without any text that others share."""
    runner = fn.FunctionRunner()
    req = settled({"type": "kong", "aiModels": MODELS})
    req.desired.resources[THEIRS].resource.update({"data": {"a": "x" * 100_000}})
    ask(runner, req)
    assert 100_000 < runner.kept.size < 110_000


def test_a_large_request_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    large = settled({"aiModels": MODELS}, "large")
    large.desired.resources[THEIRS].resource.update({"data": {"a": "x" * fn.LARGE_BYTES}})
    go_on, real = threading.Event(), compose.compose

    def slow(request: Request, kept: Kept, _: object) -> Response:
        if request.composite["metadata"]["name"] == "large":
            go_on.wait(10)
        return real(request, kept)

    monkeypatch.setattr(fn, "compose", slow)

    async def both() -> bool:
        runner = fn.FunctionRunner()
        first = asyncio.create_task(runner.RunFunction(large, None))
        await asyncio.sleep(0)
        await runner.RunFunction(settled({"aiModels": MODELS}), None)
        is_waiting = not first.done()
        go_on.set()
        await first
        return is_waiting

    assert asyncio.run(both())


@pytest.mark.parametrize(("arguments", "size"), [([], 9), (["--cache-size", "3"], 3)])
def test_the_server_keeps_as_much_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], size: int
) -> None:
    given: list[int] = []
    monkeypatch.setattr(fn, "FunctionRunner", lambda size, _: given.append(size))

    async def serve(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr(server, "serve", serve)
    assert CliRunner().invoke(cli, ["serve", "--insecure", *arguments]).exit_code == 0
    assert given == [size * 1024 * 1024]


def test_a_router_has_one_plan_however_often_it_is_edited() -> None:
    runner = fn.FunctionRunner(1 << 30)
    for i in range(3):
        ask(runner, settled({"aiModels": [*MODELS, {"name": f"openai/{i}"}]}))
    assert runner.kept.routers == 1


def test_nothing_kept_is_shown() -> None:
    runner = fn.FunctionRunner()
    req = settled({"aiModels": MODELS})
    req.required_resources["secret.mine"].items.add().resource.update(secret("mine", k="sk-mine"))
    ask(runner, req)
    assert "sk-mine" not in repr(vars(runner)) + repr(vars(runner.kept))
