"""The PodDisruptionBudget that keeps drains from evicting too many of the gateway's pods."""

from typing import ClassVar

from function import names
from function.call import Manifest
from function.gateways.base import Plan
from function.observed import Observed, Seen
from function.resources.base import ComposedKind, service_selector


class PodDisruptionBudget(ComposedKind[None]):
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

    def is_wanted(self, plan: Plan, seen: Seen) -> bool:  # noqa: ARG002
        """Only if the router asks for one."""
        return plan.router.spec.wanted_budget is not None

    def part(self, observed: Observed) -> None:
        """Nothing."""

    def body(self, plan: Plan, part: None) -> Manifest:  # noqa: ARG002
        """How many pods may go or must stay; one that is not ready may always go."""
        budget = plan.router.spec.wanted_budget
        wanted = {} if budget is None else budget.manifest()
        wanted.pop("enabled", None)
        return {
            "spec": {
                **wanted,
                "selector": {"matchLabels": service_selector(plan.router)},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        }
