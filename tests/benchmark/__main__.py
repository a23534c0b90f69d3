"""The command line of the benchmark."""

import asyncio
import sys

import click
from crossplane.function import logging

from tests.benchmark import measure, peers, series, table


@click.command(context_settings={"show_default": True})
@click.option(
    "--series",
    "wanted",
    type=click.Choice(list(series.ALL)),
    multiple=True,
    default=list(series.ALL),
    help="Which series.",
)
@click.option(
    "--models",
    type=click.Choice([str(size) for size in series.SIZES]),
    multiple=True,
    default=[str(size) for size in series.SIZES],
    help="Models of each router.",
)
@click.option("--rounds", type=click.IntRange(1), default=5, help="Rounds of each series.")
def main(wanted: tuple[str, ...], models: tuple[str, ...], rounds: int) -> None:
    """Compare what the function costs with what other functions cost."""
    logging.configure(level=logging.Level.INFO)  # As it is served.
    functions = {name: make() for name, make in peers.FUNCTIONS.items()}
    click.echo(table.head())
    for name in wanted:
        for size in map(int, models):
            found = series.ALL[name](size, rounds)
            samples = asyncio.run(measure.in_process(functions, found))
            click.echo("\n".join(table.lines(found.name, found.models, samples)))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
