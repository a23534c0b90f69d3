"""The documents of a YAML or JSON file, as kubectl reads them.

Where kubectl would lose a part of a file without a word, as with a key that is set twice, the file
is refused instead.
"""

import codecs
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from function.errors import Unreadable
from function.offline import scalars, tree
from function.offline.lines import Lines
from function.text import shorten

_MAX_DIGITS: Final = 20
"""Of whole numbers that may fit into 64 bits, with the sign."""
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_JSON_SPACE: Final = re.compile(r"[ \t\r\n]*")
_REST_OF_LINE: Final = re.compile(r"[^\S\n]*\n?")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NO_MORE_JSON: Final = (
    "not valid JSON, which the documents before it are: write all of them in JSON"
)


@dataclass(frozen=True)
class Document:
    """A document of a file.

    Attributes:
        lines: where its fields are.
        value: its value; None if it is empty or cannot be read.
        problems: what is wrong with it.
    """

    lines: Lines
    value: Any = None
    problems: Sequence[Unreadable] = ()


def read(data: bytes) -> Iterator[Document]:
    """All documents, also after one that cannot be read.

    What is wrong with them is what kubectl refuses too, or where it would lose a part of a file.
    """
    try:
        text = _decoded(data)
    except Unreadable as error:
        yield _unreadable(error)
        return
    end = 0
    if text.lstrip().startswith("{"):
        # kubectl takes this for JSON, whose documents need no separators, until one is not.
        for count in itertools.count():
            begin = _end(_JSON_SPACE, text, end)
            if begin == len(text):
                return
            line = _line(text, begin)
            repeated: list[str] = []
            try:
                value, after = _decoder(repeated).raw_decode(text, begin)
            except (ValueError, RecursionError):
                if count > 1:
                    yield _unreadable(Unreadable(line, _NO_MORE_JSON))
                    return
                end = _end(_REST_OF_LINE, text, end)
                break
            yield _of_json(value, repeated, line, text[begin:after])
            end = after
    for chunk in _chunks(text[end:], _line(text, end)):
        yield _unreadable(chunk) if isinstance(chunk, Unreadable) else _of_yaml(*chunk)


def _unreadable(error: Unreadable) -> Document:
    return Document(Lines("", error.line), problems=[error])


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


def _chunks(text: str, first: int) -> Iterator[tuple[int, str] | Unreadable]:
    """The text of each document, after the number of its first line.

    kubectl looks for separators before it reads any YAML, and wherever a line begins with one. Of
    documents on either side of a line that is none, nothing can be said.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    begin, chunk, whole = first, list[str](), True
    for number, line in enumerate(lines, first):
        if line.startswith("---"):
            if line[3:].strip() and not line[3:].strip().startswith("#"):
                whole = False
                yield Unreadable(
                    number, "only a comment may follow --- on its line: begin a new line after it"
                )
            elif chunk:
                if whole:
                    yield begin, "".join(chunk)
                begin, chunk, whole = number + 1, [], True
                continue
        chunk.append(line.removesuffix("\r") + "\n")
    if chunk and whole:
        yield begin, "".join(chunk)


def _of_yaml(line: int, text: str) -> Document:
    problems: list[Unreadable] = []
    value = None
    try:
        value = tree.read(text, line, problems)
    except Unreadable as error:
        problems.append(error)
    return Document(Lines(text, line), value, problems)


# -- JSON


def _decoder(repeated: list[str]) -> json.JSONDecoder:
    """A decoder that takes the first of several values of a key, and notes the key."""

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in pairs:
            if key in result:
                repeated.append(key)
            else:
                result[key] = value
        return result

    return json.JSONDecoder(
        object_pairs_hook=as_object, parse_int=_integer, parse_constant=_no_number
    )


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | float:
    # Python refuses to read thousands of digits as an int.
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


def _of_json(value: object, repeated: Sequence[str], line: int, text: str) -> Document:
    lines = Lines(text, line)
    problems = [
        Unreadable(lines.of_second(key), tree.REPEATED.format(shorten(key)))
        for key in dict.fromkeys(repeated)
    ]
    try:
        return Document(lines, _checked(value, line), problems)
    except Unreadable as error:
        return Document(lines, problems=[*problems, error])


def _checked(value: Any, line: int, depth: int = 0) -> Any:  # noqa: ANN401  # Any JSON value.
    """The value, checked, with its numbers as kubectl sends them."""
    if isinstance(value, dict | list) and depth == tree.MAX_DEPTH:
        raise Unreadable(line, tree.TOO_DEEP)
    if isinstance(value, dict):
        return {_checked(key, line): _checked(item, line, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_checked(item, line, depth + 1) for item in value]
    if isinstance(value, str) and _SURROGATE.search(value):
        # kubectl would replace it.
        raise Unreadable(line, "half of a surrogate pair in a text: write both halves, or none")
    try:
        return scalars.value_of(value)
    except ValueError as error:
        raise Unreadable(line, str(error)) from None
