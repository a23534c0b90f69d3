"""The command line: `modelrouter serve`, `render`, `import`, `explain` and `schema`."""

import asyncio
import os
from pathlib import Path
from typing import Final

import click
from crossplane.function import cli as sdk
from crossplane.function import logging

from function import fn, server
from function.__version__ import __version__
from function.call import Manifest
from function.errors import OutputError, StartError, UnknownField
from function.imports import files as import_files
from function.imports import importing, router, written
from function.kept import DEFAULT_BYTES
from function.offline import explain, fields, inputs, manifests, output, render
from function.offline import platform as platforms
from function.offline.problems import Problem, in_order

_MEGABYTE: Final = 1024 * 1024
_MAX_MESSAGE: Final = 32
"""How large a request may be by default, in MiB: it holds all that other steps desire."""
_PATHS: Final = click.Path(path_type=Path, allow_dash=True)


@click.group()
@click.version_option(__version__)
def cli() -> None:
    """LLM gateways on Kubernetes, from ModelRouters."""


@cli.command()
@sdk.standard_options
@click.option(
    "--cache-size",
    type=click.IntRange(min=0),
    default=DEFAULT_BYTES // _MEGABYTE,
    show_default=True,
    envvar="CACHE_SIZE",
    help="How many MiB to keep from one call for the next ones. 0 keeps nothing.",
)
@click.option(
    "--platform",
    type=_PATHS,
    envvar="PLATFORM_FILE",
    help="A file with the platform team's defaults and policy for all Compositions, in the form of "
    "their input.",
)
@click.option(
    "--metrics-address",
    envvar="METRICS_ADDRESS",
    help="Host and port at which to serve metrics for Prometheus, such as :8080. None by default.",
)
@click.option(
    "--drain-seconds",
    type=click.IntRange(min=0),
    default=server.DRAIN_SECONDS,
    show_default=True,
    envvar="DRAIN_SECONDS",
    help="How long calls may take to finish after SIGTERM.",
)
def serve(  # noqa: PLR0913  # The SDK's standard flags.
    *,
    debug: bool,
    address: str,
    tls_certs_dir: str | None,
    insecure: bool,
    max_recv_message_size: int,
    max_send_message_size: int | None,
    cache_size: int,
    platform: Path | None,
    metrics_address: str | None,
    drain_seconds: int,
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
    runner = fn.FunctionRunner(cache_size * _MEGABYTE, _platform(platform))
    try:
        if metrics_address:
            runner.telemetry.listen(metrics_address)
        asyncio.run(
            server.serve(
                runner,
                address,
                certificates=certificates,
                drain_seconds=drain_seconds,
                options=options,
            )
        )
    except StartError as error:
        raise click.ClickException(str(error)) from None


for _option in serve.params:
    if isinstance(_option, click.Option):
        _option.show_envvar = True  # The SDK's options do not show theirs.
    if isinstance(_option, click.Option) and _option.name == "max_recv_message_size":
        _option.default = _MAX_MESSAGE  # The SDK's own is gRPC's, 4 MiB.


@cli.command("render")
@click.argument("files", nargs=-1, required=True, type=_PATHS)
@click.option(
    "--observed",
    "-o",
    multiple=True,
    type=_PATHS,
    help="Observed composed resources: a file, or a folder of them. May be repeated.",
)
@click.option(
    "--required",
    "-e",
    multiple=True,
    type=_PATHS,
    help="Other objects of the cluster, such as Secrets: a file, or a folder of them. May be "
    "repeated.",
)
@click.option(
    "--input",
    "step",
    type=_PATHS,
    help="The input of the Composition's step, or a Composition with it.",
)
@click.option(
    "--platform", type=_PATHS, help="The platform file with which the function's server runs."
)
@click.option("--include-xr", "-x", is_flag=True, help="Print the composite resource first.")
@click.option(
    "--include-function-results", "-r", is_flag=True, help="Print the function's results last."
)
@click.option("--strict", is_flag=True, help="Fail if there are warnings.")
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write one file for each object into this folder, and print nothing.",
)
@click.option("--force", is_flag=True, help="Write into a folder that holds other files.")
def render_command(  # noqa: PLR0913  # The command's flags.
    *,
    files: tuple[Path, ...],
    observed: tuple[Path, ...],
    required: tuple[Path, ...],
    step: Path | None,
    platform: Path | None,
    include_xr: bool,
    include_function_results: bool,
    strict: bool,
    output_dir: Path | None,
    force: bool,
) -> None:
    """Print what ModelRouters are composed of, with no cluster and no Docker.

    FILES are YAML or JSON files, folders of them, or - for standard input, and are read as kubectl
    reads them. Secrets in them count as --required; other objects are left aside.
    """
    if (*files, *observed, *required, step, platform).count(manifests.STDIN) > 1:
        raise click.UsageError("standard input can be read only once: give - once")
    given = inputs.read(files, observed=observed, required=required, step=step, server=platform)
    rendered, refused = render.render(given)
    notes = [*given.notes, *(note for result in rendered for note in result.notes)]
    warnings = [warning for result in rendered for warning in result.warnings]
    for kind, messages in (("Note", notes), ("Warning", warnings)):
        for message in messages:
            click.echo(f"{kind}: {message}", err=True)
    _fail_if_any([*given.problems, *refused])
    if strict and warnings:
        raise click.ClickException(f"--strict allows no warnings, and there are {len(warnings)}")
    shown = [
        document
        for result in rendered
        for document in result.documents(xr=include_xr, results=include_function_results)
    ]
    if output_dir is None:
        _print("".join(f"---\n{manifests.to_yaml(document)}" for document in shown))
        return
    try:
        output.write(shown, output_dir, force=force)
    except OutputError as error:
        raise click.ClickException(str(error)) from None


