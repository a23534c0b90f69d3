"""How the gateway's pods run, in fields with Kubernetes' own names and meanings."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from function.api.fields import (
    Image,
    LabelValue,
    MetadataKey,
    ObjectName,
    Quantities,
    VariableName,
    amount,
    map_key,
)
from function.api.literals import CREDENTIAL_NAME
from function.api.secret_refs import SecretKeyRef
from function.api.validation import Model, refuse, without_nulls


class KeySelector(SecretKeyRef):
    """A key of a Secret or ConfigMap that may be optional."""

    optional: bool | None = None


class FieldRef(Model):
    """A field of the pod."""

    field_path: Annotated[str, Field(min_length=1, max_length=512)]


class ResourceFieldRef(Model):
    """A resource of the container."""

    resource: Annotated[str, Field(min_length=1, max_length=128)]


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
    value: Annotated[str, Field(max_length=32768)] | None = None
    value_from: EnvVarSource | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "EnvVar":
        if self.value is not None and self.value_from is not None:
            raise refuse("an env entry must not set both value and valueFrom")
        if (
            self.value
            and CREDENTIAL_NAME.fullmatch(self.name)
            and not self.value.startswith(
                "$("
            )  # A reference to another variable, which Kubernetes expands.
        ):
            raise refuse(
                "an env entry named like a credential must take it from a Secret: use "
                "valueFrom.secretKeyRef instead of value"
            )
        return self


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


class Deployment(Model):
    """How the gateway's pods run."""

    image: Image | None = None
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    resources: Resources | None = None
    env: Annotated[list[EnvVar], Field(max_length=128), map_key("name")] = []
    env_from: Annotated[list[EnvFromSource], Field(max_length=16)] = []
    service_account_name: ObjectName | None = None


class Metadata(Model):
    """Labels and annotations."""

    labels: Annotated[
        dict[MetadataKey, LabelValue], Field(max_length=32), BeforeValidator(without_nulls)
    ] = {}
    annotations: Annotated[
        dict[MetadataKey, Annotated[str, Field(max_length=4096)]],
        Field(max_length=32),
        BeforeValidator(without_nulls),
    ] = {}
