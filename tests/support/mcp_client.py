"""A client of the reference MCP SDK, in LiteLLM's own Python: what a gateway offers, as JSON.

python mcp_client.py URL HEADERS [TOOL ARGUMENTS]...
"""

# mypy: disable-error-code="import-not-found"

import asyncio
import json
import sys

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client


async def main() -> None:
    url, headers, *rest = sys.argv[1:]
    http = httpx2.AsyncClient(headers=json.loads(headers), timeout=60)
    answers = []
    async with http, Client(streamable_http_client(url, http_client=http)) as client:
        said = client.server_capabilities
        tools = (await client.list_tools()).tools
        for name, arguments in zip(rest[::2], rest[1::2], strict=True):
            try:
                result = await client.call_tool(name, json.loads(arguments))
            except Exception as error:  # noqa: BLE001  # The test looks at it.
                answers.append({"error": str(error)})
            else:
                text = "".join(getattr(part, "text", "") for part in result.content)
                answers.append({"error": text} if result.is_error else {"text": text})
    print(  # noqa: T201
        json.dumps(
            {
                "offers": sorted(said.model_dump(exclude_none=True)),
                "tools": [tool.name for tool in tools],
                "answers": answers,
            }
        )
    )


asyncio.run(main())
