"""Merge patches and removals by pointer, by their RFCs' own tables and for any JSON."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function import merging

many = settings(max_examples=200)

_names = st.sampled_from(["a", "b", "", "~1", "m~n/o"])  # Few, so that both sides have the same.
_scalars = st.sampled_from([None, False, True, 0, 1, 1.0, 2.5, "", "a", "é"])
values: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(_names, values, max_size=4)


def exact(value: Any) -> Any:  # noqa: ANN401
    """The value with its booleans told apart from numbers, as Python's `==` does not."""
    match value:
        case bool():
            return ("bool", value)
        case dict():
            return {key: exact(item) for key, item in value.items()}
        case list() | tuple():
            return [exact(item) for item in value]
        case _:
            return value


def members(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all members of the objects in a value that no list is around."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from members(item, (*path, key))


def containers(value: object) -> Iterator[object]:
    """All lists and objects in a value."""
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


# -- Merge patches

APPENDIX_A = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', "null", "null"),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]
"""Original, patch and result: the test cases of RFC 7396, in its order."""


@pytest.mark.parametrize(("original", "patch", "result"), APPENDIX_A)
def test_merges_as_the_rfcs_table_says(original: str, patch: str, result: str) -> None:
    assert merging.merge(json.loads(original), json.loads(patch)) == json.loads(result)


def test_merges_the_rfcs_example() -> None:
    """The one of section 3."""
    document = {
        "title": "Goodbye!",
        "author": {"givenName": "John", "familyName": "Doe"},
        "tags": ["example", "sample"],
        "content": "This will be unchanged",
    }
    patch = {
        "title": "Hello!",
        "phoneNumber": "+01-123-456-7890",
        "author": {"familyName": None},
        "tags": ["example"],
    }
    assert merging.merge(document, patch) == {
        "title": "Hello!",
        "author": {"givenName": "John"},
        "tags": ["example"],
        "content": "This will be unchanged",
        "phoneNumber": "+01-123-456-7890",
    }
    assert merging.replaced(document, patch) == ["/author/familyName", "/tags", "/title"]
    assert merging.lost(document, patch) == [("/tags", ["sample"])]


def test_a_null_in_a_list_stays() -> None:
    assert merging.merge({"a": [1]}, {"a": [None, {"b": None}]}) == {"a": [None, {"b": None}]}


def test_what_is_in_two_places_of_an_input_is_in_each_for_itself_in_the_result() -> None:
    """Or a removal in one place would be one in the other."""
    shared = {"b": 1}
    merged = merging.merge({"one": shared, "two": shared}, {"three": [shared, shared]})
    assert merging.remove(merged, "/one/b")
    assert merging.remove(merged, "/three/0/b")
    assert merged == {"one": {}, "two": {"b": 1}, "three": [{}, {"b": 1}]}


@many
@given(objects)
def test_an_empty_patch_changes_nothing(document: dict[str, Any]) -> None:
    assert exact(merging.merge(document, {})) == exact(document)


@many
@given(values, values)
def test_a_patch_applied_again_changes_nothing(document: object, patch: object) -> None:
    once = merging.merge(document, patch)
    assert exact(merging.merge(once, patch)) == exact(once)


@many
@given(values, values)
def test_the_result_shares_nothing_with_the_inputs_and_they_stay_as_they_are(
    document: object, patch: object
) -> None:
    before = copy.deepcopy((document, patch))
    merged = merging.merge(document, patch)
    merging.replaced(document, patch)
    merging.lost(document, patch)
    assert exact((document, patch)) == exact(before)
    parts = {id(part) for part in containers([document, patch])}
    assert not parts & {id(part) for part in containers(merged)}


@many
@given(values, values)
def test_a_result_is_json_and_that_of_what_was_read_back_is_the_same(
    document: object, patch: object
) -> None:
    merged = merging.merge(document, patch)
    assert exact(json.loads(json.dumps(merged))) == exact(merged)
    again = merging.merge(*json.loads(json.dumps([document, patch])))
    assert exact(again) == exact(merged)


# -- Removals

SECTION_5 = r"""
{
  "foo": ["bar", "baz"],
  "": 0,
  "a/b": 1,
  "c%d": 2,
  "e^f": 3,
  "g|h": 4,
  "i\\j": 5,
  "k\"l": 6,
  " ": 7,
  "m~n": 8
}
"""
"""The document of RFC 6901's examples."""


@pytest.mark.parametrize(
    ("pointer", "key"),
    [
        ("/foo", "foo"),
        ("/", ""),
        ("/a~1b", "a/b"),
        ("/c%d", "c%d"),
        ("/e^f", "e^f"),
        ("/g|h", "g|h"),
        (r"/i\j", r"i\j"),
        ('/k"l', 'k"l'),
        ("/ ", " "),
        ("/m~0n", "m~n"),
    ],
)
def test_removes_what_the_rfcs_pointers_name(pointer: str, key: str) -> None:
    document, rest = json.loads(SECTION_5), json.loads(SECTION_5)
    del rest[key]
    assert merging.remove(document, pointer)
    assert document == rest
    assert not merging.remove(document, pointer)


def test_removes_the_rfcs_item_of_a_list() -> None:
    document = json.loads(SECTION_5)
    assert merging.remove(document, "/foo/0")
    assert document == {**json.loads(SECTION_5), "foo": ["baz"]}


@pytest.mark.parametrize(
    ("document", "pointer", "rest"),
    [
        ({"~1": 1, "/": 2}, "/~01", {"/": 2}),  # An escape is not read twice.
        ({"~1": 1, "/": 2}, "/~1", {"~1": 1}),
        ({"a~/b": {"": 1}}, "/a~0~1b/", {"a~/b": {}}),
        ({"0": 1, "01": 2, "-": 3}, "/01", {"0": 1, "-": 3}),  # Of an object, these are keys.
        ({"0": 1, "01": 2, "-": 3}, "/-", {"0": 1, "01": 2}),
        ({"a": None}, "/a", {}),
        ([0, 1, 2], "/1", [0, 2]),
        ([[0, {"a": [1, 2]}]], "/0/1/a/1", [[0, {"a": [1]}]]),
    ],
)
def test_removes_a_member_or_an_item_wherever_it_is(
    document: object, pointer: str, rest: object
) -> None:
    assert merging.remove(document, pointer)
    assert document == rest


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"a": 1}, "/b"),
        ({"a": 1}, "/b/c"),
        ({"a": 1}, "/A"),
        ({"a": 1}, "/a/"),
        ({"a": {"b": 1}}, "/a/b/c"),
        ({"a/b": 1, "a": {}}, "/a/b"),
        ({"a": "text"}, "/a/0"),
        ({"a": None}, "/a/0"),
        ({"a": True}, "/a/0"),
        ({"a": 1.5}, "/a/0"),
        ([], "/0"),
        ([1, 2], "/2"),
        ([1, 2], "/-"),
        ([[1], [2]], "/-/0"),
        ([1, 2], "/00"),
        ([1, 2], "/01"),
        ([1, 2], "/-1"),
        ([1, 2], "/+1"),
        ([1, 2], "/1.0"),
        ([1, 2], "/ 1"),
        ([1, 2], "/1\n"),
        ([1, 2], "/١"),  # noqa: RUF001  # A digit, but none of JSON's.
        ([1, 2], "/"),
        ([1, 2], "/a"),
        ([1, 2], "/18446744073709551616"),
        ([1, 2], f"/{'1' * 5000}"),  # More digits than Python reads.
        ("text", "/0"),
        (None, "/0"),
    ],
)
def test_removes_nothing_where_a_pointer_names_nothing(document: object, pointer: str) -> None:
    before = copy.deepcopy(document)
    assert not merging.remove(document, pointer)
    assert document == before


