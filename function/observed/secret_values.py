"""The users' Secrets, of which a gateway uses single keys.

Apart from `value`, which the master key is read with, nothing here gives a value away but in a
digest: what the rest of the core learns is whether a key exists, and whether its value passes a
test.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import names, shapes
from function.call import ResourceSelector
from function.errors import Refused
from function.gateways.base import SecretKey

MAX_SECRETS: Final = 64
"""From how many Secrets a router may take credentials."""

_PREFIX: Final = "secret."
"""What the name of a requirement of a Secret begins with."""


@dataclass(frozen=True, repr=False)
class SecretValues:
    """The Secrets that were required.

    Attributes:
        found: by name, the Secret, or None if it does not exist. One that could not be read is left
            out.
    """

    found: Mapping[str, Mapping[str, Any] | None]

    def has(self, key: SecretKey) -> bool | None:
        """Whether the key exists and holds more than blanks; None if that is not known."""
        return None if key.secret not in self.found else bool(self._value(key))

    def digest(self, keys: Iterable[SecretKey], *, salt: str, more: str) -> str | None:
        """A digest of the keys that exist, their values, and a text of the caller's.

        The first 16 hexadecimal digits of an HMAC-SHA-256 with the salt as its key; None if a
        Secret could not be read.
        """
        wanted = sorted(set(keys))
        if any(key.secret not in self.found for key in wanted):
            return None
        values = [(*key, self._value(key).hex()) for key in wanted]
        text = json.dumps([[value for value in values if value[-1]], more])
        return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()[:16]

    def holds(self, key: SecretKey, test: Callable[[str], bool]) -> bool:
        """Whether a value passes a test, or there is none."""
        found = self._value(key) if key.secret in self.found else b""
        return not found or test(found.decode(errors="replace"))

    def labels(self, name: str) -> Mapping[str, Any] | None:
        """The labels of a Secret; None if it does not exist, or was not read."""
        found = self.found.get(name)
        return None if found is None else shapes.object_at(found, "metadata", "labels")

    def _value(self, key: SecretKey) -> bytes:
        """The key's value; empty if there is none but blanks."""
        return value(self.found[key.secret], key.key)


def value(secret: Mapping[str, Any] | None, key: str) -> bytes:
    """The value under a Secret's key; empty if there is none but blanks.

    Also a text under stringData: no API server keeps one, but a file for `composition render` may.
    """
    text = shapes.text_at(secret, "stringData", key)
    found = text.encode() if text else _decoded(secret, key)
    return found if found.strip() else b""


def requirements(keys: Iterable[SecretKey], namespace: str) -> dict[str, ResourceSelector]:
    """What Crossplane is to look up: the Secrets of these keys.

    Raises:
        Refused: they are too many.
    """
    wanted = sorted({key.secret for key in keys})
    if len(wanted) > MAX_SECRETS:
        raise Refused(
            names.REASON_INVALID_SPEC,
            f"spec takes credentials from {len(wanted)} Secrets, but at most {MAX_SECRETS} are "
            "allowed, since each is looked up again and again: keep several keys in one Secret, or "
            "split the models among several ModelRouters.",
        )
    return {
        f"{_PREFIX}{secret}": ResourceSelector("v1", "Secret", secret, namespace)
        for secret in wanted
    }


def read(required: Mapping[str, Mapping[str, Any] | None]) -> SecretValues:
    """The Secrets among all required resources that Crossplane has looked up."""
    return SecretValues(
        {
            name.removeprefix(_PREFIX): found
            for name, found in required.items()
            if name.startswith(_PREFIX)
        }
    )


def _decoded(secret: Mapping[str, Any] | None, key: str) -> bytes:
    try:
        return base64.b64decode(shapes.text_at(secret, "data", key), validate=True)
    except ValueError:
        return b""  # Only from a file: the API server takes nothing but base64.
