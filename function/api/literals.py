"""Literal credentials in places where only a reference to one is allowed."""

import re
from collections.abc import Iterator
from typing import Any, Final

from function.api.validation import refuse
from function.text import shorten

CREDENTIAL_NAME: Final = re.compile(
    r"(.*_)?([A-Z]*API_?KEY|KEY|ACCESS_KEY_ID|TOKEN(_BEDROCK)?|SECRET|PASSWORD|CREDENTIALS|JWT)"
)
"""Names of variables that hold a credential."""

REFERENCE: Final = "os.environ/"
"""LiteLLM's prefix for the name of a variable, in any value of its configuration."""

_HEADERS: Final = {"AUTHORIZATION", "PROXY_AUTHORIZATION", "COOKIE"}
_HARMLESS: Final = re.compile(r"(PROMPT_|RESPONSE_)?CACHE_KEY|(BOS|EOS|PAD|UNK)_TOKEN|.*_PER_TOKEN")
"""Names in LiteLLM's configuration that look like a credential's but are harmless."""

_CREDENTIAL_VALUE: Final = re.compile(
    r"(?i)(bearer|basic) .|[a-z][-+.a-z0-9]*://[^/?#@:]*:[^/?#@]+@"
)
"""Values that begin like a credential in a header, or are URLs with a password."""

_BETWEEN_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|-")


def check(value: Any, path: str) -> None:  # noqa: ANN401  # Any JSON.
    """Rejects a value that contains a credential, naming the path of the first but not its value.

    Args:
        value: any JSON.
        path: its path from the object that is checked.
    """
    for found in _find(value, path, name=""):
        raise refuse(
            f"{shorten(found)} is a literal credential: keep it in a Secret, read it into a "
            "variable with deployment.env, and write os.environ/ with the variable's name instead"
        )


def _find(value: Any, path: str, *, name: str) -> Iterator[str]:  # noqa: ANN401  # Any JSON.
    """The paths of all strings in a value that are recognized as credentials by name or format."""
    match value:
        case dict():
            for key, item in value.items():
                yield from _find(item, f"{path}.{key}", name=key)
        case list():
            for i, item in enumerate(value):
                yield from _find(item, f"{path}[{i}]", name=name.removesuffix("s"))
        case str() if value and not value.startswith(REFERENCE):
            if _is_credential(name) or _CREDENTIAL_VALUE.match(value):
                yield path


def _is_credential(name: str) -> bool:
    variable = _BETWEEN_WORDS.sub("_", name).upper()
    if _HARMLESS.fullmatch(variable):
        return False
    return variable in _HEADERS or CREDENTIAL_NAME.fullmatch(variable) is not None
