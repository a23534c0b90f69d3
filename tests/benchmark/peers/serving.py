"""The SDK's server around a function."""

import click
from crossplane.function import cli, logging, runtime
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

_MEGABYTE = 1024 * 1024


def serve(function: grpcv1.FunctionRunnerServiceServicer) -> None:
    """Serves as the SDK's template for functions does, with its flags."""

    @click.command()
    @cli.standard_options
    def command(  # noqa: PLR0913  # The SDK's standard flags.
        *,
        debug: bool,
        address: str,
        tls_certs_dir: str | None,
        insecure: bool,
        max_recv_message_size: int,
        max_send_message_size: int | None,
    ) -> None:
        logging.configure(level=logging.Level.DEBUG if debug else logging.Level.INFO)
        sent = max_recv_message_size if max_send_message_size is None else max_send_message_size
        runtime.serve(
            function,
            address,
            creds=runtime.load_credentials(tls_certs_dir),  # type: ignore[arg-type]  # None is taken.
            insecure=insecure,
            options=[
                ("grpc.max_receive_message_length", max_recv_message_size * _MEGABYTE),
                ("grpc.max_send_message_length", sent * _MEGABYTE),
            ],
        )

    command()
