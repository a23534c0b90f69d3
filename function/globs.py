"""Patterns in which a `*` stands for any text, and what they say of other patterns.

Both the names that patterns are held against and the patterns themselves may have a `*`: a name
with one stands for many. Letters match whatever their case.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

STAR = "*"


def match(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the patterns matches all that a name stands for."""
    return any(_compiled(pattern).fullmatch(name) for pattern in patterns)


def meet(patterns: Iterable[str], name: str) -> str | None:
    """The first of the patterns that matches something that a name stands for."""
    return next((pattern for pattern in patterns if _meet(pattern, name)), None)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A `*` of the name is text here, and only a `*` of the pattern can take it: so whatever it
    # stands for is matched as well.
    parts = re.sub(r"\*+", STAR, pattern).split(STAR)
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL | re.IGNORECASE)


def _meet(one: str, other: str) -> bool:
    """Whether there is a text that both match."""
    if STAR not in other:
        return _compiled(one).fullmatch(other) is not None
    one, other = one.casefold(), other.casefold()
    # Whether the rests from i and j meet, for all j, from the last i to the first.
    after = [set(rest) <= {STAR} for rest in (other[j:] for j in range(len(other) + 1))]
    for char in reversed(one):
        now = [False] * (len(other) + 1)
        now[-1] = char == STAR and after[-1]
        for j in range(len(other) - 1, -1, -1):
            if char == STAR:
                now[j] = after[j] or now[j + 1]
            elif other[j] == STAR:
                now[j] = now[j + 1] or after[j]
            else:
                now[j] = char == other[j] and after[j + 1]
        after = now
    return after[0]
