"""The ModelRouter's spec as typed models.

The composite resource definition in `package/configuration` is the source of the API. These models
say the same to Python, because the function meets specs that no API server has seen (`crossplane
composition render` runs no admission) and must refuse what admission refuses. A test holds the two
against each other, field by field: type, bounds, patterns, defaults and messages.

Two defaults are the schema's, `type` and `port`; every other default is the function's and is made
where it is used. Unknown fields are no error here: Crossplane keeps its own machinery under `spec`.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from function import names
from function.fields import (
    DataKey,
    Image,
    LabelValue,
    MetadataKey,
    ObjectName,
    Quantities,
    VariableName,
    amount,
)
from function.validation import Model, Rule, refuse, shorten

CREDENTIAL_NAME: Final = re.compile(
    r"(.*_)?([A-Z]*API_?KEY|KEY|ACCESS_KEY_ID|TOKEN(_BEDROCK)?|SECRET|PASSWORD|CREDENTIALS|JWT)"
)
_CREDENTIALS_IN_URL: Final = re.compile(r"[^/?#]*//[^/?#]*@")
_URL: Final = re.compile(
    r"https?://([A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
    r"(:[0-9]{1,5})?([/?#][!-~]*)?",
)


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
            raise refuse("secretRef goes with source Secret: leave it out, or leave the source out")
        return self


class AIModel(Model):
    """One deployment of a model at a provider."""

    name: Annotated[
        str,
        Field(min_length=3, max_length=256),
        Rule(
            r"[!-.0-~]+/[!-~]+",
            "'{}' is no model name: write provider/model-name, such as openai/gpt-4o, in "
            "printable ASCII without blanks",
        ),
    ]
    alias: (
        Annotated[
            str,
            Field(min_length=1, max_length=256),
            Rule(
                # LiteLLM puts it into a header of the answer, which takes no other characters.
                r"[!-~]([ -~]*[!-~])?",
                "'{}' is no alias: use printable ASCII, and no blank at the beginning or end",
            ),
        ]
        | None
    ) = None
    api_base: Annotated[str, Field(min_length=1, max_length=768)] | None = None
    api_version: (
        Annotated[
            str,
            Field(min_length=1, max_length=64),
            Rule(
                r"[!-~]+",
                "'{}' is no API version: write one such as 2025-02-01-preview, in printable ASCII "
                "without blanks",
            ),
        ]
        | None
    ) = None

    credentials: Credentials | None = None

    @model_validator(mode="after")
    def _api_base(self) -> "AIModel":
        """Refuses a base that is no URL, without a word of what it holds."""
        if self.api_base is not None and not _URL.fullmatch(self.api_base):
            if _CREDENTIALS_IN_URL.match(self.api_base):
                raise refuse(
                    "apiBase must not hold a user or a password: put credentials in the Secret "
                    "that spec.credentials.secretRef names"
                )
            raise refuse(
                "apiBase must be a URL such as https://llm.example.com/v1, with http or https, "
                "a host, and no blanks"
            )
        return self

    @property
    def provider(self) -> str:
        """What LiteLLM calls the provider: the part before the first '/'."""
        return self.name.partition("/")[0]

    @property
    def offered_as(self) -> str:
        """The model name that clients ask for."""
        return self.name if self.alias is None else self.alias


class SecretKeyRef(Model):
    """A key of a Secret in the ModelRouter's namespace."""

    name: ObjectName
    key: DataKey


class Auth(Model):
    """How clients authenticate to the gateway."""

    master_key_secret_ref: SecretKeyRef | None = None


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
                f"has {len(self.model_fields_set)} sources: give exactly one of secretKeyRef, "
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
            raise refuse("an env entry has either value or valueFrom, not both")
        if (
            self.value
            and CREDENTIAL_NAME.fullmatch(self.name)
            and not self.value.startswith("$(")  # Another variable, which Kubernetes puts in.
        ):
            raise refuse(
                "an env entry with the name of a credential takes it from a Secret: put it there "
                "and use valueFrom.secretKeyRef in place of value"
            )
        return self


class EnvSource(Model):
    """A Secret or ConfigMap that is taken whole."""

    name: ObjectName
    optional: bool | None = None


class EnvFromSource(Model):
    """A Secret or a ConfigMap, and what is put before its names."""

    prefix: VariableName | None = None
    secret_ref: EnvSource | None = None
    config_map_ref: EnvSource | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "EnvFromSource":
        if (self.secret_ref is None) == (self.config_map_ref is None):
            raise refuse("an envFrom entry has exactly one of secretRef and configMapRef")
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
                "a request must not be above the limit of the same resource: lower the request or "
                "raise the limit"
            )
        return self


def _distinct_names(env: list[EnvVar]) -> list[EnvVar]:
    seen = set[str]()
    for variable in env:
        if variable.name in seen:
            raise refuse(f"'{shorten(variable.name)}' is named twice: keep one of the entries")
        seen.add(variable.name)
    return env


class Deployment(Model):
    """How the gateway's pods run."""

    image: Image | None = None
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    resources: Resources | None = None
    env: Annotated[list[EnvVar], Field(max_length=128), AfterValidator(_distinct_names)] = []
    env_from: Annotated[list[EnvFromSource], Field(max_length=16)] = []
    service_account_name: ObjectName | None = None


class Metadata(Model):
    """Labels and annotations."""

    labels: Annotated[dict[MetadataKey, LabelValue], Field(max_length=32)] = {}
    annotations: Annotated[
        dict[MetadataKey, Annotated[str, Field(max_length=4096)]], Field(max_length=32)
    ] = {}


def _distinct(models: list[AIModel]) -> list[AIModel]:
    """Refuses an entry that says the same as another, which can only be a slip."""
    seen = dict[AIModel, int]()
    for i, model in enumerate(models):
        if (first := seen.setdefault(model, i)) != i:
            raise refuse(
                f"entry {i} ('{shorten(model.name)}') repeats entry {first}: leave one of them out"
            )
    return models


class Spec(Model):
    """What the gateway offers and how it runs."""

    type: Annotated[str, Field(min_length=1, max_length=63)] = "litellm"
    port: Annotated[int, Field(ge=1, le=65535)] = 4000
    ai_models: Annotated[
        list[AIModel], Field(min_length=1, max_length=1000), AfterValidator(_distinct)
    ]
    credentials: Credentials = Credentials()
    auth: Auth = Auth()
    deployment: Deployment = Deployment()
    common_metadata: Metadata = Metadata()
    pod_metadata: Metadata = Metadata()


class Input(Model):
    """What the platform team sets on the Composition's step, for all its routers.

    No API server validates it inside a Composition, so a field that is not known is refused here.
    """

    model_config = ConfigDict(extra="forbid")

    api_version: str = names.INPUT_API_VERSION
    kind: str = names.INPUT_KIND
    metadata: dict[str, Any] = {}
    image: Image | None = None
    ttl_seconds: Annotated[int, Field(ge=1, le=86400)] = 60
