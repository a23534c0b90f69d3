"""Kubernetes objects in YAML and JSON: read as kubectl reads them, and written to be read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from function import names, shapes
from function.call import Manifest
from function.offline import documents, scalars
from function.offline.lines import Lines
from function.offline.problems import Problem
from function.text import shorten

STDIN: Final = Path("-")
"""Standard input, in place of a file."""
DEFAULT_NAMESPACE: Final = "default"
"""Where kubectl creates an object that names no namespace."""

_SUFFIXES: Final = (".json", ".yaml", ".yml")
_NO_OBJECT: Final = "a document is not an object of Kubernetes: write apiVersion, kind, …"
_NO_ITEM: Final = "an item of a list is not an object of Kubernetes: write apiVersion, kind, …"


@dataclass(frozen=True)
class Found:
    """An object in a file.

    Attributes:
        manifest: the object.
        source: the file, as it is named in messages.
        lines: where the fields of its document are.
        path: where it stands in its document; empty for the whole.
    """

    manifest: Manifest
    source: str
    lines: Lines
    path: str = ""

    @property
    def place(self) -> str:
        """The file and the line where the object begins."""
        return f"{self.source}, line {self.lines.of(self.path)}"

    def problem(self, message: str, at: str | None = None) -> Problem:
        """A problem with the object.

        Args:
            message: what is wrong.
            at: the field; that which the message begins with by default.
        """
        here = message if at is None else at
        line = self.lines.of(f"{self.path}.{here}" if self.path else here)
        return Problem(message, self.source, line)

    def named(self, message: str, at: str | None = None) -> Problem:
        """The same, and the message says which object it is."""
        found = self.problem(message, at)
        return replace(found, message=f"{title(self.manifest)}: {message}")


def load(paths: Iterable[Path], problems: list[Problem]) -> Iterator[Found]:
    """All objects of files and of the folders of them, in the way of `kubectl apply -f`.

    Of a folder, these are its files that end in .json, .yaml or .yml, and not those of folders in
    it. The items of a `List` are objects of their own.

    Args:
        paths: files, folders, or `-` for standard input.
        problems: takes what is wrong with the files.
    """
    for path in paths:
        source = "standard input" if path == STDIN else str(path)
        try:
            files = _files(path)
        except OSError as error:
            problems.append(_cannot_read(source, error))
            continue
        for file in files:
            yield from _load(file, source if file == path else str(file), problems)


def _files(path: Path) -> list[Path]:
    if path == STDIN or not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES and not p.is_dir())


def _load(file: Path, source: str, problems: list[Problem]) -> Iterator[Found]:
    try:
        data = _data(file)
    except OSError as error:
        problems.append(_cannot_read(source, error))
        return
    for document in documents.read(data):
        problems += [Problem(p.message, source, p.line) for p in document.problems]
        if document.value is not None:
            yield from objects(Found(document.value, source, document.lines), problems)


def _data(file: Path) -> bytes:
    if file != STDIN:
        return file.read_bytes()
    with open(0, "rb", closefd=False) as stream:
        return stream.read()


def _cannot_read(source: str, error: OSError) -> Problem:
    return Problem(f"cannot read '{source}': {error.strerror}")


def objects(found: Found, problems: list[Problem]) -> Iterator[Found]:
    """The object itself, or the items of a list."""
    manifest: Any = found.manifest
    kind = manifest.get("kind") if isinstance(manifest, dict) else None
    if not kind or not isinstance(kind, str):
        message = _NO_ITEM if found.path else _NO_OBJECT
        if shapes.text_at(manifest, "apiVersion") == names.API_VERSION:
            message = f"kind is missing: it must be {names.KIND}"
        problems.append(found.problem(message, "kind"))
        return
    items = manifest.get("items")
    if not isinstance(items, list):
        yield found
        return
    of_items = {"apiVersion": manifest.get("apiVersion"), "kind": kind.removesuffix("List")}
    for i, item in enumerate(items):
        path = f"{found.path}.items[{i}]" if found.path else f"items[{i}]"
        typed = {**of_items, **item} if isinstance(item, dict) and "kind" not in item else item
        yield from objects(replace(found, manifest=typed, path=path), problems)


def to_yaml(document: Manifest) -> str:
    """An object as YAML, with sorted keys and multi-line texts as they are."""
    return yaml.dump(document, Dumper=_Dumper, allow_unicode=True, width=2**31 - 1)


def identity(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What identifies an object of a namespace: API version, kind, namespace and name."""
    return (
        str(document.get("apiVersion")),
        str(document.get("kind")),
        shapes.text_at(document, "metadata", "namespace") or DEFAULT_NAMESPACE,
        shapes.text_at(document, "metadata", "name"),
    )


def title(document: Mapping[str, Any]) -> str:
    """An object in a message: its kind, its name, and its namespace if it is not kubectl's."""
    kind = shorten(shapes.text_at(document, "kind"))
    name = shapes.text_at(document, "metadata", "name")
    namespace = shapes.text_at(document, "metadata", "namespace")
    if not name:
        return f"{kind} without a name"
    named = name if namespace in ("", DEFAULT_NAMESPACE) else f"{namespace}/{name}"
    return f"{kind} '{shorten(named)}'"


class _Dumper(yaml.CSafeDumper):
    """Shows multi-line texts as such, and quotes what kubectl would read as no text."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else "'" if scalars.plain(data) != data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def ignore_aliases(self, _: object) -> bool:
        return True


_Dumper.add_representer(str, _Dumper.represent_str)
