"""The documents of a YAML or JSON file, as kubectl reads them.

Where kubectl would lose a part of a file without a word, as with a key that is set twice, the file
is refused instead.
"""

import codecs
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from function.errors import Unreadable
from function.offline import scalars, tree
from function.text import shorten

_MAX_DIGITS: Final = 20
"""Of whole numbers that may fit into 64 bits, with the sign."""
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_JSON_SPACE: Final = re.compile(r"[ \t\r\n]*")
_REST_OF_LINE: Final = re.compile(r"[^\S\n]*\n?")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def read(data: bytes) -> Iterator[tuple[int, Any]]:
    """The value of each document, after the line where it begins; None if it is empty.

    Raises:
        Unreadable: kubectl refuses the file too, or would lose a part of it.
    """
    text = _decoded(data)
    end = 0
    if text.lstrip().startswith("{"):
        # kubectl takes this for JSON, whose documents need no separators, until one is not.
        for count in itertools.count():
            begin = _end(_JSON_SPACE, text, end)
            if begin == len(text):
                return
            line = _line(text, begin)
            try:
                value, after = _JSON.raw_decode(text, begin)
            except _RepeatedKeyError as error:
                raise Unreadable(line, tree.REPEATED.format(shorten(str(error)))) from None
            except (ValueError, RecursionError):
                if count > 1:
                    raise Unreadable(
                        line,
                        "not valid JSON, which the documents before it are: write all of them in "
                        "JSON",
                    ) from None
                end = _end(_REST_OF_LINE, text, end)
                break
            yield line, _of_json(value, line)
            end = after
    for line, chunk in _chunks(text[end:], _line(text, end)):
        yield line, tree.read(chunk, line)


def _decoded(data: bytes) -> str:
    """The text, in UTF-8, or in UTF-16 if a byte order mark says so."""
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        # kubectl would replace what is not.
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "not text in UTF-8: save the file in that encoding") from None


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _chunks(text: str, first: int) -> Iterator[tuple[int, str]]:
    """The text of each document, after the number of its first line.

    kubectl looks for separators before it reads any YAML, and wherever a line begins with one.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    begin, chunk = first, list[str]()
    for number, line in enumerate(lines, first):
        if line.startswith("---"):
            if line[3:].strip() and not line[3:].strip().startswith("#"):
                raise Unreadable(
                    number, "only a comment may follow --- on its line: begin a new line after it"
                )
            if chunk:
                yield begin, "".join(chunk)
                begin, chunk = number + 1, []
                continue
        chunk.append(line.removesuffix("\r") + "\n")
    if chunk:
        yield begin, "".join(chunk)


# -- JSON


class _RepeatedKeyError(Exception):
    """The text is the key."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _RepeatedKeyError(key)
        result[key] = value
    return result


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | float:
    # Python refuses to read thousands of digits as an int.
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


_JSON: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_constant=_no_number
)


def _of_json(value: Any, line: int, depth: int = 0) -> Any:  # noqa: ANN401  # Any JSON value.
    """The value, checked, with its numbers as kubectl sends them."""
    if isinstance(value, dict | list) and depth == tree.MAX_DEPTH:
        raise Unreadable(line, tree.TOO_DEEP)
    if isinstance(value, dict):
        return {_of_json(key, line): _of_json(item, line, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_of_json(item, line, depth + 1) for item in value]
    if isinstance(value, str) and _SURROGATE.search(value):
        # kubectl would replace it.
        raise Unreadable(line, "half of a surrogate pair in a text: write both halves, or none")
    try:
        return scalars.value_of(value)
    except ValueError as error:
        raise Unreadable(line, str(error)) from None
