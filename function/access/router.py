"""What is known of a ModelAccess's router: what it offers, and which keys it lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import names, shapes
from function.access.observed import Observed
from function.access.request import Application
from function.api import defaults
from function.api.access import Access
from function.api.validation import parse, switched_on
from function.errors import Refused
from function.grants import Offer

_MAX_VALUES: Final = 4_000
_MAX_MODELS: Final = 1_000
"""How much of a router is read."""


@dataclass(frozen=True)
class Known:
    """What is known of the router.

    Attributes:
        exists: whether there is one.
        offer: what it offers; None if that cannot be read.
        url: the base URL of its gateway, if it says so.
        listed: the first hexadecimal digits of the hashes that it accepts.
    """

    exists: bool
    offer: Offer | None
    url: str
    listed: frozenset[str]

    def lists(self, key_hash: str) -> bool:
        """Whether the router accepts the key with a hash."""
        return key_hash[:8] in self.listed


def look(observed: Observed) -> Known:
    """What is known of the router of a ModelAccess."""
    router = observed.router
    if router is None:
        return Known(exists=False, offer=None, url="", listed=frozenset())
    status = shapes.object_at(router, "status")
    keys = shapes.as_list(shapes.at(status, "access", "keys"))
    return Known(
        exists=True,
        offer=_offer(observed.application, router),
        url=shapes.text_at(status, "url"),
        listed=frozenset(key for key in keys if isinstance(key, str)),
    )


def _offer(application: Application, router: Mapping[str, Any]) -> Offer | None:
    """What the router offers, as far as it can be read: all else in its spec is its own matter."""
    spec = shapes.object_at(router, "spec")
    parts = {
        name: shapes.plain(spec.get(name), most=_MAX_VALUES)
        for name in ("access", "redis")
        if spec.get(name) is not None
    }
    merged = defaults.under(parts, dict(application.platform.defaults))
    if not isinstance(merged, dict) or merged.get("access") is None:
        return Offer(None, (), (), counts=False)
    try:
        access = parse(Access, merged["access"], "spec.access", names.REASON_INVALID_SPEC)
    except Refused:
        return None
    redis = merged.get("redis")
    return Offer(
        access=switched_on(access),
        # Only wishes are held against them.
        models=tuple(_names(spec, "aiModels")) if application.spec.models is not None else (),
        mcp_servers=tuple(_names(spec, "mcpServers")),
        counts=isinstance(redis, dict) and redis.get("enabled") is not False,
    )


def _names(spec: Mapping[str, Any], field: str) -> list[str]:
    """What the entries of a list are called by clients."""
    entries = shapes.objects_at(spec, field)[:_MAX_MODELS]
    found = (
        shapes.text_at(entry, "alias") or shapes.text_at(entry, "name")
        for entry in entries
        if entry.get("weight") != 0
    )
    return [name for name in found if name]
