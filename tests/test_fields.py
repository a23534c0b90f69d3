"""No field of the API is dead: each changes what is composed."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from function.call import Manifest
from tests.support.accesses import access, with_key
from tests.support.world import World, router

TESTS = Path(__file__).parent
DEFINITION = TESTS.parent / "package" / "configuration" / "definition.yaml"
SPEC: Manifest = yaml.safe_load(DEFINITION.read_text())["spec"]["versions"][0]["schema"][
    "openAPIV3Schema"
]["properties"]["spec"]
CASES: list[Manifest] = yaml.safe_load((TESTS / "admission.yaml").read_text())
SPECS: dict[str, Manifest] = {case["why"]: case["spec"] for case in CASES}
EVERYTHING = SPECS["everything at once"]
THE_REST = SPECS["what cannot stand beside everything"]

Steps = tuple[str, ...]
"""The way to a field: names, `[]` for an item of a list, `*` for a member of a map."""


def fields(schema: Manifest, path: Steps = ()) -> Iterator[tuple[Steps, Manifest]]:
    """All fields without fields of their own, with their schemas."""
    if "properties" in schema:
        for name, field in schema["properties"].items():
            yield from fields(field, (*path, name))
    elif "items" in schema:
        yield from fields(schema["items"], (*path, "[]"))
    elif isinstance(schema.get("additionalProperties"), dict):
        yield from fields(schema["additionalProperties"], (*path, "*"))
    else:
        yield path, schema


def places(value: Any, steps: Steps) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Where a value has the field: names and indices."""
    if not steps:
        yield ()
        return
    step, rest = steps[0], steps[1:]
    match value:
        case list() if step == "[]":
            keys: Any = range(len(value))
        case dict():
            keys = value if step == "*" else [step] if step in value else []
        case _:
            keys = []
    for key in keys:
        for tail in places(value[key], rest):
            yield (key, *tail)


CHOICES: dict[str, str] = {
    "Secret": "WorkloadIdentity",
    "simple-shuffle": "least-busy",
    "metadata.name": "metadata.uid",
    "limits.cpu": "limits.memory",
    "50": "60",
    "Day": "Month",
    "Failure": "ContentPolicy",
    "ContextWindow": "ContentPolicy",
    "In": "NotIn",
    "ScheduleAnyway": "DoNotSchedule",
    "ReadWriteOnce": "ReadOnlyMany",
    "10.0.0.10": "2001:db8::1",
    "10Gi": "20Gi",
    "50%": "60%",
    "GRPC": "HTTP",
    "SSE": "HTTP",
    "HTTP": "SSE",
    "JSON": "Text",
    "Info": "Error",
    "*.example.com": "*.example.org",
    "10.0.0.0/8": "10.0.0.0/9",
    "10.1.0.0/16": "10.2.0.0/16",
    "PreCall": "PostCall",
    "Block": "Allow",
    "Mask": "Block",
    "http://analyzer:3000": "http://analyzer:3001",
    "http://anonymizer:3000": "http://anonymizer:3001",
    "openai/o3": "openai/o4",
    "moderation": "words",
    "generic_guardrail_api": "straiker",
    "PERSON": "LOCATION",
    "1": "2",
    "harmful_self_harm": "harmful_violence",
    "http://proxy.example.com:3128": "http://proxy.example.org:3128",
}
"""Another value of a field that takes only some, by the value that the case with everything has."""


def others(value: Any) -> Iterator[Any]:  # noqa: ANN401
    """Other values of a field, which the API may refuse all the same."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, value - 1)
        case str():
            yield f"{value}x"
            if value in CHOICES:
                yield CHOICES[value]


def variants(spec: Manifest, place: tuple[Any, ...]) -> Iterator[Manifest]:
    """A spec without one of its fields, with another value, or with it alone."""
    *way, last = place
    value = at(spec, place)
    if isinstance(last, str):
        without = copy.deepcopy(spec)
        del at(without, way)[last]
        yield without
    for other in others(value):
        changed = copy.deepcopy(spec)
        at(changed, way)[last] = other
        yield changed
        alone = copy.deepcopy(spec)
        if way and isinstance(at(alone, way), dict):
            at(alone, way[:-1])[way[-1]] = {last: other}
            yield alone


def at(value: Any, place: Any) -> Any:  # noqa: ANN401
    for key in place:
        value = value[key]
    return value


APPLICATIONS = [with_key(access(f"app-{i}", "team-a", i), f"key {i}") for i in range(4)] + [
    with_key(access("app", "team-b", 5, models=["any"]), "key 5")
]
"""Those that want keys: one more in a namespace than its grant allows."""


def composed(spec: Manifest) -> Manifest | None:
    """What a spec composes; None where it is refused."""
    world = World(router(**copy.deepcopy(spec)))
    world.add(*APPLICATIONS)
    answer = world.reconcile()
    if answer.refusal is not None:
        return None
    return {name: composed.manifest for name, composed in answer.resources.items()}


FIELDS = dict(fields(SPEC))


@pytest.mark.parametrize("path", FIELDS, ids=".".join)
def test_each_field_changes_what_is_composed(path: Steps) -> None:
    (spec, *_) = (spec for spec in (EVERYTHING, THE_REST) if [*places(spec, path)])
    whole = composed(spec)
    assert whole is not None
    assert any(
        (answer := composed(variant)) is not None and answer != whole
        for place in places(spec, path)
        for variant in variants(spec, place)
    )
