"""Which models and hosts are called, and for how long."""

from collections.abc import Iterator

from function.api.policy import Policy
from function.gateways.base import Called, Plan
from function.policy.violation import Violation
from function.text import shorten


def violations(policy: Policy, plan: Plan) -> Iterator[Violation]:
    """The models that may not be called, and tries that may take too long."""
    if (called := plan.called) is None:
        return
    yield from _models(policy, called)
    limits = policy.limits
    if limits is not None and limits.models is not None and called.count > limits.models:
        yield Violation(
            "policy.limits.models",
            "spec.aiModels",
            f"gives the gateway {called.count} models, above the limit of {limits.models}: offer "
            "fewer",
        )
    if limits is not None and limits.call_seconds is not None:
        for where, seconds in called.seconds:
            if seconds is None or seconds > limits.call_seconds:
                yield Violation(
                    "policy.limits.callSeconds",
                    where,
                    f"is {'no number' if seconds is None else f'{seconds:g} seconds'}, above the "
                    f"limit of {limits.call_seconds}: set spec.routing.timeoutSeconds, or "
                    "timeoutSeconds of the model",
                )


def _models(policy: Policy, called: Called) -> Iterator[Violation]:
    for rule, choice, of in (
        ("providers", policy.providers, "provider"),
        ("models", policy.models, "model"),
    ):
        if choice is None:
            continue
        for call in called.models:
            name = call.provider if rule == "providers" else call.model
            if (against := choice.against(name)) is not None:
                more = f", of the provider {shorten(call.provider)}" if of == "provider" else ""
                yield Violation(
                    f"policy.{rule}.{against}",
                    call.where,
                    f"calls {shorten(call.model)}{more}, which is not allowed: choose another {of}",
                )
