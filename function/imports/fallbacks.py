"""LiteLLM's fallbacks, as `routing.fallbacks`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from function import shapes
from function.api.models import Wildcards
from function.api.routing import ALL_OTHERS
from function.call import Manifest
from function.errors import NotImported
from function.imports.draft import Draft, shown

SETTINGS: Final[Mapping[str, str]] = {
    "fallbacks": "Failure",
    "context_window_fallbacks": "ContextWindow",
    "content_policy_fallbacks": "ContentPolicy",
}
"""The settings of fallbacks, each with the kind of failure that they are for."""
DEFAULTS: Final = "default_fallbacks"

_MOST: Final = 64
_MOST_TARGETS: Final = 8
_SECTIONS: Final = ("router_settings", "litellm_settings")


def read(draft: Draft, config: Manifest, offered: Sequence[str]) -> None:
    """Writes the fallbacks of a configuration.

    Args:
        draft: the router.
        config: the configuration.
        offered: the names of the models that the router offers.

    Raises:
        NotImported: LiteLLM would not start with them.
    """
    offers = Offers(offered)
    found: list[Manifest] = []
    for setting, when in SETTINGS.items():
        path, given = _given(config, setting)
        chains = _chains(path, given)
        if when == "Failure":
            where, everyone = _given(config, DEFAULTS)
            if everyone and not isinstance(everyone, list):
                raise NotImported(where, f"{where} must be a list of models")
            chains += [(where, ALL_OTHERS, everyone)] if everyone else []
        if any(not isinstance(to, str) for _, _, chain in chains for to in chain):
            draft.merge.setdefault("router_settings", {})[setting] = draft.passed(
                [{model: chain} for _, model, chain in chains], path, setting
            )
            draft.told(path, f"{setting} with parameters of their own are passed on as they are")
        else:
            found += _fallbacks(draft, setting, chains, offers)
    for extra in found[_MOST:]:
        draft.lost(
            "router_settings",
            f"the fallback of {shown(extra['model'])} is left out: there may be {_MOST}",
        )
    if found:
        draft.set("routing.fallbacks", found[:_MOST])


class Offers:
    """The models that a router offers."""

    def __init__(self, names: Sequence[str]) -> None:
        """Takes their names."""
        self._names = frozenset(names)
        self._wildcards = Wildcards(names)

    def __contains__(self, name: str) -> bool:
        """Whether a model is offered, by itself or by a wildcard."""
        return name in self._names or any(self._wildcards.offering(name))


def _fallbacks(
    draft: Draft, setting: str, chains: Sequence[tuple[str, str, list[Any]]], offers: Offers
) -> Iterator[Manifest]:
    seen: set[str] = set()
    for at, model, chain in chains:
        if model in seen:
            draft.told(at, f"LiteLLM takes the first {setting} of {shown(model)} alone")
            continue
        seen.add(model)
        targets = _targets(draft, at, model, chain, offers)
        if model != ALL_OTHERS and ("*" in model or model not in offers):
            draft.lost(at, f"{setting} of {shown(model)} are left out, which no entry offers")
        elif targets:
            when = SETTINGS[setting]
            yield {"model": model, **({} if when == "Failure" else {"when": when}), "to": targets}


def _given(config: Manifest, setting: str) -> tuple[str, Any]:
    """A setting and its path: the router's, else LiteLLM's."""
    for section in _SECTIONS:
        if value := shapes.at(config, section, setting):
            return f"{section}.{setting}", value
    return f"{_SECTIONS[0]}.{setting}", None


def _chains(path: str, given: object) -> list[tuple[str, str, list[Any]]]:
    """Each model with what is called instead, and its path."""
    chains = []
    for i, entry in enumerate(given if isinstance(given, list) else [] if not given else [given]):
        at = f"{path}[{i}]"
        if not isinstance(given, list) or not isinstance(entry, dict) or len(entry) != 1:
            raise NotImported(at, f"{path} must be a list of objects with one model each")
        ((model, targets),) = entry.items()
        if not isinstance(targets, list):
            raise NotImported(at, f"{at} must name a list of models for {shown(model)}")
        chains.append((at, model, targets))
    return chains


def _targets(draft: Draft, at: str, model: str, chain: Sequence[str], offers: Offers) -> list[str]:
    targets: list[str] = []
    for to in dict.fromkeys(chain):
        if to == model:
            continue
        if "*" in to or to not in offers:
            draft.lost(
                at, f"{shown(to)} as a fallback of {shown(model)} is left out: no entry offers it"
            )
        elif len(targets) == _MOST_TARGETS:
            draft.lost(
                at,
                f"{shown(to)} as a fallback of {shown(model)} is left out: there may be "
                f"{_MOST_TARGETS}",
            )
        else:
            targets.append(to)
    return targets
