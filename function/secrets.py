"""The user's Secrets, of which a gateway uses single keys.

No value leaves this module but in a digest: what the rest of the core learns is whether a key is
there.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from function.composition import Selector

Key = tuple[str, str]
"""The name of a Secret, and a key in it."""

_PREFIX: Final = "secret."


@dataclass(frozen=True, repr=False)
class Secrets:
    """The Secrets that were asked for.

    Attributes:
        found: by name, the Secret, or None where there is none. One that could not be read is not
            in it.
    """

    found: Mapping[str, Mapping[str, Any] | None]

    def has(self, key: Key) -> bool | None:
        """Whether the key is there with more than blanks in it; None where that is not known."""
        return None if key[0] not in self.found else bool(self._value(key))

    def digest(self, keys: Iterable[Key], *, salt: str, more: str) -> str | None:
        """A digest of the keys that are there, their values, and a text of the caller's.

        The first 16 hexadecimal digits of an HMAC-SHA-256 with the salt as its key; None where a
        Secret could not be read.
        """
        wanted = sorted(set(keys))
        if any(secret not in self.found for secret, _ in wanted):
            return None
        values = [(*key, self._value(key).hex()) for key in wanted]
        text = json.dumps([[value for value in values if value[-1]], more])
        return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()[:16]

    def _value(self, key: Key) -> bytes:
        """The key's value; empty where there is none but blanks."""
        return value(self.found[key[0]], key[1])


def value(secret: Mapping[str, Any] | None, key: str) -> bytes:
    """The value under a Secret's key; empty where there is none but blanks.

    Also a text under stringData: no API server keeps one, but a file for `composition render` may.
    """
    text = ((secret or {}).get("stringData") or {}).get(key)
    found = str(text).encode() if text is not None else _decoded(secret, key)
    return found if found.strip() else b""


def _decoded(secret: Mapping[str, Any] | None, key: str) -> bytes:
    try:
        return base64.b64decode(((secret or {}).get("data") or {}).get(key) or "", validate=True)
    except ValueError:
        return b""  # Only from a file: the API server takes nothing that is no base64.


def requirements(keys: Iterable[Key], namespace: str) -> dict[str, Selector]:
    """What to ask Crossplane for: the Secrets of these keys."""
    return {
        f"{_PREFIX}{secret}": Selector("v1", "Secret", secret, namespace)
        for secret in sorted({secret for secret, _ in keys})
    }


def of(fetched: Mapping[str, Mapping[str, Any] | None]) -> Secrets:
    """The Secrets among all that Crossplane has looked up."""
    return Secrets(
        {
            name.removeprefix(_PREFIX): found
            for name, found in fetched.items()
            if name.startswith(_PREFIX)
        }
    )
