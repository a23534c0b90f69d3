"""What holds whatever a request holds: nothing raises, and nothing is composed by halves."""

import asyncio
import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from hypothesis import given, settings
from hypothesis import strategies as st

from function import fn, names, report
from function.call import Manifest, Request, Response
from function.errors import Refused
from function.resources import KINDS
from tests.support.world import World, router, secret

REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
STATUSES = {
    fnv1.STATUS_CONDITION_TRUE,
    fnv1.STATUS_CONDITION_FALSE,
    fnv1.STATUS_CONDITION_UNKNOWN,
}

_scalar = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text()
_keys = st.sampled_from(
    ["name", "metadata", "status", "conditions", "type", "spec", "data", "controller", "\n", ""]
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)


def requests() -> list[Manifest]:
    """Requests in plain values: of a router that runs, one whose spec is refused, and a new one."""
    found = []
    for spec in ({}, {"port": 0}, {"auth": {"masterKeySecretRef": {"name": "s", "key": "k"}}}):
        world = World(router(**spec | {"port": 4000}))
        world.add(secret("litellm-secrets", OPENAI_API_KEY="sk-1"), secret("s", k="sk-2"))
        world.reconcile()
        deployment = world.objects["Deployment", "team", "gw"]
        deployment["metadata"]["generation"] = 1
        deployment["status"] = {
            "observedGeneration": 1,
            **dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1),
            "readyReplicas": 1,
            "conditions": [
                {"type": "Available", "status": "True"},
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
            ],
        }
        answer = world.reconcile()
        xr = router(**spec)
        xr["status"] = {
            **answer.status,
            "conditions": [
                {"type": c.type, "status": c.status, "reason": c.reason, "message": c.message}
                for c in answer.conditions
            ],
        }
        observed = {name: world.objects[key] for name, key in world.references.items()}
        looked_up = {
            name: world.objects.get((wanted.kind, wanted.namespace or "", wanted.name or ""))
            for name, wanted in answer.requirements.items()
        }
        free: dict[str, Manifest | None] = dict.fromkeys(KINDS)
        parts: Manifest = {
            "input": {"apiVersion": names.INPUT_API_VERSION, "kind": names.INPUT_KIND},
            "context": {"key": {"of": ["others"]}},
            "desired": {"status": {"url": "u", "models": []}},
            "tag": "t",
        }
        found += [
            {"xr": xr, "observed": observed, "required": free | looked_up, **parts},
            {"xr": xr, "observed": {}, "required": {**observed, **looked_up}, **parts},
        ]
    return copy.deepcopy(found)


REQUESTS = requests()


def protobuf(plain: Manifest) -> fnv1.RunFunctionRequest:
    """A request in protobuf. What cannot be sent in a place is left out."""
    req = fnv1.RunFunctionRequest()
    if isinstance(plain["tag"], str):
        req.meta.tag = plain["tag"]
    req.observed.composite.resource.update(as_object(plain["xr"]))
    for name, found in as_object(plain["observed"]).items():
        req.observed.resources[name].resource.update(as_object(found))
    for name, found in as_object(plain["required"]).items():
        req.required_resources[name].SetInParent()
        if found is not None:
            req.required_resources[name].items.add().resource.update(as_object(found))
    req.input.update(as_object(plain["input"]))
    req.context.update(as_object(plain["context"]))
    req.desired.composite.resource.update(as_object(plain["desired"]))
    return req


def as_object(value: object) -> Manifest:
    return value if isinstance(value, dict) else {}


def run(req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    return asyncio.run(fn.FunctionRunner().RunFunction(req, None))


def check(req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    """Runs the function and checks what holds of every response."""
    rsp = run(req)
    assert rsp.meta.tag == req.meta.tag
    assert names.REASON_INTERNAL_ERROR not in {c.reason for c in rsp.conditions}
    well_formed(rsp)
    return rsp


def well_formed(rsp: fnv1.RunFunctionResponse) -> None:
    """Checks that Crossplane and Kubernetes can take a response, and that it is not half of one."""
    fatal = [r for r in rsp.results if r.severity == fnv1.SEVERITY_FATAL]
    composed = set(rsp.desired.resources)
    assert len(fatal) <= 1
    if fatal:
        assert not composed
    assert not composed or composed >= {"configMap", "deployment", "service"}
    for condition in rsp.conditions:
        assert condition.status in STATUSES
        assert REASON.fullmatch(condition.reason)
        assert "\n" not in condition.message
    assert len({c.type for c in rsp.conditions}) == len(rsp.conditions)
    for result in rsp.results:
        assert REASON.fullmatch(result.reason)
        assert result.message
        assert "\n" not in result.message


@st.composite
def damaged(draw: st.DrawFn) -> Manifest:
    """A request with something anywhere replaced by anything."""
    request = copy.deepcopy(draw(st.sampled_from(REQUESTS)))
    node: Any = request
    while True:
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 4)):
            node = node[key]
            continue
        node[key] = draw(ANYTHING)
        return request


