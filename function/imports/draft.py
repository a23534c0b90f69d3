"""A ModelRouter that is being written from a source."""

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from function.api import literals
from function.call import Manifest
from function.errors import NotImported
from function.gateways.base import SecretKey
from function.gateways.litellm import credentials, items, providers, variables
from function.imports.secrets import Secrets
from function.imports.source import Note, Source, Value, set_field
from function.offline.problems import Problem
from function.text import shorten

_VARIABLE: Final = re.compile(r"([-_a-zA-Z]|\.[-_a-zA-Z0-9])[-._a-zA-Z0-9]*")
_SETTINGS: Final = "__SETTINGS"
"""What the name of a variable ends with that a setting refers to, where LiteLLM would read it by
its own name for a provider.

In the names that the function makes up (`credentials.private_name`), a Secret's name stands there,
which has no capitals.
"""
_MOST_LITERALS: Final = 256


@dataclass
class Draft:
    """A router as far as it is written.

    Attributes:
        source: what it is written from.
        secrets: the credentials.
        spec: its fields.
        merge: what has none, for `config.merge`.
        env: variables of the container.
        notes: what the user is told.
        dropped: the paths of what is not carried over, in order, and what was said.
    """

    source: Source
    secrets: Secrets
    spec: dict[str, Any] = field(default_factory=dict)
    merge: dict[str, Any] = field(default_factory=dict)
    env: dict[str, Manifest] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)

    def lost(self, path: str, message: str) -> None:
        """Notes that something is not carried over, and why."""
        self.dropped[path] = message
        self.notes.append(Note(Problem(message, *self.source.origin(path)), lost=True))

    def told(self, path: str, message: str) -> None:
        """Notes what is different and what the user should know."""
        self.notes.append(Note(Problem(message, *self.source.origin(path)), lost=False))

    def set(self, path: str, value: object) -> None:
        """Sets a field of the spec, such as `routing.retries`."""
        set_field(self.spec, path, value)

    # -- Variables

    def key_of(self, variable: str) -> SecretKey:
        """The key of a Secret that holds a variable of the source."""
        value = self.source.environment.known.get(variable, Value())
        if value.key is not None:
            return value.key
        if value.text is not None:
            return self.secrets.hold(variable, value.text)
        if secret := self.source.environment.secret:
            return SecretKey(secret, variable)
        return self.secrets.want(variable)

    def key_for(self, stem: str, value: str) -> SecretKey:
        """The key of a Secret that holds a credential, which is written or in a variable.

        Args:
            stem: what the key is named after if it is written.
            value: the credential, or a reference to the variable.
        """
        name = variables.referred(value)
        return self.secrets.put(stem, value) if name is None else self.key_of(name)

    def resolved(self, value: object) -> object:
        """A value, or the text of the variable that it refers to, if that is known."""
        name = variables.referred(value) if isinstance(value, str) else None
        if name is None:
            return value
        text = self.source.environment.text(name)
        return value if text is None else text

    def provided(self, variable: str) -> str:
        """The name of a variable of the container that holds a variable of the source."""
        name = variable
        if name in providers.all_variables() or name in (
            variables.MASTER_KEY,
            variables.REDIS_PASSWORD,
        ):
            name += _SETTINGS
        if name not in self.env:
            self.env[name] = self._manifest(variable)
        return name

    def _manifest(self, variable: str) -> Manifest:
        value = self.source.environment.known.get(variable, Value())
        if value.other is not None:
            return value.other
        if value.text is not None and not literals.of_variable(variable, value.text):
            return {"value": value.text}
        return credentials.optional_key(self.key_of(variable))

    def held(self, name: str, value: str) -> str:
        """The reference to a variable of the container that holds a credential of the input."""
        key = self.secrets.put(name, value)
        variable = f"{key.key}{_SETTINGS}"
        self.env[variable] = credentials.optional_key(key)
        return variables.reference(variable)

    @staticmethod
    def as_text(value: object) -> str:
        """A value as JSON, the same for the same value."""
        return json.dumps(value, sort_keys=True)

    # -- Values that are passed on

    def passed(self, value: Any, path: str, stem: str) -> Any:  # noqa: ANN401  # Any JSON.
        """A value for LiteLLM with its credentials in Secrets, and its variables provided for.

        Args:
            value: any JSON.
            path: where it stands in the source.
            stem: what the keys of its credentials are named after.

        Raises:
            NotImported: it holds a credential that no reference can stand for.
        """
        holder: dict[str, Any] = {stem: copy.deepcopy(value)}
        for _ in range(_MOST_LITERALS):
            found = literals.first_in(holder)
            if found is None:
                break
            self._replace(holder, found, path)
        else:
            raise NotImported(path, f"{path} holds too many credentials: move some to variables")
        return self._with_variables(holder[stem], path)

    def _replace(self, holder: dict[str, Any], steps: Sequence[str | int], path: str) -> None:
        """Puts a reference in the place of a credential, or of a text that holds one as JSON."""
        above: Any = holder
        step = steps[0]
        for following in steps[1:]:
            if not isinstance(above[step], dict | list):
                break
            above, step = above[step], following
        if isinstance(above, dict) and step not in above:
            raise NotImported(
                path, f"{path} has a credential as the name of a field: move it to a value"
            )
        value = above[step]
        text = value if isinstance(value, str) else json.dumps(value)
        named = next(part for part in reversed(steps) if isinstance(part, str))
        above[step] = self.held(_variable_name(named), text)

    def _with_variables(self, value: Any, path: str) -> Any:  # noqa: ANN401  # Any JSON.
        match value:
            case dict():
                return {
                    key: self._with_variables(item, f"{path}.{key}") for key, item in value.items()
                }
            case list():
                return [self._with_variables(item, f"{path}[{i}]") for i, item in enumerate(value)]
            case str() if "/" in value:
                return items.REFERENCE.sub(self._provide, value)
        return value

    def _provide(self, match: re.Match[str]) -> str:
        name = match[1]
        if not _VARIABLE.fullmatch(name) or name in self.env:
            return match[0]
        begin = match.start(1) - match.start()
        return match[0][:begin] + self.provided(name)


def _variable_name(key: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", key.upper()).strip("_") or "CREDENTIAL"


def shown(value: object) -> str:
    """A value in a message."""
    return f"'{shorten(value)}'" if isinstance(value, str) else shorten(json.dumps(value))
