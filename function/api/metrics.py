"""How the gateway is measured: LiteLLM's metrics, and how Prometheus comes by them."""

from typing import Annotated

from pydantic import Field, model_validator

from function.api.fields import Labels
from function.api.validation import Block, refuse

Seconds = Annotated[int, Field(ge=1, le=3600)]


class ServiceMonitor(Block):
    """By which Prometheus finds the gateway."""

    labels: Labels | None = None
    interval_seconds: Seconds | None = None
    scrape_timeout_seconds: Seconds | None = None

    @model_validator(mode="after")
    def _in_time(self) -> "ServiceMonitor":
        """Rejects what Prometheus rejects."""
        interval, timeout = self.interval_seconds, self.scrape_timeout_seconds
        if interval is not None and timeout is not None and timeout > interval:
            raise refuse("scrapeTimeoutSeconds must not be greater than intervalSeconds")
        return self


class Metrics(Block):
    """The gateway's metrics."""

    service_monitor: ServiceMonitor | None = None
