"""A real Redis server for the length of a `with` block."""

import socket
import subprocess
import time
from types import TracebackType
from typing import Self

from tests.support.processes import free_port
from tests.support.tools import find


class Redis:
    """A server on a port of 127.0.0.1 that keeps nothing and asks for a password."""

    def __init__(self, password: str) -> None:
        self.port = free_port()
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = find("redis-server", "install Debian's package redis-server, or another's")
        self._process = subprocess.Popen(
            [program, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert self._process.stdin is not None
        with self._process.stdin as configuration:
            lines = (
                f"port {self.port}",
                "bind 127.0.0.1",
                f"requirepass {self._password}",
                'save ""',
            )
            configuration.write("\n".join(lines).encode())
        self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("redis-server does not listen")
