"""Where in a file a field is written."""

import re
from functools import cached_property
from typing import Final

import yaml

_INDEX: Final = re.compile(r"\[(\d+)\]\.?")
_PART_OF_A_NAME: Final = re.compile(r"[\w/-]")


class Lines:
    """The lines of a document that was read, by field.

    They are looked for only when someone asks: most files are right.

    Args:
        text: the document, in YAML or JSON.
        first: the number of its first line in the file.
    """

    def __init__(self, text: str, first: int) -> None:
        """Notes the document."""
        self._text = text
        self._first = first

    def of(self, path: str) -> int:
        """The line of the field that a text begins with, such as `spec.port is 0`.

        If there is none, it is the line of the nearest field around it, or of the document.
        """
        node, line, rest = self._root, self._line(self._root), path
        while True:
            match node:
                case yaml.MappingNode():
                    keys = [pair for pair in node.value if _begins(rest, pair[0].value)]
                    if not keys:
                        return line
                    key, node = max(keys, key=lambda pair: len(pair[0].value))
                    rest = rest[len(key.value) :].removeprefix(".")
                    line = self._line(key)
                case yaml.SequenceNode():
                    index = _INDEX.match(rest)
                    if index is None or int(index[1]) >= len(node.value):
                        return line
                    node, rest = node.value[int(index[1])], rest[index.end() :]
                    line = self._line(node)
                case _:
                    return line

    def of_second(self, key: str) -> int:
        """The line on which one object sets a key again; of the document if none is found."""
        nodes = [self._root]
        while nodes:
            match nodes.pop():
                case yaml.MappingNode(value=pairs):
                    same = [name for name, _ in pairs if name.value == key]
                    if len(same) > 1:
                        return self._line(same[1])
                    nodes += [value for _, value in reversed(pairs)]
                case yaml.SequenceNode(value=values):
                    nodes += reversed(values)
        return self._line(self._root)

    def _line(self, node: yaml.Node | None) -> int:
        return self._first + (node.start_mark.line if node and node.start_mark else 0)

    @cached_property
    def _root(self) -> yaml.Node | None:
        try:
            return yaml.compose(self._text, yaml.CSafeLoader)
        except yaml.YAMLError:
            return None  # It is JSON of a kind that is not YAML, such as with tabs.


def _begins(text: str, key: object) -> bool:
    """Whether a text begins with a key, as a whole name."""
    if not isinstance(key, str) or not key or not text.startswith(key):
        return False
    return not _PART_OF_A_NAME.match(text, len(key))
