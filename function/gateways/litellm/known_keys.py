"""The keys that LiteLLM knows in its config. It ignores others, most of them silently.

The table is data, `known_keys.json`, generated from LiteLLM's source; a test generates it again. It
describes the release that `providers.RELEASE` names.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Final

from function.guesses import Guesser

MAX_GUESSES: Final = 20
"""For how many unknown names of one kind in a spec a known one is suggested."""

_CUTOFF: Final = 0.82
"""How similar a typo is: `num_retrys` counts as one, `top_a`, which providers know, does not."""


def near(section: str, key: str) -> list[str] | None:
    """What may have been meant by an unknown key; None if LiteLLM knows the key.

    Providers accept parameters that are not in `litellm_params`, and `model_info` may hold
    anything: there, only a key that resembles a known one is a mistake.

    Args:
        section: `config` for the whole file, `litellm_params` and `model_info` of a model,
            `router_settings`, `litellm_settings`, `general_settings`, or `cache_params`.
        key: as it is written there.

    Returns:
        Up to two names of the section, the closest first; none if nothing is close.
    """
    return None if key in _table()[section] else list(_nearest(section, key))


def unknown(section: str, given: Iterable[str]) -> list[str]:
    """Those of the keys that LiteLLM does not know in a section, in their order."""
    return [key for key in given if key not in _table()[section]]


def known(section: str) -> list[str]:
    """The names of a section, sorted.

    Args:
        section: as for `near`; or, of the router settings that take one of a few values,
            `routing_strategy` or `optional_pre_call_checks`, for these.
    """
    return sorted(_table()[section])


def _nearest(section: str, key: str) -> tuple[str, ...]:
    # Nearly all names are lower-case, so this finds a match for `apiBase`.
    return _guesser(section).nearest(key.lower())


@cache
def _guesser(section: str) -> Guesser:
    return Guesser(known(section), cutoff=_CUTOFF)


@cache
def _table() -> Mapping[str, frozenset[str]]:
    text = resources.files(__package__).joinpath("known_keys.json").read_text(encoding="utf-8")
    return {section: frozenset(names) for section, names in json.loads(text).items()}
