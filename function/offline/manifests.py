"""Kubernetes objects in YAML files: read as kubectl reads them, and written to be read."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from function.call import Manifest
from function.errors import ManifestError, Unreadable
from function.offline import documents, scalars


def load(paths: Iterable[Path]) -> Iterator[tuple[Path, Manifest]]:
    """All objects of YAML files and of folders of them, each with its file.

    Raises:
        ManifestError: a file cannot be read, is not YAML, or holds something other than objects.
    """
    for path in paths:
        folder = path.is_dir()
        files = (
            sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml")) if folder else [path]
        )
        for file in files:
            for line, document in _read(file):
                if document is None:
                    continue
                kind = document.get("kind") if isinstance(document, dict) else None
                if not kind or not isinstance(kind, str):
                    raise ManifestError(
                        f"{file}, line {line}: a document is not an object of Kubernetes: write "
                        "apiVersion, kind, …"
                    )
                yield file, document


def _read(file: Path) -> list[tuple[int, Any]]:
    try:
        return list(documents.read(file.read_bytes()))
    except OSError as error:
        raise ManifestError(f"cannot read '{file}': {error.strerror}") from None
    except Unreadable as error:
        raise ManifestError(f"{file}, {error}") from None


def to_yaml(document: Manifest) -> str:
    """An object as YAML, with sorted keys and multi-line texts as they are."""
    return yaml.dump(document, Dumper=_Dumper, allow_unicode=True, width=2**31 - 1)


def write(objects: Iterable[Manifest], folder: Path) -> None:
    """Writes each object into a file of its own, `<kind>-<name>.yaml`.

    Raises:
        ManifestError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for document in objects:
            name = metadata(document).get("name") or document.get("reason")
            path = folder / f"{document['kind'].lower()}-{name}.yaml"
            path.write_text(to_yaml(document), encoding="utf-8")
    except OSError as error:
        raise ManifestError(f"cannot write '{error.filename}': {error.strerror}") from None


def metadata(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object's metadata; empty where it has none."""
    found = document.get("metadata")
    return found if isinstance(found, dict) else {}


def identity(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What identifies an object: API version, kind, namespace and name."""
    named = metadata(document)
    return (
        str(document.get("apiVersion")),
        str(document.get("kind")),
        str(named.get("namespace", "")),
        str(named.get("name")),
    )


def title(document: Mapping[str, Any]) -> str:
    """An object in a message."""
    return f"{document.get('kind')} '{metadata(document).get('name')}'"


class _Dumper(yaml.CSafeDumper):
    """Shows multi-line texts as such, and quotes what kubectl would read as no text."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else "'" if scalars.plain(data) != data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def ignore_aliases(self, _: object) -> bool:
        return True


_Dumper.add_representer(str, _Dumper.represent_str)
