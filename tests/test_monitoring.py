"""The dashboard and the alerts among the examples, against the metrics of a proxy that runs."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from function.call import Manifest
from tests.generate import EXAMPLES
from tests.support import gateway as support
from tests.support import prometheus
from tests.support.gateway import KEYS, Gateway, until
from tests.support.monitored import monitored
from tests.support.prometheus import Prometheus
from tests.support.world import World, secret
from tests.test_metrics import samples

RULES: Manifest = yaml.safe_load((EXAMPLES / "prometheus-rules.yaml").read_text())["spec"]
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
DASHBOARD: Manifest = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
}
VARIABLES = {
    variable["name"]: variable["definition"]
    for variable in DASHBOARD["templating"]["list"]
    if variable["type"] == "query"
}
EXPRESSIONS = {**{name: rule["expr"] for name, rule in ALERTS.items()}, **QUERIES, **VARIABLES}
FILLED_IN = {"$__rate_interval": "1m", "$__range": "5m", "$namespace": "team", "$service": "gw"}
"""What Grafana puts into the queries."""

SELECTOR = re.compile(r"\b(litellm_\w+|process_\w+|up)\b(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\bby \(([^)]*)\)")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A cluster with a router that caches answers, of which everything is measured."""
    with monitored(cache={}) as world:
        yield world


@pytest.fixture(scope="module")
def gateway(world: World) -> Iterator[Gateway]:
    """A gateway that has been called in all the ways that something is told of."""
    with support.running(world, secret("litellm-secrets", "team", **KEYS)) as gateway:
        for model in ("works", "fails", "falls back", "moves on", "not offered", "any/gpt-4o"):
            gateway.chat(model)
        for _ in range(2):
            gateway.chat("works", "the same again")
        gateway.stream("works")
        last = ("cache_hits_metric", "deployment_cooled_down", "deployment_successful_fallbacks")
        until(lambda: all(f"litellm_{name}_total{{" in gateway.metrics() for name in last))
        yield gateway


@pytest.fixture(scope="module")
def server(world: World, gateway: Gateway) -> Iterator[Prometheus]:
    """A Prometheus that has scraped it twice, as its ServiceMonitor says."""
    assert gateway.pod.returncode is None
    monitor, service = (world.objects[kind, "team", "gw"] for kind in ("ServiceMonitor", "Service"))
    secrets = [found for (kind, *_), found in world.objects.items() if kind == "Secret"]
    with prometheus.scraping(prometheus.scrape_config(monitor, service, secrets)) as server:
        assert server.query("count_over_time(litellm_in_flight_requests[1m]) > 1")
        yield server


@pytest.fixture(scope="module")
def labels(server: Prometheus, gateway: Gateway) -> Mapping[str, set[str]]:
    """The labels of each metric, as Prometheus keeps them."""
    (up,) = server.query("up")
    targets = set(up["metric"]) - {"__name__"}
    found = defaultdict[str, set[str]](set, {"up": targets})
    for name, own, _ in samples(gateway.metrics()):
        found[name] |= {*own, *targets}
    return found


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_it_names_only_what_a_gateway_shows(name: str, labels: Mapping[str, set[str]]) -> None:
    expression = EXPRESSIONS[name]
    selectors = SELECTOR.findall(GROUPED.sub("", expression))
    assert selectors
    for metric, matchers in selectors:
        assert metric in labels
        named = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', matchers)))
        assert named <= labels[metric], metric
    shown = set[str].intersection(*(labels[metric] for metric, _ in selectors))
    for grouped in GROUPED.findall(expression):
        assert {label.strip() for label in grouped.split(",")} <= shown


@pytest.mark.parametrize("name", QUERIES)
def test_each_panel_shows_something(name: str, server: Prometheus) -> None:
    query = QUERIES[name]
    for variable, value in FILLED_IN.items():
        query = query.replace(variable, value)
    assert "$" not in query
    assert server.query(query), query


def test_each_gateway_can_be_chosen(server: Prometheus) -> None:
    for definition in VARIABLES.values():
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", definition)
        assert found is not None
        (series,) = server.query(found[1].replace("$namespace", "team"))
        assert series["metric"][found[2]]


def test_no_two_panels_lie_over_each_other() -> None:
    taken = set[tuple[int, int]]()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len({*ids})


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_is_wrong_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    said: Mapping[str, Any] = rule["annotations"]
    assert said.keys() == {"summary", "description"}
    assert "$labels.namespace" in said["summary"]
    assert len(said["description"]) > 100


def test_the_alerts_fire_for_what_they_are_for_and_for_nothing_else(tmp_path: Path) -> None:
    """By promtool, which checks them first."""
    tests = Path(__file__).parent / "prometheus-rules.yaml"
    prometheus.check_alerts(RULES, tests, tmp_path)
    text = tests.read_text()
    assert [name for name in ALERTS if text.count(name) == 0] == []
