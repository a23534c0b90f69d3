"""The ConfigMap with the files of the gateway's configuration."""

from typing import ClassVar

from function import names
from function.api import Router
from function.call import Manifest
from function.gateways.base import Plan
from function.observed import Observed
from function.resources.base import ComposedKind


class ConfigMap(ComposedKind[None]):
    """The ConfigMap with the files of the gateway's configuration."""

    name = names.RESOURCE_CONFIG_MAP
    api_version = "v1"
    kind = "ConfigMap"
    fixed: ClassVar = dict.fromkeys(
        ("/data", "/binaryData", "/immutable"),
        "which holds the gateway's configuration, and has a field of its own, spec.config",
    )

    def object_name(self, router: Router) -> str:
        """The name that the pods mount."""
        return names.config_map_of(router.name)

    def part(self, observed: Observed) -> None:
        """Nothing."""

    def body(self, plan: Plan, part: None) -> Manifest:  # noqa: ARG002
        """The files."""
        return {"data": dict(plan.config.texts)}
