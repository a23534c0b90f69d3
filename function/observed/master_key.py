"""The master key that is generated for a router once, and then kept.

A generated key never changes, whatever order Crossplane's caches see things in. It is read back
from the observed Secret; if that is not seen yet, from the Secret of that name that was looked up;
and a key that both caches miss is saved by the Secret being immutable: the API server refuses the
second random one.

A key that replaces another has a random id, which rolls the pods: they only read a key when they
start. Until the Secret with that id has been seen, each call makes up another one, so it must not
reach the pods before: they would roll in each reconcile for as long as the Secret cannot be
created.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import names, shapes
from function.errors import Refused
from function.gateways.base import Plan, SecretKey
from function.observed.ownership import controller
from function.observed.secret_values import SecretValues, value

_RANDOM_BYTES: Final = 32


@dataclass(frozen=True, repr=False)
class GeneratedKey:
    """What the Secret of a generated master key holds.

    Attributes:
        data: the key, in base64.
        id: what tells it from the key before it. The first has none, so that the same router gives
            the same pods, and no stale cache rolls them.
        settled: whether the id stays: it is the first's, or has been seen on the Secret.
        random: whether the key or its id has just been drawn.
    """

    data: str
    id: str
    settled: bool
    random: bool

    def __repr__(self) -> str:
        """Says nothing of the key."""
        return f"GeneratedKey(id={self.id!r})"


def is_wanted(plan: Plan, readable: SecretValues, *, observed: bool) -> bool:
    """Whether the router's composed resources include the Secret of a generated key.

    A router that names the very Secret that was generated for it keeps it: left out, it would be
    deleted. So does one that names a Secret that does not exist yet: its pods still serve with the
    generated key.

    Args:
        plan: the plan of its gateway.
        readable: the Secrets that were required.
        observed: whether that Secret is one of its observed composed resources.
    """
    if plan.router.spec.auth.master_key_secret_ref is None:
        return True
    named = plan.master_key.secret == plan.generated_key.secret
    return observed and (named or not readable.has(plan.master_key))


def read(
    key: SecretKey,
    own: Mapping[str, Any] | None,
    existing: Mapping[str, Any] | None,
    *,
    deployed: bool,
) -> GeneratedKey:
    """The generated key of a router that wants one: the one that it has, or a new one.

    Args:
        key: where the key is.
        own: its Secret, if that is one of the observed composed resources.
        existing: otherwise the Secret of that name in the cluster, if there is one.
        deployed: whether pods may run with a key that was there before.

    Raises:
        Refused: the Secret holds no key that could be kept.
    """
    found = existing if own is None else own
    adopted = own is None and found is not None and controller(found) is None
    replaces = deployed and (found is None or adopted)
    return GeneratedKey(
        data=_random() if found is None else _kept(found, key),
        id=_new_id() if replaces else _id(found),
        settled=not replaces,
        random=found is None or replaces,
    )


def _id(secret: Mapping[str, Any] | None) -> str:
    return shapes.text_at(secret, "metadata", "annotations", names.ANNOTATION_KEY_ID)


def _new_id() -> str:
    return secrets.token_hex(4)


def _random() -> str:
    # LiteLLM's own keys begin so, and clients and scanners recognize a key by it.
    return base64.b64encode(f"sk-{secrets.token_urlsafe(_RANDOM_BYTES)}".encode()).decode()


def _kept(secret: Mapping[str, Any], key: SecretKey) -> str:
    kept = value(secret, key.key)
    if not kept:
        raise Refused(
            names.REASON_MASTER_KEY_UNUSABLE,
            f"Secret '{key.secret}' has no value under the key {key.key}: delete it to have a new "
            "key generated, or name a Secret of your own in spec.auth.masterKeySecretRef.",
        )
    return base64.b64encode(kept).decode()
