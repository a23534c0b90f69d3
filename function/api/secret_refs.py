"""References to Secrets in the ModelRouter's namespace."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from function.api.fields import DataKey, ObjectName, ProviderVariable, ShortDataKey
from function.api.validation import Model, refuse, without_nulls


class SecretRef(Model):
    """A Secret in the ModelRouter's namespace."""

    name: ObjectName | None = None
    keys: (
        Annotated[
            dict[ProviderVariable, ShortDataKey],
            Field(max_length=16),
            BeforeValidator(without_nulls),
        ]
        | None
    ) = None

    def __hash__(self) -> int:
        """A hash that does not mind that a dict has none."""
        return hash(self.name)


class Credentials(Model):
    """Where credentials come from."""

    source: Literal["Secret", "WorkloadIdentity", "None"] | None = None
    secret_ref: SecretRef | None = None

    @model_validator(mode="after")
    def _secret_of_source_secret(self) -> "Credentials":
        if self.secret_ref is not None and self.source not in (None, "Secret"):
            raise refuse("secretRef is only allowed with source Secret: remove secretRef or source")
        return self


class SecretKeyRef(Model):
    """A key of a Secret in the ModelRouter's namespace."""

    name: ObjectName
    key: DataKey


class Auth(Model):
    """How clients authenticate to the gateway."""

    master_key_secret_ref: SecretKeyRef | None = None
