"""The composed kinds, a module each. Adding one is such a module and one line here."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from function import names
from function.api.patches import PATCHED
from function.call import DesiredResource, Result
from function.gateways.base import Plan, Written
from function.observed import Observed
from function.resources.access import AccessConfigMap
from function.resources.autoscaler import Autoscaler
from function.resources.base import ComposedKind
from function.resources.config_map import ConfigMap
from function.resources.deployment import Deployment
from function.resources.http_route import HTTPRoute
from function.resources.ingress import Ingress
from function.resources.master_key import MasterKeySecret
from function.resources.network_policy import NetworkPolicy
from function.resources.pod_disruption_budget import PodDisruptionBudget
from function.resources.service import Service
from function.resources.service_monitor import ServiceMonitor

KINDS: Final[Mapping[str, ComposedKind[Any]]] = {
    kind.name: kind
    for kind in (
        AccessConfigMap(),
        Autoscaler(),
        ConfigMap(),
        Deployment(),
        HTTPRoute(),
        Ingress(),
        MasterKeySecret(),
        NetworkPolicy(),
        PodDisruptionBudget(),
        Service(),
        ServiceMonitor(),
    )
}
"""All composed kinds, by the names of their objects among the composed resources."""


def build(plan: Plan, observed: Observed) -> dict[str, DesiredResource]:
    """The composed resources that the router wants, by name."""
    resources = {}
    for name in observed.wanted:
        kind, own = KINDS[name], observed.own.get(name)
        part = kind.part(observed)
        write = partial(kind.build, plan, part)
        desired = plan.written(name, part, write) if kind.is_kept else Written(part, *write(), {})
        ready = own is not None and kind.is_ready(desired.manifest, own)
        resources[name] = DesiredResource(desired.manifest, ready, desired.results, desired.forms)
    return resources


def results(
    plan: Plan, observed: Observed, resources: Mapping[str, DesiredResource]
) -> tuple[Result, ...]:
    """What the user should look at or know about the composed resources.

    Of an object of a kind that the cluster does not serve, more is told than that its patch has no
    effect.
    """
    there = resources.keys() | {kind.name for kind in observed.unserved}
    unused = [name for name in PATCHED if plan.router.spec.patches.of(name) and name not in there]
    return (
        *(result for resource in resources.values() for result in resource.results),
        *(
            Result(
                names.EVENT_PATCHES,
                f"patches.{name} has no effect, since there is no such object: remove the patch, "
                "or set the field that composes the object.",
            )
            for name in unused
        ),
    )