@pytest.mark.parametrize("pointer", ["", "a", "a/b", "#/a", " /a", "/~", "/a~", "/~2", "/a/~b/c"])
def test_what_is_no_pointer_into_the_document_is_an_error(pointer: str) -> None:
    with pytest.raises(ValueError, match="pointer"):
        merging.remove({"a": {"b": 1}}, pointer)


# -- What a patch replaces


@pytest.mark.parametrize(
    ("document", "patch", "pointers"),
    [
        ({"a": 1}, {"b": 2}, []),
        ({"a": 1}, {"a": 1, "b": None}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, ["/a"]),
        ({"a": 0}, {"a": False}, ["/a"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": True}]}, ["/a"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1.0}]}, []),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 1}]}, ["/a"]),
        ({"a": [{"b": 1, "c": 1}]}, {"a": [{"b": 1}]}, ["/a"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["/a"]),
        ({"a": [1, 2]}, {"a": [1]}, ["/a"]),
        ({"a": 1}, {"a": None}, ["/a"]),
        ({"a": None}, {"a": None}, ["/a"]),
        ({"a": None}, {"a": 0}, ["/a"]),
        ({"a": 1}, {"a": "1"}, ["/a"]),
        ({"a": 1}, {"a": {}}, ["/a"]),
        ({"a": [1]}, {"a": {"0": 1}}, ["/a"]),
        ({"a": {}}, {"a": []}, ["/a"]),
        ({"a": {"b": 1, "c": 2}}, {"a": 1}, ["/a"]),
        ({"a": {"b": 1, "c": 2}}, {"a": None}, ["/a"]),
        ({"a": {"b": 1, "c": 2}}, {"a": {}}, []),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 2, "c": None, "d": 1}}, ["/a/b", "/a/c"]),
        ({"a/b": {"m~n": {"": 1}}}, {"a/b": {"m~n": {"": 2}}}, ["/a~1b/m~0n/"]),
        ({"b": 1, "a": 1}, {"b": 2, "a": 2}, ["/a", "/b"]),  # In an order that is always the same.
    ],
)
def test_names_what_a_patch_replaces_or_removes(
    document: object, patch: object, pointers: list[str]
) -> None:
    assert merging.replaced(document, patch) == pointers


