"""How much a spec may hold. It is measured before anything else is done with it.

The schema bounds every field but four, which may hold anything: `aiModels[].parameters`,
`aiModels[].info`, `config.merge` and the `merge` of each of `patches`. A single router must not
cost the others their turn, so what is measured is what makes work: values, text and depth.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from function import names
from function.api.patches import PATCHED
from function.errors import Refused

MAX_VALUES: Final = 12_000
"""How many objects, lists and scalars a spec may hold: 1,000 models with 11 of them each."""

MAX_TEXT: Final = 1536 * 1024
"""How many characters the strings and keys of a spec may have together: as many as etcd takes."""

MAX_REST_TEXT: Final = 640 * 1024
"""How many characters there may be beside `aiModels` and `config`: more fits into no Deployment."""

MAX_OPEN_VALUES: Final = 5_000
"""How many objects, lists and scalars one open object may hold."""

MAX_OPEN_TEXT: Final = 256 * 1024
"""How many characters the strings and keys of one open object may have together."""

MAX_DEPTH: Final = 20
"""How many levels deep an open object may be nested. Protobuf reads some 28."""

MAX_INPUT_VALUES: Final = 1_000
"""How many objects, lists and scalars the Composition's input may hold."""

_MAX_SPEC_DEPTH: Final = MAX_DEPTH + 3
"""The same, counted from the spec: it, `aiModels` and the entry are levels too."""

_OPEN_OF_MODELS: Final = ("parameters", "info")
_OPEN_OF_CONFIG: Final = ("merge",)
_OPEN_OF_PATCHES: Final = ("merge",)


@dataclass
class Size:
    """What something holds. Once it exceeds a limit, nothing more is counted."""

    values: int = 0
    text: int = 0
    depth: int = 0

    def add(self, other: "Size") -> None:
        """Adds the values and text of something that it contains."""
        self.values += other.values
        self.text += other.text


class Known(NamedTuple):
    """An entry of `aiModels` that stood in an accepted spec before.

    Attributes:
        model: what it was read as.
        size: how much it holds.
    """

    model: Any
    size: Size


def check(spec: object) -> list[Size]:
    """Refuses a spec that holds more than the function works on.

    Args:
        spec: the spec, in which entries of `aiModels` may be known.

    Returns:
        How much each entry of `aiModels` holds.

    Raises:
        Refused: it holds too much; one sentence says what holds how much of what.
    """
    frame, entries, config, patches = _apart(spec)
    whole = _measure(frame, most=MAX_VALUES)
    _check_depth(whole, 0)
    if whole.text > MAX_REST_TEXT:
        raise _refused(
            f"spec holds {whole.text} characters of text beside aiModels and config, but at most "
            f"{MAX_REST_TEXT} are allowed: use shorter values."
        )
    sizes = []
    for i, entry in enumerate(entries):
        size = (
            entry.size
            if isinstance(entry, Known)
            else _measured(entry, _OPEN_OF_MODELS, f"spec.aiModels[{i}]", 2)
        )
        sizes.append(size)
        whole.add(size)
        if whole.values > MAX_VALUES:
            raise too_many_values()
    whole.add(_measured(config, _OPEN_OF_CONFIG, "spec.config", 1))
    for name, patch in patches.items():
        whole.add(_measured(patch, _OPEN_OF_PATCHES, f"spec.patches.{name}", 2))
    if whole.values > MAX_VALUES:
        raise too_many_values()
    if whole.text > MAX_TEXT:
        raise _refused(
            f"spec holds {whole.text} characters of text, but at most {MAX_TEXT} are allowed: use "
            "shorter values, or split the models among several ModelRouters."
        )
    return sizes


def _measured(value: object, opened: Collection[str], path: str, level: int) -> Size:
    """How much an object holds, whose open fields have limits of their own.

    Args:
        value: the object.
        opened: the names of the open fields.
        path: where it is.
        level: how many levels deep that is.
    """
    if not isinstance(value, dict) or value.keys().isdisjoint(opened):
        whole = _measure(value, most=MAX_VALUES)
        _check_depth(whole, level)
        return whole
    closed = {key: None if key in opened else item for key, item in value.items()}
    whole = _measure(closed, most=MAX_VALUES)
    _check_depth(whole, level)
    for field in opened:
        if field in value:
            size = _measure(value[field], most=MAX_OPEN_VALUES)
            _check_open(f"{path}.{field}", size)
            whole.add(size)
    return whole


def _check_depth(size: Size, level: int) -> None:
    if size.depth + level > _MAX_SPEC_DEPTH:
        raise _refused(
            f"spec is nested more than {_MAX_SPEC_DEPTH} levels deep, which no field is: make it "
            "flatter."
        )


def _check_open(path: str, size: Size) -> None:
    if size.values > MAX_OPEN_VALUES:
        raise _refused(
            f"{path} holds more than the {MAX_OPEN_VALUES} values (objects, lists and scalars) "
            "that are allowed: shorten it."
        )
    if size.text > MAX_OPEN_TEXT:
        raise _refused(
            f"{path} holds {size.text} characters of text, but at most {MAX_OPEN_TEXT} are "
            "allowed: shorten it."
        )
    if size.depth > MAX_DEPTH:
        raise _refused(
            f"{path} is nested more than the {MAX_DEPTH} levels deep that are allowed: make it "
            "flatter."
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
        "aiModels[].parameters, aiModels[].info, config.merge and the merge of each of patches may "
        f"have at most {MAX_DEPTH} levels, so make them flatter."
    )


def _refused(message: str) -> Refused:
    return Refused(names.REASON_INVALID_SPEC, message)


def _apart(spec: object) -> tuple[object, list[object], object, dict[str, object]]:
    """A spec without what is measured apart: the entries of `aiModels`, `config`, and patches."""
    if not isinstance(spec, dict):
        return spec, [], None, {}
    frame = {**spec, "config": None}
    entries = spec.get("aiModels")
    if isinstance(entries, list):
        frame["aiModels"] = [None] * len(entries)
    patches: dict[str, object] = {}
    if isinstance(given := spec.get("patches"), dict):
        patches = {name: patch for name, patch in given.items() if name in PATCHED}
        frame["patches"] = {**given, **dict.fromkeys(patches)}
    found = entries if isinstance(entries, list) else []
    return frame, found, spec.get("config"), patches


def _measure(value: object, *, most: int) -> Size:
    """What is in a value. Once there are more values than the most, no further is counted."""
    size = Size()
    level: list[Any] = [value]
    # One level of nesting after the other, so that depth costs no recursion.
    while level and size.values <= most and size.depth <= _MAX_SPEC_DEPTH:
        below: list[Any] = []
        nested = False
        for item in level:
            kind = type(item)
            if kind is str:
                size.text += len(item)
            elif kind is dict:
                nested = True
                size.values += len(item)
                if size.values > most:
                    break
                size.text += sum(map(len, item))
                below += item.values()
            elif kind is list:
                nested = True
                size.values += len(item)
                if size.values > most:
                    break
                below += item
        size.depth += nested
        level = below
    return size
