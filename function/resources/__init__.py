"""The composed kinds, a module each. Adding one is such a module and one line here."""

from collections.abc import Mapping
from typing import Final

from function.call import DesiredResource
from function.gateways.base import Plan
from function.observed import Observed
from function.resources.base import ComposedKind
from function.resources.config_map import ConfigMap
from function.resources.deployment import Deployment
from function.resources.master_key import MasterKeySecret
from function.resources.service import Service

KINDS: Final[Mapping[str, ComposedKind]] = {
    kind.name: kind for kind in (ConfigMap(), Deployment(), MasterKeySecret(), Service())
}
"""All composed kinds, by the names of their objects among the composed resources."""


def build(plan: Plan, observed: Observed) -> dict[str, DesiredResource]:
    """The composed resources that the router wants, by name."""
    resources = {}
    for name in observed.wanted:
        desired, own = KINDS[name].build(plan, observed), observed.own.get(name)
        ready = own is not None and KINDS[name].is_ready(desired, own)
        resources[name] = DesiredResource(desired, ready)
    return resources
