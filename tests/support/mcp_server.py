"""An MCP server of the reference SDK, which records the headers of what comes in.

    python mcp_server.py PORT [HEADER VALUE]

It runs in LiteLLM's own Python, where the SDK is. It speaks streamable HTTP at /mcp and SSE at
/sse, lets in who has the header with the value if one is given, and answers /calls with what it
was sent and which tools were called.
"""

# mypy: disable-error-code="import-not-found,untyped-decorator"

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

server = MCPServer("reference")
calls: list[dict[str, Any]] = []


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    calls.append({"called": "add"})
    return a + b


@server.tool()
def subtract(a: int, b: int) -> int:
    """Subtracts one number from another."""
    calls.append({"called": "subtract"})
    return a - b


@server.tool()
def erase(what: str) -> str:
    """Erases something."""
    calls.append({"called": "erase"})
    return f"erased {what}"


@server.prompt()
def greet() -> str:
    """Greets."""
    return "hello"


@server.resource("note://one")
def note() -> str:
    """A note."""
    return "a note"


http = server.streamable_http_app()
sse = server.sse_app()


@asynccontextmanager
async def lifespan(_: object) -> AsyncIterator[None]:
    async with http.router.lifespan_context(http):
        yield


async def said(_: object) -> Any:  # noqa: ANN401
    """What it was sent."""
    return JSONResponse(calls)


own = Starlette(routes=[Route("/calls", said)], lifespan=lifespan)
header, value = (*sys.argv[2:], None, None)[:2]


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
    """Lets in who has the header."""
    if scope["type"] != "http" or scope["path"] == "/calls":
        await own(scope, receive, send)
        return
    headers = {name.decode().lower(): text.decode() for name, text in scope["headers"]}
    calls.append({"path": scope["path"], "headers": headers})
    if header is not None and headers.get(header.lower()) != value:
        await PlainTextResponse("no", 401)(scope, receive, send)
        return
    inner = http if scope["path"].startswith("/mcp") else sse
    await inner(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
