"""The NetworkPolicy that lets in who may call the gateway, and no one else."""

from typing import ClassVar

from function import names
from function.api import Spec
from function.api import network_policy as api
from function.call import Manifest
from function.gateways.base import Plan
from function.resources.base import RequestedKind, service_selector


class NetworkPolicy(RequestedKind[api.NetworkPolicy]):
    """The NetworkPolicy of the gateway's pods, on request."""

    name = names.RESOURCE_NETWORK_POLICY
    api_version = "networking.k8s.io/v1"
    kind = "NetworkPolicy"
    fixed: ClassVar = {
        "/spec/podSelector": "by which the gateway's pods are known",
        "/spec/policyTypes": "with which it lets in no one else",
        "/spec/ingress": "which has a field of its own in spec.networkPolicy",
    }

    def block(self, spec: Spec) -> api.NetworkPolicy | None:
        """What the router says of it."""
        return spec.network_policy

    def spec(self, plan: Plan, block: api.NetworkPolicy) -> Manifest:
        """The port of the pods, by its number, which every network knows, and who may call it."""
        return {
            "podSelector": {"matchLabels": service_selector(plan.router)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": block.manifest()["from"],
                    "ports": [{"protocol": "TCP", "port": plan.router.spec.port}],
                },
            ],
        }
