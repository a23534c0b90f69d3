"""The deployments of a model: the entries of `aiModels` that clients ask for by the same name."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from function.api import AIModel, Routing, Spec
from function.api.models import Wildcards
from function.api.routing import ALL_OTHERS

_COOLDOWN_SECONDS: Final = 5
"""How long a deployment cools down if the router says that it does and not how long; LiteLLM's."""


@dataclass(frozen=True)
class Cooldown:
    """When a deployment that fails is taken out of its group, and for how long.

    Attributes:
        allowed_failures: how many failures within `seconds` a deployment may have before that.
        seconds: how long it stays out.
    """

    allowed_failures: int
    seconds: int


@dataclass(frozen=True)
class Group:
    """The deployments that share a model name.

    Attributes:
        name: the model name that clients ask for.
        size: how many deployments there are.
        has_fallback: whether another model is asked when this one fails; for a wildcard, whichever
            of its models it is.
        is_limited: whether a deployment has a limit of calls or tokens a minute.
        never_cools_down: whether its deployments stay in, where others' are taken out.
    """

    name: str
    size: int
    has_fallback: bool
    is_limited: bool
    never_cools_down: bool

    @property
    def stands_alone(self) -> bool:
        """Whether nothing stands in for its one deployment."""
        return self.size == 1 and not self.has_fallback


def read(spec: Spec) -> dict[str, Group]:
    """The groups of a spec by name, in the order in which the spec names them first."""
    routing = spec.routing
    sizes: dict[str, int] = {}
    for model in spec.called_models:
        sizes[model.offered_as] = sizes.get(model.offered_as, 0) + 1
    chains = routing.fallbacks_when("Failure")
    of_all_others = chains.get(ALL_OTHERS, [])
    backed = {name for name in sizes if {*chains.get(name, of_all_others)} - {name}}
    limited = {model.offered_as for model in spec.called_models if is_limited(model)}
    staying = set[str]()
    if cooldown(routing):
        staying = limited | backed | _offering(chains, sizes)
        if routing.shuffles:
            staying |= _offering((name for to in chains.values() for name in to), sizes)
    return {
        name: Group(name, size, name in backed, name in limited, name in staying)
        for name, size in sizes.items()
    }


def _offering(names: Iterable[str], groups: Collection[str]) -> set[str]:
    """The groups that offer models of these names: their own, or else wildcards."""
    wildcards = Wildcards(groups)
    found = set[str]()
    for name in names:
        found.update([name] if name in groups else wildcards.offering(name))
    return found


def is_limited(model: AIModel) -> bool:
    """Whether a deployment has a limit of calls or tokens a minute."""
    return model.rpm is not None or model.tpm is not None


def cooldown(routing: Routing) -> Cooldown | None:
    """The cooldown of the deployments; None if none cools down."""
    failures, seconds = routing.allowed_failures, routing.cooldown_seconds
    asked_for = (failures, seconds) != (None, None) or not routing.shuffles
    if not asked_for or seconds == 0:
        return None
    return Cooldown(failures or 0, seconds or _COOLDOWN_SECONDS)
