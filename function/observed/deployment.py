"""The observed Deployment: what it says of its rollout and of what its pods run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import names, shapes
from function.call import conditions_of


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

    def count(self, field: str) -> int:
        """A number of replicas in its status, such as `readyReplicas`; 0 if it is not there."""
        return shapes.as_int(self._status.get(field)) or 0

    def has_rolled_out(self, wanted: Mapping[str, Any]) -> bool:
        """Whether all its pods are up and run what the wanted Deployment says.

        Between a change and Crossplane's apply, the observed Deployment is still the old one.
        """
        generation = shapes.as_int(shapes.at(self.manifest, "metadata", "generation")) or 0
        observed = shapes.as_int(self._status.get("observedGeneration"))
        replicas = wanted["spec"]["replicas"]
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
