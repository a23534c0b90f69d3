"""The results that become Kubernetes events: each is sent when it is new, not at each call."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from function import names, shapes
from function.call import Condition, Result, conditions_of

_WITH_EVENTS: Final = (names.CONFIGURED, names.CREDENTIALS_PRESENT, names.ACCEPTED)
"""Conditions that warn when they become False. Of a Deployment, Kubernetes has its own events."""

_NO_WARNING: Final = names.REASON_KEY_WAITING
"""The reason of one that is False for a while, as a rule."""


def new(
    conditions: Sequence[Condition], composite: Mapping[str, Any], results: Sequence[Result] = ()
) -> tuple[Result, ...]:
    """What the composite resource does not show yet.

    Args:
        conditions: its conditions from now on.
        composite: the observed composite resource, with its conditions until now.
        results: what belongs to Configured and is told whenever that changes.
    """
    shown = {
        (shapes.text_at(c, "type"), shapes.text_at(c, "message")) for c in conditions_of(composite)
    }
    changed = [c for c in conditions if (c.type, c.message) not in shown]
    warnings = [
        Result(c.reason, c.message)
        for c in changed
        if c.status == "False" and c.type in _WITH_EVENTS and c.reason != _NO_WARNING
    ]
    if any(c.type == names.CONFIGURED for c in changed):
        warnings += results
    return tuple(warnings)