@settings(max_examples=1000)
@given(damaged())
def test_nothing_in_a_request_raises(plain: Manifest) -> None:
    check(protobuf(plain))


ODD: list[Any] = ["x", "", 7, 1e300, -1.5, True, None, {}, [], ["x"], [[]], [None], {"x": []}]
"""Values that have another shape than any that is read."""


MAX_PATH = len(["observed", "deployment", "spec", "template", "spec", "containers", "0", "image"])


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """The paths of all values in a plain value, down to a container's fields."""
    if len(path) == MAX_PATH:
        return
    keys = node if isinstance(node, dict) else range(len(node) if isinstance(node, list) else 0)
    for key in keys:
        yield (*path, key)
        yield from places(node[key], (*path, key))


@pytest.mark.parametrize("number", [0, 2, 3])
def test_no_odd_value_in_any_place_raises(number: int) -> None:
    for path in places(REQUESTS[number]):
        for odd in ODD:
            plain = copy.deepcopy(REQUESTS[number])
            node: Any = plain
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = odd
            check(protobuf(plain))


def test_the_requests_are_as_they_should_be() -> None:
    """Guards the tests above: what is damaged is composed or refused before that."""
    refusals = [
        [r.reason for r in run(protobuf(plain)).results if r.severity == fnv1.SEVERITY_FATAL]
        for plain in REQUESTS
    ]
    assert refusals == [[], [], ["InvalidSpec"], ["InvalidSpec"], [], []]


@pytest.mark.parametrize(
    ("condition", "repeated"),
    [
        ({"status": "True", "reason": "AllPresent", "message": "m"}, True),
        ({"status": "Unknown", "reason": "SecretUnreadable"}, True),
        ({"status": "true", "reason": "AllPresent", "message": "m"}, False),
        ({"status": "True", "reason": "", "message": "m"}, False),
        ({"status": "True", "reason": "not a reason", "message": "m"}, False),
        ({"status": "True", "message": "m"}, False),
        ({"reason": "AllPresent", "message": "m"}, False),
    ],
)
def test_a_condition_is_repeated_if_it_is_a_valid_one(condition: Manifest, repeated: bool) -> None:  # noqa: FBT001
    plain = copy.deepcopy(REQUESTS[2])
    plain["xr"]["status"]["conditions"] = [{"type": names.CREDENTIALS_PRESENT, **condition}]
    shown = {c.type: c for c in check(protobuf(plain)).conditions}
    assert (names.CREDENTIALS_PRESENT in shown) == repeated


def test_a_repeated_message_stays_on_one_line_and_stays_the_same() -> None:
    plain = copy.deepcopy(REQUESTS[2])
    message = "a\nb\t" * 4096
    for _ in range(3):
        condition = {"status": "True", "reason": "AllPresent", "message": message}
        plain["xr"]["status"]["conditions"] = [{"type": names.CREDENTIALS_PRESENT, **condition}]
        shown = {c.type: c.message for c in check(protobuf(plain)).conditions}
        once, message = message, shown[names.CREDENTIALS_PRESENT]
    assert message == once
    assert len(message) == 4096


@pytest.mark.parametrize("part", ["compose", "refused", "write_response"])
@pytest.mark.parametrize("odd", ODD)
def test_a_defect_anywhere_is_a_fatal_result(
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    odd: Any,  # noqa: ANN401
) -> None:
    """Even where the state of the cluster is told, and whatever is observed."""
    plain = copy.deepcopy(REQUESTS[0])
    for key in ("metadata", "status"):
        plain["xr"][key] = plain["observed"]["deployment"][key] = odd

    def defect(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(fn, "compose", defect)
    told, written = report.refused, fn.write_response

    def refused(request: Request, why: Refused) -> Response:
        if part == "refused" and request.observed:
            defect()
        return told(request, why)

    def write(req: fnv1.RunFunctionRequest, answer: Response) -> fnv1.RunFunctionResponse:
        if part == "write_response" and req.HasField("observed"):
            defect()
        return written(req, answer)

    monkeypatch.setattr(report, "refused", refused)
    monkeypatch.setattr(fn, "write_response", write)
    rsp = run(protobuf(plain))
    well_formed(rsp)
    assert rsp.meta.tag == "t"
    assert [r.reason for r in rsp.results] == [names.REASON_INTERNAL_ERROR]
    assert rsp.conditions[0].reason == names.REASON_INTERNAL_ERROR
