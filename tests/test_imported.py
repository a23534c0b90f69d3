"""A LiteLLM and the router that it is imported as, both running: providers receive the same."""

from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from function.call import Manifest
from function.imports import importing
from tests.support.gateway import Gateway, starting
from tests.support.kubelet import Pod
from tests.support.processes import free_port
from tests.support.upstream import Call, Upstream
from tests.support.world import World, secret

MASTER = "sk-master-of-the-test-0123456789"
ONE, TWO = "sk-one-of-the-test-0123456789", "sk-two-of-the-test-0123456789"
WANTED = {"AZURE_EU": "azure-of-the-test", "OPENAI_API_KEY": "sk-three-of-the-test-0123456"}
"""The variables of the LiteLLM, and what the Secret is to hold."""


def configuration(at: str, broken: str) -> dict[str, Any]:
    """What is imported: accounts, parameters, headers, wildcards and fallbacks."""
    return {
        "model_list": [
            {
                "model_name": "one",
                "litellm_params": {
                    "model": "gpt-4o",
                    "api_base": f"{at}/v1",
                    "api_key": ONE,
                    "temperature": 0.2,
                    "extra_headers": {"X-Team": "search", "X-Api-Key": TWO},
                },
            },
            {
                "model_name": "two",
                "litellm_params": {
                    "model": "openai/gpt-4o-mini",
                    "api_base": f"{at}/v1",
                    "litellm_credential_name": "second",
                },
            },
            {
                "model_name": "azure",
                "litellm_params": {
                    "model": "azure/deployment",
                    "api_base": at,
                    "api_key": "os.environ/AZURE_EU",
                    "api_version": "2024-10-21",
                },
            },
            {
                "model_name": "own",
                "litellm_params": {
                    "model": "hosted_vllm/llama",
                    "api_base": f"{at}/v1",
                    "api_key": "none",
                },
            },
            {
                "model_name": "claude",
                "litellm_params": {
                    "model": "anthropic/claude-sonnet-4-5",
                    "api_base": at,
                    "api_key": ONE,
                    "max_tokens": 50,
                },
            },
            {
                "model_name": "openai/*",
                "litellm_params": {"model": "openai/*", "api_base": f"{at}/v1"},
            },
            {
                "model_name": "broken",
                "litellm_params": {
                    "model": "openai/broken",
                    "api_base": f"{broken}/v1",
                    "api_key": ONE,
                    "max_retries": 0,
                },
            },
        ],
        "credential_list": [
            {
                "credential_name": "second",
                "credential_values": {"api_key": TWO},
                "credential_info": {},
            }
        ],
        "router_settings": {"fallbacks": [{"broken": ["two"]}], "num_retries": 0},
        "litellm_settings": {"drop_params": True},
        "general_settings": {"master_key": MASTER},
    }


def as_it_was(config: dict[str, Any], port: int) -> tuple[Manifest, Manifest]:
    """A Deployment of LiteLLM with a configuration, and its ConfigMap."""
    probe = {"httpGet": {"path": "/health/readiness", "port": port}, "failureThreshold": 90}
    env = {**WANTED, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "HOME": "/tmp"}
    container = {
        "name": "litellm",
        "args": ["--config", "/config/config.yaml", "--port", str(port)],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "ports": [{"containerPort": port}],
        "volumeMounts": [{"name": "config", "mountPath": "/config"}],
        "startupProbe": probe,
        "readinessProbe": probe,
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "was"}}],
    }
    metadata = {"name": "was", "namespace": "team"}
    deployment = {"kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": spec}}}
    data = {"config.yaml": yaml.safe_dump(config)}
    return deployment, {"kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Gateway, Gateway, Upstream]]:
    """What was, what is, and the provider that both call."""
    with ExitStack() as stack:
        upstream, broken = (stack.enter_context(Upstream()) for _ in range(2))
        broken.status = HTTPStatus.INTERNAL_SERVER_ERROR
        config = configuration(upstream.url, broken.url)
        data = yaml.safe_dump(config).encode()
        (result,), problems = importing.run(
            [Path("config.yaml")], lambda _: data, name="is", namespace="team"
        )
        assert problems == []
        assert result.lost == []
        imported = result.imported
        wanted = {key: WANTED[key] for key in imported.secrets.wanted}
        held = secret(imported.secrets.name, "team", **imported.secrets.values, **wanted)
        deployment, config_map = as_it_was(config, free_port())
        pod = stack.enter_context(Pod(deployment, config_maps=[config_map]))
        router = {**imported.manifest, "spec": {**imported.manifest["spec"], "port": free_port()}}
        router["metadata"] = {**router["metadata"], "uid": "of-the-test"}
        gateway = stack.enter_context(starting(World(router), held, key=MASTER))
        pod.wait_ready()
        gateway.pod.wait_ready()
        yield Gateway(pod, MASTER), gateway, upstream


def received(gateway: Gateway, upstream: Upstream, model: str) -> list[tuple[object, ...]]:
    """What the provider receives for a call of a model."""
    before = len(upstream.calls)
    status, answer = gateway.chat(model, "the same for both")
    assert status == HTTPStatus.OK, answer
    return [_essence(call) for call in upstream.calls[before:] if call.is_models]


def _essence(call: Call) -> tuple[object, ...]:
    headers = ("authorization", "api-key", "x-api-key", "x-team", "anthropic-version")
    sent = {name: call.headers[name] for name in headers if name in call.headers}
    return call.path, call.query, sent, call.body


@pytest.mark.parametrize(
    "model", ["one", "two", "azure", "own", "claude", "openai/anything", "broken"]
)
def test_the_provider_receives_the_same(
    both: tuple[Gateway, Gateway, Upstream], model: str
) -> None:
    before, after, upstream = both
    was = received(before, upstream, model)
    assert was
    assert received(after, upstream, model) == was


def test_clients_keep_their_key_and_see_the_same_models(
    both: tuple[Gateway, Gateway, Upstream],
) -> None:
    before, after, _ = both
    models = []
    for gateway in (before, after):
        status, answer = gateway.call("/v1/models", key=MASTER)
        assert status == HTTPStatus.OK
        models.append(sorted(entry["id"] for entry in answer["data"]))
        status, _ = gateway.call("/v1/models", key="sk-another-key-0123456789")
        assert status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
    assert models[0] == models[1]
