"""What a ModelAccess gets of a router: its wishes, as far as the grant of its namespace goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from function import globs, names
from function.api.access import ANY, Budget, Grant
from function.api.model_access import AccessSpec
from function.call import Manifest
from function.grants.offer import Offer
from function.text import first, shorten

MAX_PATTERNS: Final = 128
"""How many models and patterns a wish and a grant may give together."""

_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Limits:
    """What a ModelAccess gets.

    Attributes:
        models: the models that it may call, as patterns.
        mcp_servers: the MCP servers that it may call, by name.
        rpm: how many calls a minute.
        tpm: how many tokens a minute.
        max_parallel_requests: how many calls at once.
        budget: how much it may spend.
        namespace_budget: how much all of its namespace may spend together.
        expires_at: when it ends.
    """

    models: tuple[str, ...]
    mcp_servers: tuple[str, ...]
    rpm: int | None
    tpm: int | None
    max_parallel_requests: int | None
    budget: Budget | None
    namespace_budget: Budget | None
    expires_at: str | None

    def entry(self) -> Manifest:
        """The same as the gateway reads it: what has no limit is left out."""
        limits = {
            "rpm": self.rpm,
            "tpm": self.tpm,
            "maxParallelRequests": self.max_parallel_requests,
            "budget": _said(self.budget),
            "namespaceBudget": _said(self.namespace_budget),
            "expiresAt": self.expires_at,
        }
        return {
            "models": list(self.models),
            "mcpServers": list(self.mcp_servers),
            **{name: limit for name, limit in limits.items() if limit is not None},
        }


@dataclass(frozen=True)
class Verdict:
    """Whether a ModelAccess gets anything, and what.

    Attributes:
        reason: a reason of its condition Accepted.
        message: the same in a sentence; of one that is accepted, what else it should know, if
            anything.
        limits: what it gets; None if it is refused.
        grant: the grant of its namespace, if it has one.
    """

    reason: str
    message: str
    limits: Limits | None = None
    grant: Grant | None = None


def judge(offer: Offer, spec: AccessSpec, namespace: str, now: float) -> Verdict:
    """What a ModelAccess gets of a router, as far as that can be told from the two alone.

    Args:
        offer: what the router offers.
        spec: what the ModelAccess asks for.
        namespace: that of the ModelAccess.
        now: the time, in seconds since 1970.
    """
    if spec.end is not None and spec.end <= now:
        return Verdict(
            names.REASON_EXPIRED,
            "spec.expiresAt is in the past, so the gateway no longer accepts the key, or will not "
            "once it knows of that date: set a later one, or delete the ModelAccess.",
        )
    grant = None if offer.access is None else offer.access.grant_for(namespace)
    if grant is None:
        return not_allowed(spec, namespace)
    return _granted(offer, spec, grant)


def not_allowed(spec: AccessSpec, namespace: str) -> Verdict:
    """The refusal of one without a grant.

    To other namespaces a router without a grant looks like none at all, so that no one learns what
    exists there.
    """
    ref = spec.router_ref
    where = ref.namespace or namespace
    if where == namespace:
        return Verdict(
            names.REASON_NOT_ALLOWED,
            f"ModelRouter '{shorten(ref.name)}' gives this namespace no keys: add '{namespace}' to "
            "its spec.access.grants.",
        )
    return Verdict(
        names.REASON_NOT_ALLOWED,
        f"There is no ModelRouter '{shorten(ref.name)}' in namespace '{where}' that gives keys to "
        f"namespace '{namespace}': ask whoever runs it to add that namespace to its "
        "spec.access.grants.",
    )


def _granted(offer: Offer, spec: AccessSpec, grant: Grant) -> Verdict:
    if spec.budget is not None and not offer.counts:
        return Verdict(
            names.REASON_BUDGET_NEEDS_REDIS,
            "spec.budget needs a ModelRouter with spec.redis, where the spending of all pods is "
            "counted: remove the budget, or ask for Redis there.",
        )
    models, lacking = _models(offer, spec.models, grant.allowed_models)
    if len(models) > MAX_PATTERNS:
        return Verdict(
            names.REASON_TOO_MANY_MODELS,
            f"spec.models and the grant give more than {MAX_PATTERNS} models and patterns "
            "together: use fewer of them.",
        )
    if lacking and not models:
        return Verdict(
            names.REASON_MODEL_NOT_OFFERED,
            f"spec.models names nothing that the ModelRouter both offers and grants: {lacking}.",
        )
    servers = (
        offer.mcp_servers
        if ANY in grant.mcp_servers
        else tuple(name for name in offer.mcp_servers if name in grant.mcp_servers)
    )
    limits = Limits(
        models=models,
        mcp_servers=tuple(sorted(servers)),
        rpm=_lower(spec.rpm, grant.rpm),
        tpm=_lower(spec.tpm, grant.tpm),
        max_parallel_requests=_lower(spec.max_parallel_requests, grant.max_parallel_requests),
        budget=spec.budget,
        namespace_budget=grant.budget,
        expires_at=spec.expires_at,
    )
    note = (
        "Left out of spec.models, as the ModelRouter does not both offer and grant them: "
        f"{lacking}."
        if lacking
        else ""
    )
    return Verdict(names.REASON_ACCEPTED, note, limits, grant)


def _models(
    offer: Offer, wished: Sequence[str] | None, granted: Sequence[str]
) -> tuple[tuple[str, ...], str]:
    """What may be called, and which wishes come to nothing."""
    if wished is None:
        return tuple(sorted(set(granted))), ""
    found: set[str] = set()
    lacking = []
    for wish in wished:
        common = {text for grant in granted for text in globs.intersect(wish, grant)}
        # Beyond the most, it is refused in any case.
        called = len(found) > MAX_PATTERNS or any(offer.has(text) for text in common)
        if called:
            found |= common
        else:
            lacking.append(wish)
    named = first([f"'{shorten(wish)}'" for wish in lacking], most=_MOST_NAMED)
    return tuple(sorted(found)), ", ".join(named)


def _lower(wish: int | None, most: int | None) -> int | None:
    """The lower of two limits, of which one that is not set limits nothing."""
    return min((limit for limit in (wish, most) if limit is not None), default=None)


def _said(budget: Budget | None) -> Manifest | None:
    return None if budget is None else budget.manifest()
