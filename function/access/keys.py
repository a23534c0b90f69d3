"""Which keys a ModelAccess has, and which of them applications are given.

A key is made once for each generation and never changes. The first is given to applications as soon
as the router lists it, a newer one only when all of the gateway's pods know it. From then on, the
older ones hold for the overlap. When the router began to list a key, and when a newer one replaced
it, is written on its Secret once, and read back.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from function.access.observed import KeySecret, Observed
from function.access.router import Known
from function.api.model_access import MAX_GENERATIONS

_RANDOM_BYTES: Final = 32

_LEARNING_SECONDS: Final = 100
"""After how long all running pods know a key that the router lists.

The kubelet writes a changed ConfigMap into a pod's files when it syncs the pod: after a minute
(`syncFrequency`) and up to half as long again, at random (`workerResyncIntervalJitterFactor` in its
`pod_workers.go`). What is left beyond these 90 seconds is for its watches, and clocks that differ.
"""


@dataclass(frozen=True)
class Chosen:
    """The keys of a ModelAccess from now on.

    Attributes:
        keys: those that are valid, by generation.
        newest: the generation that is asked for.
        handed: the generation that applications are given; None if the router lists none yet.
        known_to_pods: the generations that all running pods know.
        known_at: when they know another one that is waited for, in seconds since 1970; None if the
            router lists none such.
        repeatable: whether the same would be chosen again: nothing is random, or of this moment.
        until: from when on another choice would be made, in seconds since 1970; None if never.
    """

    keys: Mapping[int, KeySecret]
    newest: int
    handed: int | None
    known_to_pods: frozenset[int]
    known_at: float | None
    repeatable: bool
    until: float | None

    @property
    def handed_key(self) -> KeySecret | None:
        """The key that applications are given; None if the router lists none yet."""
        return None if self.handed is None else self.keys[self.handed]


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
    if newest not in keys:
        keys[newest] = KeySecret(newest, _restored(observed), now, None, None)
    keys = {g: replace(key, listed_at=_listed_at(key, known, now)) for g, key in keys.items()}
    known_at = {g: _known_at(key) for g, key in keys.items() if known.lists(key.hash)}
    known_to_pods = frozenset(generation for generation, at in known_at.items() if at <= now)
    handed = _handed(keys, observed, known_to_pods, known_at.keys())
    ends: list[float] = []
    for generation in observed.keys:
        if handed is None or generation >= handed:
            continue
        key = keys[generation]
        begin = _written(key.replaced_at, now)
        if (end := begin + spec.overlap) <= now:
            del keys[generation]
        else:
            keys[generation] = replace(key, replaced_at=begin)
            ends.append(end)
    for generation in sorted(keys.keys() - {newest, handed}):
        if len(keys) > MAX_GENERATIONS:
            del keys[generation]
    waited = [
        at
        for generation, at in known_at.items()
        if at > now and generation in keys and generation >= (handed or 0)
    ]
    return Chosen(
        keys=keys,
        newest=newest,
        handed=handed,
        known_to_pods=known_to_pods,
        known_at=min(waited, default=None),
        repeatable=all(_is_as_before(key, observed.keys.get(g)) for g, key in keys.items()),
        until=min([*ends, *waited], default=None),
    )


def _listed_at(key: KeySecret, known: Known, now: float) -> float | None:
    """Since when the router lists a key, as it is written; None if it does not."""
    if key.made is None or not known.lists(key.hash):
        return None
    return _written(key.listed_at, now)


def _written(at: float | None, now: float) -> float:
    """Since when something has been so, as it is written: in whole seconds.

    What was written is kept, unless it lies ahead: then someone else has written it.
    """
    return now // 1 if at is None or at > now else at


def _known_at(key: KeySecret) -> float:
    """From when on all running pods know a key that is listed: offline, from the first."""
    return 0.0 if key.listed_at is None else key.listed_at + _LEARNING_SECONDS


def _handed(
    keys: Mapping[int, KeySecret],
    observed: Observed,
    known_to_pods: Collection[int],
    listed: Collection[int],
) -> int | None:
    """The newest generation that all running pods know, and never an older one than before.

    Where there was none before, one that is listed will do: no one has a key that works.
    """
    if found := [*known_to_pods, *_before(keys, observed)]:
        return max(found)
    return max(listed, default=None)


def _is_as_before(key: KeySecret, before: KeySecret | None) -> bool:
    """Whether a key, and what is written on its Secret, is neither random nor of this moment."""
    return (
        before is not None
        and key.listed_at in (None, before.listed_at)
        and key.replaced_at in (None, before.replaced_at)
    )


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
