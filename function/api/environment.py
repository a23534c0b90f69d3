"""The environment of the gateway's container."""

from typing import Annotated

from pydantic import Field, model_validator

from function.api import literals
from function.api.fields import (
    HUGE_PAGES,
    PAGE_SIZE,
    QUALIFIED_NAME,
    ObjectName,
    Text,
    VariableName,
)
from function.api.secret_refs import SecretKeyRef
from function.api.validation import Model, Rule, refuse


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
