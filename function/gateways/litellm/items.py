"""The items of LiteLLM's `model_list`, each with all that is made of it, once."""

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from function.call import Manifest
from function.gateways.litellm import credentials, providers, variables

REFERENCE: Final = re.compile(r"(?:os\.environ|oidc/env)/([^\s\"',;}\]]+)")
"""How a text of LiteLLM's configuration names a variable, wherever it stands in the text."""

MODEL_LIST: Final = "model_list"
"""Where the items stand in LiteLLM's configuration."""

_PARAMS: Final = "litellm_params"

_json: Final = json.JSONEncoder(sort_keys=True).encode

Path = tuple[str | int, ...]


class Reference(NamedTuple):
    """A text that names variables.

    Attributes:
        path: where it is.
        text: all of it.
        variables: their names.
    """

    path: Path
    text: str
    variables: list[str]


class Item:
    """An item of the `model_list`, which never changes.

    Attributes:
        manifest: the item, in the form that LiteLLM can use.
        order: where it stands in a list that depends on no other order.
        provider_name: the provider that its name says; empty if it says none.
        model_id: what that provider calls the model; empty if the name does not say it.
        provider: the provider that LiteLLM will call.
        base: the base that it says; None if it says none, or not as a text.
        named: the variables that it names.
        misplaced: those that do not belong where one of the texts names them.
        yaml: the item as one of a list in YAML; empty until it was written.
    """

    __slots__ = (
        "base",
        "manifest",
        "misplaced",
        "model_id",
        "named",
        "order",
        "provider",
        "provider_name",
        "yaml",
    )

    def __init__(self, manifest: Manifest) -> None:
        """Takes an item that LiteLLM could use."""
        params = manifest[_PARAMS]
        text = _json(manifest)
        self.manifest = manifest
        self.order: tuple[str, str] = (manifest["model_name"], text)
        self.provider_name, _, self.model_id = params["model"].partition("/")
        self.provider = providers.find(self.provider_name)
        base = params.get("api_base") or params.get("base_url")
        self.base: str | None = base if isinstance(base, str) else None
        # Many have none: a look at the whole tells.
        found = references(manifest) if REFERENCE.search(text) else []
        uses = [(reference, name) for reference in found for name in reference.variables]
        self.named = frozenset([name for _, name in uses])
        self.misplaced = frozenset([name for where, name in uses if not self.belongs(where, name)])
        self.yaml = ""

    @property
    def params(self) -> Manifest:
        """Its `litellm_params`."""
        params: Manifest = self.manifest[_PARAMS]
        return params

    def belongs(self, reference: Reference, name: str) -> bool:
        """Whether a variable is all of the parameter for which its provider reads it."""
        param = self.provider.params.get(credentials.own_name(name))
        return reference.path == (_PARAMS, param) and reference.text == variables.reference(name)


def of(models: Iterable[Manifest], known: Iterable[Item]) -> list[Item]:
    """The items of a `model_list`: those that are known, and new ones for all others."""
    by_manifest = {id(item.manifest): item for item in known}
    return [by_manifest.get(id(model)) or Item(model) for model in models]


def references(value: object) -> list[Reference]:
    """All texts in an object or a list that name variables."""
    found: list[Reference] = []
    _collect(value, (), found)
    return found


def _collect(value: object, path: Path, found: list[Reference]) -> None:
    members: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, item in members:
        if isinstance(item, str):
            if "/" in item and (named := REFERENCE.findall(item)):
                found.append(Reference((*path, key), item, named))
        elif isinstance(item, dict | list):
            _collect(item, (*path, key), found)
