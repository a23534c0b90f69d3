"""The MCP servers whose tools a gateway offers."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from function.api import literals
from function.api.fields import map_key
from function.api.models import check_url
from function.api.secret_refs import SecretKeyRef
from function.api.validation import Model, Rule, refuse

_PROTOCOLS: Final = frozenset(
    (
        *("accept", "connection", "content-encoding", "content-length", "content-type", "host"),
        *("last-event-id", "te", "transfer-encoding", "upgrade"),
    )
)
"""The headers that HTTP and MCP set themselves, beside those that begin with mcp-."""

Tool = Annotated[
    str,
    Field(min_length=1, max_length=128),
    Rule(
        r"[-_.A-Za-z0-9]+",
        "the name of a tool must be letters, digits, '-', '_' and '.', as the server lists it, "
        "without the name of the server before it",
    ),
]
Tools = Annotated[list[Tool], Field(min_length=1, max_length=128)]
"""Never an empty list, which LiteLLM takes for none: then all tools would be open."""


class McpAuth(Model):
    """What an MCP server is shown, in the header that is usual for it; exactly one."""

    bearer_secret_ref: SecretKeyRef | None = None
    api_key_secret_ref: SecretKeyRef | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "McpAuth":
        if (self.bearer_secret_ref is None) == (self.api_key_secret_ref is None):
            raise refuse("set exactly one of bearerSecretRef and apiKeySecretRef")
        return self

    @property
    def header(self) -> str:
        """The header that it becomes, in lower case."""
        return "x-api-key" if self.bearer_secret_ref is None else "authorization"

    @property
    def ref(self) -> SecretKeyRef:
        """Where it is."""
        ref = self.bearer_secret_ref or self.api_key_secret_ref
        assert ref is not None  # noqa: S101  # The rule above.
        return ref


class McpHeader(Model):
    """A header that an MCP server is sent with every request."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=64),
        Rule(
            r"[A-Za-z0-9]([-_A-Za-z0-9]*[A-Za-z0-9])?",
            "the name of a header must be letters, digits, '-' and '_', and begin and end with a "
            "letter or digit",
        ),
    ]
    value: (
        Annotated[
            str,
            Field(min_length=1, max_length=512),
            Rule(
                r"[!-~]([ -~]*[!-~])?",
                "the value of a header must be printable ASCII on one line, with no space at the "
                "beginning or end",
            ),
        ]
        | None
    ) = None
    value_secret_ref: SecretKeyRef | None = None

    @model_validator(mode="after")
    def _rules(self) -> "McpHeader":
        if (self.value is None) == (self.value_secret_ref is None):
            raise refuse("set exactly one of value and valueSecretRef")
        if self.name.lower() in _PROTOCOLS or self.name.lower().startswith("mcp-"):
            raise refuse("the header must not be one that HTTP or MCP itself sets: remove it")
        if self.value is not None:
            if literals.REFERENCE in self.value:
                raise refuse(
                    "value must not contain os.environ/: name the Secret in valueSecretRef instead"
                )
            if literals.of_variable(self.name, self.value):
                raise refuse("a header must take a credential from a Secret: use valueSecretRef")
        return self


def _distinct_headers(headers: list[McpHeader]) -> list[McpHeader]:
    names = [header.name.lower() for header in headers]
    if len(set(names)) != len(names):
        raise refuse("a header is listed twice: keep one of the entries")
    return headers


class McpServer(Model):
    """An MCP server and which of its tools are offered."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=32),
        Rule(
            r"[a-z]([a-z0-9_]*[a-z0-9])?",
            "the name of an MCP server must be lower-case letters, digits and '_', begin with a "
            "letter and end with a letter or digit; LiteLLM does not start with a '-' in it",
        ),
    ]
    url: Annotated[str, Field(min_length=1, max_length=512)]
    transport: Literal["HTTP", "SSE"] | None = None
    allowed_tools: Tools | None = None
    disallowed_tools: Tools | None = None
    auth: McpAuth | None = None
    headers: Annotated[
        list[McpHeader],
        Field(max_length=8),
        AfterValidator(_distinct_headers),
    ] = []

    @model_validator(mode="after")
    def _rules(self) -> "McpServer":
        check_url(
            self.url,
            "url",
            secret="auth or headers",  # noqa: S106  # The names of fields.
            example="https://mcp.example.com/mcp",
        )
        if self.allowed_tools is not None and self.disallowed_tools is not None:
            raise refuse("set at most one of allowedTools and disallowedTools")
        if self.auth is not None and any(h.name.lower() == self.auth.header for h in self.headers):
            raise refuse(
                "headers must not repeat the header that auth becomes (Authorization or "
                "X-API-Key): remove one of the two"
            )
        return self

    @property
    def secret_refs(self) -> Iterator[SecretKeyRef]:
        """The keys of Secrets that it is shown."""
        if self.auth is not None:
            yield self.auth.ref
        for header in self.headers:
            if header.value_secret_ref is not None:
                yield header.value_secret_ref


McpServers = Annotated[list[McpServer], Field(max_length=32), map_key("name")]
