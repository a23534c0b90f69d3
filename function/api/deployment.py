"""How the gateway's pods run, in fields with Kubernetes' own names and meanings."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, model_validator

from function.api import literals
from function.api.fields import (
    HUGE_PAGES,
    PAGE_SIZE,
    QUALIFIED_NAME,
    WHOLE,
    AnnotationValue,
    Image,
    LabelValue,
    MetadataKey,
    ObjectName,
    Quantities,
    Text,
    VariableName,
    amount,
    map_key,
)
from function.api.secret_refs import SecretKeyRef
from function.api.validation import Model, Rule, refuse, without_nulls

_OVERCOMMITTED: Final = ("cpu", "memory", "ephemeral-storage")
"""The resources whose request may be lower than their limit."""

_MAX_WHOLE: Final = 2**63 - 1

_REPLACED: Final = re.compile(
    r"(kubernetes\.io/config\.mirror|scheduler\.alpha\.kubernetes\.io/tolerations|"
    r"(container\.)?(seccomp|apparmor)\.security\.(alpha|beta)\.kubernetes\.io/.*)"
)
_DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_SOURCE_RANGES: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"
_INT32: Final = re.compile(r"0|-?[1-9][0-9]{0,8}")


class KeySelector(SecretKeyRef):
    """A key of a Secret or ConfigMap that may be optional."""

    optional: bool | None = None


class FieldRef(Model):
    """A field of the pod."""

    field_path: Annotated[
        str,
        # So that the prefix of a label's or annotation's key is not too long.
        Field(min_length=1, max_length=272),
        Rule(
            r"(metadata\.(name|namespace|uid)|spec\.(nodeName|serviceAccountName)|"
            r"status\.(hostIPs?|podIPs?)|"
            rf"metadata\.(labels|annotations)\['{QUALIFIED_NAME}'\])",
            "a field of the pod must be one of metadata.name, metadata.namespace, metadata.uid, "
            "metadata.labels['key'], metadata.annotations['key'], spec.nodeName, "
            "spec.serviceAccountName, status.hostIP, status.hostIPs, status.podIP and "
            "status.podIPs",
        ),
    ]


class ResourceFieldRef(Model):
    """A resource of the container."""

    resource: Annotated[
        str,
        Field(min_length=1, max_length=128),
        Rule(
            r"(limits|requests)\.(cpu|memory|ephemeral-storage|"
            rf"{HUGE_PAGES}{PAGE_SIZE})",
            "a resource of the container must be limits. or requests. with cpu, memory, "
            "ephemeral-storage or huge pages, such as limits.memory",
        ),
    ]


class EnvVarSource(Model):
    """The source of a variable's value; exactly one."""

    secret_key_ref: KeySelector | None = None
    config_map_key_ref: KeySelector | None = None
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "EnvVarSource":
        if len(self.model_fields_set) != 1:
            raise refuse(
                f"has {len(self.model_fields_set)} sources: set exactly one of secretKeyRef, "
                "configMapKeyRef, fieldRef and resourceFieldRef"
            )
        return self


class EnvVar(Model):
    """An environment variable of the container."""

    name: VariableName
    value: Text | None = None
    value_from: EnvVarSource | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "EnvVar":
        if self.value is not None and self.value_from is not None:
            raise refuse("an env entry must not set both value and valueFrom")
        match literals.of_variable(self.name, self.value or ""):
            case "name":
                raise refuse(
                    "an env entry named like a credential must take it from a Secret: use "
                    "valueFrom.secretKeyRef instead of value"
                )
            case "value":
                raise refuse(
                    "the value of an env entry must not hold a credential: take it from a Secret "
                    "with valueFrom.secretKeyRef, and refer to it as $(NAME) inside another value"
                )
        return self

    @property
    def is_always_set(self) -> bool:
        """Whether a running container has a value for it: a missing label is an empty one."""
        if self.value_from is None:
            return bool(self.value)
        ref = self.value_from.secret_key_ref or self.value_from.config_map_key_ref
        return ref is not None and not ref.optional


class EnvSource(Model):
    """A Secret or ConfigMap of which all keys become variables."""

    name: ObjectName
    optional: bool | None = None


class EnvFromSource(Model):
    """A Secret or a ConfigMap, and the prefix of its variables."""

    prefix: VariableName | None = None
    secret_ref: EnvSource | None = None
    config_map_ref: EnvSource | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "EnvFromSource":
        if (self.secret_ref is None) == (self.config_map_ref is None):
            raise refuse("an envFrom entry must set exactly one of secretRef and configMapRef")
        return self


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


class Deployment(Model):
    """How the gateway's pods run."""

    image: Image | None = None
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    resources: Resources | None = None
    env: Annotated[list[EnvVar], Field(max_length=128), map_key("name")] = []
    env_from: Annotated[list[EnvFromSource], Field(max_length=16)] = []
    service_account_name: ObjectName | None = None


class Metadata(Model):
    """Labels and annotations, of the pods at least."""

    labels: Annotated[
        dict[MetadataKey, LabelValue], Field(max_length=32), BeforeValidator(without_nulls)
    ] = {}
    annotations: Annotated[
        dict[MetadataKey, AnnotationValue],
        Field(max_length=32),
        BeforeValidator(without_nulls),
    ] = {}

    @model_validator(mode="after")
    def _known_of_pods(self) -> "Metadata":
        """Rejects annotations that the API server takes for more than notes."""
        if any(_REPLACED.fullmatch(key) for key in self.annotations):
            raise refuse(
                "annotations must not set what Kubernetes has other fields for: seccomp, AppArmor, "
                "tolerations and static pods"
            )
        if not _INT32.fullmatch(self.annotations.get(_DELETION_COST, "0")):
            raise refuse(
                f"the annotation {_DELETION_COST} must be a whole number of at most nine digits"
            )
        return self


class CommonMetadata(Metadata):
    """Labels and annotations of the composed objects and the pods."""

    @model_validator(mode="after")
    def _known_of_services(self) -> "CommonMetadata":
        if _SOURCE_RANGES in self.annotations:
            raise refuse(
                f"the annotation {_SOURCE_RANGES} must not be set: the gateway's Service has no "
                "load balancer"
            )
        return self