@cli.command("import")
@click.argument("files", nargs=-1, required=True, type=_PATHS)
@click.option("--name", help="The name of the ModelRouter. By default that of what is imported.")
@click.option("--namespace", "-n", help="The namespace of what is written.")
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the credentials that the files hold into a Secret in this new file, for you alone "
    "to read.",
)
@click.option("--check", is_flag=True, help="Write nothing; fail if it would mean something else.")
@click.option("--strict", is_flag=True, help="Fail if something cannot be carried over.")
def import_command(  # noqa: PLR0913  # The command's flags.
    *,
    files: tuple[Path, ...],
    name: str | None,
    namespace: str | None,
    secret_file: Path | None,
    check: bool,
    strict: bool,
) -> None:
    """Print ModelRouters that mean the same as what runs today.

    FILES are LiteLLM's config.yaml or a ConfigMap with it, values of LiteLLM's Helm chart, or the
    objects of an operator for LiteLLM (AiGateway, LiteLLMProxy, LiteLLMInstance) with all that
    belongs to them; - is standard input. Files of lines such as NAME=value, Secrets and ConfigMaps
    say what variables hold.
    """
    if files.count(manifests.STDIN) > 1:
        raise click.UsageError("standard input can be read only once: give - once")
    results, problems = importing.run(files, _read, name=name, namespace=namespace)
    _fail_if_any(problems)
    for result in results:
        for title, sentences in (("Not carried over", result.lost), ("Note", result.told)):
            for sentence in sentences:
                click.echo(f"{title}: {sentence}", err=True)
    if strict and any(result.lost for result in results):
        raise click.ClickException("not everything can be carried over, as --strict asks for")
    if check:
        if any(result.differences for result in results):
            raise click.exceptions.Exit(1)
        return
    secrets = [result.imported for result in results if result.imported.secrets.values]
    if secrets and secret_file is None:
        raise click.ClickException(
            "the files hold credentials, which are never printed: name a new file for their Secret "
            "with --secret-file"
        )
    if secrets and secret_file is not None:
        _write_secrets(secrets, secret_file)
    _print("---\n".join(written.router(one.imported, one.lost, one.told) for one in results))


def _read(path: Path) -> bytes:
    """What a file holds, no further than a byte beyond the most."""
    with path.open("rb") if path != manifests.STDIN else open(0, "rb", closefd=False) as stream:
        return stream.read(import_files.MAX_BYTES + 1)


def _write_secrets(routers: list[router.Imported], file: Path) -> None:
    """Writes the Secrets of routers into a new file that no one else can read."""
    text = "---\n".join(written.secret(one) for one in routers)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise click.ClickException(f"'{file}' exists already: name a new file") from None
    except OSError as error:
        raise click.ClickException(f"cannot write '{file}': {error.strerror}") from None


@cli.command("explain")
@click.argument("field", default="")
def explain_command(field: str) -> None:
    """Print the reference of a FIELD, such as spec.aiModels.weight, or of the whole ModelRouter."""
    try:
        _print(explain.explain(fields.find(field)))
    except UnknownField as error:
        raise click.ClickException(str(error)) from None


@cli.command()
def schema() -> None:
    """Print the JSON Schema of a ModelRouter, for editors."""
    _print(fields.text())


def _platform(file: Path | None) -> Manifest:
    """What the platform team sets in a file, in which nothing may be wrong."""
    problems: list[Problem] = []
    given = {} if file is None else platforms.read(file, problems)
    _fail_if_any(problems)
    return given


def _fail_if_any(problems: list[Problem]) -> None:
    if not problems:
        return
    for problem in in_order(problems):
        click.echo(f"Error: {problem}", err=True)
    raise click.exceptions.Exit(1)


def _print(text: str) -> None:
    """Prints a text in UTF-8, whatever the terminal's encoding."""
    try:
        click.echo(text.encode(), nl=False)
    except BrokenPipeError:
        raise  # Whoever reads has had enough: click ends without a word.
    except OSError as error:
        raise click.ClickException(f"cannot write the output: {error.strerror}") from None


if __name__ == "__main__":
    cli()
