"""The traces that a gateway sends to a collector, and what they do not hold."""

import base64
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from function import names
from function.call import Manifest
from tests.support import gateway as support
from tests.support.collector import Collector
from tests.support.gateway import KEYS, Gateway, until
from tests.support.processes import free_port
from tests.support.upstream import ANSWER, Upstream
from tests.support.world import World, router, secret

PROMPT = "a prompt for the model alone"
HEADER = "header-of-the-test"
CLIENTS = {
    "User-Agent": "agent-of-the-client",
    "X-Custom-Token": "token-of-the-client",
    "x-litellm-tags": "tag-of-the-client",
    "x-litellm-end-user-id": "user-of-the-client",
}
"""Headers of a client's call, of which none leaves the pod."""
SAID: Manifest = {
    "user": "user-in-the-body",
    "metadata": {"note": "note-of-the-client"},
    "stop": ["stop-of-the-client"],
    "tools": [{"type": "function", "function": {"name": "tool-of-the-client"}}],
}
WRONG_KEY = "a-wrong-key-that-is-not-hashed"
ENDPOINT = "http://collector:4318"


# -- What is composed


def composed(**spec: Any) -> tuple[Manifest, dict[str, Manifest], dict[str, str]]:  # noqa: ANN401
    """The configuration, the container's variables by name, and the files."""
    answer = World(router(**spec)).reconcile()
    assert answer.refusal is None, answer.refusal
    files = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]
    (container,) = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"][
        "containers"
    ]
    variables = {variable["name"]: variable for variable in container["env"]}
    return yaml.safe_load(files["config.yaml"]), variables, files


def test_nothing_is_traced_unless_it_is_asked_for() -> None:
    plain = composed()
    assert composed(tracing={"enabled": False, "endpoint": ENDPOINT}) == plain
    config, variables, files = plain
    assert "callback_settings" not in config
    assert not [name for name in variables if name.startswith(("OTEL", "SPANS"))]
    assert "spans.py" not in files


def test_traces_go_to_the_endpoint_under_the_routers_name() -> None:
    config, variables, files = composed(tracing={"endpoint": ENDPOINT}, metrics={})
    assert config["litellm_settings"]["callbacks"] == ["otel", "prometheus"]
    assert config["callback_settings"] == {"otel": {"message_logging": False}}
    said = {name: variable.get("value") for name, variable in variables.items()}
    assert said["OTEL_EXPORTER_OTLP_ENDPOINT"] == ENDPOINT
    assert said["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert said["OTEL_SERVICE_NAME"] == "gw"
    assert said["LITELLM_WORKER_STARTUP_HOOKS"] == "gate:install,silence:install,spans:install"
    assert "def install()" in files["spans.py"]
    assert not {"OTEL_EXPORTER_OTLP_HEADERS", "SPANS_HOLD_CONTENT"} & said.keys()


def test_the_collectors_headers_are_a_secrets_and_roll_the_pods() -> None:
    ref = {"name": "tracing", "key": "headers"}
    xr = router(tracing={"endpoint": ENDPOINT, "headersSecretRef": ref})
    world = World(xr)
    world.add(secret("litellm-secrets", OPENAI_API_KEY="k"))
    missing = world.reconcile()
    (condition,) = (c for c in missing.conditions if c.type == names.CREDENTIALS_PRESENT)
    assert (condition.status, condition.message) == (
        "False",
        "Missing: headers in Secret 'tracing'.",
    )
    hashes = set()
    for value in ("x-key=one", "x-key=two"):
        world.add(secret("tracing", headers=value))
        answer = world.reconcile()
        shown = repr(answer)
        assert value not in shown
        assert base64.b64encode(value.encode()).decode() not in shown
        template = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]
        hashes.add(template["metadata"]["annotations"][names.ANNOTATION_SECRET_HASH])
        (variable,) = (
            v
            for v in template["spec"]["containers"][0]["env"]
            if v["name"] == "OTEL_EXPORTER_OTLP_HEADERS"
        )
        assert variable["valueFrom"] == {"secretKeyRef": {**ref, "optional": True}}
    assert len(hashes) == 2


# -- On a proxy that runs


@pytest.fixture(scope="module")
def upstreams() -> Iterator[tuple[Upstream, Upstream]]:
    """A provider that answers, and one that repeats what it was sent when it fails."""
    with Upstream() as works, Upstream() as fails:
        fails.status = HTTPStatus.INTERNAL_SERVER_ERROR
        fails.error = f"{PROMPT} was sent with {KEYS['OPENAI_API_KEY']}"
        yield works, fails


