"""The ConfigMap with the keys of applications, which the gateway reads again when it changes."""

from typing import Final

from function import names
from function.api import Router
from function.call import Manifest
from function.gateways.base import Plan
from function.observed import Observed, Seen
from function.resources.base import ComposedKind

FILE: Final = "access.json"


class AccessConfigMap(ComposedKind[str]):
    """The ConfigMap with the keys of applications, as hashes. A change of it rolls no pod."""

    name = names.RESOURCE_ACCESS
    api_version = "v1"
    kind = "ConfigMap"
    is_kept = False

    def object_name(self, router: Router) -> str:
        """The name that the pods mount."""
        return names.access_of(router.name)

    def is_wanted(self, plan: Plan, seen: Seen) -> bool:  # noqa: ARG002
        """Only if applications have keys of their own."""
        return plan.router.spec.wanted_access is not None

    def part(self, observed: Observed) -> str:
        """The file."""
        return "" if observed.accesses is None else observed.accesses.text

    def body(self, plan: Plan, part: str) -> Manifest:  # noqa: ARG002
        """The file."""
        return {"data": {FILE: part}}
