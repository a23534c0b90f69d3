"""Between which numbers of pods the gateway scales by itself, and on what."""

from typing import Annotated, Final

from pydantic import Field, model_validator

from function.api.validation import Block, refuse

_MAX_PODS: Final = 1000

DEFAULT_MIN_REPLICAS: Final = 1
DEFAULT_UTILIZATION: Final = 80

_Count = Annotated[int, Field(ge=1, le=_MAX_PODS)]


class Autoscaling(Block):
    """How many pods there may be, and how busy they should be."""

    min_replicas: _Count | None = None
    max_replicas: _Count | None = None
    target_cpu_utilization_percentage: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, alias="targetCPUUtilizationPercentage"
    )

    @property
    def least(self) -> int:
        """How many pods there are at least, and at first."""
        return DEFAULT_MIN_REPLICAS if self.min_replicas is None else self.min_replicas

    @property
    def utilization(self) -> int:
        """How busy the pods should be, in percent of the CPU that they request."""
        given = self.target_cpu_utilization_percentage
        return DEFAULT_UTILIZATION if given is None else given

    @model_validator(mode="after")
    def _in_order(self) -> "Autoscaling":
        if self.max_replicas is None:
            if self.enabled is not False:
                raise refuse(
                    "maxReplicas is missing: say how many pods there may be at most, or set "
                    "enabled to false"
                )
        elif self.least > self.max_replicas:
            raise refuse(
                "minReplicas must not exceed maxReplicas: lower minReplicas or raise maxReplicas"
            )
        return self
