"""What clients may call and say: the gate in front of a LiteLLM proxy that runs.

Every provider's own host is another stand-in here, which no model of the router names. One gateway
has its gate open, and shows that each row of the tables does leave the offered models: whatever
then comes in there was sent to a host that the router did not choose.
"""

import base64
import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib import resources
from typing import Any

import pytest

from function.call import Manifest
from tests.support import gateway as support
from tests.support.gateway import Gateway, parts
from tests.support.kubelet import NotReady, Pod
from tests.support.processes import free_port
from tests.support.tools import CACHE
from tests.support.upstream import ANSWER, STREAMED, Upstream
from tests.support.world import World, router, secret

KEYS = {"OPENAI_API_KEY": "sk-openai", "ANTHROPIC_API_KEY": "sk-anthropic"}
CHAT = "/v1/chat/completions"
SAID = [{"role": "user", "content": "a secret prompt"}]
OPEN = {"GATE_OPEN_ROUTES": "*", "GATE_OPEN_PARAMETERS": "*"}


@dataclass(frozen=True)
class Row:
    """A call of a client's.

    Attributes:
        why: what LiteLLM does with it.
        path: the route.
        body: what is sent as JSON; nothing is sent by GET.
        headers: beside the key.
        leaves: whether it is seen to leave the offered models when the gate is open.
        method: of the call, if not that which goes with the body.
    """

    why: str
    path: str = CHAT
    body: Manifest | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    leaves: bool = False
    method: str = ""

    def __str__(self) -> str:
        return f"{self.path} {json.dumps(self.body)} {dict(self.headers) or ''}"


def chat(why: str, *, leaves: bool = False, **said: Any) -> Row:  # noqa: ANN401
    """A chat completion that says more than its prompt."""
    return Row(why, CHAT, {"model": "hosted", "messages": SAID, **said}, leaves=leaves)


def forged(model_id: str) -> str:
    """An id of a response, as LiteLLM words it, of a provider that no one offers."""
    said = f"litellm:custom_llm_provider:azure;model_id:{model_id};response_id:resp_1"
    return f"resp_{base64.b64encode(said.encode()).decode()}"


