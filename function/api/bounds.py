"""How much a spec may hold. It is measured before anything else is done with it.

The schema bounds every field but three, which may hold anything: `aiModels[].parameters`,
`aiModels[].info` and `config.merge`. A single router must not cost the others their turn, so what
is measured is what makes work: values, text and depth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from function import names, shapes
from function.errors import Refused

MAX_VALUES: Final = 25_000
"""How many objects, lists and scalars a spec may hold: 1,000 models with 24 of them each."""

MAX_TEXT: Final = 1536 * 1024
"""How many bytes the strings and keys of a spec may have together: as many as etcd takes."""

MAX_OPEN_VALUES: Final = 5_000
"""How many objects, lists and scalars one open object may hold."""

MAX_OPEN_TEXT: Final = 256 * 1024
"""How many bytes the strings and keys of one open object may have together."""

MAX_DEPTH: Final = 20
"""How many levels deep an open object may be nested. Protobuf reads some 28."""

MAX_INPUT_VALUES: Final = 1_000
"""How many objects, lists and scalars the Composition's input may hold."""

_MAX_SPEC_DEPTH: Final = MAX_DEPTH + 3
"""The same, counted from the spec: it, `aiModels` and the entry are levels too."""


@dataclass
class _Size:
    """What something holds. Once it exceeds a limit, nothing more is counted."""

    values: int = 0
    text: int = 0
    depth: int = 0


def check(spec: object) -> None:
    """Refuses a spec that holds more than the function works on.

    Raises:
        Refused: it does; one sentence says what holds how much of what.
    """
    whole = _measure(spec, most=MAX_VALUES)
    if whole.values > MAX_VALUES:
        raise too_many_values()
    if whole.text > MAX_TEXT:
        raise _refused(
            f"spec holds {whole.text} bytes of text, but at most {MAX_TEXT} are allowed: use "
            "shorter values, or split the models among several ModelRouters."
        )
    for path, value in _open_objects(spec):
        size = _measure(value, most=MAX_OPEN_VALUES)
        if size.values > MAX_OPEN_VALUES:
            raise _refused(
                f"{path} holds more than the {MAX_OPEN_VALUES} values (objects, lists and scalars) "
                "that are allowed: shorten it."
            )
        if size.text > MAX_OPEN_TEXT:
            raise _refused(
                f"{path} holds {size.text} bytes of text, but at most {MAX_OPEN_TEXT} are allowed: "
                "shorten it."
            )
        if size.depth > MAX_DEPTH:
            raise _refused(
                f"{path} is nested {size.depth} levels deep, but at most {MAX_DEPTH} are allowed: "
                "make it flatter."
            )
    if whole.depth > _MAX_SPEC_DEPTH:
        raise _refused(
            f"spec is nested {whole.depth} levels deep, but at most {_MAX_SPEC_DEPTH} are allowed: "
            "make it flatter."
        )


def too_many_values() -> Refused:
    """The refusal of a spec that holds too many values."""
    return _refused(
        f"spec holds more than the {MAX_VALUES} values (objects, lists and scalars) that are "
        "allowed: set less for each model, or split the models among several ModelRouters."
    )


def too_large_input() -> Refused:
    """The refusal of an input that holds too many values."""
    return Refused(
        names.REASON_INVALID_INPUT,
        f"input holds more than the {MAX_INPUT_VALUES} values (objects, lists and scalars) that "
        "are allowed: remove what is not needed.",
    )


def too_deep() -> Refused:
    """The refusal of a request that protobuf cannot read because it is nested too deep."""
    return _refused(
        "the ModelRouter cannot be read, most likely because spec is nested too deep: "
        f"aiModels[].parameters, aiModels[].info and config.merge may have at most {MAX_DEPTH} "
        "levels, so make them flatter."
    )


def _refused(message: str) -> Refused:
    return Refused(names.REASON_INVALID_SPEC, message)


def _open_objects(spec: object) -> Iterator[tuple[str, object]]:
    """The open objects that a spec holds, each with its path."""
    for i, model in enumerate(shapes.as_list(shapes.at(spec, "aiModels"))):
        for field in ("parameters", "info"):
            if value := shapes.at(model, field):
                yield f"spec.aiModels[{i}].{field}", value
    if value := shapes.at(spec, "config", "merge"):
        yield "spec.config.merge", value


def _measure(value: object, *, most: int) -> _Size:
    """What is in a value. It counts no further than one value more than the most."""
    size = _Size()
    level: list[Any] = [value]
    while level and size.values <= most:
        # One level of nesting after the other, so that depth costs no recursion.
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                size.text += _bytes(item)
            elif isinstance(item, dict):
                size.values += len(item)
                if size.values > most:
                    break
                size.text += sum(map(_bytes, item))
                below += item.values()
            elif isinstance(item, list):
                size.values += len(item)
                if size.values > most:
                    break
                below += item
        size.depth += any(isinstance(item, dict | list) for item in level)
        level = below
    return size


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
