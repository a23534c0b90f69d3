"""Specs that are made to cost as much as they can, beside plain ones."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Final

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function.call import Manifest
from function.fn import FunctionRunner
from function.gateways.litellm.credentials import DEFAULT_SECRET
from function.resources import KINDS
from tests.support.world import router

_CALLS: Final = 3


def specs(count: int) -> Iterator[tuple[str, Manifest]]:
    """Routers of so many models, two to a group: one with nothing else, one with much."""
    models: list[Manifest] = [{"name": f"openai/m{i}", "alias": f"a{i // 2}"} for i in range(count)]
    yield "plain", {"aiModels": models}
    more = {
        "rpm": 10,
        "tpm": 100,
        "timeoutSeconds": 30,
        "parameters": {"temperature": 0.5, "extra_headers": {"X-Team": "a"}},
        "info": {"mode": "chat"},
    }
    fallbacks = [{"model": f"a{i}", "to": ["a0"]} for i in range(1, min(count // 2, 64))]
    yield (
        "much",
        {
            "aiModels": [{**model, **more, "weight": i + 1} for i, model in enumerate(models)],
            "routing": {"fallbacks": fallbacks},
            "config": {"merge": {"litellm_settings": {"drop_params": True}}},
        },
    )


def hostile() -> Iterator[tuple[str, Manifest]]:
    """Specs that are made to cost as much as they can, within the bounds and beyond them."""

    def models(**more: Callable[[int], object]) -> list[Manifest]:
        return [
            {
                "name": f"openai/m{i}",
                "alias": f"a{i // 2}",
                **{key: of(i) for key, of in more.items()},
            }
            for i in range(1000)
        ]

    def nested(value: object, levels: int) -> Manifest:
        for _ in range(levels):
            value = {"a": value}
        return {"a": value}

    one = [{"name": "openai/gpt-4o"}]
    yield "many empty lists", {"aiModels": one, "config": {"merge": nested([[]] * 200_000, 20)}}
    yield "some empty lists", {"aiModels": one, "config": {"merge": nested([[]] * 4_900, 18)}}
    yield "unknown providers", {"aiModels": [{"name": f"openaj{i:03}x/m"} for i in range(1000)]}
    yield "misspelled parameters", {"aiModels": models(parameters=lambda i: {f"temperature{i}": 1})}
    sections = {f"num_retries{i}": 1 for i in range(2000)}
    merge = {"litellm_settings": sections, "router_settings": sections}
    yield "misspelled settings", {"aiModels": one, "config": {"merge": merge}}
    things: list[tuple[str, object]] = [("numbers", 0.1), ("lines", "a\nb"), ("lists", [])]
    for what, value in things:
        given = dict.fromkeys([f"p{j}" for j in range(15)], value)
        yield f"many {what}", {"aiModels": [{**model, "parameters": given} for model in models()]}
    yield "deep parameters", {"aiModels": models(parameters=lambda _: nested([[]] * 2, 12))}
    yield "escapes", {"aiModels": models(parameters=lambda _: {"a": "\x01" * 240})}
    yield "almost a URL", {"aiModels": one, "config": {"merge": {"a": "a://" + ":" * 30_000}}}
    yield "one long text", {"aiModels": one, "config": {"merge": {"a": "x" * 1_400_000}}}
    yield "nothing right", {"aiModels": [{"name": [], "alias": [], "rpm": []}] * 1000}
    yield "no models", {"aiModels": [1] * 19_000}
    yield "unknown fields", {"aiModels": one, "junk": [None] * 1_000_000}
    secret = lambda i: {"secretRef": {"name": f"s{i}"}}  # noqa: E731
    yield "many Secrets", {"aiModels": models(credentials=secret)}
    keys = {f"V{j}": f"k{j}" for j in range(14)}
    mapped = lambda i: {"secretRef": {"name": f"s{i % 60}", "keys": keys}}  # noqa: E731
    yield "many keys of Secrets", {"aiModels": models(credentials=mapped)}
    wildcards = [{"name": "openai/*", "alias": f"{i}*{'a' * 60}"} for i in range(999)]
    asked = [f"{i}{'a' * 60}" for i in range(64 * 9)]
    chains = [{"model": asked[i], "to": asked[i + 1 : i + 9]} for i in range(0, len(asked), 9)]
    yield (
        "many wildcards and fallbacks",
        {
            "aiModels": [*wildcards, {"name": "openai/*", "alias": f"*{'a' * 60}"}],
            "routing": {"cooldownSeconds": 9, "fallbacks": chains},
        },
    )
    env = [{"name": f"V{i}", "value": "x" * 11_000} for i in range(128)]
    yield "large environment", {"aiModels": one, "deployment": {"env": env}}
    long = {"alias": "a", "apiBase": "https://h/", "apiVersion": "v"}
    yield (
        "long texts",
        {
            "aiModels": [
                {
                    "name": f"p/{i}",
                    **{key: f"{text}{i}".ljust(64, "x") for key, text in long.items()},
                }
                for i in range(1000)
            ]
        },
    )


def request(spec: Manifest) -> fnv1.RunFunctionRequest:
    """A request for which nothing more has to be looked up."""
    req = fnv1.RunFunctionRequest()
    req.observed.composite.resource.update(router(**spec))
    for name in (*KINDS, f"secret.{DEFAULT_SECRET}"):
        req.required_resources[name].SetInParent()
    return req


def costs() -> Iterator[tuple[str, float, float]]:
    """For each spec, what it is called and the CPU seconds of the first call and of the next ones.

    A plain router of as many models as are allowed comes first.
    """
    _cost({"aiModels": [{"name": "openaj/gpt-4o"}]})  # Reads the tables.
    plain, *_ = specs(1000)
    for what, spec in (plain, *hostile()):
        yield what, *_cost(spec)


def _cost(spec: Manifest) -> tuple[float, float]:
    req = request(spec)

    async def run() -> tuple[float, float]:
        runner = FunctionRunner()
        begin = time.process_time()
        await runner.RunFunction(req, None)
        first = time.process_time()
        for _ in range(_CALLS):
            await runner.RunFunction(req, None)
        return first - begin, (time.process_time() - first) / _CALLS

    return asyncio.run(run())
