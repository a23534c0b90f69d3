"""How calls are routed: among the deployments of a model, and to other models."""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from function.api import literals
from function.api.fields import MAX_CALL_SECONDS, OpenObject, Retries, map_key
from function.api.models import AIModel, Wildcards
from function.api.secret_refs import SecretKeyRef
from function.api.validation import Block, Model, Rule, refuse
from function.text import shorten

DEFAULT_TIMEOUT_SECONDS: Final = 600
"""As long as the clients of OpenAI and Anthropic wait. It does not end the wait for a deployment
that hangs, which is found out long before if others of its group answer: it is how long a call may
take, and with less, calls would fail that succeed."""
DEFAULT_RETRIES: Final = 2

_SHOWN: Final = re.compile(r"[-._:/@A-Za-z0-9]+( [-._:/@A-Za-z0-9]+)*")
"""Names that are repeated where no model has them: they read like a model's, not a password."""

_MAX_FALLBACKS: Final = 64
_MAX_TARGETS: Final = 8

SIMPLE_SHUFFLE: Final = "simple-shuffle"
ALL_OTHERS: Final = "*"
"""The model of a fallback that is for all models without one of their own."""

ModelName = Annotated[
    str,
    Field(min_length=1, max_length=256),
    Rule(
        # LiteLLM puts it into a response header, which allows no other characters.
        r"[!-~]([ -~]*[!-~])?",
        "the name of a model must be printable ASCII, with no space at the beginning or end",
    ),
]
When = Literal["Failure", "ContextWindow", "ContentPolicy"]
Strategy = Literal[
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "cost-based-routing",
    "usage-based-routing",
    "usage-based-routing-v2",
]


class Fallback(Model):
    """The models to try when a model fails."""

    model: ModelName
    when: When = "Failure"
    to: Annotated[list[ModelName], Field(min_length=1, max_length=_MAX_TARGETS)]

    @model_validator(mode="after")
    def _targets(self) -> "Fallback":
        if self.model in self.to:
            raise refuse("a model cannot fall back to itself: remove it from to")
        if len(set(self.to)) != len(self.to):
            raise refuse("to lists a model twice: remove one of them")
        if any(literals.REFERENCE in name for name in (self.model, *self.to)):
            raise refuse(
                "a fallback must not contain os.environ/: LiteLLM would replace it by the "
                "variable's value"
            )
        if (self.model != ALL_OTHERS and "*" in self.model) or "*" in "".join(self.to):
            raise refuse(
                "a fallback must not name a wildcard: name models that it offers, or '*' as model "
                "for all models without fallbacks of their own"
            )
        return self


class Routing(Model):
    """How a group's deployments share the load, and what happens when one fails."""

    strategy: Strategy | None = None
    retries: Retries | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=MAX_CALL_SECONDS)] | None = None
    allowed_failures: Annotated[int, Field(ge=0, le=1000000)] | None = None
    cooldown_seconds: Annotated[int, Field(ge=0, le=86400)] | None = None
    fallbacks: Annotated[
        list[Fallback], Field(max_length=_MAX_FALLBACKS), map_key("model", "when")
    ] = []

    def fallbacks_when(self, when: When) -> dict[str, list[str]]:
        """The fallbacks of one kind of failure: for each model, the models that are tried."""
        return {fallback.model: fallback.to for fallback in self.fallbacks if fallback.when == when}

    @property
    def shuffles(self) -> bool:
        """Whether deployments are drawn by their weights."""
        return self.strategy in (None, SIMPLE_SHUFFLE)

    @property
    def call_seconds(self) -> int:
        """How many seconds one attempt may take, for entries that do not set it."""
        return DEFAULT_TIMEOUT_SECONDS if self.timeout_seconds is None else self.timeout_seconds

    @property
    def call_retries(self) -> int:
        """How often a call is retried, for entries that do not set it."""
        return DEFAULT_RETRIES if self.retries is None else self.retries


