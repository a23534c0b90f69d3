"""The entries of a router's `aiModels`, each with all that is known of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from function.api import AIModel, Routing, Spec
from function.call import Manifest
from function.gateways.litellm import credentials, groups
from function.gateways.litellm.credentials import Access
from function.gateways.litellm.groups import Group


@dataclass(frozen=True)
class Entry:
    """One entry of `aiModels`: a deployment of a model at a provider.

    Attributes:
        model: what the spec says.
        access: how its credentials reach its provider.
        group: the deployments that share its model name.
    """

    model: AIModel
    access: Access
    group: Group

    def params(self, routing: Routing) -> Manifest:
        """Its `litellm_params`.

        Args:
            routing: how the router asks for calls to be routed.
        """
        params: Manifest = dict(self.model.stated_params)
        if self.group.size > 1:
            # `rpm` and `tpm` would weigh otherwise. With 0, LiteLLM only asks it after the others.
            params.setdefault("weight", 0 if self.model.standby else 1)
        elif self.group.has_fallback and routing.retries is None:
            params.setdefault("num_retries", 0)
        if groups.is_limited(self.model):
            params.setdefault("max_parallel_requests", 0)
        if self.group.never_cools_down:
            params["cooldown_time"] = 0
        return {**params, **self.access.params, **(self.model.parameters or {})}


def read(spec: Spec) -> list[Entry]:
    """The entries of a spec that take calls, in its order.

    Raises:
        Refused: a credential could not be kept to its provider, or LiteLLM would send prompts to a
            host that no one chose.
    """
    grouped = groups.read(spec)
    return [
        Entry(model, access, grouped[model.offered_as]) for model, access in credentials.read(spec)
    ]


def groups_of(entries: Iterable[Entry]) -> list[Group]:
    """The groups of entries, each once, in their order."""
    return list({entry.group.name: entry.group for entry in entries}.values())
