"""Whether a router keeps to the platform team's policies, judged by what is finally composed."""

from collections.abc import Iterator, Mapping
from typing import Final

from function import names
from function.api.policy import Policy
from function.call import DesiredResource, Manifest, Result
from function.errors import Refused
from function.gateways.base import Plan
from function.observed import Observed
from function.policy import calls, fields, hosts, objects, secrets
from function.policy.violation import Violation
from function.text import first

_NAME: Final = "policy"


def judge(
    plan: Plan, observed: Observed, resources: Mapping[str, DesiredResource]
) -> tuple[Result, ...]:
    """What policies warn of. It is judged once for the same plan, objects and Secrets.

    Raises:
        Refused: the router violates a policy that is enforced.
    """
    policies = plan.router.platform.policies
    if not policies:
        return ()
    manifests = [resource.manifest for resource in resources.values()]
    seen = secrets.seen(plan, observed) if plan.router.platform.judges_secrets else ""
    judged = plan.written(
        _NAME, (manifests, seen), lambda: ({}, _judged(policies, plan, observed, manifests))
    )
    return judged.results


def _judged(
    policies: tuple[Policy, ...], plan: Plan, observed: Observed, manifests: list[Manifest]
) -> tuple[Result, ...]:
    warnings: list[str] = []
    for policy in policies:
        found = [violation.text for violation in _violations(policy, plan, observed, manifests)]
        if found and not policy.warns:
            raise Refused(
                names.REASON_POLICY_VIOLATED, " ".join(first(found, "(And {} more.)", most=1))
            )
        warnings += found
    texts = dict.fromkeys(warnings)
    return tuple(
        Result(names.EVENT_POLICY, text)
        for text in first(list(texts), "And {} more violations of the platform team's policy.")
    )


def _violations(
    policy: Policy, plan: Plan, observed: Observed, manifests: list[Manifest]
) -> Iterator[Violation]:
    yield from fields.violations(policy, plan)
    yield from calls.violations(policy, plan)
    yield from hosts.violations(policy, plan, observed, manifests)
    yield from objects.violations(policy, manifests)
    yield from secrets.violations(policy, plan, observed, manifests)
