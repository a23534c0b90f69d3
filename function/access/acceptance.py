"""What a router says of a ModelAccess: whether it lists its key, and if not, why.

The list decides. Why a key is not on it follows from the router's spec, as the router itself judges
it; only of the namespace's other ModelAccess objects nothing is known here.
"""

from dataclasses import dataclass

from function import names
from function.access.keys import Chosen
from function.access.request import Application
from function.access.router import Known
from function.grants import Verdict
from function.grants import judge as judged
from function.grants.judge import not_allowed
from function.text import shorten


@dataclass(frozen=True)
class Accepted:
    """Whether the gateway accepts the key that applications have.

    Attributes:
        is_accepted: whether it does.
        is_known: whether all of its pods do, so that no call fails for want of that.
        reason: a reason of the condition Accepted.
        message: the same in a sentence.
        waits: whether the gateway is expected to accept the newest key soon.
        url: the base URL of the gateway, where it accepts a key.
    """

    is_accepted: bool
    is_known: bool
    reason: str
    message: str
    waits: bool
    url: str


def judge(application: Application, known: Known, chosen: Chosen, now: float) -> Accepted:
    """Whether the gateway accepts the key of a ModelAccess."""
    verdict = _verdict(application, known, now)
    is_promised = verdict.limits is not None
    newest = chosen.keys[chosen.newest]
    handed = chosen.handed_key
    waits = is_promised and not known.lists(newest.hash)
    # The pods go by the date by themselves, also while the router still lists the key.
    has_expired = verdict.reason == names.REASON_EXPIRED
    if handed is None or not known.lists(handed.hash) or has_expired:
        return Accepted(
            is_accepted=False,
            is_known=False,
            reason=names.REASON_KEY_WAITING if is_promised else verdict.reason,
            message=_waiting(verdict) if is_promised else verdict.message,
            waits=waits,
            url="",
        )
    is_known = handed.generation in chosen.known_to_pods
    said = [f"The gateway accepts the key of generation {handed.generation}."]
    if not is_known:
        said.append(
            "Running pods learn of it within a minute and a half; until then, they may answer "
            "calls with 401."
        )
    if handed.generation != chosen.newest:
        said.append(
            f"The key of generation {chosen.newest} goes into the Secret once all pods know it, "
            "usually within two minutes."
        )
    if verdict.message:
        said.append(
            verdict.message if is_promised else f"Access is about to end: {verdict.message}"
        )
    return Accepted(
        is_accepted=True,
        is_known=is_known,
        reason=names.REASON_ACCEPTED,
        message=" ".join(said),
        waits=waits,
        url=known.url,
    )


def _verdict(application: Application, known: Known, now: float) -> Verdict:
    spec, namespace = application.spec, application.namespace
    where = spec.router_ref.namespace or namespace
    if known.offer is not None:
        return judged(known.offer, spec, namespace, now)
    if not known.exists and where == namespace:
        return Verdict(
            names.REASON_NO_ROUTER,
            f"There is no ModelRouter '{shorten(spec.router_ref.name)}' in this namespace: create "
            "it, or fix spec.routerRef.",
        )
    return not_allowed(spec, namespace)


def _waiting(verdict: Verdict) -> str:
    most = 0 if verdict.grant is None else verdict.grant.most_keys
    return (
        "The ModelRouter does not list the key yet; it usually does within 15 seconds. If this "
        f"lasts, the namespace may have more ModelAccess objects than the {most} that are accepted "
        "(the oldest come first), or the ModelRouter's spec is refused, or it has no room for more "
        "keys: see its conditions."
    )
