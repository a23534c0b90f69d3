"""What a platform team allows routers: the policy of its input."""

from typing import Annotated, Final, Generic, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from function import globs
from function.api import paths
from function.api.fields import LabelValue, MetadataKey, Quantity
from function.api.spec import Spec
from function.api.validation import Model, Rule, refuse, without_nulls

Pattern = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Rule(r"[!-~]+", "a pattern must be printable ASCII without spaces, in which '*' is any text"),
]
_PATH: Final = Rule(
    r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)*",
    "a field must be given by its path in the spec, such as config or deployment.env",
)
OptionalKind = Literal[
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "Ingress",
    "HTTPRoute",
    "ServiceMonitor",
]
"""A kind that is composed on request only."""
UnseenField = Literal[
    "deployment.env",
    "deployment.envFrom",
    "deployment.extraArgs",
    "deployment.volumeMounts",
    "deployment.hostAliases",
    "deployment.dnsConfig",
    "patches.deployment",
]
"""A field with which a router could have LiteLLM call what no rule sees: by code of its own, by
settings that LiteLLM reads beside its configuration, or under another host's name."""
UNSEEN: Final[tuple[UnseenField, ...]] = get_args(UnseenField)

ItemT = TypeVar("ItemT", bound=str)


class Choice(Model, Generic[ItemT]):
    """What is allowed: all, or only what is listed, and in any case nothing that is denied."""

    allowed: Annotated[list[ItemT], Field(max_length=256)] | None = None
    denied: Annotated[list[ItemT], Field(max_length=256)] = []

    def against(self, name: str) -> str | None:
        """Which of the two lists is against a name; None if neither is.

        Args:
            name: a name, or a pattern that stands for many.
        """
        if globs.meet(self.denied, name) is not None:
            return "denied"
        if self.allowed is not None and not globs.match(self.allowed, name):
            return "allowed"
        return None


class Patterns(Choice[Pattern]):
    """A choice by patterns."""


class Kinds(Choice[OptionalKind]):
    """The kinds that may be composed on request."""


class Images(Model):
    """The images of all containers."""

    allowed: Annotated[list[Pattern], Field(max_length=256)] | None = None
    require_digest: bool | None = None


class Secrets(Model):
    """The Secrets in its namespace that a router may use: by name, or by label."""

    allowed: Annotated[list[Pattern], Field(max_length=256)] | None = None
    match_labels: (
        Annotated[
            dict[MetadataKey, LabelValue], Field(max_length=32), BeforeValidator(without_nulls)
        ]
        | None
    ) = None


class Limits(Model):
    """The most that a router may ask for."""

    replicas: Annotated[int, Field(ge=1, le=1000)] | None = None
    models: Annotated[int, Field(ge=1, le=1000)] | None = None
    cpu: Quantity | None = None
    memory: Quantity | None = None
    call_seconds: Annotated[int, Field(ge=1, le=3600)] | None = None


def _known(denied: list[str]) -> list[str]:
    """Rejects what is no field of a ModelRouter's spec."""
    for path in denied:
        if not paths.has(Spec, path.split(".")):
            raise refuse(
                f"'{path}' is no field of a ModelRouter's spec: give its path, without spec. and "
                "without indices, such as config or deployment.env"
            )
    return denied


class Fields(Model):
    """The fields that a router may set itself."""

    denied: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=256), _PATH]],
        Field(max_length=256),
        AfterValidator(_known),
    ] = []
    unseen: Annotated[list[UnseenField], Field(max_length=16)] = []


class Policy(Model):
    """What the platform team allows routers."""

    mode: Literal["Enforce", "Warn"] | None = None
    providers: Patterns | None = None
    models: Patterns | None = None
    hosts: Patterns | None = None
    images: Images | None = None
    secrets: Secrets | None = None
    limits: Limits | None = None
    fields: Fields | None = None
    kinds: Kinds | None = None

    @property
    def warns(self) -> bool:
        """Whether a violation is only told."""
        return self.mode == "Warn"

    @property
    def is_about_calls(self) -> bool:
        """Whether there is a rule on what LiteLLM calls, which other fields could get round."""
        return not (self.providers is None and self.models is None and self.hosts is None)
