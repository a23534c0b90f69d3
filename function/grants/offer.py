"""What a router offers to those who have keys of their own."""

from dataclasses import dataclass, field
from functools import cached_property

from function import globs
from function.api import Spec
from function.api.access import Access


@dataclass(frozen=True)
class Offer:
    """What a router offers to those who have keys of their own.

    Attributes:
        access: its grants; None if there are no such keys.
        models: the model names that clients can ask for, or patterns of them.
        mcp_servers: the names of its MCP servers.
        counts: whether it has a Redis server, in which spending is counted.
    """

    access: Access | None
    models: tuple[str, ...] = field(repr=False)
    mcp_servers: tuple[str, ...]
    counts: bool

    def has(self, pattern: str) -> bool:
        """Whether something that a pattern stands for can be called."""
        if pattern in self._exact:
            return True
        if globs.STAR in pattern and any(globs.takes(pattern, name) for name in self._exact):
            return True
        return any(globs.intersect(pattern, offered) for offered in self._wildcards)

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(name for name in self.models if globs.STAR not in name)

    @cached_property
    def _wildcards(self) -> tuple[str, ...]:
        """The patterns, of which what is between the first and the last `*` is left aside."""
        return tuple(
            name[: name.index(globs.STAR)] + name[name.rindex(globs.STAR) :]
            for name in self.models
            if globs.STAR in name
        )


def of(spec: Spec) -> Offer:
    """What a router with this spec offers."""
    return Offer(
        access=spec.wanted_access,
        models=tuple(dict.fromkeys(model.offered_as for model in spec.called_models)),
        mcp_servers=tuple(server.name for server in spec.mcp_servers),
        counts=spec.shared_redis is not None,
    )
