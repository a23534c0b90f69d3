"""The scalars of YAML as kubectl reads them: by the rules of go-yaml v2, then as JSON.

These are the rules of no version of YAML. PyYAML reads 1e3, 0o17 and y as texts, and 1:30 as the
number 90; kubectl reads 1000, 15, true and a text.
"""

import base64
import binascii
import ctypes
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeAlias

from function.text import shorten

Scalar: TypeAlias = str | int | float | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGERS: Final = (
    (10, re.compile(r"([-+]?)(0|[1-9][0-9]{0,19})")),
    (8, re.compile(r"([-+]?)0[oO]?([0-7]+)")),
    (16, re.compile(r"([-+]?)0[xX]([0-9a-fA-F]+)")),
    (2, re.compile(r"([-+]?)0[bB]([01]+)")),
    (2, re.compile(r"()0b([-+][01]+)")),  # A sign there is go-yaml's own.
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_STRAY_UNDERSCORE: Final = re.compile(r"(?<![0-9])_|_(?![0-9])")
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[Tt ]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?)?"
    r"((?<=[0-9])(?:Z|[-+][0-9]{2}:[0-9]{2}))?"
)
_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**63 - 1
_MAX_UNSIGNED: Final = 2**64 - 1
_TAG: Final = "tag:yaml.org,2002:"
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "null": (type(None),),
}


def plain(text: str) -> Scalar:
    """What a scalar without quotes and without a tag is."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if text[0] == "." and _STRAY_UNDERSCORE.search(text):
        return text
    digits = text.replace("_", "")
    for base, pattern in _INTEGERS:
        if match := pattern.fullmatch(digits):
            whole = int(match[1] + match[2], base)
            if _MIN_INT <= whole <= (_MAX_INT if match[1] else _MAX_UNSIGNED):
                return whole
    if _FLOAT.fullmatch(digits) and math.isfinite(number := float(digits)):
        return number
    return text


def tagged(tag: str, text: str) -> Scalar:
    """What a scalar with a tag is.

    Raises:
        ValueError: its text does not fit the tag.
    """
    kind = tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""
    if kind == "binary":
        return _decoded(text)
    if kind == "timestamp":
        _check_timestamp(text)
    if kind not in _KINDS:
        return text
    value = plain(text)
    fits = isinstance(value, _KINDS[kind]) and (isinstance(value, bool) == (kind == "bool"))
    if not fits or (kind == "float" and isinstance(value, int) and value > _MAX_INT):
        raise ValueError(
            f"'{shorten(text)}' is not of the type !!{kind}: correct the value or the tag"
        )
    return float(value) if kind == "float" and isinstance(value, int) else value


def value_of(scalar: Scalar) -> Scalar:
    """A scalar as a value in JSON.

    Raises:
        ValueError: JSON has no such value.
    """
    if isinstance(scalar, float) and not math.isfinite(scalar):
        raise ValueError("infinity and NaN are not JSON values: write a number, or quote the text")
    if isinstance(scalar, int) and scalar > _MAX_INT:
        scalar = float(scalar)
    if isinstance(scalar, float):
        # JSON says no more of a number than its shortest digits, and kubectl reads it from there.
        whole = Decimal(repr(scalar))
        if whole == whole.to_integral_value() and _MIN_INT <= whole <= _MAX_INT:
            return int(whole)
    return scalar


def key_of(scalar: Scalar) -> str:
    """A scalar as a key in JSON.

    Raises:
        ValueError: it cannot be one.
    """
    match scalar:
        case str():
            return scalar
        case bool():
            return str(scalar).lower()
        case int() if scalar <= _MAX_INT:
            return str(scalar)
        case float():
            return _float_key(scalar)
    raise ValueError("null and numbers of more than 64 bits cannot be keys: quote the key")


def _float_key(number: float) -> str:
    """A number as kubectl writes it into a key: in single precision, with as few digits as that."""
    single = ctypes.c_float(number).value
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    texts = (f"{single:.{digits}e}" for digits in range(9))
    shortest = next(text for text in texts if ctypes.c_float(float(text)).value == single)
    exponent = int(shortest.partition("e")[2])
    return f"{Decimal(shortest):f}" if -4 <= exponent < 6 else shortest  # noqa: PLR2004  # Go's.


def _decoded(text: str) -> str:
    try:
        data = base64.b64decode(re.sub("[\r\n]", "", text), validate=True)
        return data.decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError(
            "the value of !!binary is not text in base64: write the text, or leave out the tag"
        ) from None


def _check_timestamp(text: str) -> None:
    match = _TIMESTAMP.fullmatch(text)
    try:
        if match is None or (match[7] is not None) != ("T" in text.upper()):
            raise ValueError  # noqa: TRY301
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise ValueError(
            f"'{shorten(text)}' is not a !!timestamp: correct the value or the tag"
        ) from None
