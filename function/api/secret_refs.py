"""References to Secrets in the ModelRouter's namespace."""

from typing import Literal

from pydantic import model_validator

from function.api.fields import DataKey, ObjectName
from function.api.validation import Model, refuse


class SecretRef(Model):
    """A Secret in the ModelRouter's namespace."""

    name: ObjectName | None = None


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
