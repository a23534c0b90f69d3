"""A function in a process of its own, and the one connection to it."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from tests.benchmark.functions import Program
from tests.support.processes import free_port

_ROOT: Final = Path(__file__).parents[2]
_METHOD: Final = "/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction"
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 20),
    ("grpc.use_local_subchannel_pool", 1),
)
_TIMEOUT: Final = 60


class Server:
    """A server that runs."""

    def __init__(self, process: subprocess.Popen[bytes], channel: grpc.aio.Channel) -> None:
        """Takes the process, and the connection to it."""
        self._pid = process.pid
        self._call: Any = channel.unary_unary(_METHOD)
        self.start = 0.0
        """The seconds from its start to its first answer."""

    async def call(self, request: bytes) -> bytes:
        """Sends one request and returns the answer, both encoded."""
        answer: bytes = await self._call(request, timeout=_TIMEOUT, wait_for_ready=True)
        return answer

    @property
    def cpu(self) -> float:
        """The CPU seconds of all its threads so far."""
        return time.clock_gettime(~self._pid << 3 | 2)  # clock_getcpuclockid(3).

    @property
    def resident(self) -> int:
        """How many bytes of memory it has."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE")


@asynccontextmanager
async def running(program: Program, first: bytes) -> AsyncIterator[Server]:
    """Starts a server and asks it for its first answer; ends it at the end."""
    address = f"127.0.0.1:{free_port()}"
    command: Sequence[str] = [*program.command, "--insecure", "--address", address]
    begin = time.perf_counter()
    process = subprocess.Popen(  # noqa: ASYNC220  # It takes a moment only.
        command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
            server = Server(process, channel)
            answer = await server.call(program.prefix + first)
            server.start = time.perf_counter() - begin
            results = fnv1.RunFunctionResponse.FromString(answer).results
            if any(result.severity == fnv1.SEVERITY_FATAL for result in results):
                raise RuntimeError(f"{command[-3]} composes nothing: {results}")
            yield server
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