ROUTES = [
    # Pass-through routes go to their provider's host with whatever key is in the environment.
    Row("passed through", "/anthropic/v1/messages", {"model": "x"}, leaves=True),
    Row("passed through", "/mistral/v1/chat/completions", {"model": "x"}, leaves=True),
    Row("passed through", "/cohere/v1/chat", {"model": "x"}, leaves=True),
    Row("passed through", "/azure_ai/x", {"model": "x"}, leaves=True),
    Row("passed through", "/vllm/v1/chat/completions", {"model": "own", "messages": SAID}),
    *(
        Row("passed through", f"/{name}/x", {"model": "x"})
        for name in (
            *("assemblyai", "azure", "azure_speech", "bedrock", "cursor", "eu.assemblyai"),
            *("fal_ai", "gemini", "gigachat", "langfuse", "milvus", "nvidia_nim", "openai"),
            *("openai_passthrough", "openrouter", "tinyfish", "typesafe", "vertex-ai"),
            *("vertex_ai", "watsonx"),
        )
    ),
    # Routes on which the client chooses the provider, or LiteLLM does: OpenAI.
    Row("OpenAI's files", "/v1/files"),
    Row("a provider's files", "/v1/files?custom_llm_provider=azure", leaves=True),
    Row("a provider's files", "/azure/v1/files", leaves=True),
    Row("OpenAI's batches", "/v1/batches"),
    Row("a provider's batches", "/v1/batches?custom_llm_provider=azure", leaves=True),
    Row("OpenAI's jobs", "/v1/fine_tuning/jobs"),
    Row("OpenAI's assistants", "/v1/assistants"),
    Row("OpenAI's threads", "/v1/threads", {"messages": SAID}),
    Row("OpenAI's vector stores", "/v1/vector_stores"),
    Row("a search in one", "/v1/vector_stores/vs_1/search", {"query": "q"}),
    Row("OpenAI's containers", "/v1/containers"),
    Row("Anthropic's skills", "/v1/skills", leaves=True),
    Row("Gemini's agents", "/v1beta/agents"),
    Row("Gemini's interactions", "/interactions", {"agent": "a", "input": "q"}),
    Row("Gemini's form of a call", "/v1beta/models/own:generateContent", {"contents": []}),
    Row("always OpenAI, with whatever key", "/v1/moderations", {"model": "own", "input": "q"}),
    Row("a provider's videos", "/v1/videos"),
    Row("a provider's evaluations", "/v1/evals"),
    Row("a provider's text recognition", "/v1/ocr", {"model": "own", "document": {}}),
    Row("a store of the client's choice", "/v1/rag/query", {"model": "own", "messages": SAID}),
    Row("a search engine", "/v1/search/tavily", {"query": "q"}),
    Row("a session key", "/v1/realtime/client_secrets", {"model": "own"}),
    Row("an id that names a provider", f"/v1/responses/{forged('')}"),
    Row("an id that names a provider", f"/v1/responses/{forged('')}", method="DELETE"),
    Row("an id that names a provider", f"/v1/responses/{forged('')}/input_items"),
    Row("an id that names a provider", f"/v1/responses/{forged('')}/cancel", {}),
    # Routes that call a host for tests or lists.
    Row("calls every model, which costs", "/health"),
    Row("a search engine at the client's host", "/search_tools/test_connection", {}),
    Row("an MCP server at the client's host", "/mcp-rest/test/connection", {}),
    Row("an agent at the client's host", "/v1/a2a/discover", {}),
    Row("a Redis server at the client's host", "/cache/settings/test", {}),
    Row("a model of the client's", "/health/test_connection", {}),
    Row("counts at the provider", "/utils/token_counter", {"model": "own", "messages": SAID}),
    # The administration.
    Row("adds a model", "/model/new", {}),
    Row("changes the configuration", "/config/update", {}),
    Row("shows the configuration", "/router/settings"),
    Row("shows the configuration", "/get/config/callbacks"),
    Row("the administration's pages", "/ui/"),
    Row("the administration's pages", "/"),
    # What no one has listed.
    Row("a route that LiteLLM may have tomorrow", "/v1/tomorrow", {"model": "own"}),
    Row("the same with a slash", "/v1/chat/completions/", {"model": "own", "messages": SAID}),
    Row("the same with two", "//v1/chat/completions", {"model": "own", "messages": SAID}),
    Row("another way to it", "/gw/../v1/files"),
    Row("in other letters", "/v1/FILES"),
    Row("a method that the route does not have", CHAT, method="PUT"),
]


@pytest.mark.parametrize("row", ROUTES, ids=str)
def test_refuses_a_route_that_leaves_the_offered_models(
    shut: Gateway, own: Upstream, elsewhere: Upstream, row: Row
) -> None:
    before = len(own.calls), len(elsewhere.calls)
    status, sentence = told(shut, row)
    assert status == HTTPStatus.FORBIDDEN
    assert sentence.endswith("GATE_OPEN_ROUTES in its environment opens others.")
    assert (len(own.calls), len(elsewhere.calls)) == before


