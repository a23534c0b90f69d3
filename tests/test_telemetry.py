"""What a real server tells Prometheus of the calls that it answers."""

import re
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1
from prometheus_client.parser import text_string_to_metric_families

from function import names
from function.errors import StartError
from function.kept import Kept
from function.telemetry import Telemetry
from tests.generate import EXAMPLES
from tests.support import prometheus
from tests.support.processes import free_port, running
from tests.support.world import router

TIMEOUT = 20

MONITOR, ALERTS = yaml.safe_load_all((EXAMPLES / "function-monitoring.yaml").read_text())
RULES = ALERTS["spec"]


def request(**spec: Any) -> fnv1.RunFunctionRequest:  # noqa: ANN401
    req = fnv1.RunFunctionRequest()
    req.observed.composite.resource.update(router(**spec))
    return req


def answered(stub: grpcv1.FunctionRunnerServiceStub, req: fnv1.RunFunctionRequest) -> None:
    """Calls until nothing more is to be looked up."""
    rsp = stub.RunFunction(req, timeout=TIMEOUT, wait_for_ready=True)
    if rsp.requirements.resources:
        for name in rsp.requirements.resources:
            req.required_resources[name].SetInParent()
        stub.RunFunction(req, timeout=TIMEOUT)


def scraped(address: str) -> dict[tuple[str, ...], float]:
    """The samples, by name and the values of their labels."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=TIMEOUT) as page:
        text = page.read().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_calls_are_counted_by_how_they_end() -> None:
    where = f"127.0.0.1:{free_port()}"
    with (
        running("--insecure", "--metrics-address", where) as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        stub = grpcv1.FunctionRunnerServiceStub(channel)
        own = {"masterKeySecretRef": {"name": "s", "key": "k"}}
        for _ in range(2):  # The same once more, which is kept.
            answered(stub, request(auth=own))
        for _ in range(2):
            answered(stub, request(port=0))
        answered(stub, request(type="kong"))
        samples = scraped(where)
    calls = {key[1]: value for key, value in samples.items() if key[0] == "modelrouter_calls_total"}
    assert calls == {"incomplete": 1, "composed": 1, "kept": 2, "refused": 2, "unsupported": 1}
    assert samples["modelrouter_refusals_total", names.REASON_INVALID_SPEC] == 2
    assert samples["modelrouter_call_duration_seconds_count",] == 7
    assert samples["modelrouter_request_bytes_count",] == 5  # But for those that are kept.
    assert samples["modelrouter_request_bytes_bucket", "1.6777216e+07"] == 5
    assert samples["modelrouter_cache_routers",] == 1
    assert samples["modelrouter_cache_bytes",] > 1000
    assert samples["process_resident_memory_bytes",] > 1000
    named = set(re.findall(r"\bmodelrouter_\w+", yaml.safe_dump(RULES)))
    assert named <= {key[0] for key in samples}


@pytest.mark.parametrize(
    "address", ["nowhere", "127.0.0.1:1x", "no-such-host.invalid:80", ":99999"]
)
def test_says_where_it_cannot_listen(address: str) -> None:
    with pytest.raises(StartError, match="it must be a host and a port of this"):
        Telemetry(Kept()).listen(address)


def test_the_alerts_fire_for_what_they_are_for_and_for_nothing_else(tmp_path: Path) -> None:
    """By promtool, which checks them first."""
    tests = Path(__file__).parent / "function-rules.yaml"
    prometheus.check_alerts(RULES, tests, tmp_path)


def test_the_monitor_finds_the_pods_of_the_example() -> None:
    runtime, budget = yaml.safe_load_all((EXAMPLES / "install" / "1-runtime.yaml").read_text())
    pod = runtime["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]
    (port,) = pod["containers"][0]["ports"]
    (endpoint,) = MONITOR["spec"]["podMetricsEndpoints"]
    assert endpoint["portNumber"] == port["containerPort"]
    assert MONITOR["spec"]["selector"] == budget["spec"]["selector"]
