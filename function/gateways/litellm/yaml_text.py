"""JSON as YAML, written no further than a limit, and kept for the next calls.

Writing YAML takes most of the time of a call, 30 ms for 1,000 models, and Crossplane calls at least
twice in each reconcile. So texts are kept, within a number of bytes over all routers.
"""

import hashlib
import io
import json
from typing import Any, Final

import yaml
from cachetools import LRUCache

KEPT_BYTES: Final = 32 * 1024 * 1024
"""How many bytes the texts may have that are kept for the next calls."""

_kept: Final = LRUCache[bytes, str](KEPT_BYTES, getsizeof=len)
_json: Final = json.JSONEncoder(sort_keys=True).encode


class _TooLongError(Exception):
    """Nothing more is written."""


class _Text(io.StringIO):
    """A text that grows no further than a limit."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._left = most

    def write(self, text: str, /) -> int:
        self._left -= len(text)
        if self._left < 0:
            raise _TooLongError
        return super().write(text)


def dump(value: dict[str, Any], *, most: int) -> str | None:
    """An object as YAML with sorted keys; None if that takes more bytes than the most.

    Args:
        value: any JSON object.
        most: how many bytes of UTF-8 there may be. It is not written further than that.
    """
    key = hashlib.sha256(_json(value).encode()).digest()
    text: str | None = _kept.get(key)
    if text is None:
        text = _written(value, most)
        if text is not None:
            _kept[key] = text
    return text if text is None or len(text.encode()) <= most else None


def _written(value: dict[str, Any], most: int) -> str | None:
    stream = _Text(most)
    try:
        # The C dumper is ten times as fast as Python's, and part of every wheel of PyYAML.
        yaml.dump(
            _unshared(value), stream, Dumper=yaml.CSafeDumper, allow_unicode=True, width=2**31 - 1
        )
    except _TooLongError:
        return None
    text = stream.getvalue()
    return text if len(text.encode()) <= most else None


def _unshared(value: dict[str, Any]) -> Any:  # noqa: ANN401  # Any JSON.
    """A copy in which no object is in two places, which YAML would write as an anchor."""
    return json.loads(_json(value))
