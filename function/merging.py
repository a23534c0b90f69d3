"""Overrides of a generated document: a merge patch, and then pointers to what is removed.

The merge patch of RFC 7396 is implemented here, in the RFC's own ten lines: the one library for it
(json-merge-patch) is untyped, changes its arguments and shares values with them. JSON pointers (RFC
6901) are a library's.

Documents and patches are plain JSON: dict, list, str, int, float, bool and None.
"""

from collections.abc import Iterator
from typing import Any

from jsonpointer import JsonPointer, JsonPointerException, escape


def merge(document: object, patch: object) -> Any:  # noqa: ANN401  # Any JSON.
    """The document with a merge patch applied (RFC 7396); it shares nothing with either."""
    if not isinstance(patch, dict):
        return _copy(patch)
    merged = _copy(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def remove(document: object, pointer: str) -> bool:
    """Removes what a pointer (RFC 6901) names from the document; False if nothing is there.

    Raises:
        ValueError: it is not a pointer, or the one to the whole document.
    """
    try:
        path = JsonPointer(pointer)
    except JsonPointerException as error:
        raise ValueError(f"{pointer!r} is not a JSON pointer: {error}") from None
    if not path.parts:
        raise ValueError("the empty pointer names the whole document")
    try:
        parent, last = path.to_last(document)
        del parent[last]
    except (JsonPointerException, LookupError, TypeError):  # TypeError: `-`, past a list's end.
        return False
    return True


def touched(patch: object, path: str = "") -> list[str]:
    """The pointers to all that a merge patch sets or removes."""
    if not isinstance(patch, dict) or not patch:
        return [path]
    return [
        pointer for key in sorted(patch) for pointer in touched(patch[key], f"{path}/{escape(key)}")
    ]


def replaced(document: object, patch: object) -> list[str]:
    """The pointers to all values of the document that the patch removes or changes.

    Objects are compared member by member if both have one; anything else, lists too, as a whole.
    """
    return [pointer for pointer, _, _ in _changes(document, patch)]


def lost(document: object, patch: object) -> list[tuple[str, list[Any]]]:
    """The lists that the patch removes or replaces, each with the items that are lost.

    Only lists of strings, numbers and booleans: other items are not compared.
    """
    lists = []
    for pointer, old, new in _changes(document, patch):
        if isinstance(old, list) and all(isinstance(item, str | int | float) for item in old):
            items = new if isinstance(new, list) else []
            kept = {_distinct(item) for item in items if not isinstance(item, dict | list)}
            gone = [item for item in old if _distinct(item) not in kept]
            if gone:
                lists.append((pointer, gone))
    return lists


def same(one: object, other: object) -> bool:
    """Whether two values are the same JSON, in which `true` is not a number."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return isinstance(one, bool) == isinstance(other, bool) and one == other


def _changes(
    document: object, patch: object, path: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Pointer, old and new value of all that is removed or changed, in the order of the keys."""
    if isinstance(document, dict) and isinstance(patch, dict):
        for key in sorted(document.keys() & patch.keys()):
            yield from _changes(document[key], patch[key], f"{path}/{escape(key)}")
    elif patch is None or not same(document, patch):
        yield path, document, patch


def _distinct(scalar: object) -> object:
    """The scalar as a member of a set, in which `true` is not 1."""
    return isinstance(scalar, bool), scalar


def _copy(value: object) -> Any:  # noqa: ANN401  # Any JSON.
    """A copy in which no object is shared between two places, as it may be after `deepcopy`."""
    match value:
        case dict():
            return {key: _copy(item) for key, item in value.items()}
        case list():
            return [_copy(item) for item in value]
        case _:
            return value