def traced(upstreams: tuple[Upstream, Upstream], tracing: Manifest) -> World:
    """A cluster with a router whose calls are traced."""
    works, fails = (f"{upstream.url}/v1" for upstream in upstreams)
    return World(
        router(
            port=free_port(),
            aiModels=[
                {"name": "openai/gpt-4o", "alias": "works", "apiBase": works},
                {"name": "openai/gpt-4o", "alias": "fails", "apiBase": fails},
            ],
            routing={"retries": 0},
            tracing={"headersSecretRef": {"name": "tracing", "key": "headers"}, **tracing},
        )
    )


SECRETS = (
    secret("litellm-secrets", **KEYS),
    secret("tracing", headers=f"x-collector={HEADER},x-other=more"),
)


def call_in_all_ways(gateway: Gateway) -> None:
    body = {"messages": [{"role": "user", "content": PROMPT}], **SAID}
    key = {"Authorization": f"Bearer {gateway.key}"}
    for model in ("works", "fails", "not offered"):
        gateway.text("/v1/chat/completions", {**CLIENTS, **key}, {"model": model, **body})
    wrong = {"Authorization": f"Bearer {WRONG_KEY}"}
    gateway.text("/v1/chat/completions", {**CLIENTS, **wrong}, {"model": "works", **body})
    assert gateway.stream("works") == ANSWER


@pytest.mark.parametrize("protocol", ["HTTP", "GRPC"])
def test_a_collector_gets_the_calls_and_none_of_their_content(
    upstreams: tuple[Upstream, Upstream], protocol: str
) -> None:
    with Collector() as collector:
        tracing = {"endpoint": collector.urls[protocol], "protocol": protocol}
        with support.running(traced(upstreams, tracing), *SECRETS) as gateway:
            call_in_all_ways(gateway)
            until(lambda: collector.text().count(b"litellm_request") >= 3)
            time.sleep(1)  # For what follows the call.
        text, spans = collector.text(), collector.spans()
    assert {export.headers.get("x-collector") for export in collector.exports} == {HEADER}
    assert {span.resource["service.name"] for span in spans} == {"gw"}
    tokens = "gen_ai.usage.total_tokens"
    (first, *_) = (span.attributes for span in spans if tokens in span.attributes)
    assert first["gen_ai.request.model"] == "gpt-4o"
    assert first[tokens] == "2"
    assert any(span.attributes.get("error.code") == "500" for span in spans)
    clients = [*CLIENTS.values(), "user-in-the-body", "note-of-", "stop-of-", "tool-of-"]
    keys = [*KEYS.values(), WRONG_KEY, gateway.key, HEADER]
    assert [said for said in (PROMPT, ANSWER, *clients, *keys) if said.encode() in text] == []
    # Asked for every few seconds.
    assert not any("/health/" in str(span) or "/gate" in str(span) for span in spans)


def test_content_is_captured_where_it_is_asked_for_but_still_no_key(
    upstreams: tuple[Upstream, Upstream],
) -> None:
    with Collector() as collector:
        tracing = {"endpoint": collector.urls["HTTP"], "captureContent": True}
        with support.running(traced(upstreams, tracing), *SECRETS) as gateway:
            call_in_all_ways(gateway)
            until(lambda: collector.text().count(b"litellm_request") >= 3)
        text = collector.text()
    for said in (PROMPT, ANSWER, "tool-of-the-client", "was sent with"):
        assert said.encode() in text
    keys = [*KEYS.values(), WRONG_KEY, gateway.key, HEADER]
    headers = [*CLIENTS.values()][:3]
    assert [said for said in (*keys, *headers) if said.encode() in text] == []


@pytest.mark.parametrize("protocol", ["HTTP", "GRPC"])
def test_no_call_fails_where_there_is_no_collector(
    upstreams: tuple[Upstream, Upstream], protocol: str
) -> None:
    tracing = {"endpoint": f"http://127.0.0.1:{free_port()}", "protocol": protocol}
    with support.running(traced(upstreams, tracing), *SECRETS) as gateway:
        # It says that it cannot export.
        until(lambda: gateway.chat("works")[0] != HTTPStatus.OK or "xport" in gateway.pod.log())
        assert gateway.chats("works", 20) == {HTTPStatus.OK: 20}
        assert HEADER not in gateway.pod.log()


@pytest.mark.parametrize("protocol", ["HTTP", "GRPC"])
def test_no_call_waits_for_a_collector_that_does_not_answer(
    upstreams: tuple[Upstream, Upstream], protocol: str
) -> None:
    with Collector() as collector:
        collector.answers.clear()
        tracing = {"endpoint": collector.urls[protocol], "protocol": protocol}
        with support.running(traced(upstreams, tracing), *SECRETS) as gateway:
            gateway.chat("works")
            until(lambda: bool(collector.exports))
            # While it is kept waiting:
            assert gateway.chats("works", 20) == {HTTPStatus.OK: 20}
            assert not collector.answers.is_set()
