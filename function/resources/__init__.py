"""The composed kinds, a module each. Adding one is such a module and one line here."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from function.call import DesiredResource
from function.gateways.base import Plan
from function.observed import Observed
from function.resources.base import ComposedKind
from function.resources.config_map import ConfigMap
from function.resources.deployment import Deployment
from function.resources.http_route import HTTPRoute
from function.resources.ingress import Ingress
from function.resources.master_key import MasterKeySecret
from function.resources.network_policy import NetworkPolicy
from function.resources.pod_disruption_budget import PodDisruptionBudget
from function.resources.service import Service

KINDS: Final[Mapping[str, ComposedKind[Any]]] = {
    kind.name: kind
    for kind in (
        ConfigMap(),
        Deployment(),
        HTTPRoute(),
        Ingress(),
        MasterKeySecret(),
        NetworkPolicy(),
        PodDisruptionBudget(),
        Service(),
    )
}
"""All composed kinds, by the names of their objects among the composed resources."""


def build(plan: Plan, observed: Observed) -> dict[str, DesiredResource]:
    """The composed resources that the router wants, by name."""
    resources = {}
    for name in observed.wanted:
        kind, own = KINDS[name], observed.own.get(name)
        part = kind.part(observed)
        desired = plan.written(name, part, partial(kind.build, plan, part))
        ready = own is not None and kind.is_ready(desired.manifest, own)
        resources[name] = DesiredResource(desired.manifest, ready, desired.forms)
    return resources
