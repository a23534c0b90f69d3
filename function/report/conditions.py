"""The conditions of a router, pure functions of what is composed and observed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from function import names, shapes
from function.call import Condition, Manifest, Result, conditions_of
from function.observed.deployment import ObservedDeployment
from function.resources.service import serves
from function.text import one_line

_REASON: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]{0,1022}[A-Za-z0-9_])?")
"""Kubernetes' rule for the reason of a condition."""


def configured(results: Sequence[Result]) -> Condition:
    """Configured, of a router whose desired state was generated, with what to look at in it."""
    message = " ".join(["The gateway's objects are composed.", *(r.message for r in results)])
    return Condition(names.CONFIGURED, "True", names.REASON_CONFIGURED, one_line(message))


def not_configured(reason: str, message: str) -> Condition:
    """Configured, of a router for which nothing was generated."""
    return Condition(names.CONFIGURED, "False", reason, one_line(message))


def available(
    observed: ObservedDeployment | None,
    desired_service: Manifest,
    service: Mapping[str, Any] | None,
) -> Condition:
    """Available: whether the gateway can be called.

    Args:
        observed: its Deployment, if there is one.
        desired_service: its Service as it is composed.
        service: its Service, if there is one.
    """
    if service is not None and not serves(desired_service, service):
        name = desired_service["metadata"]["name"]
        port = desired_service["spec"]["ports"][0]["port"]
        return Condition(
            names.AVAILABLE,
            "False",
            names.REASON_SERVICE_CHANGED,
            f"Service '{name}' does not serve port {port}: if that lasts, someone has edited it; "
            "delete it, and it is composed again.",
        )
    return running(observed)


def running(observed: ObservedDeployment | None) -> Condition:
    """Available, as far as the Deployment tells."""
    match observed and observed.available:
        case None:
            return Condition(
                names.AVAILABLE,
                "False",
                names.REASON_WAITING,
                "The Deployment has not reported whether it is available.",
            )
        case True:
            return Condition(
                names.AVAILABLE, "True", names.REASON_AVAILABLE, "The gateway can be called."
            )
        case _:
            return Condition(
                names.AVAILABLE,
                "False",
                names.REASON_UNAVAILABLE,
                "Too few of the gateway's pods are ready: check the Deployment's pods and their "
                "logs.",
            )


def rolled_out(wanted: Manifest, observed: ObservedDeployment | None) -> Condition:
    """RolledOut: whether all pods run what the wanted Deployment says."""
    if observed is None:
        status, reason = False, names.REASON_WAITING
        message = "The Deployment does not exist yet."
    elif observed.has_rolled_out(wanted):
        status, reason = True, names.REASON_ROLLED_OUT
        message = "All pods run the current configuration."
    elif observed.stuck:
        status, reason = False, names.REASON_ROLLOUT_STUCK
        message = (
            "The new pods do not become ready (check their events and logs); the old pods keep "
            "serving."
        )
    else:
        status, reason = False, names.REASON_ROLLING
        message = "Not all pods run the current configuration yet."
    return Condition(names.ROLLED_OUT, "True" if status else "False", reason, message)


def while_refused(observed: ObservedDeployment | None) -> tuple[Condition, ...]:
    """Available and RolledOut while the spec is refused and the state before it keeps running."""
    if observed is None:
        return ()
    message = (
        "The current spec was rejected (see Configured); the previous configuration keeps running."
    )
    stale = Condition(names.ROLLED_OUT, "False", names.REASON_REFUSED, message)
    return running(observed), stale


def repeated(kind: str, composite: Mapping[str, Any]) -> tuple[Condition, ...]:
    """A condition as the composite resource shows it, if it does and it is a valid one."""
    shown = next((c for c in conditions_of(composite) if c.get("type") == kind), {})
    reason = shapes.text_at(shown, "reason")
    if _REASON.fullmatch(reason) is None:
        return ()
    message = one_line(shapes.text_at(shown, "message"))
    match shown.get("status"):
        case "True" | "False" | "Unknown" as status:
            return (Condition(kind, status, reason, message),)
        case _:
            return ()
