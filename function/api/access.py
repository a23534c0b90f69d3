"""What a router gives to applications that have keys of their own: its grants, by namespace.

What a ModelAccess may ask for is in the same terms, so that one can cap the other.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from function.api.fields import Limit, map_key
from function.api.validation import Block, Model, Rule, refuse

ANY: Final = "*"
"""The namespace of a grant for all namespaces that have none of their own."""

ALL_MODELS: Final = ("*",)

DEFAULT_MAX_KEYS: Final = 16
"""How many ModelAccess objects of a namespace are accepted where its grant does not say."""


def _one_star(pattern: str) -> str:
    """Rejects a pattern that could not be held against another one and give only a few."""
    if pattern.count("*") > 1:
        raise refuse("a model must have at most one '*', which stands for any text")
    return pattern


ModelPattern = Annotated[
    str,
    Field(min_length=1, max_length=256),
    Rule(
        r"[!-~]([ -~]*[!-~])?",
        "a model must be printable ASCII, with no space at the beginning or end",
    ),
    AfterValidator(_one_star),
]
"""A model name that clients request, or a pattern of them."""
McpServerPattern = Annotated[
    str,
    Field(min_length=1, max_length=32),
    Rule(
        r"\*|[a-z]([a-z0-9_]*[a-z0-9])?",
        "an MCP server must be the name of one of mcpServers, or '*' for all of them",
    ),
]
GrantedNamespace = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Rule(
        r"\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "namespace must be the name of a namespace, in lower-case letters, digits and '-', or '*' "
        "for every namespace without a grant of its own",
    ),
]


class Budget(Model):
    """How much may be spent in a period."""

    usd: Annotated[
        str,
        Field(min_length=1, max_length=16),
        Rule(
            r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,4})?",
            "usd must be an amount in US dollars, such as '50' or '0.5'",
        ),
    ]
    period: Literal["Day", "Month"]

    @model_validator(mode="after")
    def _positive(self) -> "Budget":
        if self.amount == 0:
            raise refuse("usd must be more than 0")
        return self

    @property
    def amount(self) -> Decimal:
        """How many US dollars."""
        return Decimal(self.usd)


class Grant(Model):
    """The most that each ModelAccess of a namespace gets, and that all of them spend together."""

    namespace: GrantedNamespace
    models: Annotated[list[ModelPattern], Field(max_length=64)] | None = None
    mcp_servers: Annotated[list[McpServerPattern], Field(max_length=32)] = []
    rpm: Limit | None = None
    tpm: Limit | None = None
    max_parallel_requests: Limit | None = None
    budget: Budget | None = None
    max_keys: Annotated[int, Field(ge=1, le=1000)] | None = None

    @property
    def allowed_models(self) -> Sequence[str]:
        """The models, as patterns."""
        return ALL_MODELS if self.models is None else self.models

    @property
    def most_keys(self) -> int:
        """How many ModelAccess objects of the namespace are accepted."""
        return DEFAULT_MAX_KEYS if self.max_keys is None else self.max_keys


class Access(Block):
    """Which namespaces' applications get keys of their own. No one does who has no grant."""

    grants: Annotated[list[Grant], Field(max_length=256), map_key("namespace")] = []

    def grant_for(self, namespace: str) -> Grant | None:
        """The grant of a namespace: its own, or else that for any."""
        by_namespace = {grant.namespace: grant for grant in self.grants}
        return by_namespace.get(namespace) or by_namespace.get(ANY)
