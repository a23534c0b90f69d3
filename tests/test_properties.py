"""What holds for every router."""

import asyncio
import base64
import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from function import fn, names
from function.api import router as routers
from function.call import Manifest, Request, Response
from function.compose import compose
from function.gateways.litellm import credentials, providers
from function.gateways.litellm.variables import MASTER_KEY
from function.observed import definitions
from function.resources import KINDS
from tests.support import strategies
from tests.support.world import World, behind_claim, definition, router


def plain(answer: Response) -> Manifest:
    """An answer's objects, without the one random value."""
    objects = {name: copy.deepcopy(c.manifest) for name, c in answer.resources.items()}
    if names.RESOURCE_MASTER_KEY in objects:
        objects[names.RESOURCE_MASTER_KEY]["data"] = {}
    return objects


def leaves(value: object) -> Iterator[object]:
    """All scalars in a value, keys of objects too."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def shuffled(value: Any, source: random.Random) -> Any:  # noqa: ANN401
    """The value with the keys of all its objects in another order."""
    if isinstance(value, dict):
        keys = list(value)
        source.shuffle(keys)
        return {key: shuffled(value[key], source) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, source) for item in value]
    return value


def whole_doubles(value: object) -> list[float]:
    """The numbers in a value that would show as 4000.0."""
    return [leaf for leaf in leaves(value) if isinstance(leaf, float) and leaf.is_integer()]


def request(xr: Manifest) -> fnv1.RunFunctionRequest:
    """What the function is asked when nothing of the router is in the cluster."""
    asked = fnv1.RunFunctionRequest()
    asked.observed.composite.resource.update(xr)
    for name, kind in KINDS.items():
        asked.required_resources[name].SetInParent()
        if kind.definition is not None:
            found = asked.required_resources[definitions.requirement(name)]
            found.items.add().resource.update(definition(kind.definition))
    return asked


def run(xr: Manifest) -> fnv1.RunFunctionResponse:
    """What the function answers to that."""
    return asyncio.run(fn.FunctionRunner().RunFunction(request(xr), None))


@given(strategies.specs, st.randoms(use_true_random=False))
def test_the_order_of_models_and_keys_changes_nothing(
    spec: Manifest, source: random.Random
) -> None:
    one = World(router(**spec)).reconcile()
    assert one.refusal is None
    other = shuffled(spec, source)
    source.shuffle(other["aiModels"])
    two = World(router(**other)).reconcile()
    assert json.dumps(plain(one), sort_keys=True) == json.dumps(plain(two), sort_keys=True)


@given(strategies.specs, st.randoms(use_true_random=False))
def test_the_same_router_with_its_keys_in_another_order_gives_the_same_bytes(
    spec: Manifest, source: random.Random
) -> None:
    spec["auth"] = {"masterKeySecretRef": {"name": "s", "key": "k"}}  # Nothing random.
    one, two = run(router(**spec)), run(router(**shuffled(spec, source)))
    assert one.SerializeToString(deterministic=True) == two.SerializeToString(deterministic=True)


@given(strategies.specs)
def test_composing_again_over_its_own_output_changes_nothing(spec: Manifest) -> None:
    world = World(router(**spec))
    world.reconcile()
    objects = copy.deepcopy(world.objects)
    one = world.reconcile()
    two = world.reconcile()
    assert world.objects == objects
    assert one == two
    assert all(name.startswith("secret.") for name in one.requirements)


@given(strategies.specs)
@example({"aiModels": [{"name": "openai/a", "rpm": 5}], "port": 8080})
@example({"aiModels": [{"name": "openai/a"}], "deployment": {"resources": {"limits": {"cpu": 2}}}})
@example({"aiModels": [{"name": "openai/a", "parameters": {"n": 1}, "info": {"ours": [[2]]}}]})
@example({"aiModels": [{"name": "openai/a"}], "config": {"merge": {"ours": {"a": [{"b": 3}]}}}})
def test_no_whole_number_shows_as_a_double(spec: Manifest) -> None:
    """Numbers arrive as doubles, as the protobuf has no others.

    What the core answers is looked at before it is protobuf: read back from there, it would go
    through the very function that makes integers of doubles.
    """
    answer = compose(fn.read_request(request(router(**spec))))
    assert answer.refusal is None, answer.refusal
    objects = {name: composed.manifest for name, composed in answer.resources.items()}
    config = yaml.safe_load(objects[names.RESOURCE_CONFIG_MAP]["data"]["config.yaml"])
    assert not whole_doubles([objects, answer.status, config])
    pod = objects[names.RESOURCE_DEPLOYMENT]["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"][2:4] == ["--port", str(int(spec.get("port", 4000)))]


def test_counted_pods_are_whole_numbers_in_the_status() -> None:
    asked = request(router())
    observed: Manifest = {"metadata": {"name": "gw"}, "status": {"replicas": 3, "readyReplicas": 2}}
    asked.observed.resources[names.RESOURCE_DEPLOYMENT].resource.update(observed)
    status = compose(fn.read_request(asked)).status
    assert (status["replicas"], status["readyReplicas"]) == (3, 2)
    assert not whole_doubles(status)


@given(strategies.specs, strategies.specs)
def test_the_hash_changes_if_and_only_if_the_config_does(one: Manifest, two: Manifest) -> None:
    a, b = World(router(**one)).reconcile(), World(router(**two)).reconcile()
    texts = [answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"] for answer in (a, b)]
    hashes = [answer.status["configHash"] for answer in (a, b)]
    assert (texts[0] == texts[1]) == (hashes[0] == hashes[1])


@given(strategies.specs)
def test_a_claim_composes_what_a_namespaced_router_composes(spec: Manifest) -> None:
    v2, claim = World(router(**spec)), World(behind_claim(**spec))
    assert plain(v2.reconcile()) == plain(claim.reconcile())


@given(strategies.specs, st.lists(st.booleans(), min_size=1, max_size=8))
def test_the_master_key_never_changes_whatever_is_seen_when(
    spec: Manifest, blindness: list[bool]
) -> None:
    spec.pop("auth", None)
    world = World(router(**spec))
    world.reconcile()
    secret = ("Secret", "team", "gw-master-key")
    key = world.objects[secret]["data"]
    for blind in blindness:
        world.reconcile(blind=blind)
        assert world.objects[secret]["data"] == key


@given(strategies.specs)
def test_the_master_key_is_in_its_secret_and_nowhere_else(spec: Manifest) -> None:
    spec.pop("auth", None)
    answer = World(router(**spec)).reconcile()
    objects = {name: c.manifest for name, c in answer.resources.items()}
    data = objects.pop(names.RESOURCE_MASTER_KEY)["data"][MASTER_KEY]
    shown = repr((objects, answer.status, answer.conditions, answer.results))
    assert data not in shown
    assert base64.b64decode(data).decode() not in shown


@given(strategies.offers)
def test_no_provider_reads_a_variable_that_is_not_meant_for_it(spec: Manifest) -> None:
    """By the table, whatever is in the Secrets; that LiteLLM keeps to the table is recorded."""
    answer = World(router(**spec)).reconcile()
    if answer.refusal is not None:
        assert answer.refusal.reason in (names.REASON_CREDENTIALS_CLASH, names.REASON_BASE_MISSING)
    assume(answer.refusal is None)
    container = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"]
    environment = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]
        for variable in container["containers"][0]["env"]
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    parsed = routers.read(Request(router(**spec))).spec
    read_by = [
        (model, provider, variable)
        for model in parsed.ai_models
        for provider in [providers.find(model.provider)]
        for variable in {*provider.variables, *provider.reads} & environment.keys()
    ]
    assume(read_by)
    for model, provider, variable in read_by:
        assert variable in provider.variables
        source = credentials.source_of(model.credentials, parsed)
        assert source is not None
        key = source.key(variable)
        assert (environment[variable]["name"], environment[variable]["key"]) == key


@given(strategies.offers)
def test_no_value_of_a_secret_is_in_any_output(spec: Manifest) -> None:
    world = World(router(**spec))
    for name in ("litellm-secrets", "keys", "more-keys"):
        everything = {
            variable: base64.b64encode(f"value-of-{variable}".encode()).decode()
            for model in spec["aiModels"]
            for variable in providers.find(model["name"].partition("/")[0]).variables
        }
        metadata = {"name": name, "namespace": "team"}
        world.add({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": everything})
    answer = world.reconcile()
    assume(answer.refusal is None)
    shown = repr(answer)
    assert "value-of-" not in shown
    assert base64.b64encode(b"value-of-").decode()[:10] not in shown
    assert b"value-of-".hex() not in shown


@settings(max_examples=500)
@given(strategies.damaged())
def test_no_input_raises(spec: Any) -> None:  # noqa: ANN401
    """Whatever got past admission is composed, or refused in one sentence."""
    xr = router()
    xr["spec"] = spec
    response = run(xr)
    assert response.desired.resources or response.results
    for result in response.results:
        assert result.reason != names.REASON_INTERNAL_ERROR
        assert result.message.endswith((".", "?"))
        assert "\n" not in result.message
        if result.severity == fnv1.SEVERITY_FATAL:
            assert not response.desired.resources
