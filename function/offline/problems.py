"""What is wrong with the files of a command, all of it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        message: one sentence: field, value and remedy.
        source: the file, as it was named; empty if it is about none.
        line: the line in it, from 1; 0 if it is about the whole.
    """

    message: str
    source: str = ""
    line: int = 0

    def __str__(self) -> str:
        """The place and the message."""
        place = f"{self.source}, line {self.line}" if self.line else self.source
        return f"{place}: {self.message}" if place else self.message


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once: the files in the order of their first problems, and each by its lines."""
    once = list(dict.fromkeys(problems))
    files = {source: i for i, source in enumerate(dict.fromkeys(p.source for p in once))}
    return sorted(once, key=lambda problem: (files[problem.source], problem.line))
