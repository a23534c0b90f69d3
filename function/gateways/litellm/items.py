"""The items of LiteLLM's `model_list`, each with what is made of it once and kept."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from function.call import Manifest
from function.gateways.litellm import credentials, providers, variables
from function.gateways.litellm.providers import Provider

_REFERENCE: Final = re.compile(r"(?:os\.environ|oidc/env)/([^\s\"',;}\]]+)")
"""How a text of LiteLLM's configuration names a variable, wherever it stands in the text."""

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


@dataclass(frozen=True, eq=False)
class Item:
    """An item of the `model_list`, which never changes.

    Attributes:
        manifest: the item, in the form that LiteLLM can use.
        yaml: the item as one of a list in YAML, once it was written.
    """

    manifest: Manifest
    yaml: list[str] = field(default_factory=list, repr=False)

    @cached_property
    def order(self) -> tuple[str, str]:
        """Where it stands in a list that depends on no other order."""
        return self.manifest["model_name"], _json(self.manifest)

    @cached_property
    def called(self) -> tuple[str, str]:
        """The name of the provider and its own name of the model; empty if they are not said."""
        provider, _, model_id = self.params["model"].partition("/")
        return provider, model_id

    @cached_property
    def is_called_as_named(self) -> bool:
        """Whether its name says its provider, which no parameter and no client can change."""
        provider, model_id = self.called
        return (
            provider != ""
            and model_id != ""
            and "*" not in provider
            and self.params.get("custom_llm_provider", provider) == provider
            and self.manifest["model_name"].count("*") <= model_id.count("*")
        )

    @cached_property
    def base(self) -> str | None:
        """The base that it says; None if it says none, or not as a text."""
        base = self.params.get("api_base") or self.params.get("base_url")
        return base if isinstance(base, str) else None

    @cached_property
    def takes_any_base(self) -> bool:
        """Whether its base is of no matter: none is needed, or the one that it says is a text."""
        provider = self.provider
        if not (provider.base or provider.needs_base or provider.default_base):
            return True
        return self.base is not None and variables.referred(self.base) is None

    @cached_property
    def provider(self) -> Provider:
        """The provider that LiteLLM will call."""
        return providers.find(self.called[0])

    @property
    def params(self) -> Manifest:
        """Its `litellm_params`."""
        params: Manifest = self.manifest["litellm_params"]
        return params

    @cached_property
    def references(self) -> list[Reference]:
        """The texts in it that name variables."""
        # Most have none, or one: a look at the whole tells.
        return list(references(self.manifest)) if _REFERENCE.search(self.order[1]) else []

    @cached_property
    def named(self) -> frozenset[str]:
        """The variables that it names."""
        return frozenset(name for reference in self.references for name in reference.variables)

    @cached_property
    def misplaced(self) -> frozenset[str]:
        """Those that are not all of the parameter for which its provider reads them."""
        return frozenset(
            name
            for reference in self.references
            for name in reference.variables
            if not self._belongs(reference, name)
        )

    def _belongs(self, reference: Reference, name: str) -> bool:
        match reference.path:
            case "litellm_params", str(param):
                whole = reference.text == variables.reference(name)
                return whole and self.provider.params.get(credentials.own_name(name)) == param
            case _:
                return False


def of(models: Iterable[Manifest], known: Iterable[Item]) -> list[Item]:
    """The items of a `model_list`: those that are known, and new ones for all others."""
    by_manifest = {id(item.manifest): item for item in known}
    return [by_manifest.get(id(model)) or Item(model) for model in models]


def references(value: object, path: Path = ()) -> Iterator[Reference]:
    """All texts in a value that name variables.

    Args:
        value: any JSON.
        path: where it is.
    """
    for where, text in _texts(value, path):
        if named := _REFERENCE.findall(text):
            yield Reference(where, text, named)


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:  # noqa: ANN401  # Any JSON.
    """All texts in a value that may name a variable."""
    match value:
        case dict():
            for key, item in value.items():
                yield from _texts(item, (*path, key))
        case list():
            for i, item in enumerate(value):
                yield from _texts(item, (*path, i))
        case str() if "/" in value:
            yield path, value
