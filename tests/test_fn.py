"""The gRPC shell: what of a request reaches the core, and what of its answer the response."""

import asyncio
import json

import pytest
from crossplane.function import logging
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf import json_format

from function import fn, names, structs
from function.call import Manifest
from function.resources import KINDS
from tests.support.world import behind_claim, router


def request(xr: Manifest, *, resolved: bool = True) -> fnv1.RunFunctionRequest:
    """A request for an XR whose names are free, or not looked up yet."""
    req = fnv1.RunFunctionRequest(meta=fnv1.RequestMeta(tag="t"))
    req.observed.composite.resource.update(xr)
    for name in KINDS if resolved else ():
        req.required_resources[name].SetInParent()
    return req


def run(req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    return asyncio.run(fn.FunctionRunner().RunFunction(req, None))


def test_the_whole_first_response() -> None:
    response = json_format.MessageToDict(run(request(router(), resolved=False)))
    selector = {"namespace": "team", "apiVersion": "v1"}
    assert response == {
        "meta": {"tag": "t", "ttl": "60s"},
        "desired": {},
        "context": {},
        "requirements": {
            "resources": {
                "configMap": {**selector, "kind": "ConfigMap", "matchName": "gw-config"},
                "deployment": {
                    **selector,
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "matchName": "gw",
                },
                "masterKey": {**selector, "kind": "Secret", "matchName": "gw-master-key"},
                "secret.litellm-secrets": {
                    **selector,
                    "kind": "Secret",
                    "matchName": "litellm-secrets",
                },
                "service": {**selector, "kind": "Service", "matchName": "gw"},
            }
        },
    }


def test_a_refusal_is_a_fatal_result_with_its_condition_on_resource_and_claim() -> None:
    response = json_format.MessageToDict(run(request(behind_claim(port=0))))
    sentence = "spec.port is 0: it must be at least 1."
    both = {
        "reason": "InvalidSpec",
        "message": sentence,
        "target": "TARGET_COMPOSITE_AND_CLAIM",
    }
    assert response == {
        "meta": {"tag": "t", "ttl": "60s"},
        "desired": {},
        "context": {},
        "results": [{"severity": "SEVERITY_FATAL", **both}],
        "conditions": [{"type": "Configured", "status": "STATUS_CONDITION_FALSE", **both}],
    }


def test_every_condition_reaches_the_claims_user() -> None:
    response = run(request(behind_claim()))
    assert len(response.conditions) == 4
    assert {c.target for c in response.conditions} == {fnv1.TARGET_COMPOSITE_AND_CLAIM}


def test_resources_say_whether_they_are_ready() -> None:
    response = run(request(router()))
    assert {r.ready for r in response.desired.resources.values()} == {fnv1.READY_FALSE}
    req = request(router())
    req.observed.resources[names.RESOURCE_SERVICE].resource.CopyFrom(
        response.desired.resources[names.RESOURCE_SERVICE].resource
    )
    ready = {name for name, r in run(req).desired.resources.items() if r.ready == fnv1.READY_TRUE}
    assert ready == {names.RESOURCE_SERVICE}


@pytest.mark.parametrize("kind", ["litellm", "kong"])
def test_what_other_steps_of_the_pipeline_desire_stays(kind: str) -> None:
    req = request(router(type=kind))
    req.desired.resources["bucket"].resource.update({"kind": "Bucket"})
    req.desired.composite.resource.update({"status": {"other": "step", "url": "overwritten"}})
    req.context.update({"key": "value"})
    response = run(req)
    assert response.desired.resources["bucket"].resource["kind"] == "Bucket"
    assert structs.read(response.desired.composite.resource)["status"]["other"] == "step"
    assert response.context["key"] == "value"


def test_an_unsupported_router_is_not_ready_although_it_composes_nothing() -> None:
    response = run(request(router(type="kong")))
    assert response.desired.composite.ready == fnv1.READY_FALSE
    assert not response.desired.resources
    (result,) = response.results
    assert (result.severity, result.reason) == (fnv1.SEVERITY_WARNING, "UnsupportedType")
    assert result.target == fnv1.TARGET_COMPOSITE_AND_CLAIM


def test_the_ttl_is_the_platform_teams() -> None:
    req = request(router())
    req.input.update(
        {
            "apiVersion": names.INPUT_API_VERSION,
            "kind": names.INPUT_KIND,
            "ttlSeconds": 300,
        }
    )
    assert run(req).meta.ttl.seconds == 300


def test_an_empty_request_is_refused() -> None:
    response = run(fnv1.RunFunctionRequest())
    assert response.results[0].message == "spec is missing: it is required."


def test_a_defect_is_a_fatal_result_and_its_log_holds_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defect(*_: object) -> None:
        secret = "sk-do-not-log"
        raise RuntimeError(secret)

    monkeypatch.setattr(fn, "compose", defect)
    logging.configure()
    try:
        response = run(request(router()))
        shown = capsys.readouterr()
    finally:
        logging.configure(level=logging.Level.DISABLED)
    (result,) = response.results
    assert (result.severity, result.reason) == (fnv1.SEVERITY_FATAL, "InternalError")
    assert "Traceback" not in result.message
    assert not response.desired.resources
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert lines[0]["error"] == "RuntimeError"
    assert any(step.startswith("defect:") for step in lines[0]["at"])
    assert "sk-do-not-log" not in shown.out + shown.err
