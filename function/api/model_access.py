"""The ModelAccess's spec as a typed model: which router, what of it, and how the key changes.

The composite resource definition of the kind is the source, as for `spec`.
"""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from function.api.access import Budget, ModelPattern
from function.api.fields import Limit, NamespaceName, ObjectName
from function.api.validation import Model, Rule, refuse

DEFAULT_OVERLAP_SECONDS: Final = 3600

MAX_GENERATIONS: Final = 4
"""How many keys of one ModelAccess may be valid at once: beyond that, the oldest go early."""


def _existing(value: str) -> str:
    """Rejects a date that no calendar has, which no pattern can tell."""
    try:
        instant(value)
    except ValueError:
        raise refuse("expiresAt must be a date that exists") from None
    return value


def instant(text: str) -> float:
    """When a time stamp of Kubernetes' is, in seconds since 1970.

    Raises:
        ValueError: it is none.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def stamp(seconds: float) -> str:
    """The same the other way round."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class RouterRef(Model):
    """The ModelRouter whose gateway is called."""

    name: ObjectName
    namespace: NamespaceName | None = None


class AccessSpec(Model):
    """What an application asks for."""

    router_ref: RouterRef
    models: Annotated[list[ModelPattern], Field(min_length=1, max_length=32)] | None = None
    rpm: Limit | None = None
    tpm: Limit | None = None
    max_parallel_requests: Limit | None = None
    budget: Budget | None = None
    expires_at: (
        Annotated[
            str,
            Field(min_length=1, max_length=32),
            Rule(
                r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
                r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z",
                "expiresAt must be a date and time in UTC, such as 2030-12-31T23:59:59Z",
            ),
            AfterValidator(_existing),
        ]
        | None
    ) = None
    key_generation: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    overlap_seconds: Annotated[int, Field(ge=0, le=604_800)] | None = None
    secret_name: ObjectName | None = None

    @property
    def generation(self) -> int:
        """Which of its keys is wanted."""
        return 1 if self.key_generation is None else self.key_generation

    @property
    def overlap(self) -> int:
        """How many seconds a key holds after the one that replaces it is in the Secret."""
        return DEFAULT_OVERLAP_SECONDS if self.overlap_seconds is None else self.overlap_seconds

    @property
    def end(self) -> float | None:
        """When it expires, in seconds since 1970; None if it does not."""
        return None if self.expires_at is None else instant(self.expires_at)
