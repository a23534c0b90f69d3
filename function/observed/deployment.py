"""The observed Deployment: what it says of its rollout and of what its pods run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import names, shapes
from function.call import conditions_of

_CROSSPLANE: Final = "apiextensions.crossplane.io/"
"""What the names of Crossplane's field managers begin with."""


@dataclass(frozen=True)
class Scale:
    """How many pods the Deployment asks for, and who decides that.

    Attributes:
        replicas: how many.
        foreign: whether a manager of fields other than Crossplane owns that number, so that it
            stays as it is where Crossplane leaves it out. Owned by Crossplane alone it would become
            Kubernetes' default, one.
        autoscaled: whether the router's own autoscaler decides it, or did last.
    """

    replicas: int
    foreign: bool
    autoscaled: bool


@dataclass(frozen=True)
class ObservedDeployment:
    """A Deployment as the API server shows it.

    Attributes:
        manifest: the object.
    """

    manifest: Mapping[str, Any]

    @property
    def available(self) -> bool | None:
        """Its own condition Available: whether enough pods are ready. None if not known."""
        condition = self._condition("Available")
        return None if condition is None else condition.get("status") == "True"

    @property
    def stuck(self) -> bool:
        """Whether its new pods have not become ready in time."""
        progressing = self._condition("Progressing")
        return shapes.text_at(progressing, "reason") == names.REASON_ROLLOUT_STUCK

    @property
    def secret_hash(self) -> str | None:
        """The secret hash of its pods."""
        return _hash(_template(self.manifest), names.ANNOTATION_SECRET_HASH)

    @property
    def scale(self) -> Scale:
        """How many pods it asks for."""
        replicas = shapes.as_int(shapes.at(self.manifest, "spec", "replicas"))
        mark = shapes.at(self.manifest, "metadata", "annotations", names.ANNOTATION_AUTOSCALED)
        return Scale(
            replicas=_DEFAULT_REPLICAS if replicas is None else replicas,
            foreign=any(
                shapes.at(entry, "fieldsV1", "f:spec", "f:replicas") is not None
                and not shapes.text_at(entry, "manager").startswith(_CROSSPLANE)
                for entry in shapes.objects_at(self.manifest, "metadata", "managedFields")
            ),
            autoscaled=mark is not None,
        )

    def count(self, field: str) -> int:
        """A number of replicas in its status, such as `readyReplicas`; 0 if it is not there."""
        return shapes.as_int(self._status.get(field)) or 0

    def has_rolled_out(self, wanted: Mapping[str, Any]) -> bool:
        """Whether all its pods are up and run what the wanted Deployment says.

        Between a change and Crossplane's apply, the observed Deployment is still the old one.
        """
        generation = shapes.as_int(shapes.at(self.manifest, "metadata", "generation")) or 0
        observed = shapes.as_int(self._status.get("observedGeneration"))
        replicas = wanted["spec"].get("replicas", self.scale.replicas)
        return (
            _runs(_template(self.manifest)) == _runs(_template(wanted))
            and observed is not None
            and observed >= generation
            and all(self.count(field) == replicas for field in _COUNTS)
        )

    @property
    def _status(self) -> Mapping[str, Any]:
        return shapes.object_at(self.manifest, "status")

    def _condition(self, kind: str) -> Mapping[str, Any] | None:
        return next((c for c in conditions_of(self.manifest) if c.get("type") == kind), None)


_DEFAULT_REPLICAS: Final = 1
"""Kubernetes' own."""

_COUNTS: Final = ("replicas", "updatedReplicas", "availableReplicas")


def _template(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    return shapes.object_at(deployment, "spec", "template")


def _hash(template: Mapping[str, Any], annotation: str) -> str | None:
    return shapes.text_at(template, "metadata", "annotations", annotation) or None


def _runs(template: Mapping[str, Any]) -> tuple[object, ...]:
    """What tells one state of the pods from the next, in values that no API server changes."""
    containers = shapes.objects_at(template, "spec", "containers")
    return (
        _hash(template, names.ANNOTATION_CONFIG_HASH),
        _hash(template, names.ANNOTATION_SECRET_HASH),
        shapes.at(containers[0], "image") if containers else None,
    )
