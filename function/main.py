"""The command line: `modelrouter serve` and `modelrouter render`."""

import asyncio
from pathlib import Path
from typing import Final

import click
from crossplane.function import cli as sdk
from crossplane.function import logging

from function import fn, server
from function.__version__ import __version__
from function.errors import ManifestError, RenderError, StartError
from function.offline import manifests, render

_MEGABYTE: Final = 1024 * 1024
_PATHS: Final = click.Path(path_type=Path)


@click.group()
@click.version_option(__version__)
def cli() -> None:
    """LLM gateways on Kubernetes, from ModelRouters."""


@cli.command()
@sdk.standard_options
def serve(  # noqa: PLR0913  # The SDK's standard flags.
    *,
    debug: bool,
    address: str,
    tls_certs_dir: str | None,
    insecure: bool,
    max_recv_message_size: int,
    max_send_message_size: int | None,
) -> None:
    """Run the function's gRPC server, for Crossplane to call."""
    logging.configure(level=logging.Level.DEBUG if debug else logging.Level.INFO)
    if not insecure and not tls_certs_dir:
        raise click.ClickException(
            "no certificates: give --tls-server-certs-dir a folder with tls.crt, tls.key and "
            "ca.crt, or serve without mTLS with --insecure"
        )
    sent = max_recv_message_size if max_send_message_size is None else max_send_message_size
    certificates = None if insecure or not tls_certs_dir else Path(tls_certs_dir)
    options = (
        ("grpc.max_receive_message_length", max_recv_message_size * _MEGABYTE),
        ("grpc.max_send_message_length", sent * _MEGABYTE),
    )
    try:
        asyncio.run(
            server.serve(fn.FunctionRunner(), address, certificates=certificates, options=options)
        )
    except StartError as error:
        raise click.ClickException(str(error)) from None


@cli.command("render")
@click.argument("files", nargs=-1, required=True, type=_PATHS)
@click.option(
    "--observed",
    "-o",
    multiple=True,
    type=_PATHS,
    help="Observed composed resources: a YAML file, or a folder of them. May be repeated.",
)
@click.option(
    "--required",
    "-e",
    multiple=True,
    type=_PATHS,
    help="Other objects of the cluster, such as Secrets: a YAML file, or a folder of them. "
    "May be repeated.",
)
@click.option("--include-xr", "-x", is_flag=True, help="Print the composite resource first.")
@click.option(
    "--include-function-results", "-r", is_flag=True, help="Print the function's results last."
)
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write one file for each object into this folder, and print nothing.",
)
def render_command(  # noqa: PLR0913  # The command's flags.
    *,
    files: tuple[Path, ...],
    observed: tuple[Path, ...],
    required: tuple[Path, ...],
    include_xr: bool,
    include_function_results: bool,
    output_dir: Path | None,
) -> None:
    """Print what ModelRouters are composed of, with no cluster and no Docker."""
    try:
        rendered = render.render(files, observed=observed, required=required)
        shown = [
            document
            for result in rendered
            for document in result.documents(xr=include_xr, results=include_function_results)
        ]
        if output_dir is not None:
            manifests.write(shown, output_dir)
    except (RenderError, ManifestError) as error:
        raise click.ClickException(str(error)) from None
    for result in rendered:
        for note in result.notes:
            click.echo(f"Note: {note}", err=True)
    if output_dir is None:
        click.echo("".join(f"---\n{manifests.to_yaml(document)}" for document in shown), nl=False)


if __name__ == "__main__":
    cli()
