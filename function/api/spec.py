"""The ModelRouter's spec as typed models.

The composite resource definition in `package/configuration` is the source of the API. These models
mirror it, because the function also sees specs that no API server has validated (`crossplane
composition render` runs no admission) and must reject what admission rejects. A test compares the
two field by field: types, bounds, patterns, defaults and messages.

The schema has three defaults, `type`, `port` and the `when` of a fallback; every other default is
the function's and is applied where it is used. Unknown fields are not an error here: Crossplane
keeps fields of its own under `spec`.
"""

from functools import cached_property
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from function.api.access import Access
from function.api.autoscaling import Autoscaling
from function.api.deployment import Deployment
from function.api.disruption import PodDisruptionBudget
from function.api.guardrails import Guardrails, check_names
from function.api.logging import Logging
from function.api.mcp import McpServers
from function.api.metadata import CommonMetadata, Metadata
from function.api.metrics import Metrics
from function.api.models import AIModel, distinct, served
from function.api.network_policy import NetworkPolicy
from function.api.outbound import Outbound
from function.api.patches import Patches
from function.api.routing import (
    Cache,
    Config,
    Redis,
    Routing,
    check_duration,
    check_fallbacks,
    check_standbys,
)
from function.api.secret_refs import Auth, Credentials
from function.api.service import Service
from function.api.tracing import Tracing
from function.api.validation import Model, refuse, switched_on
from function.api.ways_in import HTTPRoute, Ingress


def _as_known(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """An entry that has been read and checked before stays as it is."""
    return value if isinstance(value, AIModel) else read(value)


class Spec(Model):
    """What the gateway offers and how it runs."""

    type: Annotated[str, Field(min_length=1, max_length=63)] = "litellm"
    port: Annotated[int, Field(ge=1, le=65535)] = 4000
    ai_models: Annotated[
        list[Annotated[AIModel, WrapValidator(_as_known)]],
        Field(min_length=1, max_length=1000),
        AfterValidator(distinct),
        AfterValidator(served),
    ]
    credentials: Credentials = Credentials()
    guardrails: Guardrails = []
    access: Access | None = None
    mcp_servers: McpServers = []
    auth: Auth = Auth()
    routing: Routing = Routing()
    redis: Redis | None = None
    cache: Cache | None = None
    config: Config = Config()
    deployment: Deployment = Deployment()
    service: Service = Service()
    autoscaling: Autoscaling | None = None
    pod_disruption_budget: PodDisruptionBudget | None = None
    network_policy: NetworkPolicy | None = None
    ingress: Ingress | None = None
    http_route: HTTPRoute | None = None
    outbound: Outbound = Outbound()
    metrics: Metrics | None = None
    tracing: Tracing | None = None
    logging: Logging = Logging()
    patches: Patches = Patches()
    common_metadata: CommonMetadata = CommonMetadata()
    pod_metadata: Metadata = Metadata()

    @property
    def shared_redis(self) -> Redis | None:
        """The Redis server that the pods share, if there is one."""
        return switched_on(self.redis)

    @property
    def wanted_access(self) -> Access | None:
        """What applications with keys of their own get, if there are any."""
        return switched_on(self.access)

    @property
    def service_port(self) -> int:
        """The port of the Service."""
        return self.port if self.service.port is None else self.service.port

    @property
    def wanted_autoscaling(self) -> Autoscaling | None:
        """How the gateway scales by itself, if it does."""
        return switched_on(self.autoscaling)

    @cached_property
    def called_models(self) -> list[AIModel]:
        """The entries that take calls: one of weight 0 is left out of all that is composed."""
        return [model for model in self.ai_models if model.is_called]

    @model_validator(mode="after")
    def _scaled_by_one(self) -> "Spec":
        if self.wanted_autoscaling is not None and self.deployment.replicas is not None:
            raise refuse(
                "deployment.replicas must not be set beside autoscaling, which decides how many "
                "pods there are: remove it, or set autoscaling.enabled to false"
            )
        return self

    @model_validator(mode="after")
    def _accesses(self) -> "Spec":
        if self.wanted_access is None:
            return self
        for i, grant in enumerate(self.wanted_access.grants):
            if grant.budget is not None and self.shared_redis is None:
                raise refuse(
                    "a budget needs redis, where the spending of all pods is counted: set redis, "
                    "or remove the budget",
                    at=f".access.grants[{i}].budget",
                )
        if any(volume.name == "access" for volume in self.deployment.volumes) or any(
            f"{mount.mount_path}/".startswith("/app/access/")
            for mount in self.deployment.volume_mounts
        ):
            raise refuse(
                "deployment must have no volume named access and no mount at /app/access, where "
                "the gateway reads the keys of access: choose another name and path"
            )
        return self

    @model_validator(mode="after")
    def _together(self) -> "Spec":
        check_fallbacks(self.routing, self.ai_models)
        check_standbys(self.routing, self.ai_models)
        check_duration(self.routing, self.ai_models)
        check_names(self.guardrails, self.ai_models)
        return self
