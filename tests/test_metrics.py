"""The gateway's metrics: what is composed, and what a proxy that runs tells a Prometheus."""

import copy
import hashlib
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from function import names
from function.call import Manifest, Result
from function.gateways.litellm import telemetry
from tests.support import gateway as support
from tests.support import prometheus
from tests.support.gateway import KEYS, Gateway, until
from tests.support.monitored import monitored
from tests.support.upstream import ANSWER
from tests.support.world import World, router, secret

PROMPT = "a prompt that no one may see"
ATTACK = "made-up"
"""What every text begins with that a client chooses in these tests."""


# -- What is composed


def composed(**spec: Any) -> dict[str, Manifest]:  # noqa: ANN401
    """What a router composes, by name."""
    answer = World(router(**spec)).reconcile()
    assert answer.refusal is None, answer.refusal
    return {name: resource.manifest for name, resource in answer.resources.items()}


def litellm_settings(**spec: Any) -> Manifest:  # noqa: ANN401
    config = composed(**spec)[names.RESOURCE_CONFIG_MAP]["data"]["config.yaml"]
    settings: Manifest = yaml.safe_load(config)["litellm_settings"]
    return settings


def test_nothing_is_measured_unless_it_is_asked_for() -> None:
    plain = litellm_settings()
    assert not any("prometheus" in str(item) for item in plain.items())
    assert litellm_settings(metrics={"enabled": False}) == plain
    assert litellm_settings(metrics={})["callbacks"] == ["prometheus"]
    variable = "PROMETHEUS_DISABLE_CREATED_SERIES"
    assert variable in str(composed(metrics={})[names.RESOURCE_DEPLOYMENT])
    assert variable not in str(composed()[names.RESOURCE_DEPLOYMENT])


def test_how_many_series_there_may_be_grows_with_the_models() -> None:
    for count, most in ((1, 1000), (100, 1000), (101, 1010), (1000, 10000)):
        models = [{"name": f"openai/m{i}"} for i in range(count)]
        settings = litellm_settings(metrics={}, aiModels=models)
        assert settings["prometheus_metrics_max_series_per_metric"] == most


