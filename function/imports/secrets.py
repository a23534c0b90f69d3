"""The credentials of what is imported, as keys of Secrets."""

import re
from dataclasses import dataclass, field
from typing import Final

from function.call import Manifest
from function.gateways.base import SecretKey

_NO_PART_OF_A_KEY: Final = re.compile(r"[^-._a-zA-Z0-9]")
_NO_PART_OF_A_VARIABLE: Final = re.compile(r"\A(?=[0-9])|[^_a-zA-Z0-9]")
"""What `sh`, the interpreter of the image's entry point, passes on in no variable's name."""

_LONGEST: Final = 120


@dataclass
class Secrets:
    """The Secret that an import writes, and what else it must hold.

    Attributes:
        name: the name of the Secret.
        values: the credentials that stood in the input, by key.
        wanted: keys whose values the input does not say.
        reserved: keys that are for variables of these names alone.
    """

    name: str
    values: dict[str, str] = field(default_factory=dict, repr=False)
    wanted: dict[str, None] = field(default_factory=dict)
    reserved: frozenset[str] = frozenset()

    def put(self, name: str, value: str) -> SecretKey:
        """The key for a credential of the input: one for each name and value.

        It may be a variable's name, too.
        """
        stem = _key(_NO_PART_OF_A_VARIABLE.sub("_", name))
        count, key = 1, stem
        while key in self.reserved or self.values.get(key, value) != value:
            count += 1
            key = f"{stem}_{count}"
        self.values[key] = value
        return SecretKey(self.name, key)

    def hold(self, variable: str, value: str) -> SecretKey:
        """The key for a variable whose value is known."""
        self.values[_key(variable)] = value
        return SecretKey(self.name, _key(variable))

    def want(self, variable: str) -> SecretKey:
        """The key for a variable whose value is not known."""
        self.wanted[_key(variable)] = None
        return SecretKey(self.name, _key(variable))

    def manifest(self, namespace: str) -> Manifest:
        """The Secret with what is known."""
        metadata = {"name": self.name, **({"namespace": namespace} if namespace else {})}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "stringData": dict(sorted(self.values.items())),
        }


def _key(name: str) -> str:
    return _NO_PART_OF_A_KEY.sub("_", name).strip(".")[:_LONGEST] or "KEY"
