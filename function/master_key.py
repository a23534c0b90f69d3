"""The gateway's master key: the Secret that a router names, or one that is made once and kept.

A made key never changes, whatever order Crossplane's caches see things in. It is read back from the
observed Secret; where that is not seen yet, from the Secret of that name that was asked for; and a
key that both caches miss is saved by the Secret being immutable: the API server refuses the second
random one.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from function import names, ownership
from function.refusal import Refused
from function.router import Router
from function.secrets import Secrets, value

_RANDOM_BYTES: Final = 32


@dataclass(frozen=True, repr=False)
class MasterKey:
    """Where the master key is.

    Attributes:
        secret: the name of the Secret.
        key: the key in it.
        data: the value for a Secret that is to be composed, in base64; None where the Secret is the
            user's own.
        id: what tells a made key from the one before it. The first has none, so that the same
            router gives the same pods, and no stale cache rolls them.
    """

    secret: str
    key: str
    data: str | None
    id: str = ""

    def __repr__(self) -> str:
        """Where it is, without what it is."""
        return f"MasterKey({self.secret!r}, {self.key!r})"


def is_composed(router: Router, secrets: Secrets, *, observed: bool) -> bool:
    """Whether the Secret of the master key is one of the router's composed resources.

    A router that names the very Secret that was made for it keeps it: left out it would be deleted.
    So does one that names a Secret that is not there yet: pods still serve with the made key.
    """
    ref = router.spec.auth.master_key_secret_ref
    if ref is None:
        return True
    same = ref.name == names.master_key(router.name)
    return observed and (same or not secrets.has((ref.name, ref.key)))


def decide(
    router: Router,
    own: Mapping[str, Any] | None,
    found: Mapping[str, Any] | None,
    *,
    composed: bool,
    deployed: bool,
) -> MasterKey:
    """The master key of a router.

    Args:
        router: whose key it is.
        own: the Secret of the made key, where it is observed.
        found: else the one in the cluster under its name, if there is one.
        composed: whether that Secret is a composed resource.
        deployed: whether pods may run with a key that was there before.

    Raises:
        Refused: the Secret holds no key that could be kept.
    """
    ref = router.spec.auth.master_key_secret_ref
    name = names.master_key(router.name)
    made = MasterKey(name, names.MASTER_KEY_VARIABLE, None)
    existing = own or found
    if composed and existing is not None:
        new = own is None and deployed and ownership.controller(existing) is None
        made = replace(made, data=_kept(existing, name), id=_new_id() if new else _id(existing))
    elif composed:
        made = replace(made, data=_random(), id=_new_id() if deployed else "")
    return made if ref is None else replace(made, secret=ref.name, key=ref.key)


def _id(existing: Mapping[str, Any]) -> str:
    annotations = (existing.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(names.ANNOTATION_KEY_ID, ""))


def _new_id() -> str:
    return secrets.token_hex(4)


def _random() -> str:
    # LiteLLM's own keys begin so, and clients and scanners know a key by it.
    return base64.b64encode(f"sk-{secrets.token_urlsafe(_RANDOM_BYTES)}".encode()).decode()


def _kept(existing: Mapping[str, Any], name: str) -> str:
    kept = value(existing, names.MASTER_KEY_VARIABLE)
    if not kept:
        raise Refused(
            names.REASON_MASTER_KEY_UNUSABLE,
            f"Secret '{name}' has no value under the key {names.MASTER_KEY_VARIABLE}: delete it, "
            "and a new key is made, or name a Secret of yours in spec.auth.masterKeySecretRef.",
        )
    return base64.b64encode(kept).decode()
