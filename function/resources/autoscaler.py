"""The HorizontalPodAutoscaler that fits the number of the gateway's pods to their load."""

from typing import ClassVar

from function import names
from function.api import Spec
from function.api import autoscaling as api
from function.call import Manifest, Result
from function.gateways.base import Plan
from function.resources.base import RequestedKind
from function.resources.deployment import Deployment


class Autoscaler(RequestedKind[api.Autoscaling]):
    """The HorizontalPodAutoscaler of the gateway's Deployment, on request."""

    name = names.RESOURCE_AUTOSCALER
    api_version = "autoscaling/v2"
    kind = "HorizontalPodAutoscaler"
    fixed: ClassVar = {
        "/spec/scaleTargetRef": "which names the gateway's Deployment",
        **dict.fromkeys(
            ("/spec/minReplicas", "/spec/maxReplicas"),
            "which has a field of its own in spec.autoscaling",
        ),
    }

    def block(self, spec: Spec) -> api.Autoscaling | None:
        """What the router says of it."""
        return spec.autoscaling

    def notes(self, plan: Plan) -> tuple[Result, ...]:
        """Whether there is nothing to measure by."""
        resources = plan.container.resources
        if any("cpu" in resources.get(kind, {}) for kind in ("requests", "limits")):
            return ()
        return (
            Result(
                names.EVENT_AUTOSCALING,
                "autoscaling measures CPU by what the container requests, but deployment.resources "
                "requests none: set requests.cpu there, unless a LimitRange of the namespace does.",
            ),
        )

    def spec(self, plan: Plan, block: api.Autoscaling) -> Manifest:
        """How many pods there may be, and how busy the gateway's own container should be.

        A sidecar that a mesh puts beside it counts for nothing: it need not even request CPU.
        """
        target = {"type": "Utilization", "averageUtilization": block.utilization}
        of_container = {"name": "cpu", "container": plan.container.name, "target": target}
        return {
            "scaleTargetRef": {
                "apiVersion": Deployment.api_version,
                "kind": Deployment.kind,
                "name": plan.router.name,
            },
            "minReplicas": block.least,
            "maxReplicas": block.max_replicas,
            "metrics": [{"type": "ContainerResource", "containerResource": of_container}],
        }
