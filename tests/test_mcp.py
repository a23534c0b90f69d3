"""MCP servers: what is composed of them, and what clients come to through a gateway that runs.

The servers and the client are the reference SDK's, in LiteLLM's own Python.
"""

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml

from function import names
from function.call import Manifest
from tests.support import gateway as support
from tests.support.gateway import KEYS, Gateway
from tests.support.processes import free_port, wait_until_listening
from tests.support.tools import CACHE, absent
from tests.support.upstream import Upstream
from tests.support.world import World, router, secret

SUPPORT = Path(__file__).parent / "support"
TOKEN, API_KEY, HEADER = "token-of-docs", "key-of-files", "header-of-old"
ACCEPT = "application/json, text/event-stream"
ADD: Manifest = {"name": "files-add", "arguments": {"a": 1, "b": 2}}
FORGED = "of-a-client"
NOTHING: Manifest = {}
NO_HEADERS: Mapping[str, str] = {}


@dataclass
class Server:
    """An MCP server that runs."""

    url: str

    def calls(self) -> list[Manifest]:
        """What it was sent."""
        with urlopen(f"{self.url}/calls", timeout=10) as response:
            calls: list[Manifest] = json.load(response)
            return calls

    def sent(self) -> list[dict[str, str]]:
        """The headers of what it was sent."""
        return [call["headers"] for call in self.calls() if "headers" in call]

    def called(self) -> list[str]:
        """Which of its tools were called."""
        return [call["called"] for call in self.calls() if "called" in call]


def python() -> str:
    """LiteLLM's own."""
    program = CACHE / "litellm" / "bin" / "python"
    if not program.exists():
        absent("the LiteLLM proxy", "run .ci/build-litellm")
    return str(program)


@contextmanager
def mcp_server(*wanted: str) -> Iterator[Server]:
    """An MCP server that may want a header with a value."""
    port = free_port()
    command = [python(), str(SUPPORT / "mcp_server.py"), str(port), *wanted]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until_listening(process, f"127.0.0.1:{port}")
        yield Server(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.communicate()


@dataclass
class Running:
    """A gateway with MCP servers, and these: one that wants its token, and one that wants none."""

    gateway: Gateway
    strict: Server
    lenient: Server
    provider: Upstream

    def client(self, *calls: tuple[str, Manifest]) -> Manifest:
        """What the SDK's client is offered, and answered."""
        rest = [text for name, given in calls for text in (name, json.dumps(given))]
        command = [python(), str(SUPPORT / "mcp_client.py"), f"{self.gateway.pod.url}/mcp"]
        done = subprocess.run(
            [*command, json.dumps(self.key), *rest],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answer: Manifest = json.loads(done.stdout)
        return answer

    @property
    def key(self) -> dict[str, str]:
        """The header with the gateway's key."""
        return {"Authorization": f"Bearer {self.gateway.key}"}

    def post(
        self,
        path: str = "/mcp",
        *,
        method: str = "tools/list",
        params: Manifest = NOTHING,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> tuple[int, str]:
        """A message of a client that has no session."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.gateway.text(path, {"Accept": ACCEPT, **headers}, body)


# -- What is composed


def composed(*servers: Manifest) -> tuple[Manifest, dict[str, Manifest], set[str]]:
    """The configuration, the container's variables by name, and the names of the files."""
    answer = World(router(mcpServers=list(servers))).reconcile()
    assert answer.refusal is None, answer.refusal
    files = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]
    (container,) = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"][
        "containers"
    ]
    variables = {variable["name"]: variable for variable in container["env"]}
    return yaml.safe_load(files["config.yaml"]), variables, set(files)


SERVER: Manifest = {
    "name": "docs",
    "url": "https://mcp.example.com/mcp",
    "auth": {"bearerSecretRef": {"name": "mcp", "key": "docs"}},
}


def test_nothing_is_open_without_servers() -> None:
    config, variables, files = composed()
    assert "mcp_servers" not in config
    assert config["general_settings"].keys() == {"master_key"}
    assert not [name for name in variables if "MCP" in name]
    assert "mcp_gate.py" not in files
    assert "mcp_gate" not in variables["LITELLM_WORKER_STARTUP_HOOKS"]["value"]


def test_a_key_that_two_servers_share_is_one_variable() -> None:
    config, variables, _ = composed(SERVER, {**SERVER, "name": "other"})
    tokens = {server["authentication_token"] for server in config["mcp_servers"].values()}
    assert tokens == {"os.environ/MCP__mcp__docs"}
    assert variables["MCP__mcp__docs"]["valueFrom"] == {
        "secretKeyRef": {"name": "mcp", "key": "docs", "optional": True}
    }


def test_what_a_server_is_shown_is_awaited_and_rolls_the_pods() -> None:
    world = World(router(mcpServers=[SERVER]))
    world.add(secret("litellm-secrets", OPENAI_API_KEY="k"))
    (condition,) = (c for c in world.reconcile().conditions if c.type == names.CREDENTIALS_PRESENT)
    assert (condition.status, condition.message) == ("False", "Missing: docs in Secret 'mcp'.")
    hashes = set()
    for value in ("token-one", "token-two"):
        world.add(secret("mcp", docs=value))
        answer = world.reconcile()
        said = repr(answer)
        assert value not in said
        assert base64.b64encode(value.encode()).decode() not in said
        template = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]
        hashes.add(template["metadata"]["annotations"][names.ANNOTATION_SECRET_HASH])
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"merge": {"mcp_servers": {"docs": {"url": "https://elsewhere.example.com"}}}},
            "config.merge replaces /mcp_servers/docs/url.",
        ),
        (
            {"merge": {"mcp_servers": {"docs": {"allowed_tools": ["b"]}}}},
            "config.merge removes a from /mcp_servers/docs/allowed_tools.",
        ),
        ({"merge": {"mcp_servers": {"docs": None}}}, "config.merge replaces /mcp_servers/docs."),
        ({"remove": ["/mcp_servers/docs"]}, "config.remove removes /mcp_servers/docs."),
    ],
)
def test_overrides_of_a_server_are_told(config: Manifest, said: str) -> None:
    server = {**SERVER, "allowedTools": ["a"]}
    answer = World(router(mcpServers=[server], config=config)).reconcile()
    assert answer.refusal is None
    assert said in [result.message for result in answer.results]


