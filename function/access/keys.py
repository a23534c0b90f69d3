"""Which keys a ModelAccess has, and which of them applications are given.

A key is made once for each generation and never changes. Applications are given a newer one only
when the gateway knows it. From then on, the older ones hold for the overlap; when that began is
written on their Secrets once, and read back.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from function.access.observed import KeySecret, Observed
from function.access.router import Known
from function.api.model_access import MAX_GENERATIONS

_RANDOM_BYTES: Final = 32


@dataclass(frozen=True)
class Chosen:
    """The keys of a ModelAccess from now on.

    Attributes:
        keys: those that are valid, by generation.
        newest: the generation that is asked for.
        handed: the generation that applications are given; None if the gateway knows none yet.
        repeatable: whether the same would be chosen again: nothing is random, or of this moment.
        until: from when on another choice would be made, in seconds since 1970; None if never.
    """

    keys: Mapping[int, KeySecret]
    newest: int
    handed: int | None
    repeatable: bool
    until: float | None


def choose(observed: Observed, known: Known, now: float) -> Chosen:
    """The keys of a ModelAccess from now on.

    Args:
        observed: what the cluster holds of the ModelAccess.
        known: what its router says.
        now: the time, in seconds since 1970.
    """
    spec = observed.application.spec
    newest = spec.generation
    keys = dict(observed.keys)
    repeatable = newest in keys
    if not repeatable:
        keys[newest] = KeySecret(newest, _restored(observed), None, None)
    handed = _handed(keys, observed, known)
    ends: list[float] = []
    for generation, key in observed.keys.items():
        if handed is None or generation >= handed:
            continue
        begin = key.replaced_at
        if begin is None:
            repeatable = False
            begin = now // 1  # In whole seconds, as it is written.
        if (end := begin + spec.overlap) <= now:
            del keys[generation]
        else:
            keys[generation] = replace(key, replaced_at=begin)
            ends.append(end)
    for generation in sorted(keys.keys() - {newest, handed}):
        if len(keys) > MAX_GENERATIONS:
            del keys[generation]
    return Chosen(keys, newest, handed, repeatable, min(ends, default=None))


def _handed(keys: Mapping[int, KeySecret], observed: Observed, known: Known) -> int | None:
    """The newest generation that the gateway knows, and never an older one than before."""
    listed = [generation for generation, key in keys.items() if known.lists(key.hash)]
    return max([*listed, *_before(keys, observed)], default=None)


def _before(keys: Mapping[int, KeySecret], observed: Observed) -> list[int]:
    """The generation that applications have been given until now."""
    secret = observed.secret
    if secret is None:
        return []
    if secret.generation is not None and secret.generation in keys:
        return [secret.generation]
    # Someone has edited the Secret: its key tells; if it does not, the oldest is the safest guess.
    by_key = [g for g, key in keys.items() if key.key == secret.key]
    return by_key or [min(keys)]


def _restored(observed: Observed) -> str:
    """The key of a generation whose Secret is not there: applications may have it already."""
    application, secret = observed.application, observed.secret
    prefix = f"sk-{application.uid}-"
    if (
        secret is not None
        and secret.generation in (None, application.spec.generation)
        and secret.key.startswith(prefix)
        and secret.key not in [key.key for key in observed.keys.values()]
    ):
        return secret.key
    return f"{prefix}{secrets.token_urlsafe(_RANDOM_BYTES)}"
