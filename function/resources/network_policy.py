"""The NetworkPolicy that lets in who may call the gateway, and no one else."""

from typing import ClassVar

from function import names
from function.call import Manifest
from function.gateways.base import Plan
from function.observed import Observed, Seen
from function.resources.base import ComposedKind, service_selector


class NetworkPolicy(ComposedKind[None]):
    """The NetworkPolicy of the gateway's pods, on request."""

    name = names.RESOURCE_NETWORK_POLICY
    api_version = "networking.k8s.io/v1"
    kind = "NetworkPolicy"
    fixed: ClassVar = {
        "/spec/podSelector": "by which the gateway's pods are known",
        "/spec/policyTypes": "with which it lets in no one else",
        "/spec/ingress": "which has a field of its own in spec.networkPolicy",
    }

    def is_wanted(self, plan: Plan, seen: Seen) -> bool:  # noqa: ARG002
        """Only if the router asks for one."""
        return plan.router.spec.wanted_policy is not None

    def part(self, observed: Observed) -> None:
        """Nothing."""

    def body(self, plan: Plan, part: None) -> Manifest:  # noqa: ARG002
        """The port of the pods, by its number, which every network knows, and who may call it."""
        policy = plan.router.spec.wanted_policy
        wanted = {} if policy is None else policy.manifest()
        return {
            "spec": {
                "podSelector": {"matchLabels": service_selector(plan.router)},
                "policyTypes": ["Ingress"],
                "ingress": [
                    {
                        "from": wanted.get("from"),
                        "ports": [{"protocol": "TCP", "port": plan.router.spec.port}],
                    },
                ],
            },
        }
