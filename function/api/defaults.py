"""A platform team's defaults: a part of a spec that lies under the spec of each router.

Objects are merged member by member. Of lists, only `env`, `volumes` and `volumeMounts` of the
deployment are merged, entry by entry under their keys; any other list of the router's replaces that
of the defaults. Three things would surprise otherwise:

- A router that has a block at all uses it: an `enabled: false` of the defaults is for those that
  have none, so that defaults can prepare a block without switching it on.
- Of members that exclude one another, such as `url` and `urlSecretRef`, the router's displaces that
  of the defaults.
- A number of replicas in the defaults gives way to autoscaling.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from function.api import paths
from function.api.spec import Spec
from function.api.validation import Block, Model, broken_rules
from function.call import Manifest
from function.text import shorten

_Path = tuple[str, ...]

_MERGED: Final[Mapping[_Path, str]] = {
    ("deployment", "env"): "name",
    ("deployment", "volumes"): "name",
    ("deployment", "volumeMounts"): "mountPath",
}
"""The lists that are merged, each with the key of its entries."""

_ALTERNATIVES: Final[Mapping[_Path, frozenset[str]]] = {
    ("outbound", "proxy"): frozenset({"url", "urlSecretRef"}),
    ("outbound", "caBundle"): frozenset({"configMapKeyRef", "secretKeyRef"}),
    ("podDisruptionBudget",): frozenset({"minAvailable", "maxUnavailable"}),
}
"""The members of which there may be one."""

_OWN: Final = ("type", "port", "aiModels")
"""What every router has itself, if only from the schema: defaults for it would have no effect."""


def under(spec: object, defaults: Manifest) -> object:
    """A spec with defaults under it. It may share values with both, and changes neither."""
    if not isinstance(spec, dict) or not defaults:
        return spec
    merged = _merge(Spec, (), defaults, spec)
    deployment = merged.get("deployment")
    if _is_on(merged.get("autoscaling")) and isinstance(deployment, dict):
        own = spec.get("deployment")
        if not isinstance(own, dict) or own.get("replicas") is None:
            merged["deployment"] = {k: v for k, v in deployment.items() if k != "replicas"}
    return merged


def check(defaults: Manifest, path: str) -> Iterator[str]:
    """What is wrong with defaults, a sentence for each.

    Rules on several fields together are left to the routers, whose specs complete the defaults.

    Args:
        defaults: the defaults.
        path: where they stand.
    """
    for name in _OWN:
        if name in defaults:
            yield f"{path}.{name} has no effect, since every router has its own: remove it."
    for field in paths.unknown(Spec, defaults, path):
        yield f"unknown field {shorten(field)}: remove it or fix the spelling."
    whole = {**defaults, "aiModels": [{"name": "any/model"}], "type": "litellm", "port": 4000}
    yield from broken_rules(Spec, whole, path, partial=True)


def _merge(model: type[Model] | None, path: _Path, defaults: Manifest, own: Manifest) -> Manifest:
    """An object of the router's over one of the defaults.

    Args:
        model: the model of the object; None if it is open, where a null is a value like any other.
        path: where it is in the spec.
        defaults: the object of the defaults.
        own: that of the router.
    """
    inner = {} if model is None else paths.fields(model)
    merged = {k: v for k, v in defaults.items() if k not in _displaced(model, path, own)}
    for key, value in own.items():
        default = merged.get(key)
        here = (*path, key)
        if value is None and model is not None:
            merged.setdefault(key, value)
        elif isinstance(value, dict) and isinstance(default, dict):
            merged[key] = _merge(inner.get(key), here, default, value)
        elif isinstance(value, list) and isinstance(default, list) and here in _MERGED:
            merged[key] = _merge_lists(_MERGED[here], default, value)
        else:
            merged[key] = value
    return merged


def _displaced(model: type[Model] | None, path: _Path, own: Manifest) -> frozenset[str]:
    """The members of the defaults that give way to others of the router's."""
    given = frozenset(key for key, value in own.items() if value is not None)
    alternatives = _ALTERNATIVES.get(path, frozenset())
    displaced = alternatives if alternatives & given else frozenset()
    if model is not None and issubclass(model, Block):
        displaced |= {"enabled"}
    if path == ("credentials",):
        if own.get("source") not in (None, "Secret"):
            displaced |= {"secretRef"}
        elif "secretRef" in given:
            displaced |= {"source"}
    return displaced - given


def _merge_lists(key: str, defaults: list[Any], own: list[Any]) -> list[Any]:
    """The entries of the router's in place of those of the defaults with their key, or behind."""
    by_key = {_key(entry, key): entry for entry in own}
    merged = [by_key.get(_key(entry, key), entry) for entry in defaults]
    placed = {id(entry) for entry in merged}
    # Two of the router's with one key both stay, for the rule on them to refuse.
    return merged + [entry for entry in own if id(entry) not in placed]


def _key(entry: object, key: str) -> object:
    found = entry.get(key) if isinstance(entry, dict) else None
    return found if isinstance(found, str) else id(entry)


def _is_on(block: object) -> bool:
    return isinstance(block, dict) and block.get("enabled") is not False
