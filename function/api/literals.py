"""Literal credentials in places where only a reference to one is allowed."""

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from function.api.validation import refuse
from function.recognition import holds_credential, names_credential, names_other
from function.text import shorten

REFERENCE: Final = "os.environ/"
"""LiteLLM's prefix for the name of a variable, in any value of its configuration."""

_REMEDY: Final = (
    "keep it in a Secret, read it into a variable with deployment.env, and write os.environ/ with "
    "the variable's name instead"
)
"""What to do instead of writing a credential into LiteLLM's configuration."""

_MAX_JSON: Final = 65536
"""The longest text that is read as JSON, in characters."""

# What refers to a credential or cannot be one.
_NO_LITERAL: Final = re.compile(
    r"(?i:true|false)"
    # What LiteLLM resolves when it starts or calls, perhaps after a scheme: Bearer os.environ/A.
    r"|(?:[A-Za-z]+ +)?(?:os\.environ/|oidc/[a-z0-9_]+/)[!-~]*"
    # What LiteLLM's callbacks fill in.
    r"|(?:[A-Za-z]+ +)?\{\{[^{}]+\}\}"
    # The name of a secret in a secret manager.
    r"|projects/[^/\s]+/secrets/[!-~]+|arn:aws[-a-z]*:[!-~]+"
    # The path of a file. A slash alone does not make one: random keys have slashes too.
    r"|(?:file://)?(?:~|\.\.?)?(?:/[-_a-z]+|/[-._a-z0-9]+(?:/[-._@A-Za-z0-9]+)+/?)"
    r"|(?:file://)?[-._~/A-Za-z0-9]+\.(?:json|pem|key|crt|cer|p12|pfx|txt|ya?ml|toml|ini|env|jwt)"
)
_VARIABLES: Final = re.compile(r"(?:[A-Za-z]+ +)?(?:\$\([-._A-Za-z0-9]+\)[:/@,;=&? ]*)+")
"""Only references to other variables, which Kubernetes expands."""

_BEARER: Final = re.compile(r"(?i:bearer|token) +(?=\S*[0-9]|\S{16})[-._~+/=A-Za-z0-9]+")
"""A token as a header has it. A plain word after the scheme is prose."""
_BASIC: Final = re.compile(r"(?i:basic) +([+/A-Za-z0-9]+={0,2})")

_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_DESCRIBED: Final = re.compile(
    r"ids?|names?|alias|type|kind|ur[il]|endpoint|host|port|region|scopes?|project|version|ttl"
    r"|timeout|seconds|minutes|hours|days|size|length|limit|count|description|title|path|file"
    r"|email|audience|issuer|algorithms?|enabled|mode|header|prefix|location|user|username|tenant"
    r"|domain"
)
"""Last words of names that say what a value is, so that it is no credential of the name above."""

_HIDDEN: Final = ".(hidden)"
"""A name in a path that is a credential itself."""

Path: TypeAlias = tuple["Path | None", str]
"""A step from the object that is checked, and those before it."""


class _Item(NamedTuple):
    """A value that is to be checked.

    Attributes:
        value: any JSON.
        path: where it is.
        credential: the path of what is named like a credential, if that name is this value's.
        is_schema: whether its members are a schema's fields: their names are not those of values.
    """

    value: Any
    path: Path
    credential: Path | None
    is_schema: bool = False


def check(value: Any, path: str, remedy: str = _REMEDY) -> None:  # noqa: ANN401  # Any JSON.
    """Rejects a value that contains a credential, naming the path of the first but not its value.

    Args:
        value: any JSON.
        path: its path from the object that is checked.
        remedy: what to do instead.
    """
    for found in _find(value, (None, path)):
        raise refuse(f"{shorten(_shown(found))} is a literal credential: {remedy}")


def first_in(value: Any) -> tuple[str | int, ...] | None:  # noqa: ANN401  # Any JSON.
    """Where the first credential in a value is, as keys and indices; None if it holds none.

    The last ones are inside a text that is JSON, if the credential is.
    """
    for found in _find(value, (None, "")):
        above, step = found
        steps = list[str | int]()
        while above is not None:
            steps.append(step[1:] if step.startswith(".") else int(step[1:-1]))
            above, step = above
        return (*reversed(steps),)
    return None


