"""What kubectl and the API server check of a ModelRouter before any function sees it."""

import re
import uuid
from collections.abc import Iterator
from typing import Any, Final

from function import names, shapes
from function.api import Spec
from function.api.validation import broken_rules
from function.call import Manifest
from function.guesses import Guesser
from function.offline import fields
from function.offline.manifests import DEFAULT_NAMESPACE, Found
from function.offline.problems import Problem
from function.text import as_json, shorten

_KINDS: Final = (names.KIND, names.LEGACY_KIND)
_NEAR: Final = Guesser([names.GROUP], cutoff=0.8)
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def is_meant(manifest: Manifest) -> bool:
    """Whether an object is a ModelRouter, or was meant to be one."""
    group = shapes.text_at(manifest, "apiVersion").partition("/")[0]
    kind = shapes.text_at(manifest, "kind").lower()
    return bool(_NEAR.nearest(group)) or kind in map(str.lower, _KINDS)


def problems(found: Found) -> Iterator[Problem]:
    """All that is wrong with a ModelRouter, as far as it can be told without composing it."""
    manifest = found.manifest
    for field, right in (("apiVersion", (names.API_VERSION,)), ("kind", _KINDS)):
        value = manifest.get(field)
        if value is None:
            yield found.named(f"{field} is missing: it must be {right[0]}", field)
        elif value not in right:
            shown = f"'{shorten(value)}'" if isinstance(value, str) else as_json(value)
            yield found.named(f"{field} is {shown}: it must be {right[0]}", field)
    for message in _of_metadata(manifest.get("metadata")):
        yield found.named(message)
    for path, message in fields.unknown(manifest):
        yield found.named(message, path)
    if "spec" in manifest:
        for message in broken_rules(Spec, manifest["spec"], "spec"):
            yield found.named(message)


def admitted(manifest: Manifest) -> Manifest:
    """The ModelRouter as the API server keeps it, with the uid that Crossplane's render makes up.

    One without a namespace is in kubectl's.
    """
    own = shapes.object_at(manifest, "metadata")
    kind, namespace = manifest["kind"], own.get("namespace") or ""
    if kind == names.KIND and not namespace:
        namespace = DEFAULT_NAMESPACE
    key = f"{names.API_VERSION}, Kind={kind}\0{namespace}\0{own['name']}"
    uid = str(uuid.uuid5(uuid.UUID(int=0), key))
    metadata = {"uid": uid, **own, **({"namespace": namespace} if namespace else {})}
    return {**manifest, "metadata": metadata}


def _of_metadata(metadata: Any) -> Iterator[str]:  # noqa: ANN401  # Any JSON value.
    if not isinstance(metadata, dict | None):
        yield "metadata is not an object: write name and namespace in it"
        return
    named = metadata or {}
    if named.get("name") in (None, ""):
        yield f"metadata.name is missing: give the {names.KIND} a name"
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
