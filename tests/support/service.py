"""A stand-in for a Service: it spreads connections over the pods that are ready.

As kube-proxy does, it chooses a pod when a client connects, for the whole connection, and learns
late which pods there are. A connection stays with its pod when the pod is no longer among them.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeAlias

Endpoint: TypeAlias = tuple[str, int]
"""The address and the port of a pod."""


class Service:
    """A port of 127.0.0.1 that leads to pods, for the length of a `with` block.

    Attributes:
        taken: how many connections each pod has got so far.
        broken: why connections broke off.
    """

    def __init__(self, lag: float) -> None:
        """Makes one that learns after so many seconds which pods are ready."""
        self.taken: Counter[Endpoint] = Counter()
        self.broken: list[str] = []
        self._lag = lag
        self._endpoints: Sequence[Endpoint] = ()
        self._turn = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._port: int = 0
        self._listens = threading.Event()
        self._open = threading.Event()
        self._ends = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    @property
    def url(self) -> str:
        """Where clients connect to, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    def lead_to(self, endpoints: Sequence[Endpoint]) -> None:
        """Leads new connections to these pods, as soon as it has learned of them."""
        # In the order in which it is told.
        self._loop.call_soon_threadsafe(self._loop.call_later, self._lag, self._learn, endpoints)

    def _learn(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints
        if endpoints:
            self._open.set()

    def wait_until_open(self) -> None:
        """Waits until it leads to a pod."""
        self._open.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        self._listens.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join()
        self._loop.close()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._ends.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Joins a client's connection to one with a pod, or refuses it."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        ends = [writer]
        try:
            pod_reader, pod_writer = await asyncio.open_connection(*self._choose())
            ends.append(pod_writer)
            await asyncio.gather(_pass(reader, pod_writer), _pass(pod_reader, writer))
        except (OSError, asyncio.CancelledError) as error:
            self.broken.append(repr(error))
            # A client sees what went wrong between the two as what went wrong with its own.
            for end in ends:
                end.transport.abort()
        finally:
            for end in ends:
                end.close()
                with suppress(OSError):
                    await end.wait_closed()
            self._connections.discard(task)

    def _choose(self) -> Endpoint:
        if not self._endpoints:
            raise ConnectionRefusedError("no pod is ready")
        self._turn += 1
        chosen = self._endpoints[self._turn % len(self._endpoints)]
        self.taken[chosen] += 1
        return chosen


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Passes on what comes until the end of it, and the end."""
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.write_eof()
