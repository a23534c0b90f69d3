"""The function's gRPC server.

It does what the SDK's `runtime.serve` does, and adds what a cluster needs: health checks, a drain
that waits for calls, certificates that may be renewed while it runs, and connections of limited
age, so that new pods of a scaled function get calls too.
"""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import grpc
from crossplane.function import runtime
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1
from crossplane.function.proto.v1beta1 import run_function_pb2_grpc as grpcv1beta1
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
_SERVICES: Final = (*runtime.SERVICE_NAMES, health.SERVICE_NAME)


def build(
    runner: grpcv1.FunctionRunnerServiceServicer, options: Sequence[tuple[str, Any]] = ()
) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    """A server with all services (v1, v1beta1, health, reflection) that does not listen yet."""
    server = grpc.aio.server(options=[*_CONNECTION_AGE, *options])
    grpcv1.add_FunctionRunnerServiceServicer_to_server(runner, server)
    grpcv1beta1.add_FunctionRunnerServiceServicer_to_server(
        runtime.BetaFunctionRunner(wrapped=runner), server
    )
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection(_SERVICES, server)
    return server, checks


async def serve(
    runner: grpcv1.FunctionRunnerServiceServicer,
    address: str,
    *,
    certificates: Path | None,
    options: Sequence[tuple[str, Any]] = (),
) -> None:
    """Serves until SIGTERM or SIGINT, then lets the calls in flight finish.

    Args:
        runner: the function.
        address: host and port to listen on.
        certificates: the folder of tls.crt, tls.key and ca.crt; None serves without mTLS.
        options: more options of the gRPC server.

    Raises:
        StartError: the certificates cannot be read, or the address cannot be listened on.
    """
    server, checks = build(runner, options)
    try:
        if certificates is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, _credentials(certificates))
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
    await server.stop(grace=DRAIN_SECONDS)


def _credentials(folder: Path) -> grpc.ServerCredentials:
    """Credentials for mTLS, read again for each handshake, so that a renewal needs no restart."""
    initial = _configuration(folder)

    def renewed() -> grpc.ServerCertificateConfiguration:
        try:
            return _configuration(folder)
        except StartError:
            return initial  # Perhaps half written; the next handshake reads it again.

    return grpc.dynamic_ssl_server_credentials(initial, renewed, require_client_authentication=True)


def _configuration(folder: Path) -> grpc.ServerCertificateConfiguration:
    try:
        key, certificate, authority = (
            (folder / name).read_bytes() for name in ("tls.key", "tls.crt", "ca.crt")
        )
    except OSError as error:
        raise StartError(
            f"cannot read '{error.filename}' ({error.strerror}): --tls-server-certs-dir must hold "
            "tls.crt, tls.key and ca.crt"
        ) from None
    return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)
