"""The fields of a model by their paths in the API, and what a value has beside them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from function.api.validation import Model


def has(model: type[Model], steps: Sequence[str]) -> bool:
    """Whether there is a field of that path, through objects and the items of lists."""
    inside: type[Model] | None = model
    for step in steps:
        found = {} if inside is None else fields(inside)
        if step not in found:
            return False
        inside = found[step]
    return True


def unknown(model: type[Model], value: object, path: str) -> Iterator[str]:
    """The paths of what a value has beside the fields of its model. Open objects have anything."""
    match value:
        case list():
            for i, item in enumerate(value):
                yield from unknown(model, item, f"{path}[{i}]")
        case dict():
            known = fields(model)
            for name, member in value.items():
                if name not in known:
                    yield f"{path}.{name}"
                elif (inner := known[name]) is not None:
                    yield from unknown(inner, member, f"{path}.{name}")


def given(value: object, steps: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """What a value has under a path and is not empty, with where that is."""
    if not steps:
        if value not in (None, {}, []):
            yield "", value
        return
    if isinstance(value, Mapping):
        for where, found in given(value.get(steps[0]), steps[1:]):
            yield f".{steps[0]}{where}", found
    elif isinstance(value, list):
        for i, item in enumerate(value):
            for where, found in given(item, steps):
                yield f"[{i}]{where}", found


def fields(model: type[Model]) -> dict[str, type[Model] | None]:
    """The fields of a model by their names in the API, with the model of those that have one."""
    return {
        field.alias or name: _model_in(field.annotation)
        for name, field in model.model_fields.items()
    }


def _model_in(annotation: object) -> type[Model] | None:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)
