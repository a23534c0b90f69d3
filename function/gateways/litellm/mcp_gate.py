"""The way through the gate to the tools of MCP servers.

It passes on one route, LiteLLM's MCP endpoint for all servers together, and on it no header that
begins with `x-mcp-`: with these, a client would put a credential of its own in the place of the one
that a server is shown, and choose among the servers. What the gate asks of headers and queries of
other calls holds here too. LiteLLM wants the key with each message, also in a session.

Like the gate, this file is no module of the function: it lies beside config.yaml of a router that
has MCP servers, and LiteLLM calls `install` before it reads its configuration.
"""

# LiteLLM's packages, and the gate as a module by itself, are in LiteLLM's container alone. The two
# files are of one version, so this one may look inside the other.
# mypy: disable-error-code="import-not-found"
# ruff: noqa: SLF001

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

import gate
from starlette._utils import get_route_path

_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]

_ROUTE: Final = "/mcp"
_METHODS: Final = frozenset({"POST", "DELETE"})
"""A message, and the end of a session."""
_STREAM: Final = "GET"
"""The stream of what a server says by itself, which the protocol lets a server refuse with 405. A
client keeps it open, and a pod that stops would wait for it until the end of its grace period."""
_SERVERS: Final = "x-mcp-"


def install() -> None:
    """Has the gate pass on what is allowed here."""
    closed = gate.Gate._judged

    async def judged(door: Any, scope: _Message, receive: _Receive) -> _Receive:  # noqa: ANN401
        path, method = get_route_path(scope), scope.get("method")
        if path == _ROUTE and method == _STREAM:
            raise gate._Refused(405, "MCP servers say nothing by themselves on this gateway.")
        if path != _ROUTE or method not in _METHODS:
            passed: _Receive = await closed(door, scope, receive)
            return passed
        door._check_names(scope)
        _check(scope, door._opens_parameter)
        return receive

    gate.Gate._judged = judged


def _check(scope: _Message, opens: Callable[[str], bool]) -> None:
    """Checks the headers of a message."""
    for name in (name.decode("latin-1").lower() for name, _ in scope["headers"]):
        if name.startswith(_SERVERS) and not opens(name):
            raise gate._Refused(
                400,
                f"{name[:100]} is not open on this gateway, which alone chooses the MCP servers "
                "and what they are shown; GATE_OPEN_PARAMETERS in its environment opens others.",
            )
