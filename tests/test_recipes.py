"""The recipes in `examples/`, run for real: a LiteLLM proxy on what each composes, and a call of
each model that it offers, with stand-ins in place of the providers' hosts.
"""

import base64
import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from function.call import Manifest
from function.gateways.litellm.variables import MASTER_KEY
from tests.generate import EXAMPLES, RECIPES
from tests.support.gateway import Gateway, parts, within_a_minute
from tests.support.kubelet import Pod
from tests.support.processes import free_port
from tests.support.rust_proxy import RustProxy
from tests.support.upstream import ANSWER, ROLE_KEY, SPOKEN, Call, Upstream
from tests.support.world import World, secret

AT_ONCE = 4
"""How many proxies start at a time."""
PATIENCE = 240
ROLE = "arn:aws:iam::111122223333:role/llm-gateway"


Proxied = tuple[str, str, Mapping[Any, Any]]
"""A call that came through the company's proxy: its method, URL and headers."""


BEHIND_PROXY = ("corporate-proxy", "production")
"""The recipes whose providers are called through a company's proxy."""


@dataclass
class Recipe:
    """A recipe that runs, the stand-ins for what it calls, and what came through its proxy.

    The stand-ins go by what the composed configuration says: the host of a base, the region of a
    model of Bedrock, or else the provider.
    """

    gateway: Gateway
    upstreams: Mapping[str, Upstream]
    proxied: list[Proxied]

    def chat(self, model: str) -> str:
        """What a model says."""
        status, answer = self.gateway.chat(model)
        assert status == HTTPStatus.OK, answer
        said: str = answer["choices"][0]["message"]["content"]
        return said

    def post(self, path: str, body: Manifest) -> Manifest:
        """What another call of the OpenAI API is answered with."""
        status, answer = self.gateway.call(path, body, key=self.gateway.key)
        assert status == HTTPStatus.OK, answer
        return answer

    def raw(self, path: str, data: bytes, kind: str) -> bytes:
        """The same for what is not JSON."""
        headers = {"Authorization": f"Bearer {self.gateway.key}", "Content-Type": kind}
        request = urllib.request.Request(self.gateway.pod.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: bytes = response.read()
            return answer

    def asked(self, name: str) -> list[Call]:
        """The calls of models that came to a stand-in."""
        return [call for call in self.upstreams[name].calls if call.is_models]


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Recipe]]:
    """All of them, a few starting at a time."""
    running: dict[str, Recipe] = {}
    with ExitStack() as stack:
        for first in range(0, len(RECIPES), AT_ONCE):
            batch = RECIPES[first : first + AT_ONCE]
            for name in batch:
                folder = tmp_path_factory.mktemp(name)
                running[name] = stack.enter_context(starting(name, folder))
            for name in batch:
                running[name].gateway.pod.wait_ready(PATIENCE)
        yield running


@contextmanager
def starting(name: str, folder: Path) -> Iterator[Recipe]:
    """A recipe whose pod has been started, on a port of this machine that is free."""
    xr = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    xr["metadata"]["uid"] = name
    xr["spec"]["port"] = free_port()
    deployment, (config_map,), secrets = parts(World(xr), *example_secrets())
    (master_key,) = (s["data"][MASTER_KEY] for s in secrets if MASTER_KEY in s["data"])
    config = yaml.safe_load(config_map["data"]["config.yaml"])
    config_maps: list[Manifest] = []
    proxied: list[Proxied] = []
    with ExitStack() as stack:
        upstreams: dict[str, Upstream] = {}
        if name in BEHIND_PROXY:
            config_maps.append(put_behind_proxy(deployment, folder, proxied))
        else:
            upstreams |= stand_in(config, stack)
        if name == "bedrock-irsa":
            upstreams["sts"] = stack.enter_context(Upstream())
            secrets.append(give_role(deployment, upstreams["sts"]))
        data = {**config_map["data"], "config.yaml": yaml.safe_dump(config)}
        config_maps.append({**config_map, "data": data})
        pod = Pod(deployment, config_maps=config_maps, secrets=secrets)
        gateway = Gateway(stack.enter_context(pod), base64.b64decode(master_key).decode())
        yield Recipe(gateway, upstreams, proxied)


