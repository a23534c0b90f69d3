"""A YAML document as a tree of JSON values, as kubectl reads it.

kubectl reads YAML with go-yaml v2 and turns it into JSON. PyYAML's parser finds the same structure,
or refuses the text; what the structure means is decided here and in `scalars`.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import yaml

from function.errors import Unreadable
from function.offline import scalars
from function.text import shorten

MAX_DEPTH: Final = 100
"""Levels of lists and objects. kubectl allows 10,000, which no object of Kubernetes needs."""
TOO_DEEP: Final = f"more than {MAX_DEPTH} levels of lists and objects: nest fewer"
REPEATED: Final = "the key '{}' is set twice in one object: remove one of them"

_INNER_MARK: Final = re.compile("(?<=[\\n\\r\\x85\\u2028\\u2029])\\ufeff")
_ESCAPED_SLASH: Final = re.compile(r"(?<!\\)(?:\\\\)*\\/")
_MERGE: Final = "tag:yaml.org,2002:merge"


def read(text: str, line: int, problems: list[Unreadable]) -> Any:  # noqa: ANN401  # Any JSON.
    """The value of a document, None if it is empty.

    Args:
        text: the document; kubectl reads no further than its end.
        line: the number of its first line in the file.
        problems: takes what is wrong but hides nothing else: keys that are set twice.

    Raises:
        Unreadable: kubectl refuses the document too, or would lose a part of it.
    """
    text = text.removeprefix("\ufeff")
    if mark := _INNER_MARK.search(text):
        # go-yaml reads it as a part of a text, PyYAML as nothing.
        line += text.count("\n", 0, mark.start())
        raise Unreadable(line, "a byte order mark inside the file: remove it")
    return _Document(text, line, problems).read()


@dataclass
class _Anchor:
    """What aliases of one name stand for.

    Attributes:
        value: the value.
        size: how many values it consists of, as go-yaml counts them; 0 while it is being read.
        depth: how many levels of lists and objects it has.
    """

    value: Any = None
    size: int = 0
    depth: int = 0


class _Document:
    """Reads one document.

    Args:
        text: its text.
        line: the number of its first line in the file.
        problems: takes what does not keep the rest from being read.
    """

    def __init__(self, text: str, line: int, problems: list[Unreadable]) -> None:
        self._text = text
        self._first = line
        self._problems = problems
        self._events = self._parsed()
        self._anchors: dict[str, _Anchor] = {}
        self._size = 1
        self._from_aliases = 0
        self._deepest = 0
        self._flow = 0

    def read(self) -> Any:  # noqa: ANN401  # Any JSON value.
        """The document's value."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), 0)
        end = next(self._events)
        try:
            ends = isinstance(next(self._events), yaml.StreamEndEvent)
        except Unreadable:
            ends = False
        if not ends:
            # kubectl would ignore it, whatever it is.
            raise self._refusal(end, "text after the end of a document: begin it with --- instead")
        return value

    def _parsed(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self._text.encode(), yaml.CSafeLoader)
        except yaml.reader.ReaderError as error:
            line = self._first + self._text.encode().count(b"\n", 0, error.position)
            raise Unreadable(line, f"not valid YAML: {error.reason}") from None
        except yaml.MarkedYAMLError as error:
            raise self._refusal(error, f"not valid YAML: {error.problem}") from None

    def _refusal(self, place: yaml.Event | yaml.MarkedYAMLError, message: str) -> Unreadable:
        mark = place.start_mark if isinstance(place, yaml.Event) else place.problem_mark
        return Unreadable(self._first + (mark.line if mark else 0), message)

    def _value(self, event: yaml.NodeEvent, depth: int) -> Any:  # noqa: ANN401  # Any JSON value.
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth).value
        if event.anchor is None:
            return self._content(event, depth)
        # An alias refers to the last anchor of its name, of which there may be several.
        anchor = self._anchors[event.anchor] = _Anchor()
        size, deepest = self._size, self._deepest
        self._deepest = depth
        anchor.value = self._content(event, depth)
        anchor.size, anchor.depth = self._size - size, self._deepest - depth
        self._deepest = max(self._deepest, deepest)
        return anchor.value

    def _content(self, event: yaml.NodeEvent, depth: int) -> Any:  # noqa: ANN401  # Any JSON value.
        self._count(event, 1)
        if isinstance(event, yaml.ScalarEvent):
            return self._checked(scalars.value_of, self._scalar(event), event)
        self._reach(event, depth + 1)
        flow = isinstance(event, yaml.CollectionStartEvent) and bool(event.flow_style)
        self._flow += flow
        mapping = isinstance(event, yaml.MappingStartEvent)
        value = self._object(depth + 1) if mapping else self._list(depth + 1)
        self._flow -= flow
        return value

    def _list(self, depth: int) -> list[Any]:
        return [self._value(item, depth) for item in self._items()]

    def _items(self) -> Iterator[yaml.NodeEvent]:
        """The first event of each item, up to the end of the list or object."""
        return itertools.takewhile(
            lambda event: not isinstance(event, yaml.CollectionEndEvent), self._events
        )

    def _object(self, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own = set[str]()
        for event in self._items():
            if _merges(event):
                # What comes later counts, be it merged or not: that is go-yaml's own rule.
                for part in self._merged(next(self._events), depth):
                    result.update(part)
                continue
            key = self._key(event)
            value = self._value(next(self._events), depth)
            if key in own:
                self._problems.append(self._refusal(event, REPEATED.format(shorten(key))))
                continue
            own.add(key)
            result[key] = value
        return result

    def _key(self, event: yaml.NodeEvent) -> str:
        value: Any = []
        if isinstance(event, yaml.AliasEvent):
            value = self._alias(event, 0).value
        elif isinstance(event, yaml.ScalarEvent):
            self._count(event, 1)
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchor(value, 1)
        if isinstance(value, list | dict):
            raise self._refusal(event, "a key is a list or an object: it must be a text")
        return str(self._checked(scalars.key_of, value, event))

    def _merged(self, event: yaml.NodeEvent, depth: int) -> list[dict[str, Any]]:
        """The objects that << merges, the last one first."""
        value = self._value(event, depth)
        parts = value[::-1] if isinstance(event, yaml.SequenceStartEvent) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise self._refusal(event, "<< takes an object or a list of objects")
        return parts

    def _scalar(self, event: yaml.ScalarEvent) -> scalars.Scalar:
        # Both are refused by go-yaml's parser alone.
        begin, end = event.start_mark, event.end_mark
        written = self._text[begin.index : end.index] if begin and end else ""
        if event.style == '"' and _ESCAPED_SLASH.search(written):
            raise self._refusal(event, "not valid YAML: \\/ in a text: write / without \\")
        if not event.style and self._flow and "?" in event.value:
            raise self._refusal(
                event, "not valid YAML: ? in a text inside [] or {}: quote the text"
            )
        if event.tag is not None:
            return self._checked(partial(scalars.tagged, event.tag), event.value, event)
        return scalars.plain(event.value) if event.implicit[0] else event.value

    def _checked(
        self, read: Callable[[Any], scalars.Scalar], value: object, event: yaml.Event
    ) -> scalars.Scalar:
        try:
            return read(value)
        except ValueError as error:
            raise self._refusal(event, str(error)) from None

    def _alias(self, event: yaml.AliasEvent, depth: int) -> _Anchor:
        anchor, name = self._anchors.get(str(event.anchor)), shorten(str(event.anchor))
        if anchor is None:
            raise self._refusal(
                event, f"*{name} stands for nothing: put the anchor &{name} before it"
            )
        if not anchor.size:
            raise self._refusal(event, f"*{name} is inside the value that it stands for: remove it")
        self._count(event, 1)
        self._count(event, anchor.size, anchor.size)
        self._reach(event, depth + anchor.depth)
        return anchor

    def _reach(self, event: yaml.Event, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._refusal(event, TOO_DEEP)
        self._deepest = max(self._deepest, depth)

    def _count(self, event: yaml.Event, size: int, from_aliases: int = 0) -> None:
        """Counts values, and refuses where most are from aliases, by go-yaml's rule."""
        self._size += size
        self._from_aliases += from_aliases
        if self._from_aliases > 100 and self._size > 1000:  # noqa: PLR2004  # go-yaml's limits.
            large = min(max((self._size - 400_000) / 3_600_000, 0), 1)
            if self._from_aliases / self._size > 0.99 - 0.89 * large:
                raise self._refusal(event, "the aliases stand for too much: write fewer of them")


def _merges(key: yaml.Event) -> bool:
    return (
        isinstance(key, yaml.ScalarEvent)
        and key.value == "<<"
        and (key.implicit[0] or key.tag == _MERGE)
    )