BODIES = [
    # Another provider, to which the key of the offered one is sent.
    chat("the provider's host", custom_llm_provider="deepseek", leaves=True),
    chat("OpenAI becomes Azure", azure=True, leaves=True),
    chat("OpenAI becomes Azure, with this deployment", deployment_id="x", leaves=True),
    chat("a proxy's host", use_litellm_proxy=True),
    Row(
        "the provider's host",
        "/v1/rerank",
        {"model": "hosted", "query": "q", "documents": ["d"], "custom_llm_provider": "cohere"},
        leaves=True,
    ),
    Row(
        "the provider's host",
        "/v1/completions",
        {"model": "hosted", "prompt": "q", "custom_llm_provider": "deepseek"},
        leaves=True,
    ),
    # Another model, after the one that is asked for has failed.
    chat(
        "with another provider",
        model="down",
        fallbacks=[{"model": "hosted", "custom_llm_provider": "deepseek"}],
        leaves=True,
    ),
    chat("past the router's own", fallbacks=["own"]),
    chat("past the router's own", context_window_fallbacks=[{"hosted": ["own"]}]),
    chat("past the router's own", content_policy_fallbacks=[{"hosted": ["own"]}]),
    chat(
        "past the router's own",
        model="down",
        router_settings_override={
            "fallbacks": [{"down": [{"model": "hosted", "custom_llm_provider": "deepseek"}]}]
        },
        leaves=True,
    ),
    # Hosts and credentials, which LiteLLM itself refuses in part.
    chat("a host", api_base="https://client.invalid"),
    chat("a host", base_url="https://client.invalid"),
    chat("a credential", api_key="client"),
    chat("a credential by its name", litellm_credential_name="x"),
    chat("a whole configuration", user_config={"model_list": []}),
    chat("a whole configuration", model_list=[]),
    chat("a whole configuration", litellm_params={"api_base": "https://client.invalid"}),
    chat("a header to the provider", extra_headers={"Authorization": "client"}),
    chat("anything to the provider", extra_body={"model": "other"}),
    chat("an account", organization="client"),
    chat("a host of AWS", aws_bedrock_runtime_endpoint="https://client.invalid"),
    chat("a part of Google's host", vertex_location="client.invalid/"),
    chat("a host of logs", langfuse_host="https://client.invalid"),
    chat("calls someone after each call", success_callback=["langfuse"]),
    chat("an answer without a model", mock_response="x"),
    chat("one deployment", specific_deployment=True),
    chat("a prompt from elsewhere", prompt_id="x"),
    chat("a search in a store", vector_store_ids=["vs_1"]),
    chat("a check by someone else", guardrails=["x"]),
    chat("a parameter that LiteLLM may have tomorrow", tomorrow="x"),
    chat("settings in what is logged", litellm_metadata={"model_info": {}}),
    chat("settings in what is logged", metadata={"model_info": {"id": "x"}}),
    chat("settings in a text", metadata='{"model_info": {}}'),
    # Servers that the provider would call.
    chat("the client's server", tools=[{"type": "mcp", "server_url": "https://client.invalid"}]),
    Row(
        "the client's server",
        "/v1/messages",
        {"model": "own", "messages": SAID, "max_tokens": 1, "mcp_servers": []},
    ),
    # Queries, which LiteLLM reads like bodies, and headers.
    Row("the query wins", f"{CHAT}?model=own", {"model": "hosted", "messages": SAID}),
    Row("a host", f"{CHAT}?api_base=https://client.invalid", {"model": "own", "messages": SAID}),
    Row(
        "a model in a header",
        CHAT,
        {"model": "own", "messages": SAID},
        headers={"X-LiteLLM-Model": "other"},
    ),
    # Bodies that the gate and LiteLLM might read differently.
    Row("no model", CHAT, {"messages": SAID}),
    Row("models", CHAT, {"model": ["own"], "messages": SAID}),
    Row(
        "a form where there is none",
        CHAT,
        {"model": "own", "messages": SAID},
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ),
    Row(
        "no form where there is one",
        "/v1/images/edits",
        {"model": "own", "custom_llm_provider": "deepseek"},
    ),
]


@pytest.mark.parametrize("row", BODIES, ids=str)
def test_refuses_a_parameter_that_leaves_the_offered_models(
    shut: Gateway, own: Upstream, elsewhere: Upstream, row: Row
) -> None:
    before = len(own.calls), len(elsewhere.calls)
    status, sentence = told(shut, row)
    assert status == HTTPStatus.BAD_REQUEST
    assert sentence.endswith(".")
    assert (len(own.calls), len(elsewhere.calls)) == before


@pytest.mark.parametrize("row", [row for row in ROUTES + BODIES if row.leaves], ids=str)
def test_without_the_gate_it_would_leave_them(
    opened: Gateway, elsewhere: Upstream, row: Row
) -> None:
    """Which is also how a route or a parameter is opened on purpose."""
    before = len(elsewhere.calls)
    told(opened, row)
    assert len(elsewhere.calls) > before


