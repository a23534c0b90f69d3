"""Types that several fields of the API share."""

import ipaddress
import re
from contextlib import suppress
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from function.api.validation import Rule, refuse, without_nulls
from function.text import shorten

MAX_ANNOTATION: Final = 4096
"""The longest value of an annotation, in bytes: Kubernetes takes 256 KiB for all of an object."""

MAX_QUANTITY: Final = 64
"""The longest quantity, in characters."""

MAX_CALL_SECONDS: Final = 3600
"""How long a call may take including its retries: a terminating pod waits for it."""

_NO_RESOURCE: Final = (
    "a resource must be cpu, memory, ephemeral-storage, huge pages such as hugepages-2Mi, or an "
    "extended resource with its domain, such as nvidia.com/gpu"
)
_PART: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DOMAIN: Final = rf"{_PART}(\.{_PART})*"
"""A domain as Kubernetes has it (RFC 1123), but for its length."""
QUALIFIED_NAME: Final = rf"({DOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
"""The key of a label or annotation, but for the length of its prefix."""
MAX_PREFIX: Final = 253
"""How long the prefix of such a key may be."""
HUGE_PAGES: Final = "hugepages-"
PAGE_SIZE: Final = "[1-9][0-9]{0,8}[KMG]i"

_QUANTITY = re.compile(
    r"(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?[0-9]+))?",
)

WHOLE: Final = re.compile(r"[0-9]+([kMGTPE]|[KMGTPE]i|[eE][0-9]{1,2})?")
"""A quantity without a fraction."""

