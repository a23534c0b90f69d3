"""How long the function takes, in milliseconds of CPU for each call.

    python -m tests.benchmark

Not a test: what it prints is compared before and after a change, on one machine.
"""

import asyncio
import time
from collections.abc import Iterator

from crossplane.function import logging
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function import fn
from function.call import Manifest
from function.gateways.litellm.credentials import DEFAULT_SECRET
from function.resources import KINDS
from tests.support.world import router

CALLS = {10: 300, 1000: 20}
"""How many calls are timed, by the number of models."""


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


def milliseconds(spec: Manifest, calls: int) -> float:
    """The CPU time of a call, after a first one that is not counted."""
    request = fnv1.RunFunctionRequest()
    request.observed.composite.resource.update(router(**spec))
    for name in (*KINDS, f"secret.{DEFAULT_SECRET}"):
        request.required_resources[name].SetInParent()

    async def run() -> float:
        runner = fn.FunctionRunner()
        response = await runner.RunFunction(request, None)
        assert len(response.desired.resources) == len(KINDS), response.results
        begin = time.process_time()
        for _ in range(calls):
            await runner.RunFunction(request, None)
        return (time.process_time() - begin) / calls * 1000

    return asyncio.run(run())


if __name__ == "__main__":
    logging.configure(level=logging.Level.DISABLED)
    for count, calls in CALLS.items():
        for what, spec in specs(count):
            print(  # noqa: T201  # That is what it is for.
                f"{count:5} models, {what}: {milliseconds(spec, calls):6.2f} ms"
            )
