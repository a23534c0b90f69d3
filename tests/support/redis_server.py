"""A real Redis server for the length of a `with` block."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import free_port, wait_until_listening
from tests.support.tools import find


@dataclass(frozen=True)
class Redis:
    """A server on a port of localhost that keeps nothing and asks for a password."""

    port: int
    process: subprocess.Popen[str]
    password: str
    tls: bool

    def keys(self) -> int:
        """How many keys the server holds."""
        return int(self.ask("dbsize"))

    def ask(self, *command: str) -> str:
        """What the server answers to a command, a line for each part of it."""
        tls = ("--tls", "--insecure") if self.tls else ()
        program = find("redis-cli", "it comes with redis-server")
        answer = subprocess.run(
            [program, *tls, "-p", str(self.port), *command],
            env={"REDISCLI_AUTH": self.password},
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return answer.stdout.strip()

    def stop(self) -> None:
        """Ends the server."""
        self.process.kill()
        self.process.wait()


@contextmanager
def redis_server(password: str, certificates: Path | None = None) -> Iterator[Redis]:
    """A server that listens.

    Args:
        password: the password.
        certificates: a folder with tls.crt and tls.key, for a server that encrypts.
    """
    port = free_port()
    lines = ["bind 127.0.0.1", f"requirepass {password}", 'save ""']
    if certificates is None:
        lines += [f"port {port}"]
    else:
        lines += ["port 0", f"tls-port {port}", "tls-auth-clients no"]
        lines += [f"tls-cert-file {certificates / 'tls.crt'}"]
        lines += [f"tls-key-file {certificates / 'tls.key'}"]
    program = find("redis-server", "install Debian's package redis-server, or another's")
    process = subprocess.Popen(
        [program, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    redis = Redis(port, process, password, certificates is not None)
    try:
        assert process.stdin is not None
        with process.stdin as configuration:
            configuration.write("\n".join(lines))
        wait_until_listening(process, f"127.0.0.1:{port}")
        yield redis
    finally:
        redis.stop()
