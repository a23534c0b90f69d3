"""Which fields a router sets itself."""

from collections.abc import Iterator

from function.api import paths
from function.api.policy import UNSEEN, Policy
from function.api.spec import Spec
from function.gateways.base import Plan
from function.policy.violation import Violation
from function.text import shorten


def violations(policy: Policy, plan: Plan) -> Iterator[Violation]:
    """The fields that the router sets and may not."""
    denied = policy.fields.denied if policy.fields is not None else []
    for path in denied:
        for where, value in paths.given(plan.router.own, path.split(".")):
            if not _is_default(path, value):
                yield Violation(
                    "policy.fields.denied", f"spec{where}", "must not be set: remove it"
                )
    if policy.is_about_calls:
        yield from _unseen(policy, plan)


def _is_default(path: str, value: object) -> bool:
    """Whether the API server has set it, which keeps its schema's defaults in every router."""
    fields = {field.alias or name: field for name, field in Spec.model_fields.items()}
    return path in ("type", "port") and fields[path].default == value


def _unseen(policy: Policy, plan: Plan) -> Iterator[Violation]:
    """The fields with which a router could get round the rules on what is called."""
    own, called = plan.router.own, plan.called
    allowed = policy.fields.unseen if policy.fields is not None else []
    rule = "policy.fields.unseen"
    for path in UNSEEN:
        if path in allowed:
            continue
        for where, value in paths.given(own, path.split(".")):
            if path != "deployment.env":
                what = (
                    "could change what is called where no rule on providers, models or hosts sees "
                    "it: remove it"
                )
                yield Violation(rule, f"spec{where}", what)
                continue
            for i, variable in enumerate(value):
                name = variable.get("name", "")
                if called is not None and name not in called.variables:
                    what = (
                        f"is {shorten(name)}, which neither config.yaml nor a called provider "
                        "names, and which could change what is called: remove it"
                    )
                    yield Violation(rule, f"spec{where}[{i}].name", what)
    if policy.images is None or policy.images.allowed is None:
        for where, _ in paths.given(own, ["deployment", "image"]):
            what = "could change what is called where no rule sees it: remove it"
            yield Violation("policy.images.allowed", f"spec{where}", what)