def test_without_the_gate_a_client_can_send_a_key_to_another_provider(
    opened: Gateway, elsewhere: Upstream
) -> None:
    before = len(elsewhere.calls)
    told(opened, chat("the provider's host", custom_llm_provider="deepseek"))
    (call,) = elsewhere.calls[before:]
    assert call.headers["authorization"] == f"Bearer {KEYS['OPENAI_API_KEY']}"
    assert call.body["messages"] == SAID
    _, models, _ = sent(opened, Row("the models", "/model/info"))
    (model_id,) = [m["model_info"]["id"] for m in models["data"] if m["model_name"] == "hosted"]
    before = len(elsewhere.calls)
    told(opened, Row("an id that names a provider", f"/v1/responses/{forged(model_id)}"))
    (call,) = elsewhere.calls[before:]
    assert KEYS["OPENAI_API_KEY"] in call.headers.values()


def test_refuses_a_websocket(shut: Gateway) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    status, _, _ = sent(shut, Row("a realtime call", "/v1/realtime?model=own", headers=upgrade))
    assert status == HTTPStatus.FORBIDDEN


def test_opens_by_name_what_is_opened(own: Upstream, elsewhere: Upstream) -> None:
    """And nothing else."""
    some = {
        "GATE_OPEN_ROUTES": "/anthropic/*, /router/settings",
        "GATE_OPEN_PARAMETERS": "organization",
    }
    with running(own, elsewhere, some) as gateway:
        before = len(elsewhere.calls)
        assert told(gateway, Row("opened", "/anthropic/v1/x", {}))[0] != HTTPStatus.FORBIDDEN
        assert [call.path for call in elsewhere.calls[before:]] == ["/v1/x"]
        assert told(gateway, Row("opened", "/router/settings"))[0] == HTTPStatus.OK
        assert told(gateway, chat("opened", model="own", organization="x"))[0] == HTTPStatus.OK
        assert told(gateway, Row("shut", "/cohere/v1/x", {}))[0] == HTTPStatus.FORBIDDEN
        assert told(gateway, chat("shut", azure=True))[0] == HTTPStatus.BAD_REQUEST


FORM_TYPE = "multipart/form-data; boundary=edge"

CALLS = [
    Row("a text", CHAT, {"model": "own", "messages": SAID, "temperature": 0, "seed": 1}),
    Row("without /v1", "/chat/completions", {"model": "own", "messages": SAID}),
    Row("what vLLM takes", CHAT, {"model": "own", "messages": SAID, "min_p": 0.1, "top_k": 4}),
    Row("what is logged", CHAT, {"model": "own", "messages": SAID, "metadata": {"team": "a"}}),
    Row("a tool", CHAT, {"model": "own", "messages": SAID, "tools": [{"type": "function"}]}),
    Row("a text", "/v1/completions", {"model": "own", "prompt": "q"}),
    Row("vectors", "/v1/embeddings", {"model": "own", "input": ["q"]}),
    Row("a picture", "/v1/images/generations", {"model": "own", "prompt": "q", "n": 1}),
    Row("a voice", "/v1/audio/speech", {"model": "own", "input": "q", "voice": "alloy"}),
    Row("a ranking", "/v1/rerank", {"model": "vllm", "query": "q", "documents": ["d"]}),
    Row("a ranking", "/v2/rerank", {"model": "vllm", "query": "q", "documents": ["d"]}),
    Row("a response", "/v1/responses", {"model": "own", "input": "q", "store": False}),
    Row("a message", "/v1/messages", {"model": "own", "messages": SAID, "max_tokens": 5}),
    Row("a message", "/v1/messages?beta=true", {"model": "own", "messages": SAID, "max_tokens": 5}),
    Row("a count", "/v1/messages/count_tokens", {"model": "own", "messages": SAID}),
]


@pytest.mark.parametrize("row", CALLS, ids=str)
def test_passes_a_call_of_an_offered_model_on(shut: Gateway, own: Upstream, row: Row) -> None:
    before = len(own.calls)
    told(shut, row)
    calls = own.calls[before:]
    assert calls
    assert all(call.is_models and call.body["model"] in ("gpt-4o", "qwen") for call in calls)


