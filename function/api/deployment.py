"""How the gateway's pods run, in fields with Kubernetes' own names and meanings."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from function.api.dns import DnsConfig, HostAlias
from function.api.environment import EnvFromSource, EnvVar
from function.api.fields import (
    HUGE_PAGES,
    PRINTABLE,
    WHOLE,
    Image,
    Labels,
    ObjectName,
    Quantities,
    amount,
    map_key,
)
from function.api.mounts import VolumeMount
from function.api.scheduling import Affinity, Toleration, TopologySpreads
from function.api.validation import Model, refuse
from function.api.volumes import Volume

MIN_GRACE_SECONDS: Final = 30
"""The shortest grace period: a pod that stops still gets calls for some of them."""

_OVERCOMMITTED: Final = ("cpu", "memory", "ephemeral-storage")
"""The resources whose request may be lower than their limit."""

_MAX_WHOLE: Final = 2**63 - 1


class Resources(Model):
    """The container's compute resources."""

    requests: Quantities | None = None
    limits: Quantities | None = None

    @model_validator(mode="after")
    def _within_limits(self) -> "Resources":
        requests, limits = self.requests or {}, self.limits or {}
        if any(amount(requests[key]) > amount(limits[key]) for key in requests.keys() & limits):
            raise refuse(
                "a request must not exceed the limit of the same resource: lower the request or "
                "raise the limit"
            )
        return self

    @model_validator(mode="after")
    def _never_overcommitted(self) -> "Resources":
        """Rejects what Kubernetes does of extended resources and huge pages."""
        for quantities in (self.requests or {}, self.limits or {}):
            if not all(_is_whole(key, quantities[key]) for key in quantities):
                raise refuse(
                    "a quantity of an extended resource must be a whole number, and one of huge "
                    "pages a multiple of their size"
                )
        limits = self.limits or {}
        for key, quantity in (self.requests or {}).items():
            if key not in _OVERCOMMITTED and (
                key not in limits or amount(limits[key]) != amount(quantity)
            ):
                raise refuse(
                    "a request for an extended resource or huge pages must equal its limit: set "
                    "both alike, or the limit alone"
                )
        wanted = {*(self.requests or {}), *limits}
        if any(key.startswith(HUGE_PAGES) for key in wanted) and not wanted & {"cpu", "memory"}:
            raise refuse("huge pages need a request or limit of cpu or memory beside them")
        return self


def _is_whole(resource: str, quantity: int | str) -> bool:
    """Whether the quantity is one of whole pieces, for a resource that comes in pieces."""
    if resource in _OVERCOMMITTED:
        return True
    if WHOLE.fullmatch(str(quantity)) is None or amount(quantity) > _MAX_WHOLE:
        return False
    size = resource.removeprefix(HUGE_PAGES) if resource.startswith(HUGE_PAGES) else 1
    return amount(quantity) % amount(size) == 0


class PullSecret(Model):
    """A Secret with which the image is pulled."""

    name: ObjectName


Argument = Annotated[str, Field(min_length=1, max_length=1024), PRINTABLE]


class Deployment(Model):
    """How the gateway's pods run."""

    image: Image | None = None
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: Annotated[list[PullSecret], Field(max_length=16), map_key("name")] = []
    extra_args: Annotated[list[Argument], Field(max_length=32)] = []
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    resources: Resources | None = None
    env: Annotated[list[EnvVar], Field(max_length=128), map_key("name")] = []
    env_from: Annotated[list[EnvFromSource], Field(max_length=16)] = []
    volumes: Annotated[list[Volume], Field(max_length=16), map_key("name")] = []
    volume_mounts: Annotated[list[VolumeMount], Field(max_length=16), map_key("mount_path")] = []
    service_account_name: ObjectName | None = None
    automount_service_account_token: bool | None = None
    node_selector: Labels | None = None
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = []
    affinity: Affinity | None = None
    topology_spread_constraints: TopologySpreads | None = None
    priority_class_name: ObjectName | None = None
    termination_grace_period_seconds: (
        Annotated[int, Field(ge=MIN_GRACE_SECONDS, le=7200)] | None
    ) = None
    host_aliases: Annotated[list[HostAlias], Field(max_length=16), map_key("ip")] = []
    dns_policy: Literal["ClusterFirst", "Default", "None"] | None = None
    dns_config: DnsConfig | None = None

    @model_validator(mode="after")
    def _mounted_volumes(self) -> "Deployment":
        names = {volume.name for volume in self.volumes}
        if any(mount.name not in names for mount in self.volume_mounts):
            raise refuse("a mount must name one of volumes: add the volume, or fix the name")
        return self

    @model_validator(mode="after")
    def _name_servers(self) -> "Deployment":
        if self.dns_policy == "None" and (
            self.dns_config is None or not self.dns_config.nameservers
        ):
            raise refuse("dnsPolicy None needs at least one of dnsConfig.nameservers")
        return self
