"""A real Redis server for the length of a `with` block."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.processes import free_port
from tests.support.tools import find


class Redis:
    """A server on a port of localhost that keeps nothing and asks for a password.

    Args:
        password: the password.
        certificates: a folder with tls.crt and tls.key, for a server that encrypts.
    """

    def __init__(self, password: str, certificates: Path | None = None) -> None:
        self.port = free_port()
        self._password, self._certificates = password, certificates
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = find("redis-server", "install Debian's package redis-server, or another's")
        self._process = subprocess.Popen(
            [program, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert self._process.stdin is not None
        with self._process.stdin as configuration:
            lines = ("bind 127.0.0.1", f"requirepass {self._password}", 'save ""', *self._listen())
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

    def keys(self) -> int:
        """How many keys the server holds."""
        tls = () if self._certificates is None else ("--tls", "--insecure")
        answer = subprocess.run(
            [find("redis-cli", "it comes with redis-server"), *tls, "-p", str(self.port), "dbsize"],
            env={"REDISCLI_AUTH": self._password},
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return int(answer.stdout)

    def _listen(self) -> Iterator[str]:
        if self._certificates is None:
            yield f"port {self.port}"
            return
        yield from ("port 0", f"tls-port {self.port}", "tls-auth-clients no")
        yield f"tls-cert-file {self._certificates / 'tls.crt'}"
        yield f"tls-key-file {self._certificates / 'tls.key'}"

    def _wait(self) -> None:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("redis-server does not listen")