@pytest.mark.parametrize(
    ("path", "name", "answered"),
    [
        ("/audio/transcriptions", "file", HTTPStatus.OK),
        ("/images/edits", "image", HTTPStatus.OK),
    ],
)
@pytest.mark.parametrize("version", ["", "/v1"])
def test_passes_a_form_on_as_it_is(  # noqa: PLR0913  # A case and its gateway.
    *, shut: Gateway, own: Upstream, version: str, path: str, name: str, answered: HTTPStatus
) -> None:
    """And refuses one that says what a body may not say."""
    fields = {"model": "own", "prompt": "q", "include[]": "logprobs"}
    before = len(own.calls)
    status, _ = told(shut, Row("a form", version + path), form(name, **fields))
    assert status == answered
    (call,) = own.calls[before:]
    assert "what the file holds" in call.body
    for more in ({"custom_llm_provider": "deepseek"}, {"metadata[api_base]": "https://x"}):
        status, _ = told(shut, Row("a form", version + path), form(name, **fields, **more))
        assert status == HTTPStatus.BAD_REQUEST
    assert len(own.calls) == before + 1


def test_passes_streams_and_answers_on(shut: Gateway, own: Upstream) -> None:
    status, answer = shut.chat("own")
    assert status == HTTPStatus.OK
    assert answer["choices"][0]["message"]["content"] == ANSWER
    assert shut.stream("own") == "".join(STREAMED)
    own.pause = 0.5
    try:
        assert seconds_after_the_first_word(shut) > own.pause
    finally:
        own.pause = 0


def test_passes_a_large_body_on(shut: Gateway, own: Upstream) -> None:
    status, _ = shut.chat("own", "long " * 1_000_000)
    assert status == HTTPStatus.OK
    assert len(own.calls[-1].body["messages"][0]["content"]) == 5_000_000


def test_lists_models_and_health(shut: Gateway) -> None:
    status, answer, _ = sent(shut, Row("the models", "/v1/models"))
    assert status == HTTPStatus.OK
    assert {model["id"] for model in answer["data"]} == {"own", "hosted", "other", "down", "vllm"}
    assert told(shut, Row("one of them", "/v1/models/own"))[0] == HTTPStatus.OK
    assert told(shut, Row("as Anthropic's clients ask", "/v1/models?limit=5"))[0] == HTTPStatus.OK
    status, _, text = sent(shut, Row("the models, with their info", "/v1/model/info"))
    assert status == HTTPStatus.OK
    assert not [key for key in (*KEYS.values(), *ENVIRONMENT.values(), "sk-other") if key in text]
    for path in ("/health/liveliness", "/health/readiness"):
        assert told(shut, Row("without a key", path), key=None)[0] == HTTPStatus.OK


WITHOUT_A_KEY = ("/", "/redoc", "/openapi.json", "/routes", "/ui", "/ui/")
"""What LiteLLM serves to anyone: its documentation, its routes and its user interface."""


@pytest.mark.parametrize("path", WITHOUT_A_KEY)
def test_what_litellm_serves_without_a_key_is_shut(
    shut: Gateway, opened: Gateway, path: str
) -> None:
    """Unless it is opened, which shows that it is the gate that shuts it."""
    row = Row("without a key", path)
    assert told(shut, row, key=None)[0] == HTTPStatus.FORBIDDEN
    assert told(opened, row, key=None)[0] < HTTPStatus.BAD_REQUEST