class Redis(Block):
    """A Redis server that the gateway's pods share."""

    host: (
        Annotated[
            str,
            Field(min_length=1, max_length=253),
            Rule(
                r"[A-Za-z0-9]([-A-Za-z0-9.:]*[A-Za-z0-9])?",
                "a host must be a name or an address, without a port or path",
            ),
        ]
        | None
    ) = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: bool | None = None
    password_secret_ref: SecretKeyRef | None = None

    @model_validator(mode="after")
    def _host_where_it_is_used(self) -> "Redis":
        if self.host is None and self.enabled is not False:
            raise refuse("host is missing: name the server, or set enabled to false")
        return self


class Cache(Block):
    """Caching of answers."""

    ttl_seconds: Annotated[int, Field(ge=1, le=604800)] | None = None


class Config(Model):
    """Overrides of the generated configuration."""

    merge: Annotated[OpenObject, Field(max_length=32)] | None = None
    remove: Annotated[
        list[
            Annotated[
                str,
                Field(min_length=1, max_length=512),
                Rule(
                    r"(/([^~/]|~[01])*)+",
                    "a JSON pointer must be of the form /litellm_settings/request_timeout, with ~1 "
                    "for '/' in a name and ~0 for '~'",
                ),
            ]
        ],
        Field(max_length=64),
    ] = []

    @model_validator(mode="after")
    def _no_credentials(self) -> "Config":
        literals.check(self.merge, "merge")
        return self


def check_fallbacks(routing: Routing, models: list[AIModel]) -> None:
    """Rejects a fallback from or to a model that no entry offers, not even a wildcard."""
    offered = {model.offered_as for model in models}
    wildcards = Wildcards(offered)
    for i, fallback in enumerate(routing.fallbacks):
        places = {"model": fallback.model} | {f"to[{j}]": to for j, to in enumerate(fallback.to)}
        for place, name in places.items():
            of_all_others = place == "model" and name == ALL_OTHERS
            if not (of_all_others or name in offered or any(wildcards.offering(name))):
                shown = f"'{shorten(name)}'" if _SHOWN.fullmatch(name) else "the model"
                raise refuse(
                    f"{shown} is not offered: a fallback must name the alias of an "
                    "entry of aiModels, the name of an entry without an alias, or a model that a "
                    "wildcard among them offers",
                    at=f".routing.fallbacks[{i}].{place}",
                )


def check_standbys(routing: Routing, models: list[AIModel]) -> None:
    """Rejects a standby where LiteLLM would give it a share of the load all the same."""
    if routing.shuffles:
        return
    for i, model in enumerate(models):
        if model.standby:
            raise refuse(
                "a standby needs the strategy simple-shuffle, since every other would give it "
                "a share of the load: remove standby or the strategy",
                at=f".aiModels[{i}].standby",
            )


def check_duration(routing: Routing, models: list[AIModel]) -> None:
    """Rejects limits that could keep a terminating pod waiting for more than an hour."""
    for seconds, retries, i in limits(routing, models):
        if seconds * (retries + 1) > MAX_CALL_SECONDS:
            raise refuse(
                "a call may take at most an hour including its retries: timeoutSeconds * (retries "
                f"+ 1) must not exceed {MAX_CALL_SECONDS}, where unset fields count as "
                f"{DEFAULT_TIMEOUT_SECONDS} and {DEFAULT_RETRIES}",
                at=f".aiModels[{i}]",
            )


def limits(routing: Routing, models: list[AIModel]) -> Iterator[tuple[int, int, int]]:
    """The distinct limits of entries: seconds of an attempt, retries, and the index of an entry."""
    pairs = dict[tuple[int | None, int | None], int]()
    for i, model in enumerate(models):
        pairs.setdefault((model.timeout_seconds, model.max_retries), i)
    for (seconds, retries), i in pairs.items():
        yield (
            routing.call_seconds if seconds is None else seconds,
            routing.call_retries if retries is None else retries,
            i,
        )
