"""The files that are imported: what each is, is found out by its content."""

import base64
import binascii
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from function import names, shapes
from function.call import Manifest
from function.gateways.base import SecretKey
from function.gateways.litellm import known_keys
from function.imports import ai_gateway, chart, home_operations, palena
from function.imports.objects import Objects, text_line
from function.imports.source import Origin, Place, Source, Value, place_in
from function.offline import documents, manifests
from function.offline.documents import Document
from function.offline.lines import Lines
from function.offline.manifests import Found
from function.offline.problems import Problem
from function.text import first, shorten

MAX_BYTES: Final = 4 * 1024 * 1024
"""How large a file may be."""
MAX_INCLUDES: Final = 32
"""How many files a configuration may include."""

Reader = Callable[[Path], bytes]
"""Reads a file, no further than a byte beyond the most."""

_INCLUDE: Final = "include"
_VARIABLE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_CONFIG: Final = "LiteLLM's config.yaml"
_KINDS: Final = (
    "LiteLLM's config.yaml, a ConfigMap with it, values of LiteLLM's Helm chart, a "
    "HelmRelease or an Application with them, AiGateway, ModelRouter, LiteLLMProxy or "
    "LiteLLMInstance"
)


def read(paths: Iterable[Path], load: Reader, problems: list[Problem]) -> list[Source]:
    """All that can be imported from files.

    Args:
        paths: files, or `-` for standard input.
        load: reads one.
        problems: takes what is wrong with them.
    """
    files = _Files(load, problems)
    for path in paths:
        files.take(path)
    return [] if problems else files.sources()


class _Files:
    """What the files hold, as far as they are read."""

    def __init__(self, load: Reader, problems: list[Problem]) -> None:
        self._load = load
        self._problems = problems
        self._sources: list[Source] = []
        self._objects: list[Found] = []
        self._environment: dict[str, Value] = {}

    def take(self, path: Path) -> None:
        """Reads a file."""
        source = "standard input" if path == manifests.STDIN else str(path)
        if (data := self._data(path, source)) is None:
            return
        if variables := _variables(data):
            self._environment |= variables
            return
        for document in self._documents(data, source):
            if document.value is not None:
                self._take(document, source, path)

    def sources(self) -> list[Source]:
        """What of it can be imported."""
        found = [*self._sources, *self._of_objects()]
        if not found and not self._problems:
            self._problems.append(self._nothing())
        for source in found:
            source.environment.known = {**self._environment, **source.environment.known}
        return found

    def _data(self, path: Path, source: str) -> bytes | None:
        try:
            data = self._load(path)
        except OSError as error:
            self._problems.append(Problem(f"cannot read '{source}': {error.strerror}"))
            return None
        if len(data) > MAX_BYTES:
            self._problems.append(
                Problem(f"more than the {MAX_BYTES} bytes that are read: split the file", source)
            )
            return None
        return data

    def _documents(self, data: bytes, source: str) -> Iterator[Document]:
        for document in documents.read(data):
            self._problems += [Problem(p.message, source, p.line) for p in document.problems]
            yield document

    def _take(self, document: Document, source: str, path: Path) -> None:
        value, place = document.value, place_in(source, document.lines)
        if not isinstance(value, dict):
            self._problems.append(Problem(f"not an object: give {_KINDS}", *place("")))
        elif isinstance(value.get("kind"), str):
            found = Found(value, source, document.lines)
            self._objects += manifests.objects(found, self._problems)
        elif (values := chart.values_of(value)) is not None:
            self._sources += chart.read(*values, place, self._problems)
        elif _is_config(value):
            origin = Origin(place)
            config = self._included(value, origin, path)
            self._sources.append(Source(_CONFIG, "", "", config, origin))
        else:
            keys = ", ".join(first([shorten(key) for key in value]))
            self._problems.append(
                Problem(f"not known what this is ({keys}): give {_KINDS}", *place(""))
            )

    # -- Included files

    def _included(self, config: Manifest, origin: Origin, path: Path) -> dict[str, Any]:
        """A configuration with those that it includes, merged as LiteLLM merges them."""
        merged = {key: value for key, value in config.items() if key != _INCLUDE}
        pending = [(entry, "") for entry in self._entries(config, origin.whole)]
        loaded: set[str] = set()
        while pending:
            entry, folder = pending.pop(0)
            local = posixpath.normpath(posixpath.join(folder, entry))
            if local in loaded:
                continue
            loaded.add(local)
            if reason := _no_include(local, path, len(loaded)):
                self._problems.append(
                    Problem(f"include of '{shorten(entry)}': {reason}", *origin.whole(_INCLUDE))
                )
                break
            file = path.parent / local
            if (data := self._data(file, str(file))) is None:
                break
            for document in self._documents(data, str(file)):
                there = place_in(str(file), document.lines)
                if isinstance(document.value, dict):
                    _merge(merged, document.value, there, origin)
                    below = posixpath.dirname(local)
                    pending += [(e, below) for e in self._entries(document.value, there)]
                elif document.value is not None:
                    self._problems.append(Problem("not an object, as it must be", *there("")))
        return merged

    def _entries(self, config: Manifest, place: Place) -> list[str]:
        given = config.get(_INCLUDE, [])
        if isinstance(given, list) and all(isinstance(entry, str) for entry in given):
            return given
        self._problems.append(Problem("include must be a list of files", *place(_INCLUDE)))
        return []

    # -- Objects of Kubernetes

    def _of_objects(self) -> Iterator[Source]:
        objects = Objects(self._objects)
        for one in self._objects:
            kind = one.manifest.get("kind")
            if kind == "Secret":
                self._environment |= _of_secret(one.manifest)
            elif kind == "ConfigMap" and not ai_gateway.is_patch(one, objects):
                if configs := _configs(one):
                    yield from _of_config_map(one, configs)
                else:
                    data = shapes.object_at(one.manifest, "data")
                    texts = {k: v for k, v in data.items() if isinstance(v, str)}
                    self._environment |= {k: Value(v) for k, v in texts.items()}
            elif kind in chart.RELEASES:
                yield from chart.released(one, self._problems)
            elif kind == names.KIND:
                yield ai_gateway.of_router(one)
        for module in (ai_gateway, home_operations, palena):
            yield from module.read(objects, self._problems)

    def _nothing(self) -> Problem:
        if not self._objects:
            return Problem(f"nothing to import: give {_KINDS}")
        kind = shorten(shapes.text_at(self._objects[0].manifest, "kind"))
        return self._objects[0].problem(f"{kind} cannot be imported: give {_KINDS}", "kind")


