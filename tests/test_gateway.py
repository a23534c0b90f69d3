"""What is composed, run for real: a LiteLLM proxy in front of providers that record their calls."""

import signal
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from function.call import Manifest
from tests.generate import EXAMPLES, RECIPES, ROUTERS
from tests.support import gateway as support
from tests.support.gateway import KEYS, Gateway, parts
from tests.support.kubelet import NotStarted, Pod, validate_config
from tests.support.processes import free_port
from tests.support.upstream import ANSWER, Call, Upstream
from tests.support.world import World, router, secret


def ask(gateway: Gateway, upstream: Upstream, model: str) -> tuple[Manifest, Call]:
    """A chat completion, and the one call that it came to at the provider."""
    before = len(upstream.calls)
    status, answer = gateway.chat(model)
    assert status == HTTPStatus.OK, answer
    (call,) = [call for call in upstream.calls[before:] if call.is_models]
    return answer, call


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """All providers of these tests."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module", name="gateway")
def one_of_each(upstream: Upstream) -> Iterator[Gateway]:
    """Providers of several kinds, hosted and self-hosted."""
    base = f"{upstream.url}/v1"
    models = [
        {"name": "openai/gpt-4o", "alias": "chat", "apiBase": base},
        {
            "name": "azure/my-deployment",
            "alias": "azure chat",
            "apiBase": upstream.url,
            "apiVersion": "2025-02-01-preview",
        },
        {"name": "mistral/mistral-small", "apiBase": base},
        {"name": "ollama_chat/llama3.1", "alias": "llama", "apiBase": upstream.url},
        {"name": "hosted_vllm/org/model:1", "alias": "qwen 2.5 (vLLM)", "apiBase": base},
    ]
    with support.gateway(aiModels=models) as gateway:
        yield gateway


def test_lists_exactly_the_aliases(gateway: Gateway) -> None:
    status, answer = gateway.call("/v1/models", key=gateway.key)
    assert status == HTTPStatus.OK
    listed = {model["id"] for model in answer["data"]}
    assert listed == {"chat", "azure chat", "mistral/mistral-small", "llama", "qwen 2.5 (vLLM)"}


@pytest.mark.parametrize(
    ("key", "refused"),
    [
        (None, HTTPStatus.UNAUTHORIZED),
        ("", HTTPStatus.UNAUTHORIZED),
        # LiteLLM would look a key that is not the master key up in a database.
        ("sk-wrong", HTTPStatus.BAD_REQUEST),
        ("sk-1234", HTTPStatus.BAD_REQUEST),
    ],
)
def test_refuses_a_call_without_the_master_key(
    gateway: Gateway, upstream: Upstream, key: str | None, refused: HTTPStatus
) -> None:
    before = len(upstream.calls)
    body = {"model": "chat", "messages": [{"role": "user", "content": "ping"}]}
    status, _ = gateway.call("/v1/chat/completions", body, key=key)
    assert status == refused
    assert gateway.call("/v1/models", key=key)[0] == refused
    assert len(upstream.calls) == before


def test_forwards_to_an_openai_api_with_its_key_and_model(
    gateway: Gateway, upstream: Upstream
) -> None:
    answer, call = ask(gateway, upstream, "chat")
    assert answer["choices"][0]["message"]["content"] == ANSWER
    assert (call.path, call.body["model"]) == ("/v1/chat/completions", "gpt-4o")
    assert call.headers["authorization"] == f"Bearer {KEYS['OPENAI_API_KEY']}"


def test_forwards_to_azure_with_its_key_and_version(gateway: Gateway, upstream: Upstream) -> None:
    _, call = ask(gateway, upstream, "azure chat")
    assert call.path == "/openai/deployments/my-deployment/chat/completions"
    assert call.query == {"api-version": "2025-02-01-preview"}
    assert call.headers["api-key"] == KEYS["AZURE_API_KEY"]


def test_forwards_by_the_models_name_where_there_is_no_alias(
    gateway: Gateway, upstream: Upstream
) -> None:
    _, call = ask(gateway, upstream, "mistral/mistral-small")
    assert call.body["model"] == "mistral-small"
    assert call.headers["authorization"] == f"Bearer {KEYS['MISTRAL_API_KEY']}"


def test_forwards_to_self_hosted_models_without_any_key(
    gateway: Gateway, upstream: Upstream
) -> None:
    _, ollama = ask(gateway, upstream, "llama")
    _, vllm = ask(gateway, upstream, "qwen 2.5 (vLLM)")
    assert (ollama.path, ollama.body["model"]) == ("/api/chat", "llama3.1")
    assert (vllm.path, vllm.body["model"]) == ("/v1/chat/completions", "org/model:1")
    for call in (ollama, vllm):
        assert not [value for value in KEYS.values() if value in repr(call)]


def test_the_container_has_only_the_keys_that_its_models_need(gateway: Gateway) -> None:
    assert "UNUSED_API_KEY" not in gateway.pod.env
    key = gateway.pod.env["OPENAI_API_KEY__litellm_dsecrets"]
    assert key == KEYS["OPENAI_API_KEY"]


def test_no_key_is_in_the_gateways_log(gateway: Gateway, shared: Gateway) -> None:
    """Nor after calls that failed for want of a key."""
    gateway.chat("chat")
    shared.chat("third party")
    others = ("sk-one", "sk-two", "azure-one", "azure-two")
    for pod in (gateway.pod, shared.pod):
        log = pod.log()
        assert log
        keys = (*KEYS.values(), *others, gateway.key, shared.key)
        assert not [key for key in keys if key in log]


@pytest.fixture(scope="module")
def shared(upstream: Upstream) -> Iterator[Gateway]:
    """Two accounts of OpenAI and two of Azure, and a third party whose own key is missing."""
    other = {"secretRef": {"name": "other"}}
    base, azure = f"{upstream.url}/v1", "azure/my-deployment"
    models = [
        {"name": "openai/gpt-4o", "alias": "one", "apiBase": base},
        {"name": "openai/gpt-4o", "alias": "two", "apiBase": base, "credentials": other},
        {"name": azure, "alias": "azure one", "apiBase": upstream.url},
        {"name": azure, "alias": "azure two", "apiBase": upstream.url, "credentials": other},
        {"name": "cerebras/llama3.1-8b", "alias": "third party", "apiBase": base},
    ]
    with support.running(
        World(router(port=free_port(), aiModels=models)),
        secret("litellm-secrets", "team", OPENAI_API_KEY="sk-one", AZURE_API_KEY="azure-one"),
        secret("other", "team", OPENAI_API_KEY="sk-two", AZURE_API_KEY="azure-two"),
    ) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("model", "header", "value"),
    [
        ("one", "authorization", "Bearer sk-one"),
        ("two", "authorization", "Bearer sk-two"),
        ("azure one", "api-key", "azure-one"),
        ("azure two", "api-key", "azure-two"),
    ],
)
def test_two_accounts_of_a_provider_work_side_by_side(
    shared: Gateway, upstream: Upstream, model: str, header: str, value: str
) -> None:
    _, call = ask(shared, upstream, model)
    assert call.headers[header] == value


def test_a_third_party_whose_key_is_missing_gets_no_one_elses(
    shared: Gateway, upstream: Upstream
) -> None:
    """LiteLLM asks for the key by its name, and sends nothing."""
    before = upstream.asked
    status, answer = shared.chat("third party")
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "`CEREBRAS_API_KEY`" in answer["error"]["message"]
    assert upstream.asked == before


def test_a_base_in_the_secret_keeps_every_model_of_azure_there(upstream: Upstream) -> None:
    """LiteLLM takes this name for Mistral's, and without a base it would be called at OpenAI's."""
    world = World(
        router(port=free_port(), aiModels=[{"name": "azure/mistral-large-latest", "alias": "a"}])
    )
    keys = {"AZURE_API_KEY": support.KEYS["AZURE_API_KEY"], "AZURE_API_BASE": upstream.url}
    with support.running(world, secret("litellm-secrets", "team", **keys)) as gateway:
        _, call = ask(gateway, upstream, "a")
        assert support.KEYS["AZURE_API_KEY"] in str(call.headers)


def test_starts_without_the_providers_secret_and_waits_for_the_master_keys() -> None:
    """A missing credential never blocks the Deployment; a missing master key does."""
    ref = {"name": "mine", "key": "k"}
    world = World(router(port=free_port(), auth={"masterKeySecretRef": ref}))
    deployment, config_maps, _ = parts(world)
    with pytest.raises(NotStarted, match='secret "mine" not found'):
        Pod(deployment, config_maps=config_maps, secrets=[]).__enter__()
    mine = secret("mine", "team", k="any string is a key")
    with Pod(deployment, config_maps=config_maps, secrets=[mine]) as pod:
        pod.wait_ready()
        status, answer = Gateway(pod, "").call("/v1/models", key="any string is a key")
        assert (status, [model["id"] for model in answer["data"]]) == (200, ["openai/gpt-4o"])
        assert pod.stop() == -signal.SIGTERM


# With an MCP server in the file, LiteLLM's check never ends; test_mcp starts one.
CHECKED = [name for name in ROUTERS if name not in (*RECIPES, "mcp")]


@pytest.mark.parametrize("example", CHECKED)
def test_litellm_takes_every_model_of_the_examples(example: str) -> None:
    """It drops a model that it does not know without a word; only this counts them.

    Those of the recipes are called, one by one (test_recipes).
    """
    xr = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text())
    examples: list[Any] = list(yaml.safe_load_all((EXAMPLES / "secret.yaml").read_text()))
    secrets = [secret(s["metadata"]["name"], "default", **s["stringData"]) for s in examples]
    xr["metadata"]["uid"] = "u"
    deployment, config_maps, secrets = parts(World(xr), *secrets)
    printed = validate_config(deployment, config_maps, secrets)
    assert f"config OK ({len(xr['spec']['aiModels'])} models" in printed