def is_made_of_variables(text: str) -> bool:
    """Whether a text only repeats other variables, which Kubernetes puts into it."""
    return _VARIABLES.fullmatch(text.strip()) is not None


def in_arguments(arguments: Sequence[str]) -> bool:
    """Whether an argument of a command is a literal credential, or follows an option for one."""
    return any(of_variable(option.lstrip("-"), value) for option, value in options(arguments))


def options(arguments: Iterable[str]) -> Iterator[tuple[str, str]]:
    """For each argument of a command, the option that it is or follows, and the value beside it."""
    option = ""
    for argument in arguments:
        value = argument
        if argument.startswith("-"):
            option, _, value = argument.partition("=")
        yield option, value


def of_variable(name: str, value: str) -> str | None:
    """What makes a variable's value a literal credential: its `name`, its `value`, or nothing."""
    if holds_credential(value) or any(_find(value, (None, ""))):
        return "value"
    text = value.strip()
    is_literal = text and not _NO_LITERAL.fullmatch(text) and not _VARIABLES.fullmatch(text)
    return "name" if is_literal and names_credential(name) else None


def _find(value: Any, path: Path) -> Iterator[Path]:  # noqa: ANN401  # Any JSON.
    """The paths of all that is recognized as a credential by name or format, in their order.

    It does not call itself: nothing bounds how deep JSON is nested in a text.
    """
    items = [_Item(value, path, None)]
    while items:
        item = items.pop()
        match item.value:
            case dict():
                if any(holds_credential(key) for key in item.value):
                    yield item.path, _HIDDEN
                items += reversed([_member(item, key) for key in item.value])
            case list():
                items += reversed(
                    [
                        item._replace(value=part, path=(item.path, f"[{i}]"), is_schema=False)
                        for i, part in enumerate(item.value)
                    ]
                )
            case str() as text:
                yield from _in_text(item, text, items)
            case bool():
                pass
            case int() | float() if item.credential:
                yield item.credential


def _in_text(item: _Item, text: str, items: list[_Item]) -> Iterator[Path]:
    """The path of a text that is a credential; what it holds as JSON is put onto the items."""
    text = text.strip()
    if holds_credential(text) or (" " in text and _is_header(text)):
        yield item.path
    elif (parsed := _parsed(text)) is not None:
        items.append(item._replace(value=parsed))
    elif text and item.credential and not _NO_LITERAL.fullmatch(text):
        yield item.credential


def _member(item: _Item, key: str) -> _Item:
    """The member of an object: whether it is a credential is for the nearest name that says so."""
    value, path = item.value[key], (item.path, f".{key}")
    if item.is_schema and isinstance(value, dict):
        return _Item(value, path, None)
    name = key
    # An entry of a list such as {name: X-Api-Key, value: …}: one member names the other.
    if "value" in item.value and key in ("name", "key", "value"):
        named = item.value.get("name", item.value.get("key"))
        if isinstance(named, str):
            name = named if key == "value" else "name"
    meaning = _meaning(name)
    credential = item.credential if meaning is None else path if meaning else None
    return _Item(value, path, credential, is_schema=key == "properties")


@lru_cache(maxsize=4096)  # The same names come with each model.
def _meaning(name: str) -> bool | None:
    """Whether a name is a credential's or that of something else; None if it says neither."""
    if names_credential(name):
        return True
    words = _WORD.findall(name)
    is_other = names_other(name) or (words and _DESCRIBED.fullmatch(words[-1].lower()))
    return False if is_other else None


def _is_header(text: str) -> bool:
    """Whether a text is a credential as the header Authorization has it, whatever its name is."""
    if (basic := _BASIC.fullmatch(text)) is not None:
        with suppress(ValueError):
            return b":" in b64decode(basic[1], validate=True)
    return _BEARER.fullmatch(text) is not None and not _NO_LITERAL.fullmatch(text)


def _parsed(text: str) -> Any:  # noqa: ANN401  # Any JSON.
    """The object or list that a text is as JSON; None if it is none, or too long to look."""
    if len(text) > _MAX_JSON or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _shown(path: Path | None) -> str:
    """A path for a message, without any name in it that is a credential itself."""
    steps = list[str]()
    while path is not None:
        path, step = path
        steps.append(_HIDDEN if holds_credential(step) else step)
    return "".join(reversed(steps))
