"""MCP servers: what is composed of them, and what clients come to through a gateway that runs.

The servers and the client are the reference SDK's, in LiteLLM's own Python.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from function.call import Manifest
from tests.support import gateway as support
from tests.support.gateway import KEYS, Gateway
from tests.support.processes import free_port, wait_until_listening
from tests.support.tools import CACHE, absent
from tests.support.upstream import Upstream
from tests.support.world import World, router, secret

SUPPORT = Path(__file__).parent / "support"
TOKEN, API_KEY, HEADER = "token-of-docs", "key-of-files", "header-of-old"
URL = "https://mcp.example.com/mcp"


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

    def erased(self) -> list[str]:
        """What its second tool was called for."""
        return [call["erased"] for call in self.calls() if "erased" in call]


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
class Gatewayed:
    """A gateway with MCP servers, and these: one that wants its token, and one that wants none."""

    gateway: Gateway
    strict: Server
    open: Server
    provider: Upstream

    def client(self, *calls: tuple[str, Manifest], **headers: str) -> Manifest:
        """What the SDK's client is offered, and answered."""
        said = headers or {"Authorization": f"Bearer {self.gateway.key}"}
        rest = [text for name, given in calls for text in (name, json.dumps(given))]
        command = [python(), str(SUPPORT / "mcp_client.py"), f"{self.gateway.pod.url}/mcp"]
        done = subprocess.run(
            [*command, json.dumps(said), *rest],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answer: Manifest = json.loads(done.stdout)
        return answer

    def post(
        self, path: str = "/mcp", method: str = "tools/list", **headers: str
    ) -> tuple[int, str]:
        """A message of a client that has no session."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}
        accept = "application/json, text/event-stream"
        return self.gateway.text(path, {"Accept": accept, **headers}, body)


@contextmanager
def gatewayed() -> Iterator[Gatewayed]:
    with (
        mcp_server("Authorization", f"Bearer {TOKEN}") as strict,
        mcp_server() as open_,
        Upstream() as provider,
    ):
        servers = [
            {
                "name": "docs",
                "url": f"{strict.url}/mcp",
                "allowedTools": ["add"],
                "auth": {"bearerSecretRef": {"name": "mcp", "key": "docs"}},
            },
            {
                "name": "wrong",
                "url": f"{strict.url}/mcp",
                "auth": {"bearerSecretRef": {"name": "mcp", "key": "absent"}},
            },
            {
                "name": "files",
                "url": f"{open_.url}/mcp",
                "disallowedTools": ["erase"],
                "auth": {"apiKeySecretRef": {"name": "mcp", "key": "files"}},
            },
            {
                "name": "old_one",
                "url": f"{open_.url}/sse",
                "transport": "SSE",
                "headers": [
                    {"name": "X-Team", "value": "team a"},
                    {"name": "X-Old-Token", "valueSecretRef": {"name": "mcp", "key": "old"}},
                    {"name": "X-Absent", "valueSecretRef": {"name": "mcp", "key": "absent"}},
                ],
            },
        ]
        models = [{"name": "openai/gpt-4o", "alias": "chat", "apiBase": f"{provider.url}/v1"}]
        world = World(router(port=free_port(), aiModels=models, mcpServers=servers))
        with support.running(
            world,
            secret("litellm-secrets", **KEYS),
            secret("mcp", docs=TOKEN, files=API_KEY, old=HEADER),
        ) as gateway:
            yield Gatewayed(gateway, strict, open_, provider)