def stand_in(config: Manifest, stack: ExitStack) -> dict[str, Upstream]:
    """Lets the models of a configuration call stand-ins, one for each destination."""
    upstreams: dict[str, Upstream] = {}
    for model in config["model_list"]:
        params = model["litellm_params"]
        called, path = destination(params)
        if called not in upstreams:
            upstreams[called] = stack.enter_context(Upstream())
        bedrock = params["model"].startswith("bedrock/")
        base = "aws_bedrock_runtime_endpoint" if bedrock else "api_base"
        params[base] = upstreams[called].url + path
    return upstreams


def destination(params: Mapping[str, Any]) -> tuple[str, str]:
    """What a model of the configuration calls, and the path there."""
    base = urlsplit(params.get("api_base", ""))
    if base.hostname:
        return base.hostname, base.path
    provider: str = params["model"].partition("/")[0]
    paths = {"openai": "/v1", "gemini": "/v1beta"}
    return params.get("aws_region_name", provider), paths.get(provider, "")


def give_role(deployment: Manifest, sts: Upstream) -> Manifest:
    """Adds what EKS's webhook adds to a pod whose service account has a role.

    Returns:
        A Secret that stands for the volume with the service account's token.
    """
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    name, path = "aws-iam-token", "/var/run/secrets/eks.amazonaws.com/serviceaccount"
    pod["volumes"].append({"name": name, "secret": {"secretName": name}})
    container["volumeMounts"].append({"name": name, "mountPath": path, "readOnly": True})
    container["env"] += [
        {"name": "AWS_ROLE_ARN", "value": ROLE},
        {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{path}/token"},
        {"name": "AWS_ENDPOINT_URL_STS", "value": sts.url},  # Else it would be Amazon's.
    ]
    return secret(name, "default", token="token-of-the-service-account")


def put_behind_proxy(deployment: Manifest, folder: Path, proxied: list[Proxied]) -> Manifest:
    """Puts a proxy that looks into TLS in place of the company's.

    Returns:
        The ConfigMap with the certificate of its authority.
    """

    def sent(method: str, url: str, headers: Mapping[Any, Any], _body: object) -> int:
        proxied.append((method, url, headers))
        return HTTPStatus.OK

    message = {"role": "assistant", "content": ANSWER}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    proxy = RustProxy(folder, sent, {**answer, "choices": [choice]})
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    env = {variable["name"]: variable for variable in container["env"]}
    assert env["HTTPS_PROXY"]["value"] == "http://proxy.example.com:3128"
    env["HTTPS_PROXY"]["value"] = proxy.env["HTTPS_PROXY"]
    certificate = Path(proxy.env["SSL_CERT_FILE"]).read_text()
    return {"metadata": {"name": "corporate-ca"}, "data": {"ca.crt": certificate}}


def example_secrets() -> list[Manifest]:
    """The Secrets of the examples, each key with a value that no other has."""
    documents = list(yaml.safe_load_all((EXAMPLES / "secret.yaml").read_text()))
    return [
        secret(name, "default", **{key: value_of(name, key) for key in document["stringData"]})
        for document in documents
        for name in [document["metadata"]["name"]]
    ]


def value_of(name: str, key: str) -> str:
    """The value of a key in one of these Secrets."""
    return f"{name}-{key}".lower().replace("_", "-")


def test_azure_fails_over_to_the_other_region(recipes: Mapping[str, Recipe]) -> None:
    recipe = recipes["azure-two-regions"]
    near, far = "example-germanywestcentral", "example-swedencentral"
    at_near, at_far = (f"{region}.openai.azure.com" for region in (near, far))
    assert [recipe.chat("gpt-4o") for _ in range(4)] == [ANSWER] * 4
    assert (len(recipe.asked(at_near)), recipe.asked(at_far)) == (4, [])
    call = recipe.asked(at_near)[-1]
    assert call.path == "/openai/deployments/gpt-4o/chat/completions"
    assert call.query == {"api-version": "2025-02-01-preview"}
    assert call.headers["api-key"] == value_of("azure-germanywestcentral", "AZURE_API_KEY")

    recipe.upstreams[at_near].status = HTTPStatus.SERVICE_UNAVAILABLE
    assert [recipe.chat("gpt-4o") for _ in range(4)] == [ANSWER] * 4
    assert len(recipe.asked(at_far)) == 4
    key = recipe.asked(at_far)[-1].headers["api-key"]
    assert key == value_of("azure-swedencentral", "AZURE_API_KEY")

    # Over the limit it fails over too.
    recipe.upstreams[at_near].reset()
    within_a_minute()
    recipe.upstreams[at_near].tokens = 300001
    assert [recipe.chat("gpt-4o") for _ in range(3)] == [ANSWER] * 3
    assert len(recipe.asked(at_far)) == 4 + 2


def test_bedrock_is_called_with_the_role_of_the_service_account(
    recipes: Mapping[str, Recipe],
) -> None:
    recipe = recipes["bedrock-irsa"]
    assert recipe.chat("claude-3-5-sonnet") == ANSWER
    (role,) = recipe.asked("sts")
    given = {key: value for key, (value,) in parse_qs(role.body).items()}
    assert given["RoleArn"] == ROLE
    assert given["WebIdentityToken"] == "token-of-the-service-account"
    (call,) = recipe.asked("eu-central-1")
    assert call.path.endswith("/converse")
    assert f"Credential={ROLE_KEY}/" in call.headers["authorization"]
    assert "/eu-central-1/bedrock/" in call.headers["authorization"]
    assert call.headers["x-amz-security-token"] == "session-of-the-role"

    recipe.upstreams["eu-central-1"].status = HTTPStatus.SERVICE_UNAVAILABLE
    assert recipe.chat("claude-3-5-sonnet") == ANSWER
    assert "/eu-west-3/bedrock/" in recipe.asked("eu-west-3")[-1].headers["authorization"]


def test_two_vllm_servers_share_a_model(recipes: Mapping[str, Recipe]) -> None:
    recipe = recipes["vllm"]
    assert recipe.gateway.chats("qwen", 40, at_once=4) == {HTTPStatus.OK: 40}
    for host in ("vllm-a.models.svc", "vllm-b.models.svc"):
        call = recipe.asked(host)[-1]
        assert (call.path, call.body["model"]) == (
            "/v1/chat/completions",
            "Qwen/Qwen2.5-7B-Instruct",
        )
        assert call.headers["authorization"] == f"Bearer {value_of('vllm', 'api-key')}"


def test_openrouter_is_called_for_the_models_of_others(recipes: Mapping[str, Recipe]) -> None:
    recipe = recipes["openrouter"]
    assert (recipe.chat("claude"), recipe.chat("llama")) == (ANSWER, ANSWER)
    calls = recipe.asked("openrouter.ai")
    assert [call.body["model"] for call in calls] == [
        "anthropic/claude-sonnet-4",
        "meta-llama/llama-3.3-70b-instruct",
    ]
    for call in calls:
        assert call.path == "/api/v1/chat/completions"
        key = value_of("litellm-secrets", "OPENROUTER_API_KEY")
        assert call.headers["authorization"] == f"Bearer {key}"

    recipe.upstreams["openrouter.ai"].failures = 1
    assert recipe.chat("claude") == ANSWER
    last = recipe.asked("openrouter.ai")[-1].body["model"]
    assert last == "meta-llama/llama-3.3-70b-instruct"


def test_aliases_stand_for_models_of_two_providers(recipes: Mapping[str, Recipe]) -> None:
    recipe = recipes["gemini-and-anthropic"]
    assert (recipe.chat("fast"), recipe.chat("smart")) == (ANSWER, ANSWER)
    (fast,), (smart,) = recipe.asked("gemini"), recipe.asked("api.anthropic.com")
    assert fast.path.endswith("/models/gemini-2.5-flash:generateContent")
    assert fast.headers["x-goog-api-key"] == value_of("litellm-secrets", "GEMINI_API_KEY")
    assert (smart.path, smart.body["model"]) == ("/v1/messages", "claude-sonnet-4-20250514")
    assert smart.headers["x-api-key"] == value_of("litellm-secrets", "ANTHROPIC_API_KEY")

    recipe.upstreams["gemini"].status = HTTPStatus.SERVICE_UNAVAILABLE
    assert recipe.chat("fast") == ANSWER
    assert len(recipe.asked("api.anthropic.com")) == 2


def test_a_wildcard_offers_every_model(recipes: Mapping[str, Recipe]) -> None:
    recipe = recipes["wildcard"]
    assert recipe.chat("openai/gpt-4o-mini") == ANSWER
    assert recipe.chat("claude/claude-sonnet-4-20250514") == ANSWER
    (call,) = recipe.asked("openai")
    assert call.body["model"] == "gpt-4o-mini"
    key = value_of("litellm-secrets", "OPENAI_API_KEY")
    assert call.headers["authorization"] == f"Bearer {key}"
    (call,) = recipe.asked("api.anthropic.com")
    assert call.body["model"] == "claude-sonnet-4-20250514"

    recipe.upstreams["api.anthropic.com"].status = HTTPStatus.SERVICE_UNAVAILABLE
    assert recipe.chat("claude/claude-sonnet-4-20250514") == ANSWER
    assert recipe.asked("openai")[-1].body["model"] == "gpt-4o"


def test_more_than_chat(recipes: Mapping[str, Recipe]) -> None:
    recipe = recipes["embeddings-images-audio"]
    vectors = recipe.post("/v1/embeddings", {"model": "embeddings", "input": "ping"})
    assert vectors["data"][0]["embedding"] == [0.5, -0.5]
    pictures = recipe.post("/v1/images/generations", {"model": "images", "prompt": "ping"})
    assert pictures["data"][0]["b64_json"] == "cG9uZw=="
    speech = {"model": "speech", "input": "ping", "voice": "alloy"}
    said = recipe.raw("/v1/audio/speech", json.dumps(speech).encode(), "application/json")
    assert said == SPOKEN
    heard = recipe.raw("/v1/audio/transcriptions", *form(model="transcription", file="ping.mp3"))
    assert json.loads(heard)["text"] == ANSWER
    calls = recipe.asked("openai")
    assert [call.path for call in calls] == [
        "/v1/embeddings",
        "/v1/images/generations",
        "/v1/audio/speech",
        "/v1/audio/transcriptions",
    ]
    models = [call.body["model"] for call in calls[:3]]
    assert models == ["text-embedding-3-small", "gpt-image-1", "gpt-4o-mini-tts"]
    assert "whisper-1" in calls[3].body


def test_the_gateway_for_production_answers(recipes: Mapping[str, Recipe]) -> None:
    """Through the proxy, with a collector for its traces that is not there."""
    recipe = recipes["production"]
    assert recipe.chat("gpt-4o") == ANSWER
    url = recipe.proxied[-1][1]
    assert url.startswith("https://example-resource.openai.azure.com/openai/deployments/gpt-4o/")
    assert recipe.chat("gpt-4o-mini") == ANSWER
    assert recipe.proxied[-1][:2] == ("POST", "https://api.openai.com/v1/chat/completions")


def test_a_provider_is_called_through_the_companys_proxy(recipes: Mapping[str, Recipe]) -> None:
    """With its certificate, which only its own authority has signed."""
    recipe = recipes["corporate-proxy"]
    assert recipe.chat("openai/gpt-4o") == ANSWER
    method, url, headers = recipe.proxied[-1]
    assert (method, url) == ("POST", "https://api.openai.com/v1/chat/completions")
    key = value_of("litellm-secrets", "OPENAI_API_KEY")
    given = {name.lower(): value for name, value in headers.items()}
    assert given["authorization"] == f"Bearer {key}"


def form(*, model: str, file: str) -> tuple[bytes, str]:
    """A recording as a form, and the form's type."""
    text = (
        '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
        f"{model}\r\n"
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{file}"\r\n'
        "Content-Type: audio/mpeg\r\n\r\nping\r\n--b--\r\n"
    )
    return text.encode(), "multipart/form-data; boundary=b"


def test_each_recipe_is_called(request: pytest.FixtureRequest) -> None:
    """By a test of its own in this file."""
    source = Path(request.path).read_text()
    assert [name for name in RECIPES if f'recipes["{name}"]' not in source] == []
