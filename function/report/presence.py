"""Whether the keys that a gateway needs are in their Secrets, before any client finds out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from function import names
from function.call import Condition
from function.gateways.base import Needs, Plan, SecretKey
from function.observed import Observed
from function.observed.secret_values import SecretValues
from function.text import beyond, first

State = Literal["Missing", "Unknown", "Present", "NotNeeded"]

_WORST_FIRST: Final[tuple[State, ...]] = ("Missing", "Unknown", "Present", "NotNeeded")
_MAX_NAMED: Final = 5
"""How many missing keys or unreadable Secrets a message names; it counts the rest."""


@dataclass(frozen=True)
class Finding:
    """What was found out about one need, or about several together.

    Attributes:
        state: whether the keys are there.
        missing: those that are not.
        unread: Secrets that could not be read.
    """

    state: State
    missing: tuple[SecretKey, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Presence:
    """What was found out about all keys that a gateway needs.

    Attributes:
        models: for each combination of needs that the targets of a model have.
        whole: about all of them and what the gateway itself needs.
    """

    models: Mapping[tuple[Needs | None, ...], Finding]
    whole: Finding


def examine(plan: Plan, observed: Observed) -> Presence:
    """Looks for all keys that a gateway needs."""
    elsewhere = bool(plan.router.spec.deployment.env_from)
    models = {
        needs: together([check(need, observed.secrets, elsewhere=elsewhere) for need in needs])
        for needs in plan.distinct_needs
    }
    own = [check(((key,),), observed.secrets) for key in sorted(observed.own_keys)]
    return Presence(models, together([*models.values(), *own]))


def check(needs: Needs | None, secrets: SecretValues, *, elsewhere: bool = False) -> Finding:
    """Looks for the keys of one need.

    Args:
        needs: alternatives of keys, any of which authenticates; None if no key is needed.
        secrets: where.
        elsewhere: whether a key that is not there may come from a place that cannot be seen.
    """
    if needs is None:
        return Finding("NotNeeded")
    lacks: list[tuple[int, tuple[SecretKey, ...]]] = []
    for keys in needs:
        there = {key: secrets.has(key) for key in keys}
        unread = tuple(dict.fromkeys(key.secret for key in keys if there[key] is None))
        if unread:
            return Finding("Unknown", unread=unread)
        missing = tuple(key for key in keys if not there[key])
        if not missing:
            return Finding("Present")
        lacks.append((len(keys) - len(missing), missing))
    if elsewhere:
        return Finding("Unknown")
    # The alternative that someone has begun; else the first, which is the documented one.
    return Finding("Missing", max(lacks, key=lambda lack: lack[0])[1])


def together(findings: Sequence[Finding]) -> Finding:
    """Several findings as one: the worst state, and all that is missing, each once."""
    return Finding(
        min((f.state for f in findings), key=_WORST_FIRST.index),
        tuple(dict.fromkeys(key for f in findings for key in f.missing)),
        tuple(dict.fromkeys(secret for f in findings for secret in f.unread)),
    )


def condition(finding: Finding) -> Condition:
    """The condition CredentialsPresent."""
    match finding.state:
        case "Missing":
            return _condition("False", names.REASON_MISSING, f"Missing: {_missing(finding)}.")
        case "Unknown" if finding.unread:
            return _condition(
                "Unknown", names.REASON_UNREADABLE, f"Could not read: {_unread(finding)}."
            )
        case "Unknown":
            return _condition(
                "Unknown",
                names.REASON_UNREADABLE,
                "Some keys are not in their Secrets; they may come from deployment.envFrom.",
            )
        case _:
            return _condition(
                "True", names.REASON_ALL_PRESENT, "All required keys are in their Secrets."
            )


def _condition(status: Literal["True", "False", "Unknown"], reason: str, message: str) -> Condition:
    return Condition(names.CREDENTIALS_PRESENT, status, reason, message)


def _unread(finding: Finding) -> str:
    """The first unreadable Secrets, and how many more there are."""
    secrets = [f"Secret '{secret}'" for secret in finding.unread]
    return ", ".join(first(secrets, most=_MAX_NAMED))


def _missing(finding: Finding) -> str:
    """The first missing keys by their Secret, and how many more there are."""
    named = groupby(sorted(finding.missing[:_MAX_NAMED]), key=lambda key: key.secret)
    by_secret = [
        f"{' and '.join(key.key for key in keys)} in Secret '{secret}'" for secret, keys in named
    ]
    return "; ".join([*by_secret, *beyond(_MAX_NAMED, len(finding.missing))])
