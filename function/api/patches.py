"""Patches of the composed objects, for what has no field."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from function.api import literals
from function.api.fields import OpenObject
from function.api.validation import Model, Rule, refuse

_REMEDY: Final = "keep it in a Secret, and refer to that with valueFrom.secretKeyRef instead"
_REFERENCES: Final = {"secretKeyRef": "ref", "configMapKeyRef": "ref"}
"""What refers to a key of a Secret or ConfigMap, each with a name that is no credential's."""
_REFERENCE: Final = {"name", "key"}
"""What such a reference consists of, in an endpoint's authorization too."""
_COMMANDS: Final = ("args", "command")

Pointer = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Rule(
        r"(/([^~/]|~[01])*)+",
        "a JSON pointer must be of the form /spec/template/spec/securityContext/runAsUser, with ~1 "
        "for '/' in a name and ~0 for '~'",
    ),
]


class Patch(Model):
    """A merge patch of one composed object, and what is removed from it."""

    merge: Annotated[OpenObject, Field(max_length=8)] | None = None
    remove: Annotated[list[Pointer], Field(max_length=32)] = []

    @model_validator(mode="after")
    def _no_credentials(self) -> "Patch":
        literals.check(_readable(self.merge), "merge", _REMEDY)
        for arguments in _commands(self.merge):
            if literals.in_arguments(arguments):
                raise refuse(f"merge has a literal credential in args or command: {_REMEDY}")
        return self


class Patches(Model):
    """The patches, each under the name of its object among the composed resources."""

    config_map: Patch | None = None
    deployment: Patch | None = None
    horizontal_pod_autoscaler: Patch | None = None
    http_route: Patch | None = None
    ingress: Patch | None = None
    network_policy: Patch | None = None
    pod_disruption_budget: Patch | None = None
    service: Patch | None = None
    service_monitor: Patch | None = None

    def of(self, name: str) -> Patch | None:
        """The patch of a composed resource, if there is one that says anything."""
        patch: Patch | None = getattr(self, PATCHED[name]) if name in PATCHED else None
        return patch if patch is not None and (patch.merge or patch.remove) else None


PATCHED: Final = {info.alias or field: field for field, info in Patches.model_fields.items()}
"""The names of the composed resources that may be patched, and their fields here."""


def _readable(value: Any) -> Any:  # noqa: ANN401  # Any JSON.
    """A part of a Kubernetes object, for those who look for credentials by the names of values.

    The key in a reference to a Secret is named like a credential, and so is a variable that only
    repeats others: neither is one.
    """
    match value:
        case {"authorization": {"credentials": {**ref}} as said} if ref.keys() == _REFERENCE:
            # Of what is left of it, the name is no credential's either.
            rest = {key: item for key, item in value.items() if key != "authorization"}
            said = {key: item for key, item in said.items() if key != "credentials"}
            return _readable({**rest, "ref": [*said.values(), *ref.values()]})
        case dict():
            return {
                _REFERENCES.get(key, key): [*item.values()]
                if key in _REFERENCES and isinstance(item, dict)
                else _readable(item)
                for key, item in value.items()
            }
        case list():
            return [_readable(item) for item in value]
        case str() if literals.is_made_of_variables(value):
            return ""
        case _:
            return value


def _commands(value: object) -> Iterator[list[str]]:
    """The arguments of all commands in a part of a Kubernetes object."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _COMMANDS and isinstance(item, list):
                yield [argument for argument in item if isinstance(argument, str)]
            else:
                yield from _commands(item)
    elif isinstance(value, list):
        for item in value:
            yield from _commands(item)
