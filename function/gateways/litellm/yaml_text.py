"""JSON as YAML, written no further than a limit.

Writing YAML is most of what a new router costs. PyYAML decides how each text is quoted; what is
spared here is what it does in Python for any kind of object: JSON needs no more than these nodes.
"""

import io
from collections.abc import Sequence
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.representer import SafeRepresenter

_TAG: Final = "tag:yaml.org,2002:"
_ITEM: Final = "- "
"""What the line begins with on which an item of a list at the top begins, and no other line."""

_WIDTH: Final = 2**31 - 1
"""No line is folded."""


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
    return _write(value, most)


def dump_items(values: Sequence[dict[str, Any]], *, most: int) -> list[str]:
    """Each object as YAML, as an item of a list that is not indented.

    Args:
        values: JSON objects, none of them empty.
        most: how many bytes of UTF-8 there may be together.

    Raises:
        TooLongError: there would be more.
    """
    if not values:
        return []
    _, *items = ("\n" + _write(list(values), most)).split("\n" + _ITEM)
    items[-1] = items[-1].removesuffix("\n")
    return [f"{_ITEM}{item}\n" for item in items]


class _Text(io.StringIO):
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
    """PyYAML's dumper in C, without what it asks Python for again and again."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self._tags = dict[tuple[str | None, tuple[bool, bool]], str]()

    def resolve(self, kind: type[Node], value: str | None, implicit: Any) -> str:  # noqa: ANN401
        """The tag that a reader would give to a node without one."""
        if kind is not ScalarNode:
            return _COLLECTIONS[kind]
        tag = self._tags.get((value, implicit))
        if tag is None:  # Most texts are keys and stand in each item.
            tag = self._tags[value, implicit] = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        return tag

    def descend_resolver(self, parent: Node | None, index: object) -> None:
        """Nothing: no tag depends on where a node is."""

    def ascend_resolver(self) -> None:
        """Nothing: no tag depends on where a node is."""


_COLLECTIONS: Final[dict[type[Node], str]] = {
    MappingNode: f"{_TAG}map",
    SequenceNode: f"{_TAG}seq",
}


_representer: Final = SafeRepresenter()


def _write(value: object, most: int) -> str:
    stream = _Text(most)
    yaml.serialize(_node(value), stream, Dumper=_Dumper, allow_unicode=True, width=_WIDTH)
    text = stream.getvalue()
    if len(text.encode()) > most:
        raise TooLongError
    return text


def _node(value: object) -> Node:
    """A JSON value as PyYAML would represent it; each is a node of its own, never an alias."""
    match value:
        case str():
            return ScalarNode(f"{_TAG}str", value)
        case dict():
            pairs = [(_node(key), _node(value[key])) for key in sorted(value)]
            return MappingNode(f"{_TAG}map", pairs, flow_style=not value)
        case list():
            items = [_node(item) for item in value]
            return SequenceNode(f"{_TAG}seq", items, flow_style=not value)
        case bool():
            return ScalarNode(f"{_TAG}bool", "true" if value else "false")
        case _:
            node: Node = _representer.represent_data(value)
            return node
