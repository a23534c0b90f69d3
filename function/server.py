"""The function's gRPC server.

It does what the SDK's `runtime.serve` does, and adds what a cluster needs: health checks, a drain
that waits for calls, certificates that may be renewed while it runs, and connections of limited
age, so that new pods of a scaled function get calls too.
"""

import asyncio
import gc
import signal
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import grpc
from crossplane.function import runtime
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from function.errors import StartError

DRAIN_SECONDS: Final = 25
"""How long calls may take to finish after SIGTERM: a little less than Kubernetes' default."""

_CONNECTION_AGE: Final = (
    # Crossplane's client keeps one connection for as long as the server does.
    ("grpc.max_connection_age_ms", 5 * 60 * 1000),
    ("grpc.max_connection_age_grace_ms", DRAIN_SECONDS * 1000),
)
_FUNCTION_SERVICES: Final = tuple(
    f"apiextensions.fn.proto.{version}.FunctionRunnerService" for version in ("v1", "v1beta1")
)
_FILES: Final = ("tls.key", "tls.crt", "ca.crt")
_SERVICES: Final = (*runtime.SERVICE_NAMES, health.SERVICE_NAME)


class Runner(Protocol):
    """What is served: the function."""

    async def respond(self, req: fnv1.RunFunctionRequest, /) -> bytes:
        """A RunFunctionResponse to a request, serialized."""

    def undecodable(self) -> bytes:
        """A RunFunctionResponse to a request that cannot be decoded, serialized."""


def build(
    runner: Runner, options: Sequence[tuple[str, Any]] = ()
) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    """A server with all services (v1, v1beta1, health, reflection) that does not listen yet."""
    server = grpc.aio.server(options=[*_CONNECTION_AGE, *options])
    # The messages of v1beta1 are those of v1 byte for byte.
    method = {"RunFunction": _method(runner)}
    for service in _FUNCTION_SERVICES:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, method),))
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection(_SERVICES, server)
    return server, checks


def _method(runner: Runner) -> grpc.RpcMethodHandler:  # type: ignore[type-arg]  # At run time.
    """RunFunction, in bytes as far as gRPC knows: it would answer a bad request by itself."""

    async def run(data: bytes, _: object) -> bytes:
        try:
            req = fnv1.RunFunctionRequest.FromString(data)
        except DecodeError:
            return runner.undecodable()
        return await runner.respond(req)

    return grpc.unary_unary_rpc_method_handler(run)


async def serve(
    runner: Runner,
    address: str,
    *,
    certificates: Path | None,
    drain_seconds: int = DRAIN_SECONDS,
    options: Sequence[tuple[str, Any]] = (),
) -> None:
    """Serves until SIGTERM or SIGINT, then lets the calls in flight finish.

    Args:
        runner: the function.
        address: host and port to listen on.
        certificates: the folder of tls.crt, tls.key and ca.crt; None serves without mTLS.
        drain_seconds: how long calls may take to finish.
        options: more options of the gRPC server.

    Raises:
        StartError: the certificates cannot be read, or the address cannot be listened on.
    """
    _tune()
    server, checks = build(runner, options)
    try:
        if certificates is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, _Certificates(certificates).credentials())
    except RuntimeError:
        raise StartError(
            f"cannot listen on '{address}': it is in use, or not an address of this machine; "
            "choose another with --address"
        ) from None
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    for service in ("", *_SERVICES):
        await checks.set(service, health_pb2.HealthCheckResponse.SERVING)
    await stop.wait()
    await checks.enter_graceful_shutdown()
    await server.stop(grace=drain_seconds)


def _tune() -> None:
    """Makes Python collect less often, and change threads more often.

    A large request makes many objects and little garbage. While one is answered in a thread of its
    own, the others wait for that thread no longer than the switch interval.
    """
    gc.freeze()  # What was imported stays.
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(0.001)


class _Certificates:
    """The certificates of a folder: the last that were good, and newer ones once they are."""

    def __init__(self, folder: Path) -> None:
        """Reads the folder.

        Raises:
            StartError: a file cannot be read, or they do not belong together.
        """
        self._folder = folder
        self._files = self._read()
        self._check(self._files)

    def credentials(self) -> grpc.ServerCredentials:
        """Credentials for mTLS, read again for each handshake: a renewal needs no restart."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(), self._renewed, require_client_authentication=True
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration:
        try:
            files = self._read()
            if files != self._files:
                self._check(files)
                self._files = files
        except StartError:
            pass  # Gone, or half written: the next handshake reads them again.
        return self._configuration()

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        key, certificate, authority = self._files
        return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)

    def _read(self) -> tuple[bytes, ...]:
        try:
            return tuple((self._folder / name).read_bytes() for name in _FILES)
        except OSError as error:
            raise StartError(
                f"cannot read '{error.filename}' ({error.strerror}): --tls-server-certs-dir must "
                "hold tls.crt, tls.key and ca.crt"
            ) from None

    def _check(self, files: tuple[bytes, ...]) -> None:
        """Refuses files that gRPC could not serve with: it would take them, and every call fail."""
        key, certificate, authority = (self._folder / name for name in _FILES)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # A key with a password is refused, not asked for on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError):
            raise StartError(
                f"'{certificate}' and '{key}' are not a certificate and its private key: "
                "--tls-server-certs-dir must hold a pair that belongs together"
            ) from None
        try:
            context.load_verify_locations(authority)
        except (OSError, ValueError):
            raise StartError(
                f"'{authority}' is not a certificate: --tls-server-certs-dir must hold that of the "
                "authority of Crossplane's client certificate"
            ) from None
        if self._read() != files:
            raise StartError(
                f"the files in '{self._folder}' change while they are read: start again once they "
                "are complete"
            )
