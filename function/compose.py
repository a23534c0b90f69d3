"""The core, as a script: what is asked, what would answer it, what is there, and what follows.

It knows no protobuf and does no input or output.
"""

from collections.abc import Mapping
from typing import Any

from function import access, names, policy, report
from function.api import router as api
from function.call import Request, Response
from function.errors import Refused
from function.gateways import GATEWAYS
from function.kept import Kept
from function.observed import Incomplete, observe
from function.resources import KINDS, build


def compose(
    request: Request, kept: Kept | None = None, platform: Mapping[str, Any] | None = None
) -> Response:
    """Composes a router, or a ModelAccess, or says in one sentence why not.

    Args:
        request: what is asked.
        kept: what is kept between calls, to which the plan is added.
        platform: what the platform team sets for all Compositions, in the form of their input. It
            must be the same in all calls with the same `kept`.
    """
    try:
        if _is_access(request):
            return access.compose(request, platform or {})
        return _compose(request, Kept() if kept is None else kept, platform or {})
    except Refused as refusal:
        return refused(request, refusal)


def refused(request: Request, refusal: Refused) -> Response:
    """The response to what is not composed."""
    tell = access.refused if _is_access(request) else report.refused
    return tell(request, refusal)


def _is_access(request: Request) -> bool:
    return request.composite.get("kind") in (names.ACCESS_KIND, names.LEGACY_ACCESS_KIND)


def _compose(request: Request, kept: Kept, platform: Mapping[str, Any]) -> Response:
    plan = kept.plan(request)
    if plan is None:
        router = api.read(request, platform)
        gateway = GATEWAYS.get(router.spec.type)
        if gateway is None:
            return report.unsupported(request, router, GATEWAYS)
        plan = gateway.plan(router)
        kept.keep_plan(request, plan)
    observed = observe(request, plan, KINDS.values())
    if isinstance(observed, Incomplete):
        return report.incomplete(plan.router, observed)
    resources = build(plan, observed)
    judged = policy.judge(plan, observed, resources)
    return report.composed(request, plan, observed, resources, judged)
