"""The keys of applications, where they are checked: on proxies that run and share a Redis.

LiteLLM's release is the one in the tools cache; MODELROUTER_TOOLS may name another.
"""

import hashlib
import json
import secrets
import socket
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
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
from tests.support.gateway import KEYS, Gateway, until
from tests.support.kubelet import NotReady, Pod
from tests.support.processes import free_port
from tests.support.redis_server import Redis, redis_server
from tests.support.upstream import STREAMED, Upstream
from tests.support.world import World, router, secret
from tests.test_guardrails import SWITCHES, WORD
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
    spec: Manifest = {"access": ACCESS, "redis": {"host": "redis"}, "config": config}
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
            "alias": f"team-a/app-{uid}",
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

    def spent(self, application: Application | str, period: str = "Day") -> float:
        """How much Redis knows that an application has spent, or a namespace."""
        who = application if isinstance(application, str) else application.entry["alias"]
        names_ = self.redis.ask("keys", f"*:spent:{who}:{period}:*").split()
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
    gateway: Gateway,
    key: str | None,
    model: str = "chat",
    **more: Any,  # noqa: ANN401
) -> tuple[int, Manifest]:
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
    request = urllib.request.Request(gateway.pod.url + path, body, dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def stream(gateway: Gateway, key: str, path: str = CHAT, **body: Any) -> tuple[int, str]:  # noqa: ANN401
    said = {"model": "chat", "stream": True, **(body or {"messages": SAID})}
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
            {
                "name": f"{provider_}/{model}",
                "alias": alias,
                "apiBase": base,
            }
            for alias, provider_, model in (
                ("chat", "openai", "gpt-4o"),
                ("other", "openai", "gpt-4o"),
                ("guarded", "openai", "gpt-4o"),
                ("vectors", "openai", "text-embedding-3-small"),
                ("picture", "openai", "gpt-image-1"),
                ("voice", "openai", "tts-1"),
                ("hearing", "openai", "gpt-4o-transcribe"),
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
            "guardrails": [{**WORD, "models": ["guarded"]}],
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


UNPRICED = (
    *("/audio/transcriptions", "/v1/audio/transcriptions", "/v1/messages/count_tokens"),
    *("/rerank", "/v1/rerank", "/v2/rerank"),
)
"""What the stand-in answers without saying by what it is paid, or costs nothing."""


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
    answered = call(allowed.key)
    assert len(running.provider.calls) > before
    if path in UNPRICED:
        assert answered in (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
    else:
        assert answered == HTTPStatus.OK
        until(lambda: running.spent(allowed) > 0)
        assert running.spent(allowed, "Month") == running.spent(allowed)


@pytest.mark.parametrize(
    ("models", "model", "status"),
    [
        (["chat"], "chat", HTTPStatus.OK),
        (["*"], "chat", HTTPStatus.OK),
        (["c*t"], "chat", HTTPStatus.OK),
        (["wild/*"], "wild/gpt-4o", HTTPStatus.OK),
        (["wild/gpt-4o"], "wild/gpt-4o", HTTPStatus.OK),
        # The router chose the fallback.
        (["down"], "down", HTTPStatus.OK),
        ([], "chat", HTTPStatus.FORBIDDEN),
        (["wild/gpt-4*"], "wild/gpt-5", HTTPStatus.FORBIDDEN),
        (["wild/*"], "chat", HTTPStatus.FORBIDDEN),
        (["c*t"], "chatter", HTTPStatus.FORBIDDEN),
        (["chat"], "CHAT", HTTPStatus.FORBIDDEN),
        (["chat"], " chat", HTTPStatus.FORBIDDEN),
        # LiteLLM would call them both.
        (["chat"], "chat,other", HTTPStatus.FORBIDDEN),
        (["chat*"], "chat,other", HTTPStatus.FORBIDDEN),
        # Names that mean more to LiteLLM.
        (["all-proxy-models"], "other", HTTPStatus.FORBIDDEN),
        (["all-team-models"], "other", HTTPStatus.FORBIDDEN),
        (["chat"], "*", HTTPStatus.FORBIDDEN),
    ],
)
def test_a_model_is_called_if_a_pattern_is_its_name(
    running: Running, models: list[str], model: str, status: HTTPStatus
) -> None:
    application = running.apply(models=models)
    before = len(running.provider.calls)
    assert chat(running.pod, application.key, model)[0] == status
    assert (len(running.provider.calls) > before) is (status == HTTPStatus.OK)


def test_a_deployment_is_not_called_by_its_id(running: Running) -> None:
    _, answer = running.pod.call("/v1/model/info", key=MASTER)
    (id_,) = (m["model_info"]["id"] for m in answer["data"] if m["model_name"] == "other")
    application = running.apply(models=["chat"])
    assert chat(running.pod, application.key, id_)[0] == HTTPStatus.FORBIDDEN
    assert chat(running.pod, MASTER, id_)[0] == HTTPStatus.OK


@pytest.mark.parametrize(
    "more",
    [
        {"fallbacks": ["other"]},
        {"fallbacks": [{"chat": ["other"]}], "mock_testing_fallbacks": True},
        {"context_window_fallbacks": [{"chat": ["other"]}]},
        {"model_list": []},
        {"api_base": "http://127.0.0.1:9"},
        {"custom_llm_provider": "azure"},
        {"metadata": {"user_api_key_auth": {"api_key": "x"}}},
        {"tools": [{"type": "mcp", "server_url": "litellm_proxy"}]},
        {"organization": "o"},
    ],
    ids=str,
)
def test_what_is_open_to_administrators_is_not_to_a_key(running: Running, more: Manifest) -> None:
    application = running.apply(models=["*"])
    before = len(running.provider.calls)
    status, answer = chat(running.pod, application.key, **more)
    # Some, LiteLLM refuses before it asks for the key.
    assert status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
    said = answer["error"]["message"]
    assert any(text in said for text in ("not open", "not allowed", "on this gateway")), said
    assert len(running.provider.calls) == before


def test_the_master_key_has_what_it_had(running: Running) -> None:
    pod = running.pod
    assert chat(pod, MASTER, "other")[0] == HTTPStatus.OK
    assert chat(pod, MASTER, organization="o")[0] == HTTPStatus.OK
    assert "pong" == "".join(STREAMED) == pod.stream("chat")
    for path in ADMINISTRATION[:5]:
        assert pod.text(path, bearer(MASTER))[0] == HTTPStatus.OK, path
    _, answer = pod.call("/v1/models", key=MASTER)
    assert {"chat", "other", "down"} <= {model["id"] for model in answer["data"]}
    assert chat(pod, MASTER[:-1])[0] == HTTPStatus.UNAUTHORIZED
    assert chat(pod, f"{MASTER}x")[0] == HTTPStatus.UNAUTHORIZED


ADMINISTRATION = (
    *("/router/settings", "/get/config/callbacks", "/debug/asyncio-tasks", "/metrics/"),
    *("/mcp-rest/tools/list", "/health", "/key/info", "/key/list", "/user/info", "/team/list"),
    *("/spend/logs", "/global/spend", "/config/yaml", "/model_group/info", "/v1/mcp/server"),
    *("/v1/files", "/v1/batches", "/v1/responses/resp_1", "/anthropic/v1/models", "/mcp/"),
    *("/v2/model/info", "/models/other", "/utils/supported_openai_params?model=chat"),
    *("/engines/chat/chat/completions", "/openai/deployments/chat/chat/completions"),
)


@pytest.mark.parametrize("path", ADMINISTRATION)
def test_other_routes_are_shut_to_keys(running: Running, path: str) -> None:
    """Though the gate opens them."""
    application = running.apply(models=["*"], mcpServers=["*"])
    before = len(running.provider.calls)
    for body in (None, {"model": "chat", "messages": SAID}):
        status, text = running.pod.text(path, bearer(application.key), body)
        assert status in (401, 403, 404, 405), text
        assert status not in (404, 405) or "not open" not in text
    status, text = running.pod.text(path, bearer(application.key))
    assert status in (401, 403) or "not open" in text or status == HTTPStatus.METHOD_NOT_ALLOWED
    assert len(running.provider.calls) == before


def test_models_are_listed_that_may_be_called(running: Running) -> None:
    pod = running.pod
    application = running.apply(models=["chat", "wild/gpt-4o", "wild/of-no-list", "absent"])
    _, answer = pod.call("/v1/models", key=application.key)
    assert {m["id"] for m in answer["data"]} == {"chat", "wild/gpt-4o", "wild/of-no-list"}
    _, answer = pod.call("/models", key=application.key)
    assert len(answer["data"]) == 3
    for path in ("/model/info", "/v1/model/info"):
        _, answer = pod.call(path, key=application.key)
        assert [m["model_name"] for m in answer["data"]] == ["chat", "wild/gpt-4o"]
        assert running.provider.url not in json.dumps(answer)
        assert answer["data"][0]["model_info"]["max_input_tokens"] > 0
    assert pod.call("/v1/models/chat", key=application.key)[1]["id"] == "chat"
    assert pod.call("/v1/models/other", key=application.key)[0] == HTTPStatus.NOT_FOUND
    nothing = running.apply(models=[])
    assert pod.call("/v1/models", key=nothing.key)[1]["data"] == []
    headers = {**bearer(application.key), "anthropic-version": "2023-06-01"}
    listed = json.loads(pod.text("/v1/models", headers)[1])
    assert {m["id"] for m in listed["data"]} == {"chat", "wild/gpt-4o", "wild/of-no-list"}
    assert "other" not in json.dumps(listed)


def test_whatever_is_wrong_with_a_key_is_answered_alike(running: Running) -> None:
    uid = running.apply().uid
    expired = running.apply(expiresAt="2026-01-01T00:00:00Z")
    wrong = [
        *(running.new_key(uid), running.new_key(str(uuid.uuid4())), f"sk-{uid}", f"sk-{uid}-"),
        *("sk-", "sk", "x", "sk-1234", hashed(running.keys[uid]["hashes"][0]), uid),
        *(
            running.keys[uid]["hashes"][0],
            f"sk-{'x' * 30_000}",
            "é" * 50,
            "litellm_proxy_master_key",
        ),
    ]
    answers = {
        (status, json.dumps(answer))
        for status, answer in (chat(running.pod, key) for key in [*map(str, wrong), None])
    }
    assert len(answers) == 1
    ((status, text),) = answers
    assert status == HTTPStatus.UNAUTHORIZED
    assert uid not in text
    status, answer = chat(running.pod, expired.key)
    assert status == HTTPStatus.UNAUTHORIZED
    assert "expired" in answer["error"]["message"]


def test_a_key_expires(running: Running) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    application = running.apply(expiresAt=soon.isoformat().replace("+00:00", "Z"))
    assert chat(running.pod, application.key)[0] == HTTPStatus.OK
    until(lambda: datetime.now(UTC) > soon)
    assert chat(running.pod, application.key)[0] == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-litellm-api-key"])
def test_a_key_comes_in_any_header_of_litellms(running: Running, header: str) -> None:
    application = running.apply()
    body = {"model": "chat", "messages": SAID}
    assert running.pod.text(CHAT, {header: application.key}, body)[0] == HTTPStatus.OK
    other = {"model": "other", "messages": SAID}
    assert running.pod.text(CHAT, {header: application.key}, other)[0] == HTTPStatus.FORBIDDEN


# -- The list of keys changes


def test_a_key_is_rotated_and_revoked_without_a_restart(running: Running) -> None:
    application = running.apply(rpm=4)
    new = running.new_key(application.uid)
    entry = running.keys[application.uid]
    assert chat(running.pod, new)[0] == HTTPStatus.UNAUTHORIZED
    entry["hashes"] = [hashed(application.key), hashed(new)]
    running.write()
    for key in (application.key, new):
        for pod in running.pods:
            assert chat(pod, key)[0] == HTTPStatus.OK
    # They are one application.
    assert chat(running.pod, new)[0] == HTTPStatus.TOO_MANY_REQUESTS
    del entry["rpm"]
    entry["hashes"] = [hashed(new)]
    running.write()
    assert chat(running.pod, application.key)[0] == HTTPStatus.UNAUTHORIZED
    assert chat(running.pod, new)[0] == HTTPStatus.OK
    del running.keys[application.uid]
    running.write()
    assert chat(running.pod, new)[0] == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", '{"version": 1}', '{"version": 2, "keys": {}}'),
        *('{"version": 1, "keys": []}', '{"version": 1, "keys": {"x": {}}}', "[" * 100_000),
        '{"version": 1, "keys": {"x": {"alias": 1, "hashes": [], "models": [], "mcpServers": []}}}',
    ],
    ids=lambda text: text[:40],
)
def test_keys_hold_while_their_list_is_broken(running: Running, text: str) -> None:
    application = running.apply()
    assert chat(running.pod, application.key)[0] == HTTPStatus.OK
    said = len(broken(running))
    running.write(text)
    try:
        for _ in range(3):
            assert chat(running.pod, application.key)[0] == HTTPStatus.OK
        assert "modelrouter_access_file_broken 1.0" in running.pod.metrics()
        assert len(broken(running)) == said + 1
    finally:
        running.write()
    assert chat(running.pod, application.key)[0] == HTTPStatus.OK
    assert "modelrouter_access_file_broken 0.0" in running.pod.metrics()


def broken(running: Running) -> list[str]:
    return [line for line in running.pod.pod.log().splitlines() if "cannot be read (" in line]


def test_keys_hold_while_their_list_is_gone(running: Running) -> None:
    application = running.apply()
    assert chat(running.pod, application.key)[0] == HTTPStatus.OK
    for gateway in running.pods:
        gateway.pod.update({**running.config_map, "data": {}})
    assert chat(running.pod, application.key)[0] == HTTPStatus.OK
    assert "modelrouter_access_file_broken 1.0" in running.pod.metrics()
    running.write()


# -- Limits


def test_requests_are_limited_over_all_pods(running: Running) -> None:
    application = running.apply(rpm=3)
    answered = [chat(running.pods[i % 2], application.key)[0] for i in range(5)]
    assert answered == [HTTPStatus.OK] * 3 + [HTTPStatus.TOO_MANY_REQUESTS] * 2
    assert chat(running.pod, running.apply(rpm=3).key)[0] == HTTPStatus.OK


def test_tokens_are_limited_over_all_pods(running: Running) -> None:
    application = running.apply(tpm=500)
    running.provider.tokens = 1000
    try:
        assert chat(running.pods[0], application.key)[0] == HTTPStatus.OK
        until(lambda: chat(running.pods[1], application.key)[0] == HTTPStatus.TOO_MANY_REQUESTS)
    finally:
        running.provider.reset()


def test_calls_at_once_are_limited_over_all_pods(running: Running) -> None:
    application = running.apply(maxParallelRequests=2)
    running.provider.delay = 2
    try:
        with ThreadPoolExecutor(4) as callers:
            pods = [running.pods[i % 2] for i in range(4)]
            answers = callers.map(lambda pod: chat(pod, application.key)[0], pods)
            answered = Counter(answers)
    finally:
        running.provider.reset()
    assert answered == {HTTPStatus.OK: 2, HTTPStatus.TOO_MANY_REQUESTS: 2}
    until(lambda: chat(running.pod, application.key)[0] == HTTPStatus.OK)


@pytest.mark.parametrize("period", ["Day", "Month"])
def test_a_budget_is_spent_over_all_pods(running: Running, period: str) -> None:
    application = running.apply(budget={"usd": "2", "period": period})
    running.provider.tokens = 400_000
    try:
        assert chat(running.pods[0], application.key)[0] == HTTPStatus.OK
        until(lambda: running.spent(application, period) == pytest.approx(1.0000075))
        assert chat(running.pods[1], application.key)[0] == HTTPStatus.OK
        until(lambda: running.spent(application, period) > 2)
        for pod in running.pods:
            status, answer = chat(pod, application.key)
            assert status == HTTPStatus.TOO_MANY_REQUESTS
            assert answer["error"]["type"] == "insufficient_quota"
            told = f"The budget of this key for the {period.lower()} is spent."
            assert answer["error"]["message"] == told
            assert stream(pod, application.key)[0] == HTTPStatus.TOO_MANY_REQUESTS
            assert pod.call("/v1/models", key=application.key)[0] == HTTPStatus.OK
    finally:
        running.provider.reset()
    # Another one's is another's, and what was spent stays spent.
    assert chat(running.pod, running.apply(budget={"usd": "1", "period": period}).key)[0] == 200
    names_ = running.redis.ask("keys", f"*{application.uid}*").split()
    assert len([name for name in names_ if "modelrouter:{team/gw}:spent:team-a/" in name]) == 2
    for name in (name for name in names_ if "spent" in name):
        assert 86400 < int(running.redis.ask("ttl", name)) <= 40 * 86400
    # A larger budget, and the period that follows.
    running.keys[application.uid]["budget"]["usd"] = "100"
    running.write()
    assert chat(running.pod, application.key)[0] == HTTPStatus.OK


def refused(gateway: Gateway, key: str) -> str:
    """Why a call is refused for what was spent; nothing if it is answered."""
    status, answer = chat(gateway, key)
    if status == HTTPStatus.OK:
        return ""
    assert status == HTTPStatus.TOO_MANY_REQUESTS
    assert answer["error"]["type"] == "insufficient_quota"
    message: str = answer["error"]["message"]
    return message


NAMESPACES = "The budget of this key's namespace for the day is spent."


def test_all_keys_of_a_namespace_spend_one_budget(running: Running) -> None:
    """In all pods, and in whatever periods each may spend something of its own."""
    namespace = f"team-{secrets.token_hex(4)}"
    shared = {"namespaceBudget": {"usd": "2", "period": "Day"}}
    own = {"budget": {"usd": "100", "period": "Month"}}
    one = running.apply(alias=f"{namespace}/one", **shared, **own)
    two = running.apply(alias=f"{namespace}/two", **shared)
    # The beginning of its name is the name of another.
    other = running.apply(alias=f"{namespace[:-1]}/one", **shared)
    running.provider.tokens = 400_000
    try:
        assert refused(running.pods[0], one.key) == ""
        until(lambda: running.spent(namespace) == pytest.approx(1.0000075))
        assert refused(running.pods[1], two.key) == ""
        until(lambda: running.spent(namespace) == pytest.approx(2.000015))
        assert running.spent(one) == running.spent(two) == pytest.approx(1.0000075)
        for pod in running.pods:
            assert [refused(pod, each.key) for each in (one, two)] == [NAMESPACES] * 2
        assert refused(running.pod, other.key) == ""
    finally:
        running.provider.reset()
    assert 'refusals_total{reason="namespace_budget"}' in running.pod.metrics()


def test_one_that_is_made_again_does_not_start_afresh(running: Running) -> None:
    namespace = f"team-{secrets.token_hex(4)}"
    whole = {"namespaceBudget": {"usd": "1", "period": "Day"}}
    own = {"budget": {"usd": "1", "period": "Day"}}
    first = running.apply(alias=f"{namespace}/app", **whole)
    running.provider.tokens = 400_000
    try:
        assert refused(running.pod, first.key) == ""
        until(lambda: running.spent(namespace) > 1)
    finally:
        running.provider.reset()
    del running.keys[first.uid]
    same = running.apply(alias=f"{namespace}/app", **whole)
    renamed = running.apply(alias=f"{namespace}/another", **whole)
    assert [refused(running.pod, one.key) for one in (same, renamed)] == [NAMESPACES] * 2
    again = running.apply(alias=f"{namespace}/app", **own)
    assert refused(running.pod, again.key) == "The budget of this key for the day is spent."
    assert refused(running.pod, running.apply(alias=f"{namespace}/new", **own).key) == ""


def test_a_budget_of_its_own_leaves_the_others_the_rest(running: Running) -> None:
    namespace = f"team-{secrets.token_hex(4)}"
    shared = {"namespaceBudget": {"usd": "100", "period": "Month"}}
    low = {"budget": {"usd": "1", "period": "Day"}}
    one = running.apply(alias=f"{namespace}/one", **shared, **low)
    two = running.apply(alias=f"{namespace}/two", **shared)
    running.provider.tokens = 400_000
    try:
        assert refused(running.pod, one.key) == ""
        until(lambda: running.spent(one) > 1)
    finally:
        running.provider.reset()
    for pod in running.pods:
        assert refused(pod, one.key) == "The budget of this key for the day is spent."
        assert refused(pod, two.key) == ""


def test_what_was_spent_before_a_period_is_not_counted_in_it(running: Running) -> None:
    application = running.apply(budget={"usd": "1", "period": "Day"})
    before = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y%m%d")
    name = f"modelrouter:{{team/gw}}:spent:{application.entry['alias']}:Day:"
    running.redis.ask("set", f"{name}{before}", "5")
    assert chat(running.pod, application.key)[0] == HTTPStatus.OK
    running.redis.ask("set", f"{name}{datetime.now(UTC).strftime('%Y%m%d')}", "5")
    assert chat(running.pod, application.key)[0] == HTTPStatus.TOO_MANY_REQUESTS


def test_a_call_is_counted_whose_key_is_revoked_meanwhile(running: Running) -> None:
    application = running.apply(budget={"usd": "1", "period": "Day"})
    running.provider.delay = 1
    try:
        with ThreadPoolExecutor(1) as callers:
            asked = running.provider.asked
            answer = callers.submit(chat, running.pod, application.key)
            until(lambda: running.provider.asked > asked)
            entry = running.keys.pop(application.uid)
            running.write()
            assert answer.result()[0] == HTTPStatus.OK
    finally:
        running.provider.reset()
    assert chat(running.pod, application.key)[0] == HTTPStatus.UNAUTHORIZED
    until(lambda: running.spent(application) > 0)
    running.keys[application.uid] = entry


def test_nothing_is_lost_when_many_spend_at_once(running: Running) -> None:
    application = running.apply(budget={"usd": "1000", "period": "Day"})
    with ThreadPoolExecutor(8) as callers:
        pods = [running.pods[i % 2] for i in range(40)]
        assert set(callers.map(lambda pod: chat(pod, application.key)[0], pods)) == {200}
    until(lambda: running.spent(application) == pytest.approx(40 * 1.25e-05))


LONG = [{"role": "user", "content": "word " * 20_000}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"messages": LONG}),
        ("/v1/messages", {"messages": LONG, "max_tokens": 5}),
        ("/v1/responses", {"input": LONG}),
        ("/v1/completions", {"prompt": LONG[0]["content"]}),
        (CHAT, {"messages": LONG, "stream_options": {"include_usage": False}}),
        (
            "/v1/completions",
            {"prompt": LONG[0]["content"], "stream_options": {"include_usage": False}},
        ),
    ],
)
@pytest.mark.parametrize("is_said", [False, True])
def test_streams_are_counted(running: Running, path: str, body: Manifest, *, is_said: bool) -> None:
    application = running.apply(budget={"usd": "0.01", "period": "Day"})
    # Where no one says what was used, LiteLLM counts the words.
    running.provider.tokens, running.provider.counts_streams = 20_000, is_said
    status, text = stream(running.pod, application.key, path, **body)
    running.provider.reset()
    assert status == HTTPStatus.OK
    assert "data:" in text
    until(lambda: running.spent(application) > 0.01)
    assert stream(running.pods[1], application.key, path, **body)[0] == 429


