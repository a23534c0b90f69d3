"""How many of the gateway's pods may be evicted at once."""

import re
from typing import Annotated, Final

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from function.api.validation import Block, refuse

_MAX_COUNT: Final = 1000
_PERCENT: Final = re.compile(r"(100|[1-9]?[0-9])%")


def _share(value: object) -> int | str:
    """Accepts a number of pods, or a percentage of them."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT:
        return value
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        return value
    raise refuse("must be a number of pods from 0 to 1000, or a percentage such as 50%")


_Share = Annotated[int | str, PlainValidator(_share), WithJsonSchema({"x-quantity": True})]


class PodDisruptionBudget(Block):
    """How many pods may be evicted at once, or must stay."""

    min_available: _Share | None = Field(default=None)
    max_unavailable: _Share | None = Field(default=None)

    @model_validator(mode="after")
    def _exactly_one(self) -> "PodDisruptionBudget":
        both = self.min_available is not None and self.max_unavailable is not None
        neither = self.min_available is None and self.max_unavailable is None
        if both or (neither and self.enabled is not False):
            raise refuse("set exactly one of minAvailable and maxUnavailable")
        return self
