"""How messages show values: short, on one line, and counted where there are many."""

import json
from collections.abc import Sequence
from typing import Final

from function.recognition import holds_credential

MAX_SHOWN: Final = 80
"""How much of a value a message repeats, in characters."""

MAX_MESSAGE: Final = 4096
"""How long a message may be, in characters: Kubernetes takes 32,768 of a condition."""

_HIDDEN: Final = "(hidden)"


def shorten(text: str) -> str:
    """A text for a message: on one line, and cut if it is longer than a message may repeat.

    A text that holds a credential is not repeated at all.
    """
    if holds_credential(text):
        return _HIDDEN
    shown = text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
    return _escaped(shown)


def one_line(text: str) -> str:
    """A whole message on one line, and cut if it is longer than any that is meant to be read."""
    shown = _escaped(text[: MAX_MESSAGE + 1])
    return shown if len(shown) <= MAX_MESSAGE else f"{shown[: MAX_MESSAGE - 1]}…"


def as_json(value: object) -> str:
    """A value as JSON, shortened."""
    return shorten(json.dumps(value, ensure_ascii=False))


def first(entries: Sequence[str], more: str = "and {} more", *, most: int = 5) -> list[str]:
    """The first few of many, and how many more there are ('{}' in the text is their number)."""
    return [*entries[:most], *beyond(most, len(entries), more)]


def beyond(most: int, count: int, more: str = "and {} more") -> list[str]:
    """How many more there are than a message names, if there are more; otherwise nothing."""
    return [more.format(count - most)] if count > most else []


def _escaped(text: str) -> str:
    """A text in which nothing but what can be printed is left as it is."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
