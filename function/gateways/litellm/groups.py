"""The deployments of a model: the entries of `aiModels` that clients ask for by the same name."""

from dataclasses import dataclass
from typing import Final

from function.api import AIModel, Routing, Spec

SIMPLE_SHUFFLE: Final = "simple-shuffle"
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
        has_fallback: whether another model is asked when this one fails.
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
    fallbacks = spec.routing.fallbacks
    sizes: dict[str, int] = {}
    for model in spec.ai_models:
        sizes[model.offered_as] = sizes.get(model.offered_as, 0) + 1
    with_fallback = {fallback.model for fallback in fallbacks}
    limited = {model.offered_as for model in spec.ai_models if is_limited(model)}
    staying = with_fallback | limited if cooldown(spec.routing) else set[str]()
    if staying and shuffles(spec.routing):
        staying = staying.union(*(fallback.to for fallback in fallbacks))
    return {
        name: Group(name, size, name in with_fallback, name in limited, name in staying)
        for name, size in sizes.items()
    }


def is_limited(model: AIModel) -> bool:
    """Whether a deployment has a limit of calls or tokens a minute."""
    return model.rpm is not None or model.tpm is not None


def shuffles(routing: Routing) -> bool:
    """Whether deployments are drawn by their weights."""
    return routing.strategy in (None, SIMPLE_SHUFFLE)


def cooldown(routing: Routing) -> Cooldown | None:
    """The cooldown of the deployments; None if none cools down."""
    failures, seconds = routing.allowed_failures, routing.cooldown_seconds
    asked_for = (failures, seconds) != (None, None) or not shuffles(routing)
    if not asked_for or seconds == 0:
        return None
    return Cooldown(failures or 0, seconds or _COOLDOWN_SECONDS)
