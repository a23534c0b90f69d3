"""Kubernetes objects in YAML files: read as kubectl reads them, and written to be read."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from function.call import Manifest
from function.errors import ManifestError


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
            try:
                documents = list(yaml.load_all(file.read_text(encoding="utf-8"), _Loader))
            except OSError as error:
                raise ManifestError(f"cannot read '{file}': {error.strerror}") from None
            except (yaml.YAMLError, UnicodeDecodeError) as error:
                raise ManifestError(
                    f"{file} is not valid YAML: {' '.join(str(error).split())}"
                ) from None
            for document in documents:
                if document is None:
                    continue
                if not isinstance(document, dict):
                    raise ManifestError(
                        f"{file}: a document is not an object: write apiVersion, kind, …"
                    )
                yield file, _as_json(document)


def to_yaml(document: Manifest) -> str:
    """An object as YAML, with sorted keys and multi-line texts as they are."""
    return yaml.dump(document, Dumper=_Dumper, allow_unicode=True, width=2**31 - 1)


def write(documents: Iterable[Manifest], folder: Path) -> None:
    """Writes each object into a file of its own, `<kind>-<name>.yaml`.

    Raises:
        ManifestError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for document in documents:
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


def _as_json(value: Any) -> Any:  # noqa: ANN401  # Any YAML value.
    """The value as JSON has it: the keys of objects are strings."""
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list) else value


class _Loader(yaml.CSafeLoader):
    """Reads a date as text, as kubectl does: 2024-10-21 is an API version of Azure."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # It replaces the base class's.
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


class _Dumper(yaml.CSafeDumper):
    """Shows multi-line texts as such, so that config.yaml can be read."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)