def test_leaves_the_master_key_to_litellm(shut: Gateway, own: Upstream) -> None:
    before = len(own.calls)
    row = chat("without a key", model="own")
    assert told(shut, row, key=None)[0] == HTTPStatus.UNAUTHORIZED
    assert told(shut, row, key="sk-wrong")[0] in (HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST)
    assert len(own.calls) == before


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("import litellm.no_such_module\n", id="LiteLLM has moved what it needs"),
        pytest.param("app = None\n", id="it has no install"),
        pytest.param("def install():\n    raise RuntimeError\n", id="it cannot be installed"),
    ],
)
def test_litellm_does_not_start_with_a_gate_that_does_not_work(broken: str) -> None:
    deployment, config_maps, secrets = parts(World(router(port=free_port())))
    config_maps[0]["data"]["gate.py"] = broken
    pod = Pod(deployment, config_maps=config_maps, secrets=secrets)
    with pytest.raises(NotReady, match="the container ended with"), pod:
        pod.wait_ready()


def test_a_litellm_that_does_not_ask_for_the_gate_never_becomes_ready() -> None:
    """One whose release has no such hook."""
    deployment, config_maps, secrets = parts(World(router(port=free_port())))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["env"] = [
        variable
        for variable in container["env"]
        if variable["name"] != "LITELLM_WORKER_STARTUP_HOOKS"
    ]
    with Pod(deployment, config_maps=config_maps, secrets=secrets) as pod:
        pod.wait_for("livenessProbe", 90)
        assert not pod.probe("startupProbe")


_LISTS = """
import importlib, json, runpy, sys
from litellm.proxy.auth.auth_utils import _BANNED_REQUEST_BODY_PARAMS as banned
from litellm.types.utils import all_litellm_params as read

openai = set()
for path in (
    "completion_create_params.CompletionCreateParamsBase",
    "embedding_create_params.EmbeddingCreateParams",
    "image_generate_params.ImageGenerateParamsBase",
    "image_edit_params.ImageEditParamsBase",
    "chat.completion_create_params.CompletionCreateParamsBase",
    "audio.speech_create_params.SpeechCreateParams",
    "audio.transcription_create_params.TranscriptionCreateParamsBase",
    "responses.response_create_params.ResponseCreateParamsBase",
):
    module, name = path.rsplit(".", 1)
    openai.update(getattr(importlib.import_module(f"openai.types.{module}"), name).__annotations__)
print(json.dumps([*map(sorted, (runpy.run_path(sys.argv[1])["_BODY"], openai, {*read, *banned}))]))
"""


