"""The reference of one field as a text, as `kubectl explain` prints it."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from function import names
from function.offline.fields import Field

_WIDTH: Final = 80
_BOUNDS: Final = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " entries"),
    ("minProperties", "maxProperties", " fields"),
)


def explain(field: Field) -> str:
    """A field with its type, default, bounds, description and the fields inside."""
    lines = [f"KIND:     {names.KIND}", f"VERSION:  {names.API_VERSION}", ""]
    if field.path:
        lines += [f"FIELD: {field.name} <{_type(field.schema)}>{_required(field)}", ""]
    for title, values in (
        ("ENUM", [str(value) for value in field.inner.get("enum", ())]),
        ("DEFAULT", [str(field.schema["default"])] if "default" in field.schema else []),
        ("BOUNDS", list(_bounds(field.schema))),
        ("DESCRIPTION", list(_described(field))),
    ):
        if values:
            lines += [f"{title}:", *_indented(values, 4), ""]
    if field.fields:
        lines.append("FIELDS:")
        for name, inner in sorted(field.fields.items()):
            lines.append(f"  {name}\t<{_type(inner.schema)}>{_required(inner)}")
            lines += [*_indented([inner.schema.get("description", "")], 4), ""]
    return "\n".join(lines).rstrip() + "\n"


def _described(field: Field) -> Iterator[str]:
    yield field.schema.get("description", "")
    if field.inner is not field.schema and "description" in field.inner:
        yield f"Each entry: {field.inner['description']}"


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    for least, most, unit in _BOUNDS:
        match schema.get(least), schema.get(most):
            case None, None:
                continue
            case None, high:
                yield f"at most {high}{unit}"
            case low, None:
                yield f"at least {low}{unit}"
            case low, high:
                yield f"{low} to {high}{unit}" if low != high else f"exactly {low} of the{unit}"


def _type(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"type": "array", "items": items}:
            return f"[]{_type(items)}"
        case {"additionalProperties": Mapping() as values}:
            return f"map[string]{_type(values)}"
        case {"type": "object"}:
            return "Object"
        case {"type": str() as kind}:
            return kind
        case {"anyOf": options}:
            return " or ".join(_type(option) for option in options)
        case _:
            return "any"


def _required(field: Field) -> str:
    return " -required-" if field.required else ""


def _indented(texts: list[str], by: int) -> Iterator[str]:
    for text in texts:
        space = " " * by
        yield from textwrap.wrap(
            text,
            _WIDTH,
            initial_indent=space,
            subsequent_indent=space,
            break_long_words=False,
            break_on_hyphens=False,
        )