@pytest.mark.parametrize("server", [{"my-docs": {"url": "https://h"}}, {"docs": "https://h"}])
def test_a_server_that_keeps_litellm_from_starting_is_refused(server: Manifest) -> None:
    answer = World(router(config={"merge": {"mcp_servers": server}})).reconcile()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_CONFIG_BROKEN
    assert f"/mcp_servers/{next(iter(server))} must be" in answer.refusal.message


# -- On a proxy that runs


def shown(kind: str, key: str) -> Manifest:
    """What a server is shown."""
    return {"auth": {f"{kind}SecretRef": {"name": "mcp", "key": key}}}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with (
        mcp_server("Authorization", f"Bearer {TOKEN}") as strict,
        mcp_server() as lenient,
        Upstream() as provider,
    ):
        servers = [
            {"name": "docs", "url": f"{strict.url}/mcp", "allowedTools": ["add"]}
            | shown("bearer", "docs"),
            {"name": "files", "url": f"{lenient.url}/mcp", "disallowedTools": ["erase"]}
            | shown("apiKey", "files"),
            {
                "name": "old_one",
                "url": f"{lenient.url}/sse",
                "transport": "SSE",
                "disallowedTools": ["erase"],
                "headers": [
                    {"name": "X-Team", "value": "team a"},
                    {"name": "X-Old-Token", "valueSecretRef": {"name": "mcp", "key": "old"}},
                    {"name": "X-Absent", "valueSecretRef": {"name": "mcp", "key": "absent"}},
                ],
            },
            {"name": "refused", "url": f"{strict.url}/mcp"} | shown("bearer", "files"),
            {"name": "without", "url": f"{strict.url}/mcp"} | shown("bearer", "absent"),
            {"name": "gone", "url": f"http://127.0.0.1:{free_port()}/mcp"},
        ]
        models = [{"name": "openai/gpt-4o", "alias": "chat", "apiBase": f"{provider.url}/v1"}]
        # The same endpoint with nothing before it, which shows what it is that is kept out.
        env = [{"name": "GATE_OPEN_ROUTES", "value": "/mcp/"}]
        world = World(
            router(
                port=free_port(),
                aiModels=models,
                mcpServers=servers,
                deployment={"env": env},
            )
        )
        with support.running(
            world,
            secret("litellm-secrets", **KEYS),
            secret("mcp", docs=TOKEN, files=API_KEY, old=HEADER),
        ) as gateway:
            yield Running(gateway, strict, lenient, provider)


def test_the_tools_that_are_open_are_listed_and_called(running: Running) -> None:
    answer = running.client(
        ("docs-add", {"a": 1, "b": 2}),
        ("files-add", {"a": 3, "b": 4}),
        ("old_one-subtract", {"a": 9, "b": 4}),
    )
    assert sorted(answer["tools"]) == [
        *("docs-add", "files-add", "files-subtract", "old_one-add", "old_one-subtract"),
    ]
    assert answer["answers"] == [{"text": "3"}, {"text": "7"}, {"text": "5"}]
    assert answer["offers"] == ["tools"]  # And none of the servers' prompts and resources.


def test_a_tool_that_is_not_open_is_not_called_under_any_name(running: Running) -> None:
    before = running.strict.called(), running.lenient.called()
    tools = (
        *("docs-erase", "docs-subtract", "files-erase", "old_one-erase", "erase"),
        *("docs-docs-erase", "DOCS-ERASE", "files-ERASE", "docs-files-erase"),
    )
    answer = running.client(*((tool, {"what": "no"}) for tool in tools))
    assert ["error" in said for said in answer["answers"]] == [True] * len(tools)
    assert (running.strict.called(), running.lenient.called()) == before


