"""Whether the keys that a gateway needs are in their Secrets, before any client finds out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from function import names
from function.api import Spec
from function.composition import Condition
from function.plan import Access
from function.secrets import Key, Secrets

State = Literal["Missing", "Unknown", "Present", "NotNeeded"]

_WORST_FIRST: Final[tuple[State, ...]] = ("Missing", "Unknown", "Present", "NotNeeded")
_MAX_NAMED: Final = 5
"""How many missing keys a message names; it counts the rest."""


@dataclass(frozen=True)
class Finding:
    """What was found out of one need, or of several together.

    Attributes:
        state: whether the keys are there.
        missing: those that are not.
        unread: Secrets that could not be read.
    """

    state: State
    missing: tuple[Key, ...] = ()
    unread: tuple[str, ...] = ()


def check(
    needs: tuple[tuple[Key, ...], ...] | None, secrets: Secrets, *, elsewhere: bool = False
) -> Finding:
    """Looks for the keys of one need.

    Args:
        needs: alternatives of keys, any of which authenticates; None where no key is needed.
        secrets: where.
        elsewhere: whether a key that is not there may come from a place that cannot be seen.
    """
    if needs is None:
        return Finding("NotNeeded")
    lacks: list[tuple[int, tuple[Key, ...]]] = []
    for keys in needs:
        there = {key: secrets.has(key) for key in keys}
        unread = tuple(dict.fromkeys(key[0] for key in keys if there[key] is None))
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


@dataclass(frozen=True)
class Preflight:
    """What was found out of all keys that a router needs.

    Attributes:
        models: for each model name that clients can ask for.
        whole: of all of them and what the gateway itself needs.
    """

    models: Mapping[str, Finding]
    whole: Finding


def examine(
    spec: Spec, accesses: Sequence[Access], required: Iterable[Key], secrets: Secrets
) -> Preflight:
    """Looks for all keys.

    Args:
        spec: the router's spec.
        accesses: how each of its models gets at its provider.
        required: the keys that the gateway itself needs.
        secrets: the Secrets that were read.
    """
    elsewhere = bool(spec.deployment.env_from)
    # Most models share their needs with many others.
    looked = {
        needs: check(needs, secrets, elsewhere=elsewhere)
        for needs in {access.needs for access in accesses}
    }
    models: dict[str, list[Finding]] = {}
    for model, access in zip(spec.ai_models, accesses, strict=True):
        models.setdefault(model.offered_as, []).append(looked[access.needs])
    by_name = {name: together(findings) for name, findings in models.items()}
    own = [check(((key,),), secrets) for key in sorted(required)]
    return Preflight(by_name, together([*by_name.values(), *own]))


def condition(finding: Finding) -> Condition:
    """The condition CredentialsPresent."""
    match finding.state:
        case "Missing":
            return Condition(
                names.CREDENTIALS_PRESENT,
                "False",
                names.REASON_MISSING,
                f"Missing: {'; '.join(_named(finding.missing))}.",
            )
        case "Unknown" if finding.unread:
            secrets = " and ".join(f"'{secret}'" for secret in finding.unread[:_MAX_NAMED])
            return Condition(
                names.CREDENTIALS_PRESENT,
                "Unknown",
                names.REASON_UNREADABLE,
                f"Not read: Secret {secrets}.",
            )
        case "Unknown":
            return Condition(
                names.CREDENTIALS_PRESENT,
                "Unknown",
                names.REASON_UNREADABLE,
                "Some keys are not in their Secret; they may come by deployment.envFrom.",
            )
        case _:
            return Condition(
                names.CREDENTIALS_PRESENT,
                "True",
                names.REASON_ALL_PRESENT,
                "All keys that are needed are in their Secrets.",
            )


def _named(missing: Sequence[Key]) -> Iterator[str]:
    """The first missing keys by their Secret, and how many more there are."""
    for secret, keys in groupby(sorted(missing[:_MAX_NAMED]), key=lambda key: key[0]):
        yield f"{' and '.join(name for _, name in keys)} in Secret '{secret}'"
    if len(missing) > _MAX_NAMED:
        yield f"and {len(missing) - _MAX_NAMED} more"
