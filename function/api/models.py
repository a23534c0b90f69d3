"""The models that a gateway offers."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from function import globs
from function.api import literals
from function.api.fields import MAX_CALL_SECONDS, GuardrailName, Limit, OpenObject, Retries
from function.api.secret_refs import Credentials
from function.api.validation import Model, Rule, refuse
from function.recognition import holds_credential
from function.text import shorten

_CREDENTIALS_IN_URL: Final = re.compile(r"[^/?#]*//[^/?#]*@")
_URL: Final = re.compile(
    r"https?://([A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
    r"(:[0-9]{1,5})?([/?#][!-~]*)?",
)


_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("model", "custom_llm_provider"),
    "api_base": ("api_base", "base_url"),
    "api_version": ("api_version",),
}
_NUMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "rpm": ("rpm",),
    "tpm": ("tpm",),
    "max_parallel_requests": ("max_parallel_requests",),
    "weight": ("weight",),
    "timeout_seconds": ("timeout", "request_timeout"),
    "max_retries": ("num_retries", "max_retries"),
}
PARAMETERS: Final = {**_TEXTS, **_NUMBERS}
"""Fields of an entry, each with the `litellm_params` that mean the same: the first is written."""

NUMBERS: Final = sorted(params[0] for params in _NUMBERS.values())
"""The `litellm_params` that hold a number."""

_IN_PROCESS: Final = "vllm"
"""LiteLLM's provider that loads vLLM into its own process, which no image of it contains."""

_json: Final = json.JSONEncoder(sort_keys=True).encode

_FIELDS: Final = {
    param: to_camel(field) for field, params in PARAMETERS.items() for param in params
}
"""The field, under its name in the API, by each such parameter."""


def check_url(url: str, field: str, *, secret: str, example: str) -> None:
    """Rejects what is not a URL or has a credential in it, without repeating any of it.

    Args:
        url: what is given.
        field: in which field.
        secret: where credentials belong instead.
        example: a URL as it should be.
    """
    if _CREDENTIALS_IN_URL.match(url):
        raise refuse(
            f"{field} must not contain a user name or password: put credentials in {secret}"
        )
    if holds_credential(url):
        raise refuse(f"{field} must not contain a key: put it in {secret}")
    if not _URL.fullmatch(url):
        raise refuse(
            f"{field} must be a URL such as {example}, with http or https, a host, and no spaces"
        )


_STATED: Final = dict[frozenset[str], frozenset[str]]()
"""The combinations of parameters that entries state, of which one copy each is enough."""

MadeT = TypeVar("MadeT")


