"""Where the gateway's traces go."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from function.api.secret_refs import SecretKeyRef
from function.api.validation import Block, Rule, refuse
from function.recognition import holds_credential


class Tracing(Block):
    """The traces of calls, which a collector takes by OpenTelemetry's protocol."""

    endpoint: (
        Annotated[
            str,
            Field(min_length=1, max_length=512),
            Rule(
                r"https?://([A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
                r"(:[0-9]{1,5})?(/[-._~/A-Za-z0-9]*)?",
                "an endpoint must be a URL such as http://collector.monitoring:4318, with http or "
                "https, a host, and no user, password or query",
            ),
        ]
        | None
    ) = None
    protocol: Literal["GRPC", "HTTP"] | None = None
    headers_secret_ref: SecretKeyRef | None = None
    capture_content: bool | None = None

    @model_validator(mode="after")
    def _names_a_collector(self) -> "Tracing":
        if self.endpoint is None and self.enabled is not False:
            raise refuse("endpoint is missing: name the collector, or set enabled to false")
        if holds_credential(self.endpoint or ""):
            raise refuse(
                "endpoint must not contain a key: put it in the Secret of headersSecretRef"
            )
        return self
