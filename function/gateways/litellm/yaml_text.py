"""JSON as YAML, written fast, and no further than a limit.

PyYAML takes ten microseconds for each value, even with its C library, and writes all before anyone
knows how long it is: a single router could keep the others waiting for a second. So the text is
written here, in the form that `yaml.dump` with `CSafeDumper` gives it; a test compares the two.
"""

import math
import re
from functools import lru_cache
from typing import Any, Final

from yaml.resolver import Resolver

_STEP: Final = "  "

_MAX_SIMPLE_KEY: Final = 128
"""How many bytes a key may have that is not written as `? key`."""

_MAX_SHORT_KEY: Final = 64
"""How long a key may be that is remembered as it was written, in characters."""

_SURELY_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.%+@-]*")
_WORDS: Final = frozenset(
    form
    for word in ("yes", "no", "true", "false", "on", "off", "null")
    for form in (word, word.title(), word.upper())
)
"""Texts that YAML takes for another kind of value."""

_NOT_PLAIN: Final = re.compile(
    r"---|\.\.\."  # What would begin or end a document.
    r"|[#,\[\]{}&*!|>'\"%@` ]|[-?:](?: |\Z)"  # What means something at the beginning,
    r"|.*?(?:: | #|[: ]\Z)",  # anywhere, and at the end.
)
"""What begins like a text that must be quoted."""

_SPECIAL: Final = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]| \n|\n "
)
"""What only double quotes can hold."""

_LINE_BREAK: Final = re.compile("[\n\r\x85\u2028\u2029]")
_BREAKS: Final = re.compile("\n+")

_ESCAPED: Final = re.compile(
    '(?:["\\\\]|[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd])+'
)
_ESCAPES: Final = {
    **{chr(code): f"\\x{code:02X}" for code in range(0x100)},
    **{char: f"\\{char}" for char in '"\\'},
    **dict(zip("\0\a\b\t\n\v\f\r\x1b\x85", [f"\\{c}" for c in "0abtnvfreN"], strict=True)),
    "\u2028": "\\L",
    "\u2029": "\\P",
}

_TYPES: Final = Resolver.yaml_implicit_resolvers
"""By the first character of a plain text: what it may be instead of a text."""


class _TooLongError(Exception):
    """Nothing more is written."""


def dump(value: dict[str, Any], *, most: int) -> str | None:
    """An object as YAML with sorted keys; None if that takes more bytes than the most.

    Args:
        value: any JSON object.
        most: how many bytes of UTF-8 there may be. It is not written further than that.
    """
    writer = _Writer(most)
    try:
        writer.value(value, "", "")
    except _TooLongError:
        return None
    text = "\n".join([*writer.written, ""])
    return text if text.isascii() or len(text.encode()) <= most else None


class _Writer:
    """Writes values in block style.

    Attributes:
        written: the lines of the text.
    """

    def __init__(self, most: int) -> None:
        self.written: list[str] = []
        self._left = most

    def value(self, value: Any, before: str, indent: str) -> None:  # noqa: ANN401  # Any JSON.
        """Writes a value on the line that has been begun, and its line break.

        Args:
            value: the value.
            before: what stands before it on that line, and is not written yet.
            indent: what its further lines begin with.
        """
        if value and isinstance(value, dict):
            self._object(value, before, indent)
        elif value and isinstance(value, list):
            for item in value:
                self.value(item, f"{before}- ", indent + _STEP)
                before = indent
        else:
            self._line(before + _scalar(value, indent))

    def _object(self, value: dict[str, Any], before: str, indent: str) -> None:
        deeper = indent + _STEP
        for key in sorted(value):
            member = value[key]
            name = _short_key(key) if len(key) <= _MAX_SHORT_KEY else _key(key)
            if name is None:
                self.value(key, f"{before}? ", deeper)
                self.value(member, f"{indent}: ", deeper)
            elif member and isinstance(member, dict):
                self._line(f"{before}{name}:")
                self._object(member, deeper, deeper)
            elif member and isinstance(member, list):
                self._line(f"{before}{name}:")
                self.value(member, indent, indent)
            else:
                self._line(f"{before}{name}: " + _scalar(member, deeper))
            before = indent

    def _line(self, line: str) -> None:
        self._left -= len(line) + 1
        if self._left < 0:
            raise _TooLongError
        self.written.append(line)


def _key(key: str) -> str | None:
    """A key as it stands before its colon; None if it cannot stand there."""
    size = len(key) if key.isascii() else len(key.encode())
    return None if size > _MAX_SIMPLE_KEY or _LINE_BREAK.search(key) else _text(key, "")


_short_key = lru_cache(maxsize=4096)(_key)


def _scalar(value: Any, indent: str) -> str:  # noqa: ANN401, PLR0911  # A case for each kind.
    match value:
        case str():
            return _text(value, indent)
        case dict():
            return "{}"
        case list():
            return "[]"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return _float(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = repr(value)
    # YAML 1.1 takes `1e+16` for a text.
    return text if "." in text else text.replace("e", ".0e", 1)


def _text(text: str, indent: str) -> str:
    if _SURELY_PLAIN.fullmatch(text) and text not in _WORDS:
        return text
    if _SPECIAL.search(text) is not None:
        return '"' + _ESCAPED.sub(_escape, text) + '"'
    quoted = text.replace("'", "''")
    if "\n" in text:
        # In quotes, a single line break would mean a space.
        quoted = _BREAKS.sub(lambda found: f"\n{found[0]}{indent}", quoted)
        return f"'{quoted}'"
    if _NOT_PLAIN.match(text) is None and not _is_typed(text):
        return text
    return f"'{quoted}'"


def _is_typed(text: str) -> bool:
    """Whether a plain text would be a number, a boolean, a date and so on."""
    if not text:
        return True
    return any(pattern.match(text) for _, pattern in _TYPES.get(text[0], ()))


def _escape(found: re.Match[str]) -> str:
    return "".join([_ESCAPES.get(char) or _code(ord(char)) for char in found[0]])


def _code(code: int) -> str:
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"  # noqa: PLR2004