def test_each_server_is_shown_what_is_its_own_and_nothing_else(running: Running) -> None:
    running.client(("docs-add", {"a": 1, "b": 2}), ("old_one-add", {"a": 1, "b": 2}))
    assert running.gateway.chat("chat")[0] == HTTPStatus.OK
    strict = running.strict.sent()
    lenient = [headers for headers in running.lenient.sent() if FORGED not in repr(headers)]
    tokens = {headers["authorization"] for headers in strict}
    # The second is that of a server with the wrong key. The one whose key is missing is not called.
    assert tokens == {f"Bearer {TOKEN}", f"Bearer {API_KEY}"}
    assert not [headers for headers in strict if "x-api-key" in headers]
    assert {headers.get("x-api-key") for headers in lenient} == {API_KEY, None}
    old = [headers for headers in lenient if "x-api-key" not in headers]
    assert {(h["x-team"], h["x-old-token"], h["x-absent"]) for h in old} == {
        ("team a", HEADER, "$(MCP__mcp__absent)")
    }
    with_key = [headers for headers in lenient if "x-api-key" in headers]
    assert not [headers for headers in with_key if "x-old-token" in headers]
    for key in (running.gateway.key, KEYS["OPENAI_API_KEY"]):
        assert key not in repr((strict, lenient))
    assert running.provider.calls
    log = running.gateway.pod.log()
    for value in (TOKEN, API_KEY, HEADER, running.gateway.key):
        assert value not in repr(running.provider.calls)
        assert value not in log


def test_a_server_that_does_not_answer_is_told_and_keeps_no_other_back(running: Running) -> None:
    status, text = running.post(headers=running.key)
    assert status == HTTPStatus.OK
    (line,) = [line for line in text.splitlines() if line.startswith("data: ")]
    result = json.loads(line.removeprefix("data: "))["result"]
    outcomes = result["_meta"]["litellm.ai/server_outcomes"]
    assert outcomes["refused"] == {"status": "auth_required", "http_status": 401}
    assert {name for name, said in outcomes.items() if said["status"] == "ok"} == {
        *("docs", "files", "old_one"),
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, HTTPStatus.UNAUTHORIZED),
        ({"Authorization": "Bearer sk-wrong"}, HTTPStatus.BAD_REQUEST),
        ({"x-litellm-api-key": "sk-wrong"}, HTTPStatus.BAD_REQUEST),
    ],
)
def test_who_has_no_key_comes_to_no_tool(
    running: Running, headers: dict[str, str], status: HTTPStatus
) -> None:
    before = running.lenient.called()
    assert running.post(headers=headers)[0] == status
    assert running.post(method="tools/call", params=ADD, headers=headers)[0] == status
    assert running.lenient.called() == before


def test_a_session_does_not_stand_for_the_key(running: Running) -> None:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "a", "version": "1"},
        },
    }
    headers = {"Content-Type": "application/json", "Accept": ACCEPT, **running.key}
    request = Request(f"{running.gateway.pod.url}/mcp", json.dumps(body).encode(), headers)
    with urlopen(request, timeout=60) as response:
        session = {"Mcp-Session-Id": response.headers["mcp-session-id"]}
    assert running.post(headers=session | running.key)[0] == HTTPStatus.OK
    assert running.post(headers=session)[0] == HTTPStatus.UNAUTHORIZED


def test_no_stream_is_held_open_by_clients(running: Running) -> None:
    """A pod that stops would wait for it; the protocol lets a server do without."""
    status, _ = running.gateway.text("/mcp", {"Accept": "text/event-stream", **running.key})
    assert status == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(
    ("header", "becomes"),
    [
        ("x-mcp-auth", "x-api-key"),
        ("x-mcp-files-authorization", "authorization"),
        ("X-MCP-Files-Authorization", "authorization"),
        ("x-mcp-servers", None),
        ("x-mcp-access-groups", None),
        ("x-litellm-mcp-debug", None),
    ],
)
def test_no_client_chooses_what_a_server_is_shown(
    running: Running, header: str, becomes: str | None
) -> None:
    """LiteLLM by itself would let it, as the path shows that nothing is before."""
    value = f"{FORGED}-{header}"
    said = {header: value, **running.key}
    status, text = running.post(method="tools/call", params=ADD, headers=said)
    assert status == HTTPStatus.BAD_REQUEST
    assert f"{header.lower()} is not open on this gateway" in text
    assert value not in repr(running.lenient.sent())
    if becomes is not None:
        status, _ = running.post("/mcp/", method="tools/call", params=ADD, headers=said)
        assert status == HTTPStatus.OK
        assert value in [headers.get(becomes) for headers in running.lenient.sent()]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/mcp?server=files", "server is not open"),
        ("/files/mcp", "is not open"),
        ("/toolset/files/mcp", "is not open"),
        ("/sse", "is not open"),
        ("/v1/mcp/server", "is not open"),
    ],
)
def test_no_other_way_to_a_server_is_open(running: Running, path: str, said: str) -> None:
    status, text = running.post(path, headers=running.key)
    assert status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN)
    assert said in text
