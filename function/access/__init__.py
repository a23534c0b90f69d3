"""The composition of a ModelAccess: an application's own key for a router's gateway.

The way of a call is that of a router, in smaller steps: `request` reads what people write,
`observed` what the cluster holds of it, `router` what its router says, `keys` decides which keys
there are and which of them applications are given, `acceptance` whether those are accepted,
`secrets` writes them, and `report` tells what became of it. What a router gives to whom is in
`function.grants`, which the router uses too.
"""

from collections.abc import Mapping
from typing import Any

from function.access import acceptance, keys, observed, report, request, router, secrets
from function.access.observed import Incomplete
from function.call import Request, Response

__all__ = ["compose", "refused"]

refused = report.refused


def compose(asked: Request, platform: Mapping[str, Any]) -> Response:
    """Composes a ModelAccess.

    Args:
        asked: what is asked.
        platform: what the platform team sets for all Compositions, in the form of their input.

    Raises:
        Refused: it cannot be composed; one sentence says why.
    """
    application = request.read(asked, platform)
    found = observed.observe(asked, application)
    if isinstance(found, Incomplete):
        return report.incomplete(application, found)
    known = router.look(found)
    chosen = keys.choose(found, known, asked.now)
    accepted = acceptance.judge(application, known, chosen, asked.now)
    resources = secrets.build(found, chosen, accepted)
    return report.composed(asked, found, chosen, accepted, resources)
