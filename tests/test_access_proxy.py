"""The keys of applications, where they are checked: on proxies that run, with a Redis that they share.

LiteLLM's release is the one in the tools cache; MODELROUTER_TOOLS may name another.
"""

import hashlib
import json
import secrets
import socket
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from function import names
from function.call import Manifest
from tests.support import gateway as support
from tests.support.collector import Collector
from tests.support.gateway import KEYS, Gateway, until, within_a_minute
from tests.support.kubelet import NotReady
from tests.support.processes import free_port
from tests.support.redis_server import Redis, redis_server
from tests.support.upstream import STREAMED, Upstream
from tests.support.world import World, router, secret
from tests.test_mcp import ADD, Server, mcp_server

PASSWORD = "redis-of-the-test"
MASTER = "sk-of-the-administrator"
ACCESS: Manifest = {"grants": [{"namespace": "*"}]}
SAID = [{"role": "user", "content": "ping"}]
CHAT = "/v1/chat/completions"
FORM = "multipart/form-data; boundary=edge"


# -- What is composed


def composed(**spec: Any) -> tuple[Manifest, Mapping[str, Manifest], Manifest]:  # noqa: ANN401
    """The configuration, the container's variables by name, and the files."""
    answer = World(router(**spec)).reconcile()
    assert answer.refusal is None, answer.refusal
    files = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]
    deployment = answer.resources[names.RESOURCE_DEPLOYMENT].manifest
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {variable["name"]: variable for variable in container["env"]}
    return yaml.safe_load(files["config.yaml"]), variables, files


@pytest.mark.parametrize("spec", [{}, {"access": {"enabled": False}}])
def test_a_router_without_access_has_nothing_of_it(spec: Manifest) -> None:
    config, variables, files = composed(**spec)
    assert config["general_settings"].keys() == {"master_key"}
    assert config["litellm_settings"].keys() == {"request_timeout"}
    assert not [name for name in variables if name.startswith("ACCESS")]
    assert "access.py" not in files


def test_a_router_with_access_has_all_that_litellm_needs() -> None:
    redis = {
        "host": "redis",
        "tls": True,
        "passwordSecretRef": {"name": "redis", "key": "password"},
    }
    config, variables, files = composed(access=ACCESS, redis=redis)
    settings = config["general_settings"]
    assert settings["custom_auth"] == "access.user_api_key_auth"
    assert settings["custom_auth_run_common_checks"] is True
    assert settings["coordination_redis"] == {*()} or settings["coordination_redis"] == {
        "host": "redis",
        "port": 6379,
        "ssl": True,
        "password": "os.environ/REDIS_PASSWORD",
    }
    assert config["litellm_settings"]["enable_post_custom_auth_checks"] is True
    assert variables["ACCESS_ROUTER"]["value"] == "team/gw"
    assert variables["ACCESS_FILE"]["value"] == "/app/access/access.json"
    hooks = variables["LITELLM_WORKER_STARTUP_HOOKS"]["value"].split(",")
    assert hooks[-1] == "access:install"
    digest = hashlib.sha256(files["access.py"].encode()).hexdigest()[:16]
    assert variables["ACCESS_DIGEST"]["value"] == digest


GENERAL = "/general_settings"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        *(
            ({"remove": [pointer]}, f"{pointer} must be left as it is")
            for pointer in (
                f"{GENERAL}/custom_auth",
                f"{GENERAL}/custom_auth_run_common_checks",
                f"{GENERAL}/enforce_fallback_model_access",
                f"{GENERAL}/coordination_redis",
                "/litellm_settings/enable_post_custom_auth_checks",
            )
        ),
        *(
            (
                {"merge": {"general_settings": {key: value}}},
                f"{GENERAL}/{key} must be left as it is",
            )
            for key, value in {
                "custom_auth": "other.auth",
                "custom_auth_run_common_checks": 1,
                "coordination_redis": {"host": "elsewhere"},
            }.items()
        ),
        *(
            (
                {"merge": {section: {key: value}}},
                f"/{section}/{key} must not be set with spec.access",
            )
            for section, key, value in (
                ("general_settings", "allow_user_auth", True),
                ("general_settings", "custom_auth_settings", {"mode": "auto"}),
                ("general_settings", "disable_responses_id_security", True),
                ("general_settings", "enable_jwt_auth", True),
                ("general_settings", "pass_through_endpoints", [{"path": "/x", "target": "y"}]),
                ("general_settings", "public_routes", ["/v1/chat/completions"]),
                ("litellm_settings", "forward_llm_provider_auth_headers", True),
            )
        ),
    ],
)
def test_the_last_word_cannot_take_it_away(config: Manifest, said: str) -> None:
    spec = {"access": ACCESS, "redis": {"host": "redis"}, "config": config}
    answer = World(router(**spec)).reconcile()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_CONFIG_BROKEN
    assert said in answer.refusal.message
    del spec["access"]
    if "merge" in config:
        assert World(router(**spec)).reconcile().refusal is None


