"""Protobuf Structs as plain values."""

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from function import structs

_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


def struct(value: Any) -> struct_pb2.Struct:  # noqa: ANN401
    """A Struct with one key."""
    found = struct_pb2.Struct()
    found.update({"key": value})
    return found


def plain(value: Any) -> Any:  # noqa: ANN401
    """What is seen in a view, all of it."""
    if isinstance(value, structs.View):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return value
    return [plain(item) for item in value]


@given(_json)
def test_a_view_shows_what_is_read(value: Any) -> None:  # noqa: ANN401
    assert plain(structs.View(struct(value))) == structs.read(struct(value)) == {"key": value}


def test_a_view_changes_nothing_when_it_is_asked_for_what_is_not_there() -> None:
    found = struct(1)
    view = structs.View(found)
    assert view.get("other") is None
    assert "other" not in view
    assert list(view) == ["key"]
    assert list(found.fields) == ["key"]


def test_the_items_of_a_list_can_be_sliced() -> None:
    items = structs.View(struct([1, {"a": 2}, 3]))["key"]
    assert (len(items), items[0], items[-1], items[0:1]) == (3, 1, 3, [1])


@pytest.mark.parametrize(
    ("value", "count"),
    [([], 1), ([1, 2], 3), ({"a": [1, 2, {"b": None}]}, 6), ("text", 1)],
)
def test_no_more_is_read_than_allowed(value: Any, count: int) -> None:  # noqa: ANN401
    assert structs.read(struct(value), most=count) == {"key": value}
    with pytest.raises(structs.TooManyValuesError):
        structs.read(struct(value), most=count - 1)


@pytest.mark.parametrize(
    ("number", "kind"), [(4000.0, int), (-1.0, int), (0.5, float), (1e300, float), (2.0**63, float)]
)
def test_whole_numbers_of_64_bits_are_ints(number: float, kind: type) -> None:
    (found,) = structs.read(struct(number)).values()
    assert (found, type(found)) == (number, kind)
