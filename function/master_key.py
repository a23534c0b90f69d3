"""The gateway's master key: the Secret that a router names, or one that is made once and kept.

A made key never changes, whatever order Crossplane's caches see things in. It is read back from the
observed Secret; where that is not seen yet, from the Secret of that name that was asked for; and a
key that both caches miss is saved by the Secret being immutable: the API server refuses the second
random one.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import names
from function.refusal import Refused
from function.router import Router

_RANDOM_BYTES: Final = 32


@dataclass(frozen=True, repr=False)
class MasterKey:
    """Where the master key is.

    Attributes:
        secret: the name of the Secret.
        key: the key in it.
        data: the value for a Secret that is to be composed, in base64; None where the Secret is the
            user's own.
    """

    secret: str
    key: str
    data: str | None

    def __repr__(self) -> str:
        """Where it is, without what it is."""
        return f"MasterKey({self.secret!r}, {self.key!r})"


def is_composed(router: Router, *, observed: bool) -> bool:
    """Whether the Secret of the master key is one of the router's composed resources.

    A router that names the very Secret that was made for it keeps it: left out it would be deleted.
    """
    ref = router.spec.auth.master_key_secret_ref
    return ref is None or (observed and ref.name == names.master_key(router.name))


def decide(router: Router, existing: Mapping[str, Any] | None, *, composed: bool) -> MasterKey:
    """The master key of a router.

    Args:
        router: whose key it is.
        existing: the Secret in the cluster under the made key's name, if there is one.
        composed: whether that Secret is a composed resource.

    Raises:
        Refused: the existing Secret holds no key that could be kept.
    """
    ref = router.spec.auth.master_key_secret_ref
    name = names.master_key(router.name)
    data = None
    if composed:
        data = _random() if existing is None else _kept(existing, name)
    if ref is not None:
        return MasterKey(ref.name, ref.key, data)
    return MasterKey(name, names.MASTER_KEY_VARIABLE, data)


def _random() -> str:
    # LiteLLM's own keys begin so, and clients and scanners know a key by it.
    return base64.b64encode(f"sk-{secrets.token_urlsafe(_RANDOM_BYTES)}".encode()).decode()


def _kept(existing: Mapping[str, Any], name: str) -> str:
    data = (existing.get("data") or {}).get(names.MASTER_KEY_VARIABLE)
    if isinstance(data, str) and _holds_text(data):
        return data
    raise Refused(
        names.REASON_MASTER_KEY_UNUSABLE,
        f"Secret '{name}' has no usable value under the key {names.MASTER_KEY_VARIABLE}: delete "
        "it, and a new key is made, or name a Secret of yours in spec.auth.masterKeySecretRef.",
    )


def _holds_text(data: str) -> bool:
    try:
        return bool(base64.b64decode(data, validate=True).decode().strip())
    except (binascii.Error, UnicodeDecodeError):
        return False
