"""What users of a ModelAccess are told. Hashes are the most that is ever said of a key."""

import math
from collections.abc import Mapping
from typing import Final

from function import names
from function.access.acceptance import Accepted
from function.access.keys import Chosen
from function.access.observed import Incomplete, Observed
from function.access.request import Application
from function.call import Condition, DesiredResource, Manifest, Request, Response
from function.errors import Refused
from function.report import events
from function.text import one_line

_WAITING_TTL_SECONDS: Final = 4
_WAITING_SECONDS: Final = 120
"""For how long, after a key was made, it is looked so often whether the gateway knows it."""


def composed(
    request: Request,
    found: Observed,
    chosen: Chosen,
    accepted: Accepted,
    resources: Mapping[str, DesiredResource],
) -> Response:
    """The response with all Secrets."""
    application = found.application
    condition = Condition(
        names.ACCEPTED,
        "True" if accepted.is_accepted else "False",
        accepted.reason,
        one_line(accepted.message),
    )
    ttl = application.platform.ttl_seconds
    ends = [chosen.until, application.spec.end]
    if accepted.waits:
        made = chosen.keys[chosen.newest].made
        end = (request.now if made is None else made) + _WAITING_SECONDS
        if end > request.now:
            ttl = min(ttl, _WAITING_TTL_SECONDS)
            ends.append(end)
    if chosen.known_at is not None:
        # Not a moment too early, and not a minute late.
        ttl = min(ttl, max(1, math.ceil(chosen.known_at - request.now)))
    return Response(
        resources=resources,
        status=_status(found, chosen, accepted, resources),
        conditions=(condition,),
        results=events.new((condition,), request.composite),
        requirements=found.requirements,
        unready=not accepted.is_known,
        ttl_seconds=ttl,
        # While a key is waited for, each answer has a ttl of its own.
        repeatable=chosen.repeatable and chosen.known_at is None,
        until=min((end for end in ends if end is not None and end > request.now), default=None),
    )


def incomplete(application: Application, observed: Incomplete) -> Response:
    """The response that only asks for what is missing."""
    return Response(
        requirements=observed.requirements, ttl_seconds=application.platform.ttl_seconds
    )


def refused(request: Request, refusal: Refused) -> Response:
    """The response that composes nothing, so that the Secrets stay as they are."""
    message = one_line(
        f"{refusal.message} Its Secrets stay as they are, but the gateway may no longer accept "
        "their keys."
    )
    condition = Condition(names.ACCEPTED, "False", refusal.reason, message)
    return Response(
        refusal=refusal,
        conditions=(condition,),
        results=events.new((condition,), request.composite),
    )


def _status(
    found: Observed,
    chosen: Chosen,
    accepted: Accepted,
    resources: Mapping[str, DesiredResource],
) -> Manifest:
    """Hashes only of keys whose Secret has been seen: another one may yet win."""
    keys = [
        {"generation": generation, "hash": chosen.keys[generation].hash}
        for generation in sorted(chosen.keys)
        if generation in found.keys
    ]
    return {
        **({"url": accepted.url} if accepted.url else {}),
        **(
            {"secretRef": {"name": found.application.secret_name}}
            if names.RESOURCE_SECRET in resources
            else {}
        ),
        "keys": keys,
    }
