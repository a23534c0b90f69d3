"""The core, as a script: what is asked, what would answer it, what is there, and what follows.

It knows no protobuf and does no input or output.
"""

from function import report
from function.api import router as api
from function.call import Request, Response
from function.errors import Refused
from function.gateways import GATEWAYS
from function.observed import Incomplete, observe
from function.resources import KINDS, build


def compose(request: Request) -> Response:
    """Composes a router, or says in one sentence why not."""
    try:
        return _compose(request)
    except Refused as refusal:
        return report.refused(request, refusal)


def _compose(request: Request) -> Response:
    if request.unreadable is not None:
        raise request.unreadable
    router = api.read(request)
    gateway = GATEWAYS.get(router.spec.type)
    if gateway is None:
        return report.unsupported(request, router, GATEWAYS)
    plan = gateway.plan(router)
    observed = observe(request, plan, KINDS.values())
    if isinstance(observed, Incomplete):
        return report.incomplete(router, observed)
    resources = build(plan, observed)
    return report.composed(request, plan, observed, resources)
