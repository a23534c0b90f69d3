"""The fields of a ModelRouter: what each holds, and which one an unknown name may have meant.

They are read from `modelrouter.schema.json`, which is generated from the definition of the API.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

from function import names
from function.errors import UnknownField
from function.guesses import Guesser
from function.text import shorten

_CUTOFF: Final = 0.65
"""How similar a typo is: `timeout` is one of `timeoutSeconds`, `replicas` is none of `redis`."""
_MOST: Final = 3
"""How many fields are suggested for an unknown one."""
_WHOLE: Final = (names.KIND.lower(), f"{names.KIND.lower()}s")
_INDEX: Final = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True)
class Field:
    """A field, or the whole ModelRouter.

    Attributes:
        path: its name and those of the fields around it; empty for the whole.
        schema: its JSON Schema.
        required: whether the object around it must have it.
    """

    path: tuple[str, ...]
    schema: Mapping[str, Any]
    required: bool = False

    @property
    def name(self) -> str:
        """Its path, with dots."""
        return ".".join(self.path)

    @property
    def inner(self) -> Mapping[str, Any]:
        """The schema of a list's items; otherwise its own."""
        found: Mapping[str, Any] = self.schema.get("items", self.schema)
        return found

    @cached_property
    def fields(self) -> Mapping[str, "Field"]:
        """The fields inside, also of a list's items, by name."""
        required = self.inner.get("required", ())
        return {
            name: Field((*self.path, name), schema, required=name in required)
            for name, schema in self.inner.get("properties", {}).items()
        }

    @property
    def closed(self) -> bool:
        """Whether it takes no other fields than these."""
        return self.inner.get("additionalProperties") is False

    def nearest(self, name: str) -> list[str]:
        """Up to three fields that an unknown name in this one may have meant, with their paths."""
        found = [self.fields[near].name for near in self.alike(name)]
        found += [
            other.name for other in _by_name().get(name.lower(), ()) if other.reached_from(self)
        ]
        return list(dict.fromkeys(found))[:_MOST]

    def reached_from(self, other: "Field") -> bool:
        """Whether it is inside the other field, or where no list must be passed to reach it."""
        inside = self.path[: len(other.path)] == other.path
        return inside or not any("items" in field.schema for field in _on_the_way(self.path))

    def alike(self, name: str) -> list[str]:
        """The names of the fields inside that resemble a name, whatever the case of its letters."""
        known = {field.lower(): field for field in self.fields}
        lower = name.lower()
        near = (lower,) if lower in known else Guesser(known, cutoff=_CUTOFF).nearest(lower)
        return [known[name] for name in near]


def text() -> str:
    """The JSON Schema as it is written in its file."""
    file = resources.files(__package__).joinpath("modelrouter.schema.json")
    return file.read_text(encoding="utf-8")


@cache
def whole() -> Field:
    """The ModelRouter itself."""
    return Field((), json.loads(text()))


def find(path: str) -> Field:
    """The field of a path such as `spec.aiModels.weight`; the whole if it is empty.

    As for kubectl, it may begin with the kind, and lists need no index.

    Raises:
        UnknownField: there is none; the text says which one may have been meant.
    """
    steps = [step for step in _INDEX.sub("", path).split(".") if step]
    if steps and steps[0].lower() in _WHOLE:
        steps = steps[1:]
    field = whole()
    for i, step in enumerate(steps):
        if step not in field.fields:
            raise UnknownField(_unknown_step(field, steps[i:]))
        field = field.fields[step]
    return field


def unknown(value: object, field: Field | None = None, path: str = "") -> Iterator[tuple[str, str]]:
    """The unknown fields of an object, each as its path and one sentence about it.

    Args:
        value: the object, or a part of it.
        field: the field that it is the value of; the whole ModelRouter by default.
        path: where it stands in the object.
    """
    field = field or whole()
    if isinstance(value, list) and "items" in field.schema:
        items: Sequence[tuple[str, Any]] = [(f"{path}[{i}]", v) for i, v in enumerate(value)]
    else:
        items = [(path, value)]
    for around, item in items:
        for key, inner in item.items() if isinstance(item, dict) else ():
            here = f"{around}.{key}" if around else key
            if key in field.fields:
                yield from unknown(inner, field.fields[key], here)
            elif field.closed:
                yield here, _unknown_key(field, around, key)


def _unknown_key(field: Field, around: str, key: str) -> str:
    shown = f"{around}.{shorten(key)}" if around else shorten(key)
    if near := field.nearest(key):
        return f"unknown field {shown}; did you mean {' or '.join(near)}?"
    return f"unknown field {shown}: remove it or fix the spelling"


def _unknown_step(field: Field, steps: Sequence[str]) -> str:
    if not field.fields:
        return (
            f"{field.name} has no fields of its own: run modelrouter explain {field.name} to see "
            "what it takes"
        )
    shown = shorten(".".join((*field.path, *steps)))
    near = [_with_rest(name, steps[1:]) for name in field.nearest(steps[0])]
    if near:
        return f"{names.KIND} has no field {shown}; did you mean {' or '.join(near)}?"
    command = f"modelrouter explain {field.name}".rstrip()
    return f"{names.KIND} has no field {shown}: run {command} to see which there are"


def _with_rest(name: str, rest: Sequence[str]) -> str:
    """The path with what followed the unknown name, as far as there are such fields."""
    field = find(name)
    for step in rest:
        near = field.alike(step)
        if not near:
            break
        field = field.fields[near[0]]
    return field.name


def _on_the_way(path: Sequence[str]) -> Iterator[Field]:
    """The fields around the one of a path."""
    field = whole()
    for step in path[:-1]:
        field = field.fields[step]
        yield field


@cache
def _by_name() -> Mapping[str, list[Field]]:
    """All fields that people set, by their names in lower case; those on top come first."""
    found: dict[str, list[Field]] = {}
    layer = [whole().fields["metadata"], whole().fields["spec"]]
    while layer:
        for field in layer:
            found.setdefault(field.path[-1].lower(), []).append(field)
        layer = [inner for field in layer for inner in field.fields.values()]
    return found
