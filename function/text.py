"""How messages show values: short, on one line, and counted where there are many."""

import json
from collections.abc import Sequence
from typing import Final

MAX_SHOWN: Final = 80
"""How much of a value a message repeats, in characters."""


def shorten(text: str) -> str:
    """A text for a message: on one line, and cut if it is longer than a message may repeat."""
    shown = text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


def as_json(value: object) -> str:
    """A value as JSON, shortened."""
    return shorten(json.dumps(value, ensure_ascii=False))


def first(entries: Sequence[str], more: str = "and {} more", *, most: int = 5) -> list[str]:
    """The first few of many, and how many more there are ('{}' in the text is their number)."""
    return [*entries[:most], *beyond(most, len(entries), more)]


def beyond(most: int, count: int, more: str = "and {} more") -> list[str]:
    """How many more there are than a message names, if there are more; otherwise nothing."""
    return [more.format(count - most)] if count > most else []