def _variables(data: bytes) -> dict[str, Value]:
    """The variables of a file of lines such as NAME=value; none if it is not one."""
    found: dict[str, Value] = {}
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return {}
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        if (match := _VARIABLE.fullmatch(line)) is None:
            return {}
        value = match[2].strip()
        if len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]:
            value = value[1:-1]
        found[match[1]] = Value(value)
    return found


def _is_config(value: Manifest) -> bool:
    """Whether an object is a configuration of LiteLLM."""
    return bool(value.keys() & set(known_keys.known("config")))


def _no_include(local: str, path: Path, count: int) -> str:
    """Why a file is not included; empty if it is."""
    if path == manifests.STDIN:
        return "standard input is in no folder, so give the file by its name"
    if posixpath.isabs(local) or local.split("/", maxsplit=1)[0] == "..":
        return "it is outside of the folder, so put it beside the file"
    if count > MAX_INCLUDES:
        return f"more than the {MAX_INCLUDES} files that are read, so put some together"
    return ""


def _merge(merged: dict[str, Any], added: Manifest, there: Place, origin: Origin) -> None:
    for key, value in added.items():
        own = merged.get(key)
        if key == _INCLUDE:
            continue
        if isinstance(own, list) and isinstance(value, list):
            for i in range(len(value)):
                origin.parts[f"{key}[{len(own) + i}]"] = there, f"{key}[{i}]"
            merged[key] = [*own, *value]
        else:
            origin.parts[key] = there, key
            merged[key] = value


def _of_secret(manifest: Manifest) -> dict[str, Value]:
    """The variables that a Secret holds."""
    name = shapes.text_at(manifest, "metadata", "name")
    texts = dict(shapes.object_at(manifest, "stringData"))
    for key, value in shapes.object_at(manifest, "data").items():
        with suppress(binascii.Error, ValueError):
            texts.setdefault(key, base64.b64decode(str(value), validate=True).decode())
    return {key: Value(str(text), SecretKey(name, key)) for key, text in texts.items()}


def _configs(found: Found) -> dict[str, tuple[Manifest, Lines]]:
    """The configurations of LiteLLM in a ConfigMap, by their keys."""
    configs = {}
    for key, text in shapes.object_at(found.manifest, "data").items():
        if not isinstance(text, str) or not key.endswith((".yaml", ".yml")):
            continue
        for document in documents.read(text.encode()):
            if isinstance(document.value, dict) and _is_config(document.value):
                configs[key] = document.value, Lines(text, text_line(found, f"data.{key}"))
    return configs


def _of_config_map(found: Found, configs: dict[str, tuple[Manifest, Lines]]) -> Iterator[Source]:
    metadata = shapes.object_at(found.manifest, "metadata")
    own = shapes.text_at(metadata, "name")
    for key, (config, lines) in configs.items():
        origin = Origin(place_in(found.source, lines))
        source = Source(
            f"{key} of ConfigMap '{shorten(own)}'",
            own.removesuffix("-config"),
            shapes.text_at(metadata, "namespace"),
            {name: value for name, value in config.items() if name != _INCLUDE},
            origin,
        )
        if _INCLUDE in config:
            source.lost(origin(_INCLUDE), "include is left out: give the included files too")
        yield source
