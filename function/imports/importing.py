"""Imports files, and shows that what comes out means the same as what went in."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from function import shapes
from function.call import Manifest
from function.errors import NotImported
from function.gateways.litellm import config
from function.imports import files, meaning, router, written
from function.imports.router import Imported
from function.imports.source import Source
from function.offline import admission, documents, render
from function.offline.inputs import Inputs
from function.offline.manifests import Found
from function.offline.problems import Problem
from function.resources import KINDS

_NAME: Final = "gateway"
"""The name of a router that nothing names."""
_NO_NAME: Final = re.compile(r"[^-a-z0-9]+")


@dataclass(frozen=True)
class Result:
    """A router that was imported, and how what it means differs from what was given.

    Attributes:
        imported: the router.
        differences: one sentence for each difference; none if it means the same.
        notes: what the function says about it.
    """

    imported: Imported
    differences: Sequence[str]
    notes: Sequence[str]

    @property
    def lost(self) -> list[str]:
        """What of the input is not in the router."""
        noted = [str(note.problem) for note in self.imported.notes if note.lost]
        return [*noted, *self.differences]

    @property
    def told(self) -> list[str]:
        """What else the user should know."""
        noted = [str(note.problem) for note in self.imported.notes if not note.lost]
        if missing := written.missing_keys(self.imported):
            secret = self.imported.secrets.name
            noted.append(f"the Secret '{secret}' must hold {', '.join(missing)}")
        return noted


def run(
    paths: Iterable[Path], load: files.Reader, *, name: str | None, namespace: str | None
) -> tuple[list[Result], list[Problem]]:
    """Imports files.

    Args:
        paths: files, or `-` for standard input.
        load: reads one.
        name: the name of the router, if there is one.
        namespace: the namespace of the routers.

    Returns:
        The routers, and all that is wrong; if anything is, nothing should be written.
    """
    problems: list[Problem] = []
    sources = files.read(paths, load, problems)
    if name is not None and len(sources) > 1:
        problems.append(
            Problem(f"--name is for one router, and the files hold {len(sources)}: import each")
        )
    if problems:
        return [], problems
    results = []
    taken: set[tuple[str, str]] = set()
    for source in sources:
        own = name or _NO_NAME.sub("-", source.name.lower()).strip("-") or _NAME
        where = source.namespace if namespace is None else namespace
        if (own, where) in taken:
            problems.append(
                Problem(f"two routers would be named '{own}': import them one by one with --name")
            )
            continue
        taken.add((own, where))
        if name is None and source.name:
            source.told(
                source.origin(""),
                "the ModelRouter has the name of what runs now, whose objects it does not take "
                "over: to run both side by side, give it another one with --name",
            )
        try:
            imported = router.of(source, own, where, _secret_name(source, own))
        except NotImported as error:
            problems.append(Problem(error.message, *source.origin(error.path)))
            continue
        checked = check(imported)
        if isinstance(checked, Problem):
            problems.append(checked)
        else:
            results.append(checked)
    return results, problems


def _secret_name(source: Source, name: str) -> str:
    """The name of a Secret that is not one of those that the source names."""
    env = source.environment
    taken = {env.secret, *(value.key.secret for value in env.known.values() if value.key)}
    own = f"{name}-keys"
    return f"{name}-imported-keys" if own in taken else own


def check(imported: Imported) -> Result | Problem:
    """What the function makes of a router, beside what was given.

    Returns:
        The comparison, or what stands in the way of the router.
    """
    text = written.as_yaml(imported.manifest)
    document = next(iter(documents.read(text.encode())))
    found = Found(document.value, imported.source.kind, document.lines)
    wrong = [
        *(problem.message for problem in document.problems),
        *(problem.message for problem in admission.problems(found)),
    ]
    if wrong:
        return _refused(imported, wrong[0])
    admitted = replace(found, manifest=admission.admitted(found.manifest))
    given = Inputs(
        routers=[admitted],
        observed={},
        required=[_definition(kind.definition) for kind in KINDS.values() if kind.definition],
        input={},
        platform={},
        notes=[],
        problems=[],
    )
    rendered, refused = render.render(given)
    if refused:
        return _refused(imported, refused[0].message)
    composed = rendered[0].composed
    differences = meaning.differences(
        meaning.given(imported),
        meaning.composed(_config_of(composed), _variables_of(composed), imported),
    )
    return Result(imported, differences, rendered[0].warnings)


def _refused(imported: Imported, message: str) -> Problem:
    place = imported.source.origin("")
    return Problem(f"the ModelRouter would be refused: {message}", *place)


def _definition(name: str) -> Manifest:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
    }


def _config_of(composed: Sequence[Manifest]) -> dict[str, Any]:
    maps = (one for one in composed if one["kind"] == "ConfigMap")
    text = next(maps)["data"][config.NAME]
    loaded: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return loaded


def _variables_of(composed: Sequence[Manifest]) -> Mapping[str, Manifest]:
    """The variables of the container, by name."""
    deployment = next(one for one in composed if one["kind"] == "Deployment")
    containers = shapes.objects_at(deployment, "spec", "template", "spec", "containers")
    return {entry["name"]: dict(entry) for entry in containers[0].get("env", [])}
