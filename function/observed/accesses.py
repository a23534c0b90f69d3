"""The ModelAccess objects of the cluster, of which a router lists the keys."""

from typing import Final

from function import names
from function.api import Router
from function.call import Request, ResourceSelector
from function.gateways.base import Plan
from function.grants import Listing, list_keys

REQUIREMENT: Final = "modelAccesses"
"""The name of the requirement by which they are looked up."""


def requirements(router: Router) -> dict[str, ResourceSelector]:
    """What Crossplane is to look up: all of them, where the router has grants."""
    if router.spec.wanted_access is None:
        return {}
    kind = names.LEGACY_ACCESS_KIND if router.legacy else names.ACCESS_KIND
    return {REQUIREMENT: ResourceSelector(names.API_VERSION, kind, None)}


def read(request: Request, plan: Plan) -> Listing | None:
    """The keys that a router accepts; None if applications have none of their own."""
    router = plan.router
    if router.spec.wanted_access is None:
        return None
    found = request.lists.get(REQUIREMENT, ())
    return list_keys(plan.offer, found, router.namespace, router.name, request.now)
