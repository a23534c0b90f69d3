"""Server processes of the function, started as its image starts them."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
PORTS = range(10_000 + 5_000 * _WORKER, 15_000 + 5_000 * _WORKER)
"""Below those that Linux gives to outgoing connections: none comes to have one of these. Each
worker of a test run has its own, since a proxy takes seconds to listen on the port that it gets.
"""
_given: set[int] = set()


def free_port() -> int:
    """A TCP port of the loopback device that nothing listens on; a new one each time.

    At random, so that test runs side by side do not take each other's before a server has it.
    """
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


@contextmanager
def running(
    *flags: str, env: Mapping[str, str] | None = None, program: Sequence[str] = ()
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A `modelrouter serve` process and the address that it listens on.

    Args:
        flags: flags beside --address.
        env: variables beside the tests' own.
        program: another program that takes the same flags.
    """
    address = f"127.0.0.1:{free_port()}"
    command = [*(program or (modelrouter(), "serve")), "--address", address, *flags]
    process = subprocess.Popen(
        command,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_listening(process, address)
        yield process, address
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def modelrouter() -> str:
    """The installed command."""
    return str(Path(sys.executable).parent / "modelrouter")


def wait_until_listening(process: subprocess.Popen[str], address: str) -> None:
    """Waits until a process listens on host:port.

    Raises:
        AssertionError: it ended before that, or does not listen in time.
    """
    host, port = address.split(":")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {process.communicate()[0]}")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("does not listen")
