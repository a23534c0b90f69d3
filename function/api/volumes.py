"""Volumes of the gateway's pods: the kinds that the restricted Pod Security Standard allows."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from function.api import literals
from function.api.environment import ResourceFieldRef
from function.api.fields import (
    QUALIFIED_NAME,
    DataKey,
    DomainName,
    Line,
    ObjectName,
    Quantity,
    amount,
)
from function.api.mounts import VolumePath
from function.api.validation import Model, Rule, refuse, without_nulls

_OWN: Final = ("config", "tmp", "ca-bundle")
"""The names of the volumes that the function itself gives the pods."""

_Mode = Annotated[int, Field(ge=0, le=0o777)]


class Item(Model):
    """A key that becomes a file."""

    key: DataKey
    path: VolumePath
    mode: _Mode | None = None


_Items = Annotated[list[Item], Field(max_length=16)]


class ConfigMapVolume(Model):
    """The keys of a ConfigMap as files."""

    name: ObjectName
    items: _Items = []
    default_mode: _Mode | None = None
    optional: bool | None = None


class SecretVolume(Model):
    """The keys of a Secret as files."""

    secret_name: ObjectName
    items: _Items = []
    default_mode: _Mode | None = None
    optional: bool | None = None


class EmptyDir(Model):
    """A folder that lives as long as the pod."""

    medium: Literal["", "Memory"] | None = None
    size_limit: Quantity | None = None


class Claim(Model):
    """A PersistentVolumeClaim."""

    claim_name: ObjectName
    read_only: bool | None = None


class VolumeFieldRef(Model):
    """A field of the pod that a file can hold."""

    field_path: Annotated[
        str,
        Field(min_length=1, max_length=272),
        Rule(
            r"metadata\.(name|namespace|uid|labels|annotations|"
            rf"(labels|annotations)\['{QUALIFIED_NAME}'\])",
            "a field of the pod in a file must be one of metadata.name, metadata.namespace, "
            "metadata.uid, metadata.labels, metadata.annotations, metadata.labels['key'] and "
            "metadata.annotations['key']",
        ),
    ]


class DownwardItem(Model):
    """A field of the pod, or a resource of the container, that becomes a file."""

    path: VolumePath
    field_ref: VolumeFieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    mode: _Mode | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "DownwardItem":
        if (self.field_ref is None) == (self.resource_field_ref is None):
            raise refuse("a file must set exactly one of fieldRef and resourceFieldRef")
        return self


class DownwardApi(Model):
    """Fields of the pod as files."""

    items: Annotated[list[DownwardItem], Field(max_length=8)] = []


class ProjectedObject(Model):
    """Keys of a ConfigMap or Secret among other files."""

    name: ObjectName
    items: _Items = []
    optional: bool | None = None


class ServiceAccountToken(Model):
    """A token of the pod's service account, for one audience."""

    path: VolumePath
    audience: Line | None = None
    expiration_seconds: Annotated[int, Field(ge=600, le=2147483647)] | None = None


class ProjectedSource(Model):
    """A source of files; exactly one."""

    secret: ProjectedObject | None = None
    config_map: ProjectedObject | None = None
    downward_api: DownwardApi | None = Field(default=None, alias="downwardAPI")
    service_account_token: ServiceAccountToken | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "ProjectedSource":
        if len(self.model_fields_set) != 1:
            raise refuse(
                "a source must be exactly one of secret, configMap, downwardAPI and "
                "serviceAccountToken"
            )
        return self

    def paths(self) -> Iterator[str]:
        """The files that it says by name."""
        for source in (self.secret, self.config_map, self.downward_api):
            if source is not None:
                yield from (item.path for item in source.items)
        if self.service_account_token is not None:
            yield self.service_account_token.path


class Projected(Model):
    """Files from several sources in one folder."""

    sources: Annotated[list[ProjectedSource], Field(min_length=1, max_length=8)]
    default_mode: _Mode | None = None

    @model_validator(mode="after")
    def _each_path_once(self) -> "Projected":
        paths = [path for source in self.sources for path in source.paths()]
        if len({*paths}) < len(paths):
            raise refuse("two sources must not have the same path: give each file one of its own")
        return self


class SecretName(Model):
    """A Secret, by name."""

    name: ObjectName


def _no_credentials(attributes: dict[str, str]) -> dict[str, str]:
    remedy = "keep it in a Secret, and name that in nodePublishSecretRef instead"
    literals.check(attributes, "attributes", remedy)
    return attributes


_FS: Final = "a file system must be lower-case letters and digits, such as ext4"
_ATTRIBUTE: Final = (
    "the name of a driver's attribute must be letters, digits, '-', '_', '.' and '/', at most 128"
)


class Csi(Model):
    """A volume of a CSI driver that lives as long as the pod."""

    driver: Annotated[DomainName, Field(max_length=63)]
    read_only: bool | None = None
    fs_type: Annotated[str, Field(min_length=1, max_length=16), Rule(r"[a-z0-9]+", _FS)] | None = (
        None
    )
    volume_attributes: (
        Annotated[
            dict[Annotated[str, Rule(r"[-._/A-Za-z0-9]{1,128}", _ATTRIBUTE)], Line],
            Field(max_length=16),
            BeforeValidator(without_nulls),
            AfterValidator(_no_credentials),
        ]
        | None
    ) = None
    node_publish_secret_ref: SecretName | None = None


def _above_zero(quantity: int | str) -> int | str:
    if amount(quantity) <= 0:
        raise refuse("a claim needs more than 0 of storage, such as 1Gi")
    return quantity


class StorageRequests(Model):
    """How much storage is claimed."""

    storage: Annotated[Quantity, AfterValidator(_above_zero)]


class StorageResources(Model):
    """What is claimed."""

    requests: StorageRequests


_Access = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]


class ClaimSpec(Model):
    """The claim that is made for each pod."""

    access_modes: Annotated[list[_Access], Field(min_length=1, max_length=4)]
    storage_class_name: ObjectName | None = None
    resources: StorageResources

    @model_validator(mode="after")
    def _one_pod(self) -> "ClaimSpec":
        if "ReadWriteOncePod" in self.access_modes and len({*self.access_modes}) > 1:
            raise refuse("ReadWriteOncePod must be the only access mode")
        return self


class ClaimTemplate(Model):
    """What each pod's claim is made from."""

    spec: ClaimSpec


class Ephemeral(Model):
    """A volume that is made for each pod and goes with it."""

    volume_claim_template: ClaimTemplate


class Volume(Model):
    """A volume, of exactly one source."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=63),
        Rule(
            r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
            "the name of a volume must be lower-case letters, digits and '-', and begin and end "
            "with a letter or digit",
        ),
    ]
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    empty_dir: EmptyDir | None = None
    projected: Projected | None = None
    persistent_volume_claim: Claim | None = None
    csi: Csi | None = None
    ephemeral: Ephemeral | None = None
    downward_api: DownwardApi | None = Field(default=None, alias="downwardAPI")

    @model_validator(mode="after")
    def _exactly_one(self) -> "Volume":
        if len(self.model_fields_set) != 2:  # noqa: PLR2004  # Its name and its source.
            raise refuse(
                "a volume must have exactly one source, which the restricted Pod Security Standard "
                "allows: configMap, secret, emptyDir, projected, persistentVolumeClaim, csi, "
                "ephemeral or downwardAPI"
            )
        return self

    @model_validator(mode="after")
    def _not_the_functions(self) -> "Volume":
        if self.name in _OWN:
            raise refuse(
                "the volumes config, tmp and ca-bundle are the gateway's own: choose another name"
            )
        return self
