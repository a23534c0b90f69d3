"""What a command is given: the ModelRouters to render, and the other objects of the cluster."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from function import names, shapes
from function.call import Manifest
from function.offline import admission, manifests, platform
from function.offline.manifests import Found
from function.offline.problems import Problem
from function.text import first

RESOURCE_NAME: Final = "crossplane.io/composition-resource-name"
"""The annotation by which Crossplane tells composed resources apart."""


@dataclass(frozen=True)
class Inputs:
    """All that was given.

    Attributes:
        routers: the ModelRouters and ModelAccess objects that are valid, as the API server keeps
            them.
        observed: the composed resources, by their names in the composition.
        required: other objects of the cluster.
        input: the input of the Composition's step.
        platform: the same as the function's server has it.
        notes: what was left aside, a sentence for each file.
        problems: all that is wrong.
    """

    routers: Sequence[Found]
    observed: Mapping[str, Manifest]
    required: Sequence[Manifest]
    input: Manifest
    platform: Manifest
    notes: Sequence[str]
    problems: Sequence[Problem]


def read(
    files: Iterable[Path],
    *,
    observed: Iterable[Path] = (),
    required: Iterable[Path] = (),
    step: Path | None = None,
    server: Path | None = None,
) -> Inputs:
    """Reads files, folders of files, and standard input, each as kubectl would.

    Args:
        files: ModelRouters and ModelAccess objects (or those behind claims). Secrets among them
            count as required; other objects are left aside.
        observed: composed resources, each with its composition-resource-name annotation.
        required: other objects of the cluster.
        step: the input of the Composition's step.
        server: the platform file of the function's server.
    """
    problems: list[Problem] = []
    given = list(manifests.load(files, problems))
    meant = [found for found in given if admission.is_meant(found.manifest)]
    others = [found for found in given if not admission.is_meant(found.manifest)]
    secrets = [found.manifest for found in others if _is_secret(found.manifest)]
    routers = list(_admitted(meant, problems))
    if not meant and not problems:
        problems.append(
            Problem(f"no {names.KIND} or {names.ACCESS_KIND} in the files: nothing to render")
        )
    return Inputs(
        routers=routers,
        observed=dict(_named(manifests.load(observed, problems), problems)),
        required=[*secrets, *(found.manifest for found in manifests.load(required, problems))],
        input={} if step is None else platform.read(step, problems),
        platform={} if server is None else platform.read(server, problems),
        notes=list(_left_aside(found for found in others if not _is_secret(found.manifest))),
        problems=problems,
    )


def _is_secret(manifest: Manifest) -> bool:
    return manifest["kind"] == "Secret" and manifest.get("apiVersion") == "v1"


def _admitted(given: Iterable[Found], problems: list[Problem]) -> Iterator[Found]:
    before: dict[tuple[str, ...], Found] = {}
    for found in given:
        if wrong := list(admission.problems(found)):
            problems += wrong
            continue
        router = replace(found, manifest=admission.admitted(found.manifest))
        other = before.setdefault(manifests.identity(router.manifest), router)
        if other is not router:
            problems.append(
                router.named(f"it is given twice, first in {other.place}: remove one of them", "")
            )
            continue
        yield router


def _named(given: Iterable[Found], problems: list[Problem]) -> Iterator[tuple[str, Manifest]]:
    """The observed objects with their names in the composition."""
    for found in given:
        annotations = shapes.object_at(found.manifest, "metadata", "annotations")
        if name := shapes.text_at(annotations, RESOURCE_NAME):
            yield name, found.manifest
        else:
            problems.append(
                found.named(
                    f"an observed object needs the annotation {RESOURCE_NAME}: add it, with the "
                    f"name of the composed resource, such as {names.RESOURCE_DEPLOYMENT}",
                    "metadata.annotations",
                )
            )


def _left_aside(given: Iterable[Found]) -> Iterator[str]:
    by_source: dict[str, list[str]] = {}
    for found in given:
        by_source.setdefault(found.source, []).append(manifests.title(found.manifest))
    for source, titles in by_source.items():
        shown = ", ".join(first(titles))
        yield (
            f"{source}: left aside {shown}: only {names.KIND}s, {names.ACCESS_KIND} objects and "
            "Secrets are read"
        )
