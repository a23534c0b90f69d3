"""The ConfigMap with the gateway's configuration file."""

from function import names
from function.api import Router
from function.call import Manifest
from function.gateways.base import Plan
from function.observed import Observed
from function.resources.base import ComposedKind


class ConfigMap(ComposedKind):
    """The ConfigMap with the gateway's configuration file."""

    name = names.RESOURCE_CONFIG_MAP
    api_version = "v1"
    kind = "ConfigMap"

    def object_name(self, router: Router) -> str:
        """The name that the pods mount."""
        return names.config_map_of(router.name)

    def body(self, plan: Plan, observed: Observed) -> Manifest:  # noqa: ARG002
        """The file."""
        return {"data": {plan.config.name: plan.config.text}}