_NO_ADDRESS: Final = "an IP address must be of the form 10.0.0.1 or 2001:db8::1"
_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4: Final = rf"{_OCTET}(\.{_OCTET}){{3}}"
IPV6: Final = "[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
"""An address as a pattern, which of the second kind says only what it is made of."""
_CONTROL: Final = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\\ufeff\\ufffe\\uffff]"
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
    """Accepts a whole number, or a string such as 500m or 1Gi, of at least 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and len(value) <= MAX_QUANTITY and _QUANTITY.fullmatch(value):
        with suppress(ArithmeticError):  # The exponent is out of range.
            if amount(value) >= 0:
                return value
    raise refuse("a quantity must be a number of at least 0, such as 500m or 1Gi")


def _extended_name(resource: str) -> str:
    """Rejects a name that a quota could not tell or would be too long in: requests.<name>."""
    if resource.startswith("requests.") or resource.rfind("/") > MAX_PREFIX - len("requests."):
        raise refuse(_NO_RESOURCE)
    return resource


def _short_prefix(key: str) -> str:
    """Rejects a key whose prefix is too long, which no pattern can tell of parts."""
    if key.rfind("/") > MAX_PREFIX:
        raise refuse(f"the prefix of a key must not be longer than {MAX_PREFIX} characters")
    return key


def _printable(value: str) -> str:
    """Rejects what no server-side apply can carry: it is read as YAML, which has none of these."""
    if _CONTROL.search(value):
        raise refuse(
            "a text must not contain control characters other than tabs and line breaks, or "
            "characters that Unicode does not have"
        )
    return value


def _address(value: str) -> str:
    """Rejects what is no IP address, or one in a form that Kubernetes warns of."""
    with suppress(ValueError):
        address = ipaddress.ip_address(value)
        if "%" not in value and getattr(address, "ipv4_mapped", None) is None:
            return value
    raise refuse(_NO_ADDRESS)


PRINTABLE: Final = AfterValidator(_printable)


def _in_bytes(value: str) -> str:
    if len(value.encode(errors="surrogatepass")) > MAX_ANNOTATION:
        raise refuse(
            f"an annotation's value must not be longer than {MAX_ANNOTATION} bytes in UTF-8"
        )
    return value


def map_key(*fields: str) -> AfterValidator:
    """Rejects a list in which two entries share the values of fields: Kubernetes' list map."""

    def check(entries: list[Any]) -> list[Any]:
        seen = set[tuple[str, ...]]()
        for key in (tuple(getattr(entry, field) for field in fields) for entry in entries):
            if key in seen:
                shown = " with ".join(f"'{shorten(part)}'" for part in key)
                raise refuse(f"{shown} is listed twice: keep one of the entries")
            seen.add(key)
        return entries

    return AfterValidator(check)


ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Rule(
        DOMAIN,
        "the name of a Kubernetes object must be lower-case letters, digits, '-' and '.', and "
        "every part between dots must begin and end with a letter or digit",
    ),
]
NamespaceName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Rule(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "the name of a namespace must be lower-case letters, digits and '-', and begin and end "
        "with a letter or digit",
    ),
]
_DATA_KEY: Final = Rule(
    r"\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*",
    "a key of a Secret or ConfigMap must be letters, digits, '-', '_' and '.', and must not begin "
    "with '..' or be '.'",
)
DataKey = Annotated[str, Field(min_length=1, max_length=253), _DATA_KEY]
ShortDataKey = Annotated[str, Field(min_length=1, max_length=128), _DATA_KEY]
"""The same where there are thousands of them, which would cost CEL too much."""
VariableName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Rule(
        r"([-_a-zA-Z]|\.[-_a-zA-Z0-9])[-._a-zA-Z0-9]*",
        "the name of an environment variable must be letters, digits, '-', '_' and '.', and must "
        "not begin with a digit or '..' or be '.'",
    ),
]
ProviderVariable = Annotated[
    str,
    Rule(
        r"[A-Z0-9_]{1,128}",
        "a variable of LiteLLM's must be upper-case letters, digits and '_', such as "
        "OPENAI_API_KEY",
    ),
]
"""A variable of which LiteLLM reads a credential or a setting of a provider."""
Image = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Rule(
        r"[!-~]+",
        "an image must be a reference such as ghcr.io/berriai/litellm:v1.108.11, without spaces",
    ),
]
ResourceName = Annotated[
    str,
    Rule(
        rf"(cpu|memory|ephemeral-storage|{HUGE_PAGES}{PAGE_SIZE}|"
        rf"{DOMAIN}/[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?)",
        _NO_RESOURCE,
    ),
    AfterValidator(_extended_name),
]
Quantity = Annotated[int | str, PlainValidator(_quantity), WithJsonSchema({"x-quantity": True})]
Quantities = Annotated[
    dict[ResourceName, Quantity], Field(max_length=8), BeforeValidator(without_nulls)
]
OpenObject = Annotated[dict[str, Any], Field(max_length=64)]
"""An object with any content, passed on unchanged: nulls and the types of numbers are kept."""
Limit = Annotated[int, Field(ge=1, le=2147483647)]
Retries = Annotated[int, Field(ge=0, le=10)]
_KEY: Final = Rule(
    QUALIFIED_NAME,
    "a key must be [prefix/]name, with a domain of at most 253 characters as the prefix, and at "
    "most 63 letters, digits, '-', '_' and '.' as the name, which begins and ends with a letter or "
    "digit",
)
MetadataKey = Annotated[str, _KEY, AfterValidator(_short_prefix)]
LabelKey = Annotated[str, Field(min_length=1, max_length=253), _KEY]
"""The key of a label as a value, of which no prefix can be too long."""
LabelValue = Annotated[
    str,
    Field(max_length=63),
    Rule(
        r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
        "the value of a label must be letters, digits, '-', '_' and '.', beginning and ending "
        "with a letter or digit",
    ),
]
Labels = Annotated[
    dict[MetadataKey, LabelValue], Field(max_length=32), BeforeValidator(without_nulls)
]
AnnotationValue = Annotated[
    str,
    Field(max_length=MAX_ANNOTATION),
    AfterValidator(_in_bytes),
    PRINTABLE,
]
Annotations = Annotated[
    dict[MetadataKey, AnnotationValue], Field(max_length=32), BeforeValidator(without_nulls)
]
Text = Annotated[str, Field(max_length=32768), PRINTABLE]
Word = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Rule(r"[!-~]+", "the name of an option must be printable ASCII without spaces"),
]
Line = Annotated[
    str, Field(max_length=256), Rule(r"[ -~]*", "a value must be printable ASCII on one line")
]
Address = Annotated[
    str,
    Field(min_length=2, max_length=45),
    Rule(rf"({IPV4}|{IPV6})", _NO_ADDRESS),
    AfterValidator(_address),
]
DomainName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Rule(
        DOMAIN,
        "a domain name must be lower-case letters, digits, '-' and '.', and every part between "
        "dots must begin and end with a letter or digit",
    ),
]
GuardrailName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Rule(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "the name of a guardrail must be lower-case letters, digits and '-', and begin and end "
        "with a letter or digit",
    ),
]