@pytest.mark.parametrize("name", ["ACCESS_FILE", "LEGACY_MULTI_INSTANCE_RATE_LIMITING"])
def test_a_variable_cannot_take_it_away(name: str) -> None:
    deployment = {"env": [{"name": name, "value": "true"}]}
    answer = World(router(access=ACCESS, deployment=deployment)).reconcile()
    assert answer.refusal is not None
    assert f"spec.deployment.env[0] sets {name}" in answer.refusal.message
    assert World(router(deployment=deployment)).reconcile().refusal is None


# -- Proxies that run


@dataclass
class Application:
    """An application, its key, and how the gateways list it."""

    key: str
    uid: str
    entry: Manifest


@dataclass
class Running:
    """Two gateways of one router that share a Redis, and one whose Redis is gone."""

    pods: tuple[Gateway, Gateway]
    bereft: Gateway
    redis: Redis
    redis_of_bereft: Redis
    provider: Upstream
    server: Server
    collector: Collector
    config_map: Manifest
    keys: dict[str, Manifest] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)

    @property
    def pod(self) -> Gateway:
        """One of the two."""
        return self.pods[0]

    def apply(self, **entry: Any) -> Application:  # noqa: ANN401
        """A new application, which the gateways list."""
        uid = str(uuid.uuid4())
        key = self.new_key(uid)
        entry = {
            "alias": "team-a/app",
            "hashes": [hashed(key)],
            "models": ["chat"],
            "mcpServers": [],
            **entry,
        }
        self.keys[uid] = entry
        self.write()
        return Application(key, uid, entry)

    def new_key(self, uid: str) -> str:
        """A key for an application."""
        key = f"sk-{uid}-{secrets.token_urlsafe(32)}"
        self.issued.append(key)
        return key

    def write(self, text: str | None = None) -> None:
        """Gives the pods the list of keys, or a text in its place."""
        said = json.dumps({"version": 1, "keys": self.keys}) if text is None else text
        for gateway in (*self.pods, self.bereft):
            gateway.pod.update({**self.config_map, "data": {"access.json": said}})

    def spent(self, application: Application, period: str = "Day") -> float:
        """How much Redis knows that an application has spent."""
        names_ = self.redis.ask("keys", f"*:spent:{application.uid}:{period}:*").split()
        return sum(float(self.redis.ask("get", name)) for name in names_)

    def mcp(self, key: str, method: str, params: Manifest | None = None) -> tuple[int, str]:
        """A message to the MCP endpoint."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        accept = "application/json, text/event-stream"
        return self.pod.text("/mcp", {"Accept": accept, **bearer(key)}, body)


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def chat(
    gateway: Gateway, key: str | None, model: str = "chat", **more: Any
) -> tuple[int, Manifest]:  # noqa: ANN401
    return gateway.call(CHAT, {"model": model, "messages": SAID, **more}, key=key)


def form(gateway: Gateway, path: str, key: str, **fields: str) -> int:
    head = 'Content-Disposition: form-data; name="{}"'
    lines = [f"--edge\r\n{head.format(key)}\r\n\r\n{text}\r\n" for key, text in fields.items()]
    name = "file" if "audio" in path else "image"
    file = f'--edge\r\n{head.format(name)}; filename="a.wav"\r\n\r\nheard\r\n'
    body = "".join([*lines, file, "--edge--\r\n"]).encode()
    status, _ = sent(gateway, path, body, {"Content-Type": FORM, **bearer(key)})
    return status


def sent(gateway: Gateway, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    import urllib.error
    import urllib.request

    request = urllib.request.Request(gateway.pod.url + path, body, dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def stream(gateway: Gateway, key: str, path: str = CHAT, **body: Any) -> tuple[int, str]:  # noqa: ANN401
    said = {"model": "chat", "stream": True, "messages": SAID, **body}
    headers = {"Content-Type": "application/json", **bearer(key)}
    return sent(gateway, path, json.dumps(said).encode(), headers)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with ExitStack() as stack:
        provider = stack.enter_context(Upstream())
        server = stack.enter_context(mcp_server())
        collector = stack.enter_context(Collector())
        redis, other = (stack.enter_context(redis_server(PASSWORD)) for _ in range(2))
        base = f"{provider.url}/v1"
        models = [
            {"name": f"{provider_}/{model}", "alias": alias, "apiBase": base}
            for alias, provider_, model in (
                ("chat", "openai", "gpt-4o"),
                ("other", "openai", "gpt-4o"),
                ("vectors", "openai", "text-embedding-3-small"),
                ("picture", "openai", "dall-e-3"),
                ("voice", "openai", "tts-1"),
                ("hearing", "openai", "whisper-1"),
                ("ranking", "hosted_vllm", "ranker"),
                ("wild/*", "openai", "*"),
            )
        ]
        down = {"name": "openai/gpt-4o", "alias": "down", "apiBase": "http://127.0.0.1:9"}
        spec: Manifest = {
            "access": ACCESS,
            "aiModels": [*models, down],
            "auth": {"masterKeySecretRef": {"name": "master", "key": "key"}},
            "mcpServers": [
                {"name": "files", "url": f"{server.url}/mcp"},
                {"name": "docs", "url": f"{server.url}/mcp"},
            ],
            "metrics": {},
            "tracing": {"endpoint": collector.urls["HTTP"], "protocol": "HTTP"},
            "routing": {
                "retries": 0,
                "cooldownSeconds": 0,
                "fallbacks": [{"model": "down", "to": ["other"]}],
            },
            # A platform that has opened all to its administrators.
            "deployment": {
                "env": [
                    {"name": "GATE_OPEN_ROUTES", "value": "*"},
                    {"name": "GATE_OPEN_PARAMETERS", "value": "*"},
                ]
            },
            # A server that LiteLLM would show to every key.
            "config": {"merge": {"mcp_servers": {"docs": {"allow_all_keys": True}}}},
        }
        secrets_ = [
            secret("master", key=MASTER),
            secret("redis", password=PASSWORD),
            secret("litellm-secrets", **KEYS),
        ]
        gateways = []
        for port in (redis.port, redis.port, other.port):
            password = {"name": "redis", "key": "password"}
            shared = {"host": "127.0.0.1", "port": port, "passwordSecretRef": password}
            world = World(router(port=free_port(), redis=shared, **spec))
            gateways.append(stack.enter_context(support.starting(world, *secrets_, key=MASTER)))
        for gateway in gateways:
            gateway.pod.wait_ready()
        one, two, bereft = gateways
        other.stop()
        config_map = {"metadata": {"name": names.access_of("gw")}}
        yield Running(*((one, two), bereft, redis, other, provider, server, collector, config_map))


BODIES: Mapping[str, tuple[str, Manifest]] = {
    "/chat/completions": ("chat", {"messages": SAID}),
    "/completions": ("chat", {"prompt": "q"}),
    "/embeddings": ("vectors", {"input": ["q"]}),
    "/images/generations": ("picture", {"prompt": "q"}),
    "/audio/speech": ("voice", {"input": "q", "voice": "alloy"}),
    "/rerank": ("ranking", {"query": "q", "documents": ["d"]}),
    "/responses": ("chat", {"input": "q"}),
    CHAT: ("chat", {"messages": SAID}),
    "/v1/completions": ("chat", {"prompt": "q"}),
    "/v1/embeddings": ("vectors", {"input": ["q"]}),
    "/v1/images/generations": ("picture", {"prompt": "q"}),
    "/v1/audio/speech": ("voice", {"input": "q", "voice": "alloy"}),
    "/v1/rerank": ("ranking", {"query": "q", "documents": ["d"]}),
    "/v2/rerank": ("ranking", {"query": "q", "documents": ["d"]}),
    "/v1/responses": ("chat", {"input": "q"}),
    "/v1/messages": ("chat", {"messages": SAID, "max_tokens": 5}),
    "/v1/messages/count_tokens": ("chat", {"messages": SAID}),
}
FORMS = {
    "/audio/transcriptions": "hearing",
    "/images/edits": "picture",
    "/v1/audio/transcriptions": "hearing",
    "/v1/images/edits": "picture",
}


@pytest.mark.parametrize("path", [*BODIES, *FORMS])
def test_each_kind_of_call_is_for_who_may_call_its_model(running: Running, path: str) -> None:
    """And none is passed on with another key, or none."""
    model, body = (FORMS[path], None) if path in FORMS else BODIES[path]
    allowed = running.apply(models=["x", model], budget={"usd": "1000", "period": "Day"})
    foreign = running.apply(models=[f"{model}s", model[:-1], "other", "wild/*"])
    unknown = running.new_key(allowed.uid)

    def call(key: str) -> int:
        if body is None:
            return form(running.pod, path, key, model=model)
        said = json.dumps({"model": model, **body}).encode()
        headers = {"Content-Type": "application/json", **bearer(key)}
        return sent(running.pod, path, said, headers)[0]

    before = len(running.provider.calls)
    assert call(foreign.key) == HTTPStatus.FORBIDDEN
    assert call(unknown) == HTTPStatus.UNAUTHORIZED
    assert len(running.provider.calls) == before
    assert call(allowed.key) in (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
    assert len(running.provider.calls) > before
    print("SPENT", path, running.spent(allowed))
