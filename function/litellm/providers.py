"""Which environment variables LiteLLM reads for each provider.

The table is data, `providers.json`: for each provider that LiteLLM knows, the variables, by
LiteLLM's own names, that are taken from the credentials' Secret when a model of it is offered.
It was made from recorded calls of LiteLLM and from its source.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources


def variables(providers: Iterable[str]) -> list[str]:
    """The variables of all these providers, each once, sorted.

    A provider that LiteLLM does not know gets the one that its naming would give: `<NAME>_API_KEY`.
    """
    table = _table()
    return sorted({name for p in set(providers) for name in table.get(p, (_conventional(p),))})


@cache
def _table() -> dict[str, tuple[str, ...]]:
    text = resources.files(__package__).joinpath("providers.json").read_text(encoding="utf-8")
    return {name: tuple(entry["variables"]) for name, entry in json.loads(text).items()}


def _conventional(provider: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", f"{provider.upper()}_API_KEY")