def test_a_body_may_say_what_openais_package_knows_and_little_that_litellm_reads() -> None:
    """Whatever is new in a release of LiteLLM is looked at here before it is listed."""
    gate = resources.files("function.gateways.litellm") / "gate.py"
    done = subprocess.run(
        [str(CACHE / "litellm" / "bin" / "python"), "-c", _LISTS, str(gate)],
        env={
            "PATH": os.defpath,
            "HOME": "/nonexistent",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    body, openai, litellm = map(set, json.loads(done.stdout.splitlines()[-1]))
    assert "custom_llm_provider" in litellm
    assert len(openai) > 50
    assert sorted(openai - body) == []
    assert sorted(body & litellm) == [
        *("cache", "litellm_session_id", "litellm_trace_id", "metadata"),
        *("num_retries", "stream_timeout", "tags"),
    ]


@pytest.fixture(scope="module", name="own")
def host_of_the_offered_models() -> Iterator[Upstream]:
    """The host that the router chose."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Upstream]:
    """Every other host."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def shut(own: Upstream, elsewhere: Upstream) -> Iterator[Gateway]:
    """A gateway as it is composed."""
    with running(own, elsewhere, {}) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def opened(own: Upstream, elsewhere: Upstream) -> Iterator[Gateway]:
    """One whose gate is open."""
    with running(own, elsewhere, OPEN) as gateway:
        yield gateway


@pytest.mark.parametrize("name", ["CONFIG_FILE_PATH", "STORE_MODEL_IN_DB"])
def test_does_not_start_with_another_configuration(name: str) -> None:
    """A Secret of which all keys become variables brings what the function cannot see."""
    all_keys = {"envFrom": [{"secretRef": {"name": "all"}}]}
    with (
        support.starting(
            World(router(port=free_port(), deployment=all_keys)),
            secret("all", "team", **{name: "true"}),
        ) as gateway,
        pytest.raises(NotReady, match=f"{name} is set, with which LiteLLM would read its"),
    ):
        gateway.pod.wait_ready()


@contextmanager
def running(own: Upstream, elsewhere: Upstream, gate: Mapping[str, str]) -> Iterator[Gateway]:
    """A gateway, with these variables for its gate.

    Providers' default hosts are elsewhere, and two accounts of OpenAI have private variables.
    """
    base = f"{own.url}/v1"
    models = [
        {"name": "openai/gpt-4o", "alias": "own", "apiBase": base},
        {"name": "hosted_vllm/qwen", "alias": "vllm", "apiBase": base},
        {"name": "openai/gpt-4o", "alias": "hosted"},
        {
            "name": "openai/gpt-4o",
            "alias": "other",
            "credentials": {"secretRef": {"name": "other"}},
        },
        {"name": "openai/gpt-4o", "alias": "down", "apiBase": "http://127.0.0.1:9"},
    ]
    hosts = ("ANTHROPIC", "AZURE", "COHERE", "DEEPSEEK", "GEMINI", "MISTRAL")
    variables = {**{f"{host}_API_BASE": elsewhere.url for host in hosts}, **gate}
    env: list[Manifest] = [{"name": name, "value": value} for name, value in variables.items()]
    env += [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": "environment", "key": key}}}
        for key in ENVIRONMENT
    ]
    with support.running(
        World(router(port=free_port(), aiModels=models, deployment={"env": env})),
        secret("litellm-secrets", "team", **KEYS),
        secret("other", "team", OPENAI_API_KEY="sk-other"),
        secret("environment", "team", **ENVIRONMENT),
    ) as gateway:
        yield gateway


ENVIRONMENT = {
    "ANTHROPIC_API_KEY": "sk-anthropic",
    "AZURE_API_KEY": "azure-key",
    "COHERE_API_KEY": "cohere-key",
    "MISTRAL_API_KEY": "mistral-key",
}
"""Keys under LiteLLM's own names, as a platform team may have put them there."""


def sent(
    gateway: Gateway, row: Row, body: bytes | None = None, *, key: str | None = ""
) -> tuple[int, Any, str]:
    """What a call is answered: the status, the JSON if it is some, and the text."""
    headers = {"Authorization": f"Bearer {key or gateway.key}"} if key is not None else {}
    if body is not None:
        headers["Content-Type"] = FORM_TYPE
    elif row.body is not None:
        body = json.dumps(row.body).encode()
        headers["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", gateway.pod.port, timeout=60)
    try:
        method = row.method or ("GET" if body is None else "POST")
        connection.request(method, row.path, body, {**headers, **row.headers})
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    finally:
        connection.close()
    try:
        return response.status, json.loads(text), text
    except ValueError:
        return response.status, None, text


def told(
    gateway: Gateway, row: Row, body: bytes | None = None, *, key: str | None = ""
) -> tuple[int, str]:
    """What a call is answered: the status, and the sentence of an error."""
    status, answer, text = sent(gateway, row, body, key=key)
    error = answer.get("error") if isinstance(answer, dict) else None
    return status, str(error["message"]) if isinstance(error, dict) else text


def form(name: str, **fields: str) -> bytes:
    """A form with a file."""
    head = 'Content-Disposition: form-data; name="{}"'
    lines = [f"--edge\r\n{head.format(key)}\r\n\r\n{value}\r\n" for key, value in fields.items()]
    file = f'--edge\r\n{head.format(name)}; filename="a.wav"\r\n\r\nwhat the file holds\r\n'
    return "".join([*lines, file, "--edge--\r\n"]).encode()


def seconds_after_the_first_word(gateway: Gateway) -> float:
    """How much earlier than its end a stream begins."""
    body = json.dumps({"model": "own", "stream": True, "messages": SAID})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {gateway.key}"}
    connection = http.client.HTTPConnection("127.0.0.1", gateway.pod.port, timeout=60)
    try:
        connection.request("POST", CHAT, body, headers)
        response = connection.getresponse()
        assert response.readline().startswith(b"data: {")
        begun = time.monotonic()
        response.read()
        return time.monotonic() - begun
    finally:
        connection.close()
