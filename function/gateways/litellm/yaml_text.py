"""JSON as YAML, written no further than a limit.

Writing YAML is most of what a new router costs, and nearly all of that is deciding how each text is
quoted. That is PyYAML's to decide. But most texts of a configuration are the same as others, so
each is decided once, and the lines are put together here, as PyYAML would.
"""

import io
from collections.abc import Sequence
from typing import Any, Final

import yaml

_WIDTH: Final = 2**31 - 1
"""No line is folded."""


_Scalar = str | tuple[type, str]
"""What tells a scalar from all others: `True` is not 1, nor is 0.0 -0.0."""


class TooLongError(Exception):
    """There is more to write than the limit allows."""


def dump(value: dict[str, Any], *, most: int) -> str:
    """An object as YAML with sorted keys.

    Args:
        value: any JSON object.
        most: how many bytes of UTF-8 there may be. It is not written further than that.

    Raises:
        TooLongError: there would be more.
    """
    if not value:
        return "{}\n"
    return _written(value, _Texts([value], most), most)


def dump_items(values: Sequence[dict[str, Any]], *, most: int) -> list[str]:
    """Each object as YAML, as an item of a list that is not indented.

    Args:
        values: JSON objects.
        most: how many bytes of UTF-8 there may be together. They are not written further than that.

    Raises:
        TooLongError: there would be more.
    """
    texts = _Texts(values, most)
    items = []
    for value in values:
        items.append(_written([value], texts, most))
        most -= len(items[-1].encode())
    return items


class _UnusualError(Exception):
    """A text has more than one line, or is a key that is too long for its line."""


def _written(value: dict[str, Any] | list[Any], texts: "_Texts", most: int) -> str:
    """An object or a list, neither empty."""
    lines = _Lines(texts, most)
    try:
        lines.add(value, "", "")
    except _UnusualError:
        return _dumped(value, most)
    text = "".join(lines.parts)
    if len(text.encode()) > most:
        raise TooLongError
    return text


class _Lines:
    """The lines of a value, in parts."""

    def __init__(self, texts: "_Texts", most: int) -> None:
        self.parts: list[str] = []
        self._texts = texts
        self._left = most

    def add(self, value: dict[str, Any] | list[Any], indent: str, lead: str) -> None:
        """Adds the lines of an object or a list, neither empty.

        Args:
            value: it.
            indent: what each line begins with.
            lead: what the first line begins with instead.
        """
        if isinstance(value, dict):
            for key in sorted(value):
                item = value[key]
                start = lead + self._texts.key(key)
                if not item or not isinstance(item, dict | list):
                    self._put(f"{start} {self._texts.scalar(item)}\n")
                else:
                    self._put(f"{start}\n")
                    # The items of a list are not indented below their key.
                    below = f"{indent}  " if isinstance(item, dict) else indent
                    self.add(item, below, below)
                lead = indent
        else:
            for item in value:
                if not item or not isinstance(item, dict | list):
                    self._put(f"{lead}- {self._texts.scalar(item)}\n")
                else:
                    self.add(item, f"{indent}  ", f"{lead}- ")
                lead = indent

    def _put(self, line: str) -> None:
        self.parts.append(line)
        self._left -= len(line)
        if self._left < 0:
            raise TooLongError


class _Texts:
    """What PyYAML writes for each text in some values."""

    def __init__(self, values: Sequence[object], most: int) -> None:
        keys, scalars = dict[str, None](), dict[_Scalar, Any]()
        _collect(values, keys, scalars)
        written = _each([{key: 0} for key in keys], 3 * most)
        self._keys = {
            key: line.removesuffix(" 0")
            for key, line in zip(keys, written, strict=True)
            if _is_one_line(line)
        }
        written = _each(list(scalars.values()), 3 * most)
        self._scalars = {
            key: line for key, line in zip(scalars, written, strict=True) if _is_one_line(line)
        }

    def key(self, key: str) -> str:
        """A key, with its colon.

        Raises:
            _UnusualError: it needs more than a line.
        """
        if (text := self._keys.get(key)) is None:
            raise _UnusualError
        return text

    def scalar(self, value: object) -> str:
        """A scalar, or an object or a list that is empty.

        Raises:
            _UnusualError: it needs more than a line.
        """
        if (text := self._scalars.get(_distinct(value))) is None:
            raise _UnusualError
        return text


def _collect(value: Any, keys: dict[str, None], scalars: dict[_Scalar, Any]) -> None:  # noqa: ANN401  # Any JSON.
    """Adds the keys and the scalars of a value, each once."""
    if value and isinstance(value, dict):
        keys |= dict.fromkeys(value)
        for item in value.values():
            _collect(item, keys, scalars)
    elif value and isinstance(value, list | tuple):
        for item in value:
            _collect(item, keys, scalars)
    else:
        scalars.setdefault(_distinct(value), value)


def _distinct(value: object) -> _Scalar:
    return value if isinstance(value, str) else (type(value), repr(value))


def _each(values: list[Any], most: int) -> list[str]:
    """What PyYAML writes for each of some values; with line breaks if it takes several lines."""
    if not values:
        return []
    _, *items = f"\n{_dumped(values, most)}".split("\n- ")
    items[-1] = items[-1].removesuffix("\n")
    return items


def _is_one_line(text: str) -> bool:
    """Whether PyYAML writes it the same wherever it stands: what comes after a break is indented.

    Unicode has more breaks than the one at the end of a line.
    """
    return len(text.splitlines()) == 1


def _dumped(value: object, most: int) -> str:
    stream = _Stream(most)
    # The C dumper is ten times as fast as Python's, and part of every wheel of PyYAML.
    yaml.dump(value, stream, Dumper=_Dumper, allow_unicode=True, width=_WIDTH)
    text = stream.getvalue()
    if len(text.encode()) > most:
        raise TooLongError
    return text


class _Stream(io.StringIO):
    """A text that grows no further than a limit."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._left = most

    def write(self, text: str, /) -> int:
        self._left -= len(text)
        if self._left < 0:
            raise TooLongError
        return super().write(text)


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """JSON has no aliases: an object that stands in two places is written twice."""
        return True
