"""Patterns in which a `*` stands for any text, and what they say of other patterns.

Both the names that patterns are held against and the patterns themselves may have a `*`: a name
with one stands for many. The case of letters does not matter. No name makes a comparison take
longer than its length: names are a team's, and there may be thousands.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

STAR: Final = "*"


def match(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the patterns matches all that a name stands for."""
    folded = name.casefold()
    return any(_covers(_parts(pattern), folded) for pattern in patterns)


def meet(patterns: Iterable[str], name: str) -> str | None:
    """The first of the patterns that matches something that a name stands for."""
    folded = name.casefold()
    parts = tuple(folded.split(STAR))
    return next((pattern for pattern in patterns if _meet(_parts(pattern), parts, folded)), None)


@lru_cache(maxsize=1024)
def _parts(pattern: str) -> tuple[str, ...]:
    """What is before, between and after the stars."""
    return tuple(pattern.casefold().split(STAR))


def _covers(parts: tuple[str, ...], name: str) -> bool:
    """Whether a pattern matches a text.

    A `*` in it is text like any other, which only a `*` of the pattern can take: so whatever it
    stands for is matched as well.
    """
    first, *others = parts
    if not others:
        return name == first
    *middle, last = others
    ends_match = name.startswith(first) and name.endswith(last)
    return ends_match and holds(name, middle, len(first), len(name) - len(last))


def holds(text: str, parts: Iterable[str], begin: int, end: int) -> bool:
    """Whether a part of a text, from `begin` to before `end`, holds these one after the other."""
    for part in parts:
        found = text.find(part, begin, end)
        if found < 0:
            return False
        begin = found + len(part)
    return begin <= end


def _meet(one: tuple[str, ...], other: tuple[str, ...], name: str) -> bool:
    """Whether there is a text that two patterns match; the second is given as a name as well."""
    if len(other) == 1:
        return _covers(one, name)
    if len(one) == 1:
        return _covers(other, one[0])
    # Both take any text in their midst, so only their ends can be at odds.
    return _begin_alike(one[0], other[0]) and _begin_alike(one[-1][::-1], other[-1][::-1])


def _begin_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def intersect(one: str, other: str) -> tuple[str, ...]:
    """What two patterns have in common, as patterns; nothing if no text matches both.

    Each has at most one `*`. Unlike above, the case of letters matters: what is granted must not
    grow.
    """
    if STAR not in one or STAR not in other:
        text, pattern = (one, other) if STAR not in one else (other, one)
        return (text,) if takes(pattern, text) else ()
    (begin, end), (other_begin, other_end) = one.split(STAR), other.split(STAR)
    if not (_begin_alike(begin, other_begin) and _begin_alike(end[::-1], other_end[::-1])):
        return ()
    head, tail = max(begin, other_begin, key=len), max(end, other_end, key=len)
    shortest = max(len(begin) + len(end), len(other_begin) + len(other_end))
    # Shorter texts, in which the head of one pattern and the tail of the other share some of it.
    shared = (
        head + tail[count:]
        for count in range(1, min(len(head), len(tail)) + 1)
        if head.endswith(tail[:count]) and len(head) + len(tail) - count >= shortest
    )
    return (f"{head}{STAR}{tail}", *shared)


def takes(pattern: str, text: str) -> bool:
    """Whether a pattern with at most one `*` matches a text, of which the case matters."""
    begin, star, end = pattern.partition(STAR)
    if not star:
        return pattern == text
    return len(text) >= len(begin) + len(end) and text.startswith(begin) and text.endswith(end)
