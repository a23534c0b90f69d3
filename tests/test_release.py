"""An upgrade restarts no gateway unless the change log says so, and breaks no router."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from function.__version__ import __version__
from function.call import Manifest
from tests.generate import RELEASES, SOURCE
from tests.support.release import changed, composed, narrowed, number, rolls, stripped

CHANGES = (Path(__file__).parent.parent / "CHANGELOG.md").read_text()
OLDER = [path for path in RELEASES.glob("*.json") if number(path.stem) < number(__version__)]
NOW = RELEASES / f"{__version__}.json"


def schema() -> Manifest:
    versions = yaml.safe_load(SOURCE.read_text())["spec"]["versions"]
    return stripped(versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"])


def test_every_router_of_an_older_release_is_taken_and_means_the_same() -> None:
    assert {path.name: list(narrowed(read(path)["schema"], schema())) for path in OLDER} == {
        path.name: [] for path in OLDER
    }


def test_an_upgrade_alone_restarts_no_gateway_unless_the_change_log_says_so() -> None:
    for path in OLDER:
        for name, kept in read(path)["routers"].items():
            found = list(changed(kept["composed"], composed(kept["router"])))
            if rolls(CHANGES, path.stem):
                found = [what for what in found if not what.endswith("restarts")]
            assert not found, f"{path.stem}: {name}"


def read(path: Path) -> Manifest:
    found: Manifest = json.loads(path.read_text())
    return found


# -- That these checks can fail


def at(value: Any, path: str) -> Any:  # noqa: ANN401  # Any JSON value.
    for step in path.split("."):
        value = value["items"]["properties"][step[:-2]] if step.endswith("[]") else value[step]
    return value


@pytest.mark.parametrize(
    ("where", "change", "told"),
    [
        ("properties", {"port": None}, "spec.port: removed"),
        ("properties.port", {"maximum": 1000}, "spec.port: maximum"),
        ("properties.port", {"minimum": 2}, "spec.port: minimum"),
        ("properties.port", {"type": "string"}, "spec.port: type"),
        ("properties.port", {"default": 8000}, "spec.port: default"),
        ("properties.aiModels", {"maxItems": 10}, "spec.aiModels: maxItems"),
        ("properties.aiModels", {"x-kubernetes-list-type": "map"}, "spec.aiModels: x-kub"),
        ("properties.aiModels.items", {"required": ["name", "alias"]}, "spec.aiModels[]: required"),
        ("properties.aiModels.items", {"rules": ["has(self.alias)"]}, "spec.aiModels[]: rules"),
        ("properties.service.properties.type", {"enum": ["ClusterIP"]}, "spec.service.type: enum"),
        ("properties.deployment.properties.image", {"enum": ["a"]}, "spec.deployment.image: enum"),
        (
            "properties.config.properties.merge",
            {"x-kubernetes-preserve-unknown-fields": None},
            "spec.config.merge: open",
        ),
        (
            "properties.deployment.properties.nodeSelector",
            {"additionalProperties": None},
            "removed",
        ),
    ],
)
def test_a_narrower_schema_is_noticed(where: str, change: Manifest, told: str) -> None:
    old = schema()
    new = copy.deepcopy(old)
    field = at(new, where)
    for key, value in change.items():
        if value is None:
            del field[key]
        else:
            field[key] = value
    (found, *_) = narrowed(old, new)
    assert told in found


def test_a_wider_schema_is_none() -> None:
    old = schema()
    new = copy.deepcopy(old)
    new["properties"]["new"] = {"type": "string", "rules": []}
    new["properties"]["aiModels"]["maxItems"] = 2000
    new["properties"]["service"]["properties"]["type"]["enum"].append("New")
    new["properties"]["aiModels"]["items"]["rules"].pop()
    assert not list(narrowed(old, new))


@pytest.mark.parametrize(
    ("resource", "key", "value", "told"),
    [
        ("deployment", "pods", "other", "deployment: restarts"),
        ("deployment", "selector", {}, "deployment: selector"),
        ("service", "selector", {}, "service: selector"),
        ("service", "name", "other", "service: name"),
        ("configMap", "kind", "Secret", "configMap: kind"),
    ],
)
def test_another_object_is_noticed(resource: str, key: str, value: Any, told: str) -> None:  # noqa: ANN401
    kept = read(NOW)["routers"]["modelrouter"]["composed"]
    other = copy.deepcopy(kept)
    other[resource][key] = value
    assert list(changed(kept, other)) == [told]
    del other[resource]
    assert list(changed(kept, other)) == [f"{resource}: removed"]


def test_the_change_log_says_what_rolls_by_version() -> None:
    log = (
        "# Changes\n\n## Unreleased\n\n{}\n\n## 0.2.0\n\n{}\n\n## 0.1.0\n\nIt rolls every gateway."
    )
    assert not rolls(log.format("", ""), "0.1.0")
    assert rolls(log.format("It rolls every gateway.", ""), "0.2.0")
    assert rolls(log.format("", "It rolls every gateway."), "0.1.0")
    assert not rolls(log.format("", "It rolls every gateway."), "0.2.0")
