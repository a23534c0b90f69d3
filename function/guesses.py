"""What may have been meant by a name that is not known."""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_MAX_LENGTH: Final = 80
"""The longest name for which anything is guessed, in characters: no known one comes close."""


class Guesser:
    """Known names, of which some resemble others.

    The guesses are those of `difflib.get_close_matches`, which takes a millisecond to compare a
    name with a thousand. So those that cannot reach the cutoff are left out before, and what was
    found is remembered.

    Args:
        known: the names.
        cutoff: how similar a name must be, from 0 to 1.
    """

    def __init__(self, known: Iterable[str], *, cutoff: float) -> None:
        """Notes which letters are in each of the names."""
        self._known = [(name, len(name), _letters(name)) for name in known]
        self._cutoff = cutoff
        self._remembered = lru_cache(maxsize=1024)(self._nearest)

    def nearest(self, name: str) -> tuple[str, ...]:
        """Up to two of the names that resemble this one, the closest first."""
        return () if len(name) > _MAX_LENGTH else self._remembered(name)

    def _nearest(self, name: str) -> tuple[str, ...]:
        length, letters = len(name), _letters(name)
        near = []
        for other, size, theirs in self._known:
            # The ratio is twice the letters that match by all letters, and one that only one of the
            # two has matches nothing.
            matching = min(
                length - (letters & ~theirs).bit_count(), size - (theirs & ~letters).bit_count()
            )
            if 2 * matching >= self._cutoff * (length + size):
                near.append(other)
        return tuple(difflib.get_close_matches(name, near, n=2, cutoff=self._cutoff))


def _letters(text: str) -> int:
    """The letters of a text, each as a bit; some share one, which only makes a name more alike."""
    letters = 0
    for letter in text:
        letters |= 1 << (ord(letter) % 64)
    return letters
