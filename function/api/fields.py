"""Types that several fields of the API share."""

import re
from contextlib import suppress
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from function.api.validation import Rule, refuse, without_nulls
from function.text import as_json, shorten

MAX_QUANTITY: Final = 64
"""The longest quantity, in characters."""

MAX_CALL_SECONDS: Final = 3600
"""How long a call may take including its retries: a terminating pod waits for it."""

_NO_OBJECT_NAME = (
    "'{}' is not a valid name for a Kubernetes object: use lower-case letters, digits, '-' and '.'"
)
_NO_DATA_KEY = (
    "'{}' is not a valid key of a Secret or ConfigMap: use letters, digits, '-', '_' and '.'"
)
_NO_VARIABLE = (
    "'{}' is not a valid environment variable name: use letters, digits, '_', '-' and '.', and do "
    "not begin with a digit"
)
_QUANTITY = re.compile(
    r"(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?",
)

_PARTS: Final = re.compile(r"(.*?)([numkMGTPE]|[KMGTPE]i|)")
_FACTORS: Final = {
    suffix: Decimal(base) ** power
    for base, suffixes in (
        (1000, {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}),
        (1024, {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}),
    )
    for suffix, power in suffixes.items()
}


def amount(quantity: int | str) -> Decimal:
    """The amount of a Kubernetes quantity, in units: 0.5 for 500m, 1024 for 1Ki."""
    number, suffix = _PARTS.fullmatch(str(quantity)).groups()  # type: ignore[union-attr]
    return Decimal(number) * _FACTORS[suffix]


def _quantity(value: object) -> int | str:
    """Accepts a whole number, or a string such as 500m or 1Gi."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= MAX_QUANTITY and _QUANTITY.fullmatch(value):
        with suppress(ArithmeticError):  # The exponent is out of range.
            amount(value)
            return value
    raise refuse(f"{as_json(value)} is not a valid quantity: write one such as 500m or 1Gi")


def map_key(field: str) -> AfterValidator:
    """Rejects a list in which two entries share the value of a field: Kubernetes' list map."""

    def check(entries: list[Any]) -> list[Any]:
        seen = set[str]()
        for key in (getattr(entry, field) for entry in entries):
            if key in seen:
                raise refuse(f"'{shorten(key)}' is listed twice: keep one of the entries")
            seen.add(key)
        return entries

    return AfterValidator(check)


_OBJECT_NAME = Rule(
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", _NO_OBJECT_NAME
)
ObjectName = Annotated[str, Field(min_length=1, max_length=253), _OBJECT_NAME]
DataKey = Annotated[
    str, Field(min_length=1, max_length=253), Rule(r"[-._a-zA-Z0-9]+", _NO_DATA_KEY)
]
VariableName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Rule(r"[-._a-zA-Z][-._a-zA-Z0-9]*", _NO_VARIABLE),
]
Image = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Rule(
        r"[!-~]+",
        "'{}' is not a valid image reference: write one such as "
        "ghcr.io/berriai/litellm:v1.108.11, without spaces",
    ),
]
Quantities = Annotated[
    dict[
        str, Annotated[int | str, PlainValidator(_quantity), WithJsonSchema({"x-quantity": True})]
    ],
    Field(max_length=16),
    BeforeValidator(without_nulls),
]
OpenObject = Annotated[dict[str, Any], Field(max_length=64)]
"""An object with any content, passed on unchanged: nulls and the types of numbers are kept."""
Limit = Annotated[int, Field(ge=1, le=2147483647)]
Retries = Annotated[int, Field(ge=0, le=10)]
MetadataKey = Annotated[
    str,
    Rule(
        r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
        "'{}' is not a valid label or annotation key: use [prefix/]name, with at most 63 letters, "
        "digits, '-', '_' and '.' in the name",
    ),
]
LabelValue = Annotated[
    str,
    Field(max_length=63),
    Rule(
        r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
        "'{}' is not a valid label value: use letters, digits, '-', '_' and '.', beginning and "
        "ending with a letter or digit",
    ),
]
