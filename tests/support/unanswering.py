"""Stand-ins for providers that do not answer, each in a way of its own."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Self, TypeAlias

from tests.support.processes import free_port

Way: TypeAlias = Literal[
    "black hole",
    "full backlog",
    "dripping headers",
    "dripping body",
    "headers alone",
    "TLS that never shakes hands",
    "broken TLS",
    "refused connection",
    "unknown name",
]

_STATUS = b"HTTP/1.1 200 OK\r\n"
_JSON = _STATUS + b"content-type: application/json\r\ncontent-length: 100000\r\n\r\n"
_EVENTS = _STATUS + b"content-type: text/event-stream\r\n\r\n"
_DRIP_SECONDS = 0.2
_SAID: dict[Way, tuple[bytes, bytes]] = {
    "dripping headers": (_STATUS + b"x-filler: ", b"x"),
    "dripping body": (_JSON, b" "),
    "headers alone": (_EVENTS, b""),
    "broken TLS": (b"no TLS at all\r\n", b""),
}
"""What is said at once, and then again and again."""


class Unanswering:
    """A server that takes connections, and gives no answer."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self.heard: list[bytes] = []
        """What each connection said first."""

    @property
    def url(self) -> str:
        """The base of an OpenAI API."""
        scheme = "https" if "TLS" in self._way else "http"
        return f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def _serve(self) -> None:
        first, again = _SAID.get(self._way, (b"", b""))
        talking: list[socket.socket] = []
        with selectors.DefaultSelector() as waiting, contextlib.ExitStack() as stack:
            waiting.register(self._socket, selectors.EVENT_READ)
            while not self._over.is_set():
                for key, _ in waiting.select(_DRIP_SECONDS):
                    if key.fileobj is self._socket:
                        opened = stack.enter_context(self._socket.accept()[0])
                        waiting.register(opened, selectors.EVENT_READ)
                        continue
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)
                    waiting.unregister(connection)
                    with contextlib.suppress(OSError):
                        self.heard.append(connection.recv(65536))
                        connection.sendall(first)
                        talking.append(connection)
                        if self._way == "broken TLS":
                            connection.shutdown(socket.SHUT_RDWR)
                for connection in talking:
                    with contextlib.suppress(OSError):
                        connection.sendall(again)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()


@contextmanager
def unanswering(way: Way) -> Iterator[tuple[str, list[bytes]]]:
    """The base of an API that does not answer, and what connections said to it."""
    if way == "refused connection":
        yield f"http://127.0.0.1:{free_port()}/v1", []
    elif way == "unknown name":
        yield "http://nowhere.invalid/v1", []
    elif way == "full backlog":
        with (
            socket.create_server(("127.0.0.1", 0), backlog=0) as server,
            contextlib.ExitStack() as s,
        ):
            address = server.getsockname()
            for _ in range(3):  # The kernel takes one more than it is told, and drops the rest.
                filler = s.enter_context(socket.socket())
                filler.settimeout(0)
                filler.connect_ex(address)
            yield f"http://127.0.0.1:{address[1]}/v1", []
    else:
        with Unanswering(way) as server_:
            yield server_.url, server_.heard
