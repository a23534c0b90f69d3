"""The platform team's input in a file: for the function's server, and for rendering."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from function import names, shapes
from function.api import platform
from function.call import Manifest
from function.offline import manifests
from function.offline.manifests import Found
from function.offline.problems import Problem

_COMPOSITION: Final = "Composition"


def read(file: Path, problems: list[Problem]) -> Manifest:
    """The input in a file, or that of the Composition in it; empty if something is wrong.

    Args:
        file: the file.
        problems: takes what is wrong with it.
    """
    before = len(problems)
    found = list(_inputs(manifests.load([file], problems)))
    if len(found) != 1 and len(problems) == before:
        problems.append(
            Problem(
                f"has {len(found)} objects of kind {names.INPUT_KIND}: it must be one, or a "
                f"{_COMPOSITION} with one in its steps",
                str(file),
            )
        )
    for one in found:
        problems += [
            one.problem(message, message.removeprefix("unknown field ").removeprefix("input."))
            for message in platform.mistakes(one.manifest, "input")
        ]
    return {} if len(problems) > before else found[0].manifest


def _inputs(given: Iterable[Found]) -> Iterator[Found]:
    for found in given:
        if found.manifest["kind"] == names.INPUT_KIND:
            yield found
        elif found.manifest["kind"] == _COMPOSITION:
            for i, step in enumerate(shapes.objects_at(found.manifest, "spec", "pipeline")):
                given_input = shapes.object_at(step, "input")
                if given_input.get("kind") == names.INPUT_KIND:
                    path = f"spec.pipeline[{i}].input"
                    yield Found(dict(given_input), found.source, found.lines, path)
