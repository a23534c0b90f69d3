"""Which fields a router sets itself."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from function.api import paths
from function.api.policy import UNSEEN, Fields, Policy
from function.api.spec import Spec
from function.gateways.base import Called, Plan
from function.policy.violation import Violation
from function.text import shorten

_ENV: Final = "deployment.env"
_RULE: Final = "policy.fields.unseen"
_UNSEEN: Final = (
    "could change what is called where no rule on providers, models or hosts sees it: remove it"
)


def violations(policy: Policy, plan: Plan) -> Iterator[Violation]:
    """The fields that the router sets and may not."""
    fields = policy.fields or Fields()
    for path in fields.denied:
        for where, value in paths.given(plan.router.own, path.split(".")):
            if not _is_default(path, value):
                yield Violation(
                    "policy.fields.denied", f"spec{where}", "must not be set: remove it"
                )
    if not policy.is_about_calls or (called := plan.called) is None:
        return
    for path in UNSEEN:
        if path == _ENV and path not in fields.unseen:
            yield from _variables(plan.router.own, called)
        elif path not in fields.unseen:
            yield from _given(plan.router.own, path, _RULE)
    if policy.images is None or policy.images.allowed is None:
        yield from _given(plan.router.own, "deployment.image", "policy.images.allowed")


def _is_default(path: str, value: object) -> bool:
    """Whether the API server has set it, which keeps its schema's defaults in every router."""
    fields = {field.alias or name: field for name, field in Spec.model_fields.items()}
    return path in ("type", "port") and fields[path].default == value


def _given(own: Mapping[str, Any], path: str, rule: str) -> Iterator[Violation]:
    for where, _ in paths.given(own, path.split(".")):
        yield Violation(rule, f"spec{where}", _UNSEEN)


def _variables(own: Mapping[str, Any], called: Called) -> Iterator[Violation]:
    """The variables that LiteLLM could take for settings, in the pods and in its configuration."""
    for where, variables in paths.given(own, _ENV.split(".")):
        for i, variable in enumerate(variables):
            if (name := variable["name"]) not in called.variables:
                what = (
                    f"is {shorten(name)}, which neither config.yaml nor a called provider names, "
                    "and which could change what is called: remove it"
                )
                yield Violation(_RULE, f"spec{where}[{i}].name", what)
    for where, name in called.set_variables:
        if name not in called.variables:
            what = f"sets {shorten(name)}, which could change what is called: remove it"
            yield Violation(_RULE, where, what)