def test_a_stream_that_the_client_breaks_off_is_counted(running: Running) -> None:
    application = running.apply(budget={"usd": "0.01", "period": "Day"})
    body = json.dumps({"model": "chat", "stream": True, "messages": LONG}).encode()
    running.provider.pause = 0.5
    try:
        with socket.create_connection(("127.0.0.1", running.pod.pod.port)) as client:
            client.sendall(
                f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {application.key}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            assert b"200 OK" in client.recv(100)
            while b"data: {" not in client.recv(65536):
                pass
        until(lambda: running.spent(application) > 0.01)
    finally:
        running.provider.reset()


# -- Redis is gone


def test_calls_go_on_without_redis(running: Running) -> None:
    """What is limited is so for each pod, which says so."""
    pod = running.bereft
    application = running.apply(rpm=2, budget={"usd": "100", "period": "Day"})
    assert [chat(pod, application.key)[0] for _ in range(3)] == [200, 200, 429]
    until(lambda: "modelrouter_access_redis_away 1.0" in pod.metrics())
    assert pod.pod.log().count("Redis does not answer: limits and budgets") == 1
    assert "modelrouter_access_redis_away 0.0" in running.pod.metrics()


@pytest.mark.parametrize("field_", ["budget", "namespaceBudget"])
def test_a_pod_counts_by_itself_without_redis(running: Running, field_: str) -> None:
    pod = running.bereft
    alias = f"team-{secrets.token_hex(4)}/app"
    application = running.apply(alias=alias, **{field_: {"usd": "1", "period": "Day"}})
    running.provider.tokens = 400_000
    try:
        assert chat(pod, application.key)[0] == HTTPStatus.OK
        until(lambda: chat(pod, application.key)[0] == HTTPStatus.TOO_MANY_REQUESTS)
    finally:
        running.provider.reset()


# -- MCP servers


@pytest.mark.parametrize(
    ("granted", "tools"),
    [
        (["files"], {"files-add", "files-subtract", "files-erase"}),
        (["*"], {f"{s}-{t}" for s in ("files", "docs") for t in ("add", "subtract", "erase")}),
        (["absent"], set()),
        (["file", "filess", "x"], set()),
    ],
)
def test_the_tools_of_granted_servers_are_listed_and_called(
    running: Running, granted: list[str], tools: set[str]
) -> None:
    """One that LiteLLM would show to every key is not, either."""
    application = running.apply(mcpServers=granted)
    status, text = running.mcp(application.key, "tools/list")
    assert status == HTTPStatus.OK, text
    assert {tool["name"] for tool in result(text)["tools"]} == tools
    before = len(running.server.called())
    for server in ("files", "docs"):
        _, text = running.mcp(application.key, "tools/call", {**ADD, "name": f"{server}-add"})
        is_called = len(running.server.called()) > before
        before = len(running.server.called())
        assert is_called is (f"{server}-add" in tools), text
    assert application.key not in json.dumps(running.server.calls())


def test_who_was_granted_no_server_comes_to_none(running: Running) -> None:
    application = running.apply(models=["*"])
    before = len(running.server.calls())
    for method, params in (("tools/list", {}), ("tools/call", ADD)):
        assert running.mcp(application.key, method, params)[0] == HTTPStatus.FORBIDDEN
        assert running.mcp("sk-wrong", method, params)[0] == HTTPStatus.UNAUTHORIZED
    assert len(running.server.calls()) == before
    assert running.mcp(MASTER, "tools/list")[0] == HTTPStatus.OK


def test_a_server_that_is_taken_away_is_shut_in_a_session_too(running: Running) -> None:
    application = running.apply(mcpServers=["files"])
    assert running.mcp(application.key, "tools/call", ADD)[0] == HTTPStatus.OK
    running.keys[application.uid]["mcpServers"] = ["docs"]
    running.write()
    before = len(running.server.called())
    running.mcp(application.key, "tools/call", ADD)
    assert len(running.server.called()) == before


def result(text: str) -> Manifest:
    (line,) = [line for line in text.splitlines() if line.startswith("data: ")]
    answer: Manifest = json.loads(line.removeprefix("data: "))["result"]
    return answer


# -- Guardrails


@pytest.mark.parametrize("said", [{}, *SWITCHES], ids=json.dumps)
def test_no_key_switches_a_guardrail_off(running: Running, said: Manifest) -> None:
    """Also where the gate is open to the administrator."""
    application = running.apply(models=["guarded"], mcpServers=["*"])
    before = len(running.provider.calls)
    body = {"messages": [{"role": "user", "content": "a zebra"}], **said}
    status, _ = running.pod.call(CHAT, {"model": "guarded", **body}, key=application.key)
    sent_ = repr([call.body for call in running.provider.calls[before:]])
    assert status == HTTPStatus.OK or (said and status == HTTPStatus.BAD_REQUEST)
    if status == HTTPStatus.OK:
        assert "REDACTED" in sent_
    assert "zebra" not in sent_


# -- What is known of it elsewhere


def test_stored_responses_are_their_applications_own(running: Running) -> None:
    one, two = running.apply(), running.apply()
    status, answer = running.pod.call("/v1/responses", {"model": "chat", "input": "q"}, key=one.key)
    assert status == HTTPStatus.OK
    more = {"model": "chat", "input": "q", "previous_response_id": answer["id"]}
    assert running.pod.call("/v1/responses", more, key=one.key)[0] == HTTPStatus.OK
    assert running.pod.call("/v1/responses", more, key=two.key)[0] == HTTPStatus.FORBIDDEN


def test_spend_is_shown_by_the_name_of_the_application(running: Running) -> None:
    application = running.apply(alias="team-b/shop", models=["chat"])
    assert chat(running.pod, application.key)[0] == HTTPStatus.OK
    shown = 'api_key_alias="team-b/shop"'
    until(
        lambda: any(
            line.startswith("litellm_spend_metric_total{") and shown in line
            for line in running.pod.metrics().splitlines()
        )
    )
    until(lambda: b"team-b/shop" in running.collector.text())


def test_no_key_is_shown_anywhere(running: Running) -> None:
    """Neither one that holds, nor a wrong one, nor a hash of either."""
    pod, provider = running.pod, running.provider
    application = running.apply(rpm=4, mcpServers=["files"])
    wrong = running.new_key(application.uid)
    answers = [chat(pod, key, model) for key in (wrong, "sk-x") for model in ("chat", "other")]
    answers += [chat(pod, application.key, model) for model in ("chat", "other", "x")]
    provider.status = HTTPStatus.INTERNAL_SERVER_ERROR
    answers.append(chat(pod, application.key))
    provider.reset()
    running.mcp(application.key, "tools/call", ADD)
    answers += [chat(pod, application.key) for _ in range(3)]
    assert {status for status, _ in answers} == {200, 401, 403, 429, 500}
    until(lambda: b"team-a/app" in running.collector.text())
    redis = "\n".join(running.redis.ask("keys", "*").split())
    shown = [
        *(gateway.pod.log() for gateway in (*running.pods, running.bereft)),
        *(json.dumps(answers), pod.metrics(), redis, running.collector.text().decode("latin-1")),
        *(repr(provider.calls), json.dumps(running.server.calls())),
    ]
    for text in shown:
        for key in (*running.issued, MASTER):
            assert key not in text
            assert key[-43:] not in text
            assert hashed(key) not in text


# -- LiteLLM does not do its part


def test_litellm_does_not_start_without_its_checks() -> None:
    deployment, config_maps, held = support.parts(World(router(port=free_port(), access=ACCESS)))
    config = yaml.safe_load(config_maps[0]["data"]["config.yaml"])
    needed = {
        "custom_auth": "general_settings",
        "custom_auth_run_common_checks": "general_settings",
        "enable_post_custom_auth_checks": "litellm_settings",
    }
    for key, section in needed.items():
        del config[section][key]
    config_maps[0]["data"]["config.yaml"] = yaml.dump(config)
    pod = Pod(deployment, config_maps=config_maps, secrets=held)
    said = f"LiteLLM would not check keys: it does not have {', '.join(needed)}"
    with pytest.raises(NotReady, match=said), pod:
        pod.wait_ready()
