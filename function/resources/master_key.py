"""The Secret with a master key that is generated for the router."""

from collections.abc import Mapping

from function import names
from function.api import Router
from function.call import Manifest
from function.gateways.base import Plan
from function.observed import Observed, Seen, master_key
from function.observed.master_key import GeneratedKey
from function.resources.base import ComposedKind


class MasterKeySecret(ComposedKind[GeneratedKey | None]):
    """The Secret with a master key that is generated for the router."""

    name = names.RESOURCE_MASTER_KEY
    api_version = "v1"
    kind = "Secret"
    adopts = True  # With its key: so a router gets back the key that it had before.

    def object_name(self, router: Router) -> str:
        """The name that the status shows."""
        return names.generated_key_of(router.name)

    def is_wanted(self, plan: Plan, seen: Seen) -> bool:
        """Not if the router names a Secret of its user's."""
        return master_key.is_wanted(plan, seen.secrets, observed=self.name in seen.own)

    def part(self, observed: Observed) -> GeneratedKey | None:
        """The key."""
        return observed.generated_key

    def annotations(self, plan: Plan, part: GeneratedKey | None) -> Mapping[str, str]:  # noqa: ARG002
        """What tells the key from the one before it."""
        return {names.ANNOTATION_KEY_ID: part.id} if part and part.id else {}

    def body(self, plan: Plan, part: GeneratedKey | None) -> Manifest:
        """The key. Immutable, so that no stale cache can ever replace it by another."""
        return {"data": {plan.generated_key.key: part and part.data}, "immutable": True}
