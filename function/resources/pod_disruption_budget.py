"""The PodDisruptionBudget that keeps drains from evicting too many of the gateway's pods."""

from typing import ClassVar

from function import names
from function.api import Spec
from function.api import disruption as api
from function.call import Manifest
from function.gateways.base import Plan
from function.resources.base import RequestedKind, service_selector


class PodDisruptionBudget(RequestedKind[api.PodDisruptionBudget]):
    """The PodDisruptionBudget of the gateway's pods, on request."""

    name = names.RESOURCE_POD_DISRUPTION_BUDGET
    api_version = "policy/v1"
    kind = "PodDisruptionBudget"
    fixed: ClassVar = {
        "/spec/selector": "by which the gateway's pods are known",
        **dict.fromkeys(
            ("/spec/minAvailable", "/spec/maxUnavailable"),
            "which has a field of its own in spec.podDisruptionBudget",
        ),
    }

    def block(self, spec: Spec) -> api.PodDisruptionBudget | None:
        """What the router says of it."""
        return spec.pod_disruption_budget

    def spec(self, plan: Plan, block: api.PodDisruptionBudget) -> Manifest:
        """How many pods may go or must stay; one that is not ready may always go."""
        wanted = block.manifest()
        wanted.pop("enabled", None)
        return {
            **wanted,
            "selector": {"matchLabels": service_selector(plan.router)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
