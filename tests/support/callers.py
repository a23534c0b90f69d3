"""Clients that call a gateway steadily, with OpenAI's own library: a program of its own.

Its arguments are the gateway's URL and by how much to multiply the rate of calls. It calls until
its standard input ends, waits for the answers to what it has called, and prints what came of it:
how many calls of each kind there were, and what went wrong. No call is tried again.

Some clients keep their connections and use them again, as the library does by itself; another one
opens a new connection for each call. LiteLLM's environment has the library.
"""

# mypy: disable-error-code="import-not-found"

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter

from openai import AsyncOpenAI

KEEPERS = 4
"""How many clients keep their connections."""
RATES = {"quick": 2.5, "slow": 0.4}
"""How many calls of a model each client makes in a second. All but the quick one's are streams."""
HELD = "held"
"""A model that is called at the beginning alone, twice, and ends its streams when it likes."""


class Callers:
    """All clients, and what came of their calls."""

    def __init__(self, url: str, times: float) -> None:
        self.calls: Counter[str] = Counter()
        self.failures: list[str] = []
        self._times = times
        self._began = time.monotonic()
        self._open: set[asyncio.Task[None]] = set()
        # The seed makes the rhythm repeatable, not its meeting with what happens to the gateway.
        self._random = random.Random(1)
        key = os.environ["OPENAI_API_KEY"]
        settings = {"base_url": f"{url}/v1", "api_key": key, "max_retries": 0}
        self._keepers = [AsyncOpenAI(**settings) for _ in range(KEEPERS)]
        self._newcomer = AsyncOpenAI(**settings, default_headers={"Connection": "close"})

    async def run(self) -> None:
        """Calls until standard input ends, and until all is answered."""
        for _ in range(2):
            self._begin(self._newcomer, HELD, "new")
        rhythms = [
            asyncio.create_task(self._call_often(client, kind, connection, rate))
            for clients, connection in ((self._keepers, "kept"), ([self._newcomer], "new"))
            for client in clients
            for kind, rate in RATES.items()
        ]
        await asyncio.to_thread(sys.stdin.read)
        for rhythm in rhythms:
            rhythm.cancel()
        await asyncio.gather(*self._open)

    async def _call_often(
        self, client: AsyncOpenAI, model: str, connection: str, rate: float
    ) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(0, 2) / rate / self._times)
            self._begin(client, model, connection)

    def _begin(self, client: AsyncOpenAI, model: str, connection: str) -> None:
        task = asyncio.create_task(self._call(client, model, connection))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _call(self, client: AsyncOpenAI, model: str, connection: str) -> None:
        kind = f"{model} {connection}"
        began = time.monotonic() - self._began
        try:
            said = await (_plain if model == "quick" else _streamed)(client, model)
            problem = None if said == "pong" else f"said {said!r}"
        except Exception as error:  # noqa: BLE001  # Whatever it is, the call is lost.
            problem = f"{error!r} after {error.__cause__!r}"
        self.calls[kind] += 1
        if problem is not None:
            ended = time.monotonic() - self._began
            self.failures.append(f"{kind} call of {began:.2f} to {ended:.2f}: {problem}")


async def _plain(client: AsyncOpenAI, model: str) -> str:
    answer = await client.chat.completions.create(model=model, messages=_prompt())
    return answer.choices[0].message.content or ""


async def _streamed(client: AsyncOpenAI, model: str) -> str:
    words = []
    stream = await client.chat.completions.create(model=model, messages=_prompt(), stream=True)
    async for chunk in stream:
        words += [choice.delta.content or "" for choice in chunk.choices]
    return "".join(words)


def _prompt() -> list[dict[str, str]]:
    return [{"role": "user", "content": f"ping {random.random()}"}]


async def _main() -> None:
    callers = Callers(sys.argv[1], float(sys.argv[2]))
    await callers.run()
    json.dump({"calls": callers.calls, "failures": callers.failures}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(_main())
