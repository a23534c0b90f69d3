"""The HorizontalPodAutoscaler that fits the number of the gateway's pods to their load."""

from typing import Any, ClassVar

from function import names
from function.call import Manifest, Result
from function.gateways.base import Plan
from function.observed import Observed, Seen
from function.resources.base import ComposedKind
from function.resources.deployment import Deployment


class Autoscaler(ComposedKind[None]):
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

    def is_wanted(self, plan: Plan, seen: Seen) -> bool:  # noqa: ARG002
        """Only if the router asks for one."""
        return plan.router.spec.wanted_autoscaling is not None

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

    def part(self, observed: Observed) -> None:
        """Nothing."""

    def body(self, plan: Plan, part: None) -> Manifest:  # noqa: ARG002
        """How many pods there may be, and how busy the gateway's own container should be.

        A sidecar that a mesh puts beside it counts for nothing: it need not even request CPU.
        """
        wanted = plan.router.spec.wanted_autoscaling
        spec: dict[str, Any] = {
            "scaleTargetRef": {
                "apiVersion": Deployment.api_version,
                "kind": Deployment.kind,
                "name": plan.router.name,
            },
        }
        if wanted is not None:
            target = {"type": "Utilization", "averageUtilization": wanted.utilization}
            of_container = {"name": "cpu", "container": plan.container.name, "target": target}
            spec |= {
                "minReplicas": wanted.least,
                "maxReplicas": wanted.max_replicas,
                "metrics": [{"type": "ContainerResource", "containerResource": of_container}],
            }
        return {"spec": spec}
