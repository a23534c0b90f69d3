"""The command line of the benchmark."""

import asyncio
import json
import multiprocessing
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import click
from crossplane.function import logging

from tests.benchmark import functions, measure, modes, series
from tests.benchmark.peers.pythonic import CannotInstallError
from tests.benchmark.table import Row, head, notes

_CONCURRENCY: Final = (1, 8)
_WAYS: Final = ("process", "grpc")

_configure: Final = partial(logging.configure, level=logging.Level.INFO)
"""Logs as the server does, also where requests are prepared."""


@click.command(context_settings={"show_default": True})
@click.option("--series", "wanted", type=click.Choice(series.ALL), multiple=True, help="[all]")
@click.option(
    "--models", type=click.Choice([str(s) for s in series.SIZES]), multiple=True, help="[all]"
)
@click.option("--rounds", type=click.IntRange(1), default=5, help="Rounds of each series.")
@click.option("--way", "ways", type=click.Choice(_WAYS), multiple=True, help="[both]")
@click.option("--peers", is_flag=True, help="Compare with function-pythonic too; installs it.")
@click.option("--starts", is_flag=True, help="Only how long servers take to start.")
@click.option("--memory", is_flag=True, help="Only the memory under 10,000 routers.")
@click.option("--soak", is_flag=True, help="Only the memory under 100,000 routers.")
@click.option("--load", "minutes", type=float, metavar="MINUTES", help="Only a server under load.")
@click.option("--hostile", is_flag=True, help="Only specs that are made to cost much.")
@click.option("--accesses", is_flag=True, help="Only routers that give applications keys.")
@click.option(
    "--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures."
)
def main(  # noqa: PLR0913  # The command's flags.
    *,
    wanted: tuple[str, ...],
    models: tuple[str, ...],
    rounds: int,
    ways: tuple[str, ...],
    peers: bool,
    starts: bool,
    memory: bool,
    soak: bool,
    minutes: float | None,
    hostile: bool,
    accesses: bool,
    file: Path | None,
) -> None:
    """Compare what the function costs with what other functions cost.

    Without a flag that says "only", the series come first, then starts and memory. All ratios are
    multiples of the empty function's CPU time.
    """
    _configure()
    # So that servers end with it too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    only = starts or memory or soak or hostile or accesses or minutes is not None
    records: dict[str, list[modes.Record]] = {}
    if not only:
        sizes = [int(size) for size in models] or series.SIZES
        cases = [
            (name, size)
            for name in wanted or series.ALL
            for size in series.ONLY.get(name, sizes)
            if size in sizes
        ]
        rows = list(_rows(cases, rounds, ways or _WAYS, peers=peers))
        for note in notes(rows):
            click.echo(note)
        records["series"] = [record for row in rows for record in row.records()]
    whole = not (only or wanted or models or ways)
    if starts or whole:
        records["starts"] = _shown(modes.starts(_programs(peers=peers), rounds))
    if memory or soak or whole:
        records["memory"] = _shown(modes.growth(soak=soak))
    if minutes is not None:
        records["load"] = _shown(modes.under_load(minutes))
    if hostile:
        logging.configure(level=logging.Level.DISABLED)  # Most of them are refused.
        records["hostile"] = _shown(modes.worst())
    if accesses:
        records["accesses"] = _shown(modes.keys(rounds))
    if file is not None:
        file.write_text(json.dumps(records, indent=1), encoding="utf-8")


def _rows(
    cases: Sequence[tuple[str, int]], rounds: int, ways: Sequence[str], *, peers: bool
) -> Iterator[Row]:
    """Measures series, each with a number of models, and prints what it finds."""
    programs = _programs(peers=peers) if "grpc" in ways else {}
    click.echo(head())
    # What prepares the requests calls the function, which must not be the one that is measured.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_configure) as pool:
        for case in cases:
            found = pool.submit(series.build, *case, rounds * len(_CONCURRENCY)).result()
            for row in _measured(found, rounds, ways, programs):
                click.echo("\n".join(row.lines()))
                yield row


def _measured(
    found: series.Series,
    rounds: int,
    ways: Sequence[str],
    programs: dict[str, functions.Program],
) -> Iterator[Row]:
    if "process" in ways:
        made = {name: make() for name, make in functions.IN_PROCESS.items()}
        half = series.Series(found.name, found.models, found.warm, found.rounds[:rounds])
        samples = asyncio.run(measure.in_process(made, half))
        yield _row("process", found, samples)
    if "grpc" in ways:
        served = asyncio.run(measure.over_grpc(programs, found, concurrency=_CONCURRENCY))
        for calls, samples in served.items():
            yield _row(f"grpc c={calls}", found, samples)


def _row(way: str, found: series.Series, samples: Mapping[str, Sequence[measure.Sample]]) -> Row:
    medians = {name: measure.middle(rounds) for name, rounds in samples.items()}
    return Row(way, found.name, found.models, medians)


def _programs(*, peers: bool) -> dict[str, functions.Program]:
    programs = {}
    for name, make in functions.PROGRAMS.items():
        if name == "pythonic" and not peers:
            continue
        try:
            programs[name] = make()
        except CannotInstallError as error:
            click.echo(f"{name} cannot be compared with: {error}")
    return programs


def _shown(found: Iterable[tuple[str, modes.Record]]) -> list[modes.Record]:
    """Prints each line, and returns the same for programs."""
    records = []
    for line, record in found:
        click.echo(line)
        records.append(record)
    return records


if __name__ == "__main__":
    main()
