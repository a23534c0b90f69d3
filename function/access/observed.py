"""What the cluster holds of a ModelAccess: its Secrets, and its router.

As with a router, nothing is composed before all has been looked up that Crossplane does not show as
composed: a cache that is behind must not cost an application its key. Which older generations there
are to look for, the status tells.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from function import names, shapes
from function.access.request import Application
from function.api.model_access import MAX_GENERATIONS, instant
from function.call import Request, ResourceSelector
from function.errors import Refused
from function.observed import Incomplete, ownership
from function.observed.secret_values import value

__all__ = ["BASE_URL", "KEY", "HandedOut", "Incomplete", "KeySecret", "Observed", "observe"]

BASE_URL: Final = "OPENAI_BASE_URL"
KEY: Final = "OPENAI_API_KEY"
"""What the Secrets hold: the variables of OpenAI's clients."""

_ROUTER: Final = "router"


@dataclass(frozen=True)
class KeySecret:
    """The Secret with one generation's key.

    Attributes:
        generation: which.
        key: the key.
        made: when the Secret was, in seconds since 1970; None if it does not say so, as in a file.
        replaced_at: when applications were given a newer key; None if they were not.
        listed_at: since when the router has listed the key; None if that is not written on it.
    """

    generation: int
    key: str = field(repr=False)
    made: float | None
    replaced_at: float | None
    listed_at: float | None

    @property
    def hash(self) -> str:
        """By which the gateway knows the key."""
        return hashlib.sha256(self.key.encode()).hexdigest()


@dataclass(frozen=True)
class HandedOut:
    """The Secret that applications take.

    Attributes:
        generation: of which generation its key is; None if it does not say so any more.
        url: the base URL in it.
        key: the key in it.
    """

    generation: int | None
    url: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Observed:
    """What the cluster holds of a ModelAccess.

    Attributes:
        application: the ModelAccess.
        keys: the Secrets with keys, by generation.
        secret: the Secret that applications take, if there is one.
        router: the ModelRouter; None if there is none.
        requirements: what Crossplane is to look up, by the name of the requirement.
    """

    application: Application
    keys: Mapping[int, KeySecret]
    secret: HandedOut | None
    router: Mapping[str, Any] | None
    requirements: Mapping[str, ResourceSelector]


def observe(request: Request, application: Application) -> Observed | Incomplete:
    """What the cluster holds of a ModelAccess, or what must be looked up to know.

    Raises:
        Refused: a name is taken, a key cannot be read, or an older generation is asked for than
            there is.
    """
    own = {
        name: found
        for name, found in request.observed.items()
        if (wanted := _selector(application, name)) is not None
        and ownership.is_own(found, application, wanted)
    }
    _check_secret_name(request, application)
    unseen = {
        name: selector
        for name in _names(request, application, own)
        if name not in own and (selector := _selector(application, name)) is not None
    }
    requirements = {**unseen, _ROUTER: application.router}
    if not requirements.keys() <= request.required.keys():
        return Incomplete(requirements)
    for name, selector in unseen.items():
        ownership.check_free(request.required[name], application, selector, adopt=False)
    shown = {**{name: request.required[name] for name in unseen}, **own}
    keys = {
        generation: _key(found, generation, application)
        for name, found in shown.items()
        if found is not None and (generation := _generation(name)) is not None
    }
    return Observed(
        application=application,
        keys=keys,
        secret=_handed_out(shown[names.RESOURCE_SECRET]),
        router=request.required[_ROUTER],
        requirements=requirements,
    )


def _names(request: Request, application: Application, own: Mapping[str, Any]) -> Iterator[str]:
    """The names, among the composed resources, of all Secrets that there may be.

    Raises:
        Refused: an older generation is asked for than there is.
    """
    yield names.RESOURCE_SECRET
    newest = application.spec.generation
    there = {generation for name in own if (generation := _generation(name)) is not None}
    if there and max(there) > newest:
        raise Refused(
            names.REASON_INVALID_SPEC,
            f"spec.keyGeneration is {newest}, but there was a key of generation {max(there)} "
            f"before: set it to {max(there)}, or to {max(there) + 1} for a new key.",
        )
    told = {
        generation
        for key in shapes.objects_at(request.composite, "status", "keys")[:MAX_GENERATIONS]
        if (generation := shapes.as_int(key.get("generation"))) is not None
        and 1 <= generation < newest
    }
    for generation in sorted({newest, *there, *told}):
        yield f"{names.RESOURCE_KEY}{generation}"


def _generation(name: str) -> int | None:
    """The generation of a key's Secret by its name among the composed resources."""
    number = name.removeprefix(names.RESOURCE_KEY)
    is_key = number != name and number.isascii() and number.isdigit() and len(number) <= 9  # noqa: PLR2004
    return int(number) if is_key else None


def _selector(application: Application, name: str) -> ResourceSelector | None:
    """The Secret of that name among the composed resources."""
    if name == names.RESOURCE_SECRET:
        return application.secret()
    generation = _generation(name)
    return None if generation is None else application.key(generation)


def _check_secret_name(request: Request, application: Application) -> None:
    """Refuses a new name for the Secret: Crossplane would keep the old one."""
    found = request.observed.get(names.RESOURCE_SECRET)
    name = shapes.text_at(found, "metadata", "name")
    if name and name != application.secret_name:
        raise Refused(
            names.REASON_INVALID_SPEC,
            f"spec.secretName cannot change, and the Secret is called '{name}': set it back, or "
            "delete the ModelAccess and create it again.",
        )


def _key(found: Mapping[str, Any], generation: int, application: Application) -> KeySecret:
    metadata = shapes.object_at(found, "metadata")
    key = value(found, KEY).decode(errors="replace")
    if not key:
        raise Refused(
            names.REASON_KEY_UNUSABLE,
            f"Secret '{application.key(generation).name}' has no value under {KEY}: delete it, and "
            "it is made again.",
        )
    return KeySecret(
        generation=generation,
        key=key,
        made=_instant(metadata.get("creationTimestamp")),
        replaced_at=_instant(shapes.at(metadata, "annotations", names.ANNOTATION_REPLACED_AT)),
        listed_at=_instant(shapes.at(metadata, "annotations", names.ANNOTATION_LISTED_AT)),
    )


def _handed_out(found: Mapping[str, Any] | None) -> HandedOut | None:
    if found is None:
        return None
    generation = shapes.text_at(found, "metadata", "annotations", names.ANNOTATION_KEY_GENERATION)
    return HandedOut(
        generation=_generation(f"{names.RESOURCE_KEY}{generation}"),
        url=value(found, BASE_URL).decode(errors="replace"),
        key=value(found, KEY).decode(errors="replace"),
    )


def _instant(text: object) -> float | None:
    try:
        return instant(shapes.as_text(text))
    except ValueError:
        return None