@pytest.mark.parametrize(
    ("old", "new", "gone"),
    [
        (["prometheus", "otel"], ["langfuse", "otel"], ["prometheus"]),
        (["prometheus", "otel"], ["otel", "prometheus", "langfuse"], []),
        (["prometheus", "otel"], [], ["prometheus", "otel"]),
        (["prometheus"], None, ["prometheus"]),
        (["prometheus"], "prometheus", ["prometheus"]),
        (["prometheus"], {"prometheus": 1}, ["prometheus"]),
        (["prometheus"], ["prometheus"], []),
        ([1, 2.5, True, "1"], ["1", 1.0, 2], [2.5, True]),
        ([1, 2], [{"a": 1}, [2], 1], [2]),
        ([], ["prometheus"], []),
        ([{"a": 1}, "b"], [], []),
        ([["a"], "b"], [], []),
        ([None, "b"], [], []),
        ("prometheus", "otel", []),
    ],
)
def test_names_the_items_that_a_patch_takes_out_of_a_list(
    old: object, new: object, gone: list[object]
) -> None:
    document, patch = {"s": {"a/b": old, "c": 1}}, {"s": {"a/b": new, "c": 2}}
    expected = [("/s/a~1b", gone)] if gone else []
    assert exact(merging.lost(document, patch)) == exact(expected)
    assert merging.lost(document, {"t": {}}) == []


@many
@given(objects, objects)
def test_a_patch_that_replaces_and_adds_nothing_is_one_that_changes_nothing(
    document: dict[str, Any], patch: dict[str, Any]
) -> None:
    merged = merging.merge(document, patch)
    added = set(members(merged)) - set(members(document))
    idle = not merging.replaced(document, patch) and not added
    assert idle == (exact(merged) == exact(document))


@many
@given(objects, objects)
def test_every_pointer_to_what_is_replaced_names_something_in_the_document(
    document: dict[str, Any], patch: dict[str, Any]
) -> None:
    pointers = merging.replaced(document, patch)
    assert pointers == [pointer for pointer in pointers if merging.remove(document, pointer)]
    assert merging.replaced(document, patch) == []


@many
@given(objects, _names)
def test_a_null_in_a_patch_and_the_pointer_to_it_take_out_the_same(
    document: dict[str, Any], key: str
) -> None:
    patch = {key: None}
    merged = merging.merge(document, patch)
    for pointer in merging.replaced(document, patch):
        assert merging.remove(document, pointer)
    assert exact(merged) == exact(document)
