"""What kubectl and the API server check of our kinds before any function sees them."""

import re
import uuid
from collections.abc import Iterator
from typing import Any, Final

from function import names, shapes
from function.api import Spec, paths
from function.api.model_access import AccessSpec
from function.api.validation import Model, broken_rules
from function.call import Manifest
from function.guesses import Guesser
from function.offline import fields
from function.offline.manifests import DEFAULT_NAMESPACE, Found
from function.offline.problems import Problem
from function.text import as_json, shorten

_KINDS: Final = {
    names.KIND: (names.KIND, names.LEGACY_KIND),
    names.ACCESS_KIND: (names.ACCESS_KIND, names.LEGACY_ACCESS_KIND),
}
"""What each of the API's kinds is called: by people, and behind a claim."""
_MEMBERS: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_NEAR: Final = Guesser([names.GROUP], cutoff=0.8)
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def is_meant(manifest: Manifest) -> bool:
    """Whether an object is of one of our kinds, or was meant to be."""
    group = shapes.text_at(manifest, "apiVersion").partition("/")[0]
    return bool(_NEAR.nearest(group)) or _known_kind(manifest) is not None


def _known_kind(manifest: Manifest) -> str | None:
    """Which of our kinds an object is of, whatever the case of its letters."""
    kind = shapes.text_at(manifest, "kind").lower()
    return next((ours for ours, all_ in _KINDS.items() if kind in map(str.lower, all_)), None)


def problems(found: Found) -> Iterator[Problem]:
    """All that is wrong with an object, as far as it can be told without composing it."""
    manifest = found.manifest
    ours = _known_kind(manifest) or names.KIND
    for field, right in (("apiVersion", (names.API_VERSION,)), ("kind", _KINDS[ours])):
        value = manifest.get(field)
        if value is None:
            yield found.named(f"{field} is missing: it must be {right[0]}", field)
        elif value not in right:
            shown = f"'{shorten(value)}'" if isinstance(value, str) else as_json(value)
            yield found.named(f"{field} is {shown}: it must be {right[0]}", field)
    for message in _of_metadata(manifest.get("metadata"), ours):
        yield found.named(message)
    is_access = ours == names.ACCESS_KIND
    for path, message in _unknown_of_access(manifest) if is_access else fields.unknown(manifest):
        yield found.named(message, path)
    if "spec" in manifest:
        model: type[Model] = AccessSpec if is_access else Spec
        for message in broken_rules(model, manifest["spec"], "spec"):
            yield found.named(message)


def _unknown_of_access(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The unknown fields of a ModelAccess, each as its path and one sentence about it."""
    spec = manifest.get("spec")
    if isinstance(spec, dict):
        spec = {name: value for name, value in spec.items() if name not in names.MACHINERY}
    for path in (*sorted(manifest.keys() - _MEMBERS), *paths.unknown(AccessSpec, spec, "spec")):
        yield path, f"unknown field {shorten(path)}: remove it or fix the spelling"


def admitted(manifest: Manifest) -> Manifest:
    """The object as the API server keeps it, with the uid that Crossplane's render makes up.

    One without a namespace is in kubectl's.
    """
    own = shapes.object_at(manifest, "metadata")
    kind, namespace = manifest["kind"], own.get("namespace") or ""
    if kind in _KINDS and not namespace:
        namespace = DEFAULT_NAMESPACE
    key = f"{names.API_VERSION}, Kind={kind}\0{namespace}\0{own['name']}"
    uid = str(uuid.uuid5(uuid.UUID(int=0), key))
    metadata = {"uid": uid, **own, **({"namespace": namespace} if namespace else {})}
    return {**manifest, "metadata": metadata}


def _of_metadata(metadata: Any, kind: str) -> Iterator[str]:  # noqa: ANN401  # Any JSON value.
    if not isinstance(metadata, dict | None):
        yield "metadata is not an object: write name and namespace in it"
        return
    named = metadata or {}
    if named.get("name") in (None, ""):
        yield f"metadata.name is missing: give the {kind} a name"
    for field in ("name", "namespace"):
        value = named.get(field)
        if value is not None and not isinstance(value, str):
            yield f"metadata.{field} is not a string: quote it"
        elif field == "namespace" and value and not _NAMESPACE.fullmatch(value):
            yield (
                f"metadata.namespace is '{shorten(value)}': it must be lower-case letters, digits "
                "and '-', begin and end with a letter or digit, and have at most 63 characters"
            )
    for field in ("labels", "annotations"):
        value = named.get(field)
        if not isinstance(value, dict | None):
            yield f"metadata.{field} is not an object: write one field for each"
            continue
        for key, item in (value or {}).items():
            if not isinstance(item, str | None):
                yield f"metadata.{field}.{shorten(key)} is not a string: quote it"
