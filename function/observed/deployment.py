"""The observed Deployment: what it says of its rollout and of what its pods run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import names
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
        return (self._condition("Progressing") or {}).get("reason") == names.REASON_ROLLOUT_STUCK

    @property
    def secret_hash(self) -> str | None:
        """The secret hash of its pods."""
        return _annotations(_template(self.manifest)).get(names.ANNOTATION_SECRET_HASH)

    def count(self, field: str) -> int:
        """A number of replicas in its status, such as `readyReplicas`; 0 if it is not there."""
        count: int = self._status.get(field, 0)
        return count

    def has_rolled_out(self, wanted: Mapping[str, Any]) -> bool:
        """Whether all its pods are up and run what the wanted Deployment says.

        Between a change and Crossplane's apply, the observed Deployment is still the old one.
        """
        generation = (self.manifest.get("metadata") or {}).get("generation", 0)
        replicas = wanted["spec"]["replicas"]
        return (
            _runs(_template(self.manifest)) == _runs(_template(wanted))
            and self._status.get("observedGeneration", -1) >= generation
            and all(self.count(field) == replicas for field in _COUNTS)
        )

    @property
    def _status(self) -> Mapping[str, Any]:
        return self.manifest.get("status") or {}

    def _condition(self, kind: str) -> Mapping[str, Any] | None:
        return next((c for c in conditions_of(self.manifest) if c.get("type") == kind), None)


_COUNTS: Final = ("replicas", "updatedReplicas", "availableReplicas")


def _template(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    return (deployment.get("spec") or {}).get("template") or {}


def _annotations(template: Mapping[str, Any]) -> Mapping[str, Any]:
    return (template.get("metadata") or {}).get("annotations") or {}


def _runs(template: Mapping[str, Any]) -> tuple[object, ...]:
    """What tells one state of the pods from the next, in values that no API server changes."""
    annotations = _annotations(template)
    containers = (template.get("spec") or {}).get("containers") or [{}]
    hashes = [
        annotations.get(key) for key in (names.ANNOTATION_CONFIG_HASH, names.ANNOTATION_SECRET_HASH)
    ]
    return *hashes, containers[0].get("image")