def test_a_service_monitor_leads_to_the_service_with_the_master_key() -> None:
    found = composed(
        metrics={
            "serviceMonitor": {
                "labels": {"release": "prometheus", "app": "other"},
                "intervalSeconds": 60,
                "scrapeTimeoutSeconds": 20,
            }
        },
        commonMetadata={"labels": {"release": "common", "team": "a"}},
    )
    monitor, service = (found[name] for name in ("serviceMonitor", "service"))
    credentials = {"name": "gw-master-key", "key": "LITELLM_MASTER_KEY"}
    assert monitor["spec"] == {
        "selector": {"matchLabels": {"app": "gw", names.LABEL_ROUTER: "gw"}},
        "endpoints": [
            {
                "port": "http",
                "path": "/metrics/",
                "authorization": {"credentials": credentials},
                "interval": "60s",
                "scrapeTimeout": "20s",
            }
        ],
        "targetLabels": ["app.kubernetes.io/part-of"],
    }
    assert service["metadata"]["labels"]["app.kubernetes.io/part-of"] == "modelrouter"
    metadata = monitor["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("gw", "team")
    # The function's own labels cannot be taken away, and win as they do elsewhere.
    assert metadata["labels"]["release"] == "prometheus"
    assert (metadata["labels"]["app"], metadata["labels"]["team"]) == ("gw", "a")
    assert service["metadata"]["labels"].items() >= {"app": "gw", names.LABEL_ROUTER: "gw"}.items()
    assert service["metadata"]["labels"]["release"] == "common"
    assert [port["name"] for port in service["spec"]["ports"]] == ["http"]


def test_a_service_monitor_reads_a_master_key_of_ones_own() -> None:
    ref = {"name": "mine", "key": "k"}
    monitor = composed(auth={"masterKeySecretRef": ref}, metrics={"serviceMonitor": {}})
    (endpoint,) = monitor["serviceMonitor"]["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == ref
    assert "interval" not in endpoint


@pytest.mark.parametrize(
    "block",
    [
        None,
        {},
        {"serviceMonitor": {"enabled": False}},
        {"enabled": False, "serviceMonitor": {"enabled": True}},
    ],
)
def test_there_is_no_service_monitor_unless_there_is_something_to_scrape(
    block: Manifest | None,
) -> None:
    answer = World(router(metrics=block)).reconcile()
    assert names.RESOURCE_SERVICE_MONITOR not in answer.resources
    assert not any("serviceMonitor" in name for name in answer.requirements)


def test_a_service_monitor_is_left_out_where_no_operator_is_installed() -> None:
    world = World(router(metrics={"serviceMonitor": {}}))
    world.uninstalled = frozenset({"servicemonitors.monitoring.coreos.com"})
    answer = world.reconcile()
    assert answer.refusal is None
    assert names.RESOURCE_SERVICE_MONITOR not in answer.resources
    assert names.RESOURCE_DEPLOYMENT in answer.resources
    said = (
        "spec.metrics.serviceMonitor composes nothing, since the cluster does not serve "
        "ServiceMonitor in monitoring.coreos.com/v1: install its CustomResourceDefinition "
        "'servicemonitors.monitoring.coreos.com', or remove spec.metrics.serviceMonitor."
    )
    assert Result(names.EVENT_NOT_SERVED, said) in answer.results


def test_an_override_that_loses_the_metrics_is_told() -> None:
    """A merge patch replaces a list; what keeps clients' texts out of labels is in one too."""
    merge = {"litellm_settings": {"callbacks": ["langfuse"], "prometheus_exclude_labels": ["user"]}}
    answer = World(router(metrics={}, config={"merge": merge})).reconcile()
    said = [r.message for r in answer.results if r.reason == names.EVENT_CONFIG]
    assert "config.merge removes prometheus from /litellm_settings/callbacks." in said
    lost = [label for label in telemetry.CLIENTS_OWN if label != "user"]
    assert (
        f"config.merge removes {', '.join(lost)} from /litellm_settings/prometheus_exclude_labels."
    ) in said


# -- On a proxy that runs


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A cluster with a router that is measured."""
    with monitored() as world:
        yield world


@pytest.fixture(scope="module")
def gateway(world: World) -> Iterator[Gateway]:
    """A gateway that has been called in all the ways that are measured."""
    with support.running(world, secret("litellm-secrets", "team", **KEYS)) as gateway:
        for model in ("works", "fails", "falls back", "moves on", "any/gpt-4o-mini"):
            gateway.chat(model, PROMPT)
        assert gateway.stream("works") == ANSWER
        gateway.chat("not offered")
        gateway.call("/v1/embeddings", {"model": "works", "input": PROMPT}, key=gateway.key)
        until(
            lambda: (
                "litellm_deployment_successful_fallbacks_total{" in (text := gateway.metrics())
                and "litellm_llm_api_time_to_first_token_metric_count{" in text
                and 'route="/v1/embeddings"' in text
            )
        )
        yield gateway


SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The samples in what Prometheus is answered."""
    for found in SAMPLE.finditer(text):
        yield found["name"], dict(LABEL.findall(found["labels"] or "")), float(found["value"])


def values_of_labels(text: str) -> dict[str, set[str]]:
    values = defaultdict[str, set[str]](set)
    for _, labels, _ in samples(text):
        for label, value in labels.items():
            values[label].add(value)
    return values


@pytest.mark.parametrize("key", [None, "wrong", "sk-wrong"])
@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_metrics_are_for_who_has_the_master_key(
    gateway: Gateway, key: str | None, path: str
) -> None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    status, text = gateway.text(path, headers)
    assert status == HTTPStatus.UNAUTHORIZED
    assert "# TYPE" not in text


def test_metrics_hold_no_key_and_no_prompt(gateway: Gateway) -> None:
    """Nor a digest of the master key, which would do to check a guess."""
    text = gateway.metrics()
    digest = hashlib.sha256(gateway.key.encode()).hexdigest()
    for said in (gateway.key, digest, PROMPT, ANSWER, *KEYS.values()):
        assert said not in text


def attack(gateway: Gateway, i: int) -> None:
    """All that a client may choose freely, without and with the key."""
    texts = {
        name: f"{ATTACK}-{i}-{name}"
        for name in ("user", "tag", "agent", "model", "key", "path", "tier", "id")
    }
    headers = {
        "User-Agent": texts["agent"],
        "X-Forwarded-For": f"203.0.113.{i}",
        "x-litellm-tags": texts["tag"],
        "x-litellm-end-user-id": texts["user"],
        "x-litellm-customer-id": texts["user"],
        "x-litellm-call-id": texts["id"],
        "x-litellm-trace-id": texts["id"],
        "x-litellm-session-id": texts["id"],
    }
    said = {
        "messages": [{"role": "user", "content": PROMPT}],
        "user": texts["user"],
        "metadata": {"tags": [texts["tag"]], "team": texts["user"]},
        "tags": [texts["tag"]],
        "service_tier": texts["tier"],
    }
    for key in (gateway.key, texts["key"], f"sk-{texts['key']}"):
        own = {**headers, "Authorization": f"Bearer {key}"}
        for model in ("works", texts["model"]):
            gateway.text("/v1/chat/completions", own, {"model": model, **said})
        for path in ("chat/completions", "embeddings", "responses", "messages", "rerank"):
            body = {"model": texts["model"], "input": "x", "query": "x", "documents": ["x"]}
            gateway.text(f"/v1/{path}", own, body)
        gateway.text(f"/v1/models/{texts['path']}", own)
        gateway.text(f"/v1/models/{texts['path']}/{texts['path']}", own)
        gateway.text(f"/{texts['path']}", own)
        gateway.text(f"/v1/models?limit={texts['path']}", own)
        gateway.text(f"/metrics/?x={texts['path']}", own)
    gateway.text("/v1/chat/completions", {"x-api-key": texts["key"]}, {"model": texts["model"]})


def settled(gateway: Gateway) -> str:
    """What Prometheus is answered once LiteLLM has written down all that it was asked."""
    seen: list[object] = []
    for _ in range(60):
        text = gateway.metrics()
        counted: list[object] = [s for s in samples(text) if s[0].startswith("litellm_")]
        if seen == counted:
            return text
        seen = counted
        time.sleep(1)
    raise AssertionError("it never ends")


def test_no_client_makes_up_a_series(gateway: Gateway) -> None:
    """Neither one without the key, nor one with it who asks for no model of a wildcard."""
    attack(gateway, 0)
    before = Counter(name for name, _, _ in samples(settled(gateway)))
    for i in range(1, 6):
        attack(gateway, i)
    text = settled(gateway)
    assert ATTACK not in text
    assert "203.0.113." not in text
    assert Counter(name for name, _, _ in samples(text)) == before
    assert not values_of_labels(text).keys() & set(telemetry.CLIENTS_OWN)


def test_a_wildcards_models_are_bounded_and_still_counted() -> None:
    most, calls = 12, 30
    merge = {"litellm_settings": {"prometheus_metrics_max_series_per_metric": most}}
    with (
        monitored(config={"merge": merge}) as world,
        support.running(world, secret("litellm-secrets", "team", **KEYS)) as gateway,
    ):
        for i in range(calls):
            assert gateway.chat(f"any/{ATTACK}-{i}")[0] == HTTPStatus.OK
        total = "litellm_proxy_total_requests_metric_total"
        until(lambda: sum(v for n, _, v in samples(gateway.metrics()) if n == total) == calls)
        found = [*samples(gateway.metrics())]
        series = Counter(
            (name, labels.get("le")) for name, labels, _ in found if name.startswith("litellm_")
        )
        assert max(series.values()) == most + 1
        assert [
            value
            for name, labels, value in found
            if name == total and set(labels.values()) == {"other"}
        ] == [calls - most]


def test_a_real_prometheus_scrapes_what_the_service_monitor_says(
    gateway: Gateway, world: World
) -> None:
    monitor, service = (world.objects[kind, "team", "gw"] for kind in ("ServiceMonitor", "Service"))
    secrets = [found for (kind, *_), found in world.objects.items() if kind == "Secret"]
    config = prometheus.scrape_config(monitor, service, secrets)
    with prometheus.scraping(config) as server:
        target = server.target()
        assert (target["health"], target["lastError"]) == ("up", "")
        (found,) = server.query(
            "sum by (namespace, service, requested_model) "
            '(litellm_proxy_total_requests_metric_total{requested_model="fails",status_code="500"})'
        )
        assert found["metric"] == {"namespace": "team", "service": "gw", "requested_model": "fails"}
        assert int(found["value"][1]) >= 1
    wrong = copy.deepcopy(config)
    wrong["authorization"]["credentials"] = "wrong"
    with prometheus.scraping(wrong) as server:
        target = server.target()
        assert target["health"] == "down"
        assert "401" in target["lastError"]
    assert gateway.pod.returncode is None
