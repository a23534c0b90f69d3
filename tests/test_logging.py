"""The gateway's log: its form, and what it does not hold."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from function import names
from function.call import Manifest
from tests.support import gateway as support
from tests.support.gateway import KEYS, Gateway
from tests.support.processes import free_port
from tests.support.upstream import ANSWER, Upstream
from tests.support.world import World, router

PROMPT = "a prompt that is in no log"
GREETING = ("\x1b[1;3", "\x1b[32m", "   ██", "   ╚═", " Thank you for using LiteLLM!")
"""What the lines begin with that LiteLLM prints when it starts, whatever the format is."""
CALLED = "POST /v1/chat/completions"


def variables(**spec: Any) -> Manifest:  # noqa: ANN401
    answer = World(router(**spec)).reconcile()
    assert answer.refusal is None, answer.refusal
    template = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]
    (container,) = template["spec"]["containers"]
    return {variable["name"]: variable.get("value") for variable in container["env"]}


def test_nothing_is_said_of_the_log_unless_it_is_asked_for() -> None:
    plain = variables()
    assert not {"JSON_LOGS", "LITELLM_LOG"} & plain.keys()
    assert variables(logging={"format": "Text"}) == plain


def test_the_users_own_variable_wins() -> None:
    env = [{"name": "LITELLM_LOG", "value": "CRITICAL"}]
    found = variables(logging={"level": "Error"}, deployment={"env": env})
    assert found["LITELLM_LOG"] == "CRITICAL"


@pytest.fixture(scope="module")
def upstreams() -> Iterator[tuple[Upstream, Upstream]]:
    """A provider that answers, and one that fails."""
    with Upstream() as works, Upstream() as fails:
        fails.status = HTTPStatus.INTERNAL_SERVER_ERROR
        yield works, fails


def log_of(upstreams: tuple[Upstream, Upstream], logging: Manifest) -> str:
    """What a gateway prints that is called in all ways, and stopped."""
    works, fails = (f"{upstream.url}/v1" for upstream in upstreams)
    models = [
        {"name": "openai/gpt-4o", "alias": "works", "apiBase": works},
        {"name": "openai/gpt-4o", "alias": "fails", "apiBase": fails},
    ]
    # That there is no collector is told by another package than LiteLLM.
    tracing = {"endpoint": f"http://127.0.0.1:{free_port()}"}
    with support.gateway(
        aiModels=models, routing={"retries": 0}, logging=logging, tracing=tracing
    ) as gateway:
        for model in ("works", "fails", "not offered"):
            gateway.chat(model, PROMPT)
        assert gateway.stream("works") == ANSWER
        call_without_the_key(gateway)
        gateway.call("/not/open", key=gateway.key)
        gateway.pod.stop()
        log = gateway.pod.log()
    keys = (gateway.key, *KEYS.values(), "sk-wrong-key", "wrong-key")
    assert [said for said in (*keys, PROMPT, ANSWER) if said in log] == []
    return log


def call_without_the_key(gateway: Gateway) -> None:
    for key in (None, "wrong-key", "sk-wrong-key"):
        body = {"model": "works", "messages": [{"role": "user", "content": PROMPT}]}
        gateway.call("/v1/chat/completions", body, key=key)


@pytest.mark.parametrize("level", [None, "Error"])
def test_each_line_is_an_object_but_for_the_greeting(
    upstreams: tuple[Upstream, Upstream], level: str | None
) -> None:
    asked = {"format": "JSON"} if level is None else {"format": "JSON", "level": level}
    lines = [line for line in log_of(upstreams, asked).splitlines() if line.strip()]
    others = [line for line in lines if not line.startswith("{")]
    assert [line for line in others if not line.startswith(GREETING)] == []
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    assert all({"message", "level", "timestamp"} <= found.keys() for found in objects)
    levels = {found["level"] for found in objects}
    assert "ERROR" in levels
    assert ("INFO" in levels) == (level != "Error")
    assert any(CALLED in found["message"] for found in objects) == (level != "Error")


@pytest.mark.parametrize(("level", "calls"), [("Info", True), ("Warning", False)])
def test_a_level_decides_what_is_printed(
    upstreams: tuple[Upstream, Upstream],
    level: str,
    calls: bool,  # noqa: FBT001
) -> None:
    log = log_of(upstreams, {"level": level})
    assert (CALLED in log) is calls
    assert ("LiteLLM Router:INFO" in log) is calls
