"""What the platform team sets for all routers of a Composition: the input of its step."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from function import names
from function.api.fields import Image
from function.api.validation import Model


class Input(Model):
    """What the platform team sets on the Composition's step.

    No API server validates it inside a Composition, so an unknown field is refused here.
    """

    model_config = ConfigDict(extra="forbid")

    api_version: str = names.INPUT_API_VERSION
    kind: str = names.INPUT_KIND
    metadata: dict[str, Any] = {}
    image: Image | None = None
    ttl_seconds: Annotated[int, Field(ge=1, le=86400)] = 60
