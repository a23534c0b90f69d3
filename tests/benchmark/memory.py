"""How much memory a server takes that is asked about ever more routers."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from typing import Final

from tests.benchmark.functions import Program
from tests.benchmark.requests import renamed
from tests.benchmark.servers import Server, running
from tests.benchmark.wire import tagged

MODELS: Final = 10
_CONCURRENCY: Final = 8
_WARM: Final = 200


async def growth(
    programs: Mapping[str, Program], counts: Sequence[int]
) -> list[tuple[int, dict[str, int]]]:
    """The resident bytes of each server after so many calls, each about a router never seen."""
    numbers = iter(range(0x2000_0000, 0x3000_0000))
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(running(program, tagged(renamed(0, MODELS))))
            for name, program in programs.items()
        }
        asked = 0
        for server in servers.values():
            await _ask(server, (tagged(renamed(number, MODELS)) for number in range(_WARM)))
        found = [(0, _resident(servers))]
        for count in counts:
            batch = list(islice(numbers, count - asked))
            asked = count
            for server in servers.values():
                await _ask(server, (tagged(renamed(number, MODELS)) for number in batch))
            found.append((count, _resident(servers)))
        return found


def _resident(servers: Mapping[str, Server]) -> dict[str, int]:
    return {name: server.resident for name, server in servers.items()}


async def _ask(server: Server, requests: Iterator[bytes]) -> None:
    async def client() -> None:
        for data in requests:
            await server.call(data)

    await asyncio.gather(*(client() for _ in range(_CONCURRENCY)))
