"""What a release composes and accepts, so that the next ones can be held against it."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from function import shapes
from function.call import Manifest
from tests.support.world import World

_MOST: Final = ("maxLength", "maxItems", "maxProperties", "maximum")
_LEAST: Final = ("minLength", "minItems", "minProperties", "minimum")
_SAME: Final = (
    *("type", "pattern", "default", "format", "x-kubernetes-list-type", "nullable"),
    *("x-kubernetes-list-map-keys", "x-kubernetes-int-or-string"),
)
_OPEN: Final = "x-kubernetes-preserve-unknown-fields"
_KEPT: Final = frozenset(
    (
        *_MOST,
        *_LEAST,
        *_SAME,
        *("enum", "required", _OPEN),
    )
)


def record(definition: Path, examples: Iterable[Path]) -> Manifest:
    """What this release accepts, and what it composes of some routers.

    Args:
        definition: the composite resource definition.
        examples: files with a router each.
    """
    versions = yaml.safe_load(definition.read_text())["spec"]["versions"]
    routers = {path.stem: yaml.safe_load(path.read_text()) for path in examples}
    return {
        "schema": stripped(versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]),
        "routers": {name: {"router": xr, "composed": composed(xr)} for name, xr in routers.items()},
    }


def composed(router: Manifest) -> Manifest:
    """Of each object that a router composes, what an upgrade must not change."""
    metadata = {"uid": "fixed", "namespace": "default", **router["metadata"]}
    answer = World({**router, "metadata": metadata}).reconcile()
    assert answer.refusal is None, answer.refusal
    return {name: _kept(desired.manifest) for name, desired in answer.resources.items()}


def _kept(manifest: Manifest) -> Manifest:
    template = shapes.object_at(manifest, "spec", "template")
    text = json.dumps(template, sort_keys=True)
    return {
        "kind": manifest["kind"],
        "name": manifest["metadata"]["name"],
        "selector": shapes.object_at(manifest, "spec", "selector"),
        "pods": hashlib.sha256(text.encode()).hexdigest()[:16] if template else "",
    }


def stripped(schema: Manifest) -> Manifest:
    """A schema with nothing but what it accepts."""
    kept = {key: schema[key] for key in _KEPT & schema.keys()}
    kept["rules"] = sorted(rule["rule"] for rule in schema.get("x-kubernetes-validations", ()))
    if "properties" in schema:
        kept["properties"] = {k: stripped(v) for k, v in schema["properties"].items()}
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            kept[part] = stripped(schema[part])
    return kept


def narrowed(old: Manifest, new: Manifest, path: str = "spec") -> Iterator[str]:
    """Where a schema no longer takes what an older one took, or takes it for something else."""
    yield from (f"{path}: {what}" for what in _narrower(old, new))
    fields = new.get("properties", {})
    for name, field in old.get("properties", {}).items():
        if name in fields:
            yield from narrowed(field, fields[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: removed"
    for part in ("items", "additionalProperties"):
        if part in old and part in new:
            yield from narrowed(old[part], new[part], f"{path}[]")
        elif part in old:
            yield f"{path}[]: removed"


def _narrower(old: Manifest, new: Manifest) -> Iterator[str]:
    """What a field says of itself and that takes less, or is another."""
    yield from (key for key in _SAME if old.get(key) != new.get(key))
    infinite = float("inf")
    yield from (key for key in _MOST if new.get(key, infinite) < old.get(key, infinite))
    yield from (key for key in _LEAST if new.get(key, 0) > old.get(key, 0))
    for key in ("required", "rules"):
        if not set(new.get(key, ())) <= set(old.get(key, ())):
            yield key
    if "enum" in new and not ("enum" in old and set(old["enum"]) <= set(new["enum"])):
        yield "enum"
    if _OPEN in old and _OPEN not in new:
        yield "open"


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What an upgrade changes of a router's objects: other pods are `restarts`, the rest breaks."""
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            yield f"{name}: removed"
            continue
        for key in ("kind", "name", "selector"):
            if before[key] != after[key]:
                yield f"{name}: {key}"
        if before["pods"] != after["pods"]:
            yield f"{name}: restarts"


def number(version: str) -> tuple[int, ...]:
    """A version as a number that can be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def rolls(changes: str, since: str) -> bool:
    """Whether the change log says that a version after that one rolls gateways."""
    sections = re.split(r"^## ", changes, flags=re.MULTILINE)[1:]
    newer = [s for s in sections if not s[0].isdigit() or number(s.split()[0]) > number(since)]
    return any("rolls every gateway" in section for section in newer)
