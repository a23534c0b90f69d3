"""What is imported: LiteLLM's configuration, its environment, and where each part stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from function.api.secret_refs import SecretKeyRef
from function.call import Manifest
from function.gateways.base import SecretKey
from function.offline.lines import Lines
from function.offline.problems import Problem

OTEL_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_ENDPOINT")
"""The variables from which LiteLLM takes the collector of traces: the first that is set."""

Place = Callable[[str], tuple[str, int]]
"""The file and the line of a field, by its path."""


def place_in(source: str, lines: Lines) -> Place:
    """The places of the fields of a document.

    Args:
        source: its file, as it is named in messages.
        lines: its lines.
    """
    return lambda path: (source, lines.of(path))


@dataclass
class Origin:
    """Where the fields of a configuration stand, which may have come from several files.

    Attributes:
        whole: the place of a field that no part is for.
        parts: for the path of a part, its place, and its path there.
    """

    whole: Place
    parts: dict[str, tuple[Place, str]] = field(default_factory=dict)

    def __call__(self, path: str) -> tuple[str, int]:
        """The file and the line of a field."""
        within = [
            part for part in self.parts if path == part or path.startswith((f"{part}.", f"{part}["))
        ]
        if not within:
            return self.whole(path)
        part = max(within, key=len)
        place, local = self.parts[part]
        return place((local + path[len(part) :]).removeprefix("."))


@dataclass(frozen=True)
class Value:
    """What a variable of the environment holds.

    Attributes:
        text: the text; None if it comes from elsewhere.
        key: the key of a Secret.
        other: another source of it, as Kubernetes' `valueFrom`.
    """

    text: str | None = None
    key: SecretKey | None = None
    other: Manifest | None = None


@dataclass
class Environment:
    """The environment of the LiteLLM that is imported.

    Attributes:
        known: what is known of its variables.
        secret: the Secret that holds all others; empty if none is known.
        sources: Secrets and ConfigMaps of which all keys are variables, as `envFrom` has them.
    """

    known: dict[str, Value] = field(default_factory=dict)
    secret: str = ""
    sources: list[Manifest] = field(default_factory=list)

    def text(self, variable: str) -> str | None:
        """The text of a variable, if it is known."""
        value = self.known.get(variable)
        return None if value is None else value.text


@dataclass(frozen=True)
class Note:
    """What the user is told about the import.

    Attributes:
        problem: where it is about, and one sentence.
        lost: whether something of the input is not in the router.
    """

    problem: Problem
    lost: bool


@dataclass
class Source:
    """One LiteLLM that is imported.

    Attributes:
        kind: what describes it, for messages.
        name: its name; empty if it has none.
        namespace: its namespace; empty if it has none.
        config: its configuration, as LiteLLM reads it.
        origin: where the fields of the configuration stand.
        environment: its environment.
        spec: fields of the ModelRouter that are given as they are.
        notes: what its reader could not carry over.
    """

    kind: str
    name: str
    namespace: str
    config: dict[str, Any]
    origin: Origin
    environment: Environment = field(default_factory=Environment)
    spec: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def lost(self, place: tuple[str, int], message: str) -> None:
        """Notes what is not carried over."""
        self.notes.append(Note(Problem(message, *place), lost=True))

    def told(self, place: tuple[str, int], message: str) -> None:
        """Notes what is different, and nothing is lost."""
        self.notes.append(Note(Problem(message, *place), lost=False))


def set_field(spec: dict[str, Any], path: str, value: object) -> None:
    """Sets a field of a spec, such as `routing.retries`."""
    *above, last = path.split(".")
    for step in above:
        spec = spec.setdefault(step, {})
    spec[last] = value


def variables(entries: object) -> dict[str, Value]:
    """The variables that a list of Kubernetes' EnvVars says."""
    found: dict[str, Value] = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and isinstance(name := entry.get("name"), str):
            found[name] = of_variable(entry)
    return found


def of_variable(entry: Mapping[str, Any]) -> Value:
    """What an EnvVar says."""
    origin = entry.get("valueFrom")
    if not isinstance(origin, Mapping):
        value = entry.get("value")
        return Value("" if value is None else str(value))
    ref = origin.get("secretKeyRef")
    if isinstance(ref, Mapping):
        return Value(key=secret_key(ref))
    return Value(other={"valueFrom": dict(origin)})


def secret_key(ref: Mapping[str, Any]) -> SecretKey:
    """The key of a Secret that a reference names."""
    return SecretKey(str(ref.get("name", "")), str(ref.get("key", "")))


def as_ref(key: SecretKey) -> Manifest:
    """A reference to the key of a Secret."""
    return SecretKeyRef(name=key.secret, key=key.key).manifest()
