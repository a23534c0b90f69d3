"""A stand-in for OpenTelemetry's collector: it takes traces by both forms of OTLP, and keeps them.

What comes in is read with OpenTelemetry's own messages, which are beside the LiteLLM proxy.
"""

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import grpc

from tests.support.served import Served
from tests.support.tools import CACHE

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_AS_JSON = """
import sys
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
print(MessageToJson(ExportTraceServiceRequest.FromString(sys.stdin.buffer.read())))
"""


@dataclass(frozen=True)
class Export:
    """What came in at once: the headers, their names in lower case, and the message."""

    headers: dict[str, str]
    message: bytes


@dataclass(frozen=True)
class Span:
    """A span, and what its resource says of the gateway."""

    name: str
    trace: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Collector(Served):
    """Two servers on free ports of 127.0.0.1 for the length of a `with` block."""

    def __init__(self) -> None:
        self.exports: list[Export] = []
        self.answers = threading.Event()
        """Whether it answers. Until it does, or its block ends, it keeps who calls waiting."""
        self.answers.set()
        super().__init__(_Server(self))
        self._grpc = grpc.server(ThreadPoolExecutor(2))
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Export": grpc.unary_unary_rpc_method_handler(self._export)
        }
        self._grpc.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, methods),)
        )
        self._port = self._grpc.add_insecure_port("127.0.0.1:0")

    @property
    def urls(self) -> dict[str, str]:
        """Where it listens, by the protocol."""
        return {
            "HTTP": self.url,
            "GRPC": f"http://127.0.0.1:{self._port}",
        }

    def _export(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        headers = {key: str(value) for key, value in context.invocation_metadata()}
        self._take(Export(headers, message))
        return b""

    def _take(self, export: Export) -> None:
        self.exports.append(export)
        self.answers.wait()

    def text(self) -> bytes:
        """All that came in. Texts stand in it as they are."""
        return b"".join(export.message for export in self.exports)

    def spans(self) -> list[Span]:
        """All spans that came in."""
        return [span for export in self.exports for span in _spans(export.message)]

    def release(self) -> None:
        """Lets go of who calls, by both protocols."""
        self.answers.set()
        self._grpc.stop(None).wait()

    def __enter__(self) -> Self:
        self._grpc.start()
        return super().__enter__()


class _Server(ThreadingHTTPServer):
    def __init__(self, collector: Collector) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.collector = collector


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_POST(self) -> None:
        message = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path == "/v1/traces":
            self.server.collector._take(Export(headers, message))  # noqa: SLF001
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The base's name.
        """Says nothing: what comes in is kept."""


def _spans(message: bytes) -> list[Span]:
    python = CACHE / "litellm" / "bin" / "python"
    done = subprocess.run([python, "-c", _AS_JSON], input=message, capture_output=True, check=True)
    return [
        Span(
            span["name"],
            span["traceId"],
            _attributes(span.get("attributes", [])),
            _attributes(resource["resource"]["attributes"]),
        )
        for resource in json.loads(done.stdout)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def _attributes(given: list[Any]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values()), None) for item in given}
