"""What LiteLLM reads from the environment for each provider.

The table is data, `providers.json`, made from recorded calls of LiteLLM; a test records them again.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Final

from function.guesses import Guesser
from function.text import shorten

RELEASE: Final = "1.108"
"""The LiteLLM release line that the table describes."""

_CUTOFF: Final = 0.6
"""How similar a typo is to the name of a provider."""


@dataclass(frozen=True)
class ModelIds:
    """The form of model ids that LiteLLM can call without a base, and an example with its provider.

    Attributes:
        pattern: what the whole id matches.
        example: a whole name.
    """

    pattern: re.Pattern[str]
    example: str


@dataclass(frozen=True)
class Provider:
    """A provider. All variables are given under LiteLLM's own names.

    Attributes:
        keys: alternatives, the documented one first; the variables of one are needed together.
            Empty: it needs no key.
        settings: further variables of an account, such as its region.
        params: for each variable, the `litellm_params` key that sets the same for one entry only.
        base: whether LiteLLM, without a base, would call a host that no one chose.
        default_base: the provider's own base. LiteLLM must be told it, or it would send some kinds
            of call to OpenAI.
        needs_base: whether it cannot be called without a base, which may come from a variable.
        ignores_base: whether LiteLLM always calls the provider's own host.
        reads: variables of other providers that LiteLLM would send to this one, whatever kind of
            call comes.
        astray: kinds of call that LiteLLM sends to OpenAI, with the key if it is in `api_key`, and
            which no base can mend.
        dummy_key: whether LiteLLM refuses a call without a key even if a base is given.
        recorded: whether calls to it were recorded. If not, it may read any variable.
        unrecorded: the kinds of call that could not be recorded.
        model_ids: the form of its model ids, if not all forms can be called.
    """

    keys: tuple[tuple[str, ...], ...] = ()
    settings: tuple[str, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    base: bool = False
    default_base: str | None = None
    needs_base: bool = False
    ignores_base: bool = False
    reads: tuple[str, ...] = ()
    astray: tuple[str, ...] = ()
    dummy_key: bool = False
    recorded: bool = True
    unrecorded: tuple[str, ...] = ()
    model_ids: ModelIds | None = None

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """All its own variables, each once, its keys first."""
        return tuple(dict.fromkeys((*(v for keys in self.keys for v in keys), *self.settings)))

    @cached_property
    def bases(self) -> tuple[str, ...]:
        """Its variables that hold a base."""
        return tuple(v for v in self.variables if self.params.get(v) == "api_base")

    def may_read(self, variable: str) -> bool:
        """Whether LiteLLM may send another provider's variable to this one."""
        return not self.recorded or variable in self.reads


def find(name: str) -> Provider:
    """The provider of that name; an unknown one is assumed to follow LiteLLM's naming of keys."""
    table = _table()
    if name in table:
        return table[name]
    key = re.sub(r"[^A-Z0-9]", "_", f"{name.upper()}_API_KEY")
    return Provider(keys=((key,),), params={key: "api_key"}, recorded=False)


@cache
def key_variables() -> frozenset[str]:
    """The variables that hold a key of any provider of the table."""
    return frozenset(v for provider in _table().values() for keys in provider.keys for v in keys)


@cache
def all_variables() -> frozenset[str]:
    """The variables that LiteLLM reads for any provider of the table."""
    return frozenset(v for provider in _table().values() for v in provider.variables)


def is_known(name: str) -> bool:
    """Whether LiteLLM knows a provider of that name."""
    return name in _table()


def unknown(name: str, *, guess: bool = True) -> str:
    """The warning about a provider that LiteLLM does not know.

    Args:
        name: its name.
        guess: whether to suggest one that LiteLLM knows.
    """
    near = _guesser().nearest(name) if guess else ()
    meant = f"; did you mean {' or '.join(near)}?" if near else "."
    return f"{shorten(name)}: LiteLLM {RELEASE} does not know this provider{meant}"


def known() -> list[str]:
    """The names of all providers of the table, sorted."""
    return sorted(_table())


@cache
def _guesser() -> Guesser:
    return Guesser(_table(), cutoff=_CUTOFF)


@cache
def _table() -> dict[str, Provider]:
    text = resources.files(__package__).joinpath("providers.json").read_text(encoding="utf-8")
    return {
        name: Provider(
            keys=tuple(map(tuple, entry.get("keys", ()))),
            settings=tuple(entry.get("settings", ())),
            params=entry.get("params", {}),
            base=entry.get("base", False),
            default_base=entry.get("defaultBase"),
            needs_base=entry.get("needsBase", False),
            ignores_base=entry.get("ignoresBase", False),
            reads=tuple(entry.get("reads", ())),
            astray=tuple(entry.get("astray", ())),
            dummy_key=entry.get("dummyKey", False),
            recorded=entry.get("recorded", True),
            unrecorded=tuple(entry.get("unrecorded", ())),
            model_ids=_model_ids(entry.get("modelIds")),
        )
        for name, entry in json.loads(text).items()
    }


def _model_ids(entry: Mapping[str, str] | None) -> ModelIds | None:
    return None if entry is None else ModelIds(re.compile(entry["pattern"]), entry["example"])
