"""What stand-ins that are plain HTTP servers have in common."""

import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Served:
    """A server on a free port of 127.0.0.1 for the length of a `with` block."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        """Takes what answers."""
        self._http = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """The base of every path, without a slash at its end."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def release(self) -> None:
        """Lets go of the calls that it keeps waiting, so that it can end."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
