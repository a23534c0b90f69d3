"""Reading objects that others wrote, and in which anything may have any shape.

What is not of the shape that is asked for counts as not being there: an odd object says nothing,
and reading it never raises. All that is read of observed objects is read through this module.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

_MAX_INT: Final = 2**63
"""Whole numbers of Kubernetes have 64 bits."""


def as_object(value: object) -> Mapping[str, Any]:
    """The value if it is an object; otherwise an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> Sequence[Any]:
    """The value if it is a list; otherwise an empty one."""
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def as_text(value: object) -> str:
    """The value if it is a string; otherwise an empty one."""
    return value if isinstance(value, str) else ""


def as_int(value: object) -> int | None:
    """The value if it is a whole number; otherwise None."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_INT:
        return value
    return None


def at(value: object, *path: str) -> Any:  # noqa: ANN401  # Any JSON.
    """What an object has at a path of keys; None if there is nothing."""
    for key in path:
        value = as_object(value).get(key)
    return value


def object_at(value: object, *path: str) -> Mapping[str, Any]:
    """The object at a path of keys; an empty one if there is none."""
    return as_object(at(value, *path))


def objects_at(value: object, *path: str) -> list[Mapping[str, Any]]:
    """The objects in the list at a path of keys."""
    return [item for item in as_list(at(value, *path)) if isinstance(item, Mapping)]


def text_at(value: object, *path: str) -> str:
    """The string at a path of keys; an empty one if there is none."""
    return as_text(at(value, *path))


def plain(value: object, *, most: int) -> Any:  # noqa: ANN401  # Any JSON.
    """A copy in dicts and lists, for what takes no other mappings and sequences.

    Args:
        value: any JSON.
        most: how many values it may hold; None comes back if there are more.
    """
    copier = _Copier(most)
    copied = copier.copy(value)
    return None if copier.left < 0 else copied


class _Copier:
    """Copies JSON, and counts what it copies."""

    def __init__(self, most: int) -> None:
        self.left = most

    def copy(self, value: object) -> Any:  # noqa: ANN401  # Any JSON.
        match value:
            case Mapping():
                return {key: self.copy(value[key]) for key in self._within(value)}
            case Sequence() if not isinstance(value, str | bytes):
                return [self.copy(item) for item in self._within(value)]
            case _:
                return value

    def _within(self, items: Collection[Any]) -> Iterable[Any]:
        """The items, or nothing once there are too many."""
        self.left -= len(items)
        return items if self.left >= 0 else ()
