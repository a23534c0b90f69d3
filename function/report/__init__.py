"""What the user is told: status, conditions and events of each way in which a call can end."""

from collections.abc import Collection, Mapping

from function import names
from function.api import Router
from function.call import DesiredResource, Request, Response, Result
from function.errors import Refused
from function.gateways.base import Plan
from function.observed import Incomplete, Observed
from function.observed.deployment import ObservedDeployment
from function.report import access, conditions, events, presence, status, unserved
from function.resources import results
from function.text import shorten


def composed(
    request: Request,
    plan: Plan,
    observed: Observed,
    resources: Mapping[str, DesiredResource],
    judged: tuple[Result, ...],
) -> Response:
    """The response with all composed resources, and with what a policy warns of."""
    found = presence.examine(plan, observed)
    deployment = observed.deployment
    notes = (
        *judged,
        *plan.results,
        *unserved.results(observed.unserved),
        *access.results(observed.accesses),
        *results(plan, observed, resources),
    )
    shown = (
        conditions.configured(notes),
        presence.condition(found.whole),
        conditions.available(
            deployment,
            resources[names.RESOURCE_SERVICE].manifest,
            observed.own.get(names.RESOURCE_SERVICE),
        ),
        conditions.rolled_out(resources[names.RESOURCE_DEPLOYMENT].manifest, deployment),
    )
    return Response(
        resources=resources,
        status=status.fields(plan, observed, found.models),
        conditions=shown,
        requirements=observed.requirements,
        results=events.new(shown, request.composite, notes),
        ttl_seconds=plan.router.ttl_seconds,
        repeatable=observed.generated_key is None or not observed.generated_key.random,
        until=None if observed.accesses is None else observed.accesses.until,
    )


def incomplete(router: Router, observed: Incomplete) -> Response:
    """The response that only asks for what is missing: Crossplane changes nothing before that."""
    return Response(requirements=observed.requirements, ttl_seconds=router.ttl_seconds)


def unsupported(request: Request, router: Router, supported: Collection[str]) -> Response:
    """The response to a router of a type that is not implemented."""
    message = (
        f"spec.type is '{shorten(router.spec.type)}': only {' and '.join(supported)} is "
        "implemented, so nothing is composed."
    )
    shown = (conditions.not_configured(names.REASON_UNSUPPORTED_TYPE, message),)
    return Response(
        conditions=shown,
        unready=True,
        results=events.new(shown, request.composite),
        ttl_seconds=router.ttl_seconds,
    )


def refused(request: Request, refusal: Refused) -> Response:
    """The response that composes nothing, so that the last good state stays, and says how that is.

    Crossplane sets a condition that does not come with a fatal result to Unknown.
    """
    manifest = request.observed.get(names.RESOURCE_DEPLOYMENT)
    deployment = None if manifest is None else ObservedDeployment(manifest)
    return Response(
        refusal=refusal,
        conditions=(
            conditions.not_configured(
                refusal.reason, " ".join([refusal.message, *access.meanwhile(request.composite)])
            ),
            *conditions.repeated(names.CREDENTIALS_PRESENT, request.composite),
            *conditions.while_refused(deployment),
        ),
    )