class AIModel(Model):
    """One deployment of a model at a provider.

    It never changes, and it is the same object in the next spec in which it stands unchanged. So
    what is made of it is kept with it.
    """

    name: Annotated[
        str,
        Field(min_length=3, max_length=256),
        Rule(
            r"[!-)+-.0-~]+/[!-~]+",
            "a model's name must be provider/model-name, such as openai/gpt-4o, in printable ASCII "
            "without spaces, with '*' only after the '/'",
        ),
    ]
    alias: (
        Annotated[
            str,
            Field(min_length=1, max_length=256),
            Rule(
                # LiteLLM puts it into a response header, which allows no other characters.
                r"[!-~]([ -~]*[!-~])?",
                "an alias must be printable ASCII, with no space at the beginning or end",
            ),
        ]
        | None
    ) = None
    api_base: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    api_version: (
        Annotated[
            str,
            Field(min_length=1, max_length=64),
            Rule(
                r"[!-~]+",
                "an API version must be printable ASCII without spaces, such as 2025-02-01-preview",
            ),
        ]
        | None
    ) = None

    credentials: Credentials | None = None
    rpm: Limit | None = None
    tpm: Limit | None = None
    max_parallel_requests: Limit | None = None
    weight: Annotated[int, Field(ge=0, le=1000000)] | None = None
    standby: bool | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=MAX_CALL_SECONDS)] | None = None
    max_retries: Retries | None = None
    parameters: OpenObject | None = None
    info: OpenObject | None = None
    guardrails: Annotated[list[GuardrailName], Field(max_length=8)] = []

    @model_validator(mode="after")
    def _rules(self) -> "AIModel":
        # One validator for all: pydantic takes longer to call one than most of these rules take.
        self._wildcard()
        self._no_reference()
        self._no_engine()
        self._no_share()
        self._parameters()
        self._api_base()
        return self

    def _wildcard(self) -> None:
        if self.alias is not None and self.alias.count("*") != self.name.count("*"):
            raise refuse(
                "an alias must have as many '*' as the name: otherwise LiteLLM would not call the "
                "model that the name says"
            )

    def _no_reference(self) -> None:
        """Rejects names that LiteLLM would replace by a variable's value, and so publish."""
        if literals.REFERENCE in self.name or literals.REFERENCE in (self.alias or ""):
            raise refuse(
                "name and alias must not contain os.environ/: LiteLLM would publish the variable's "
                "value as the name of a model"
            )

    def _no_engine(self) -> None:
        if self.provider == _IN_PROCESS:
            raise refuse(
                "vllm/ would run the model inside the gateway, which has no vLLM: name it "
                "hosted_vllm/ and set apiBase to the URL of your vLLM server"
            )

    def _no_share(self) -> None:
        if self.standby and self.weight:
            raise refuse("a standby has no share of the load: remove weight or standby")

    def _parameters(self) -> None:
        """Rejects parameters that have a field of their own, and literal credentials."""
        if self.parameters is not None:
            for param in sorted(_FIELDS.keys() & self.parameters.keys()):
                raise refuse(f"parameters.{param} has a field of its own: use {_FIELDS[param]}")
            literals.check(self.parameters, "parameters")
        if self.info is not None:
            literals.check(self.info, "info")

    def _api_base(self) -> None:
        """Rejects a base that is not a URL or has a key in it, without repeating any of it."""
        if self.api_base is None:
            return
        check_url(
            self.api_base,
            "apiBase",
            secret="the Secret named by spec.credentials.secretRef",  # noqa: S106  # Which it is.
            example="https://llm.example.com/v1",
        )

    @cached_property
    def provider(self) -> str:
        """LiteLLM's name of the provider: the part before the first '/'."""
        return self.name.partition("/")[0]

    @property
    def stated_params(self) -> Mapping[str, Any]:
        """The `litellm_params` that the entry states in fields of its own."""
        return {
            params[0]: value
            for field, params in PARAMETERS.items()
            if (value := getattr(self, field)) is not None
        }

    @cached_property
    def stated(self) -> frozenset[str]:
        """The names of the `litellm_params` that the entry states in fields of its own."""
        names = frozenset(self.stated_params)
        return _STATED.setdefault(names, names)

    @cached_property
    def offered_as(self) -> str:
        """The model name that clients ask for."""
        return self.name if self.alias is None else self.alias

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """What identical entries have in common."""
        closed = (*(getattr(self, field) for field in _CLOSED), *self.guardrails)
        if self.parameters is None and self.info is None:
            return (*closed,)
        return *closed, _json([self.parameters, self.info])  # A dict has no hash.

    @cached_property
    def made(self) -> dict[str, tuple[object, Any]]:
        """What was made of the entry, each with what it was made from beside it."""
        return {}

    def once(self, what: str, given: object, make: Callable[[], MadeT]) -> MadeT:
        """What is made of the entry: made once, until what it is given changes.

        Args:
            what: its name.
            given: all that it depends on beside the entry: values of fixed types, since equal ones
                count as the same.
            make: makes it.
        """
        kept = self.made.get(what)
        if kept is None or kept[0] != given:
            kept = self.made[what] = given, make()
        made: MadeT = kept[1]
        return made

    @property
    def is_called(self) -> bool:
        """Whether it takes calls at all: one of weight 0 is left out of the gateway."""
        return self.weight != 0


_OPEN: Final = ("parameters", "info", "guardrails")
_CLOSED: Final = [field for field in AIModel.model_fields if field not in _OPEN]
"""The fields of an entry that may not hold anything, and are no lists."""


class Wildcards:
    """The wildcards among model names: those with `*`, each of which stands for any text.

    They look at each part of a name once, where a regular expression may try all ways to share it.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Takes the names apart, and leaves those aside that are no wildcards."""
        self._by_head: dict[str, list[tuple[str, list[str], str]]] = {}
        for name in names:
            head, *middle = name.split("*")
            if middle:
                self._by_head.setdefault(head, []).append((name, middle[:-1], middle[-1]))

    def offering(self, model: str) -> Iterator[str]:
        """Those that offer a model of this name."""
        for begin in range(len(model) + 1):
            for name, middle, tail in self._by_head.get(model[:begin], ()):
                end = len(model) - len(tail)
                if model.endswith(tail) and globs.holds(model, middle, begin, end):
                    yield name


def distinct(models: list[AIModel]) -> list[AIModel]:
    """Rejects an entry that is identical to another, which can only be a mistake."""
    seen = dict[tuple[object, ...], int]()
    for i, model in enumerate(models):
        if (first := seen.setdefault(model.identity, i)) != i:
            raise refuse(
                f"entry {i} ('{shorten(model.name)}') duplicates entry {first}: remove one of them"
            )
    return models


def served(models: list[AIModel]) -> list[AIModel]:
    """Rejects a group that no entry serves, all of them being left out or on standby."""
    takes_calls = {model.offered_as for model in models if model.is_called and not model.standby}
    for model in models:
        if model.offered_as not in takes_calls:
            raise refuse(
                f"'{shorten(model.offered_as)}' has no entry that takes calls: raise the weight "
                "of one of its entries above 0, or remove its standby"
            )
    return models
