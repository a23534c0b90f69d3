"""The API on a real API server: the CRDs that Crossplane derives, and what is composed of it."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from function import names
from function.api import router as routers
from function.call import Manifest, Request
from function.errors import Refused
from function.gateways.litellm import config
from function.recognition import holds_credential
from tests.generate import EXAMPLES, ROOT, ROUTERS
from tests.support import largest_pods, near_specs, tools
from tests.support.apiserver import ApiError, Client, crds_of, pod_of, serve
from tests.support.world import World, behind_claim, router
from tests.test_fields import EVERYTHING, FIELDS, at, places

CASES: list[Manifest] = yaml.safe_load((Path(__file__).parent / "admission.yaml").read_text())
IMPORTED = sorted((Path(__file__).parent / "imports" / "imported").glob("*.yaml"))
NOT_CHECKED = (
    ", <nil>: Invalid value: null: some validation rules were not checked because the object was "
    "invalid; correct the existing errors to complete validation"
)
"""What the API server adds where an error of the schema keeps it from trying the CEL rules."""


@pytest.fixture(scope="module")
def apiserver() -> Iterator[Client]:
    """The API server that all of these tests share: they keep apart by namespaces.

    It serves the Gateway API and what belongs to Prometheus too.
    """
    paths = [
        tools.definition(name)
        for name in (
            "gateway.networking.k8s.io_httproutes",
            "monitoring.coreos.com_podmonitors",
            "monitoring.coreos.com_prometheusrules",
            "monitoring.coreos.com_servicemonitors",
        )
    ]
    with serve() as client:
        client.install_crds([yaml.safe_load(path.read_text()) for path in paths])
        yield client


@pytest.fixture(scope="module")
def team(apiserver: Client) -> str:
    """The namespace of the routers of these tests."""
    return apiserver.namespace("team")


@pytest.fixture(scope="module", params=["configuration", "claims"])
def api(request: pytest.FixtureRequest, apiserver: Client, team: str) -> Iterator[Client]:
    """The API server with the CRDs of one of the two packages."""
    crds = crds_of(ROOT / "package" / request.param / "definition.yaml")
    apiserver.install_crds(crds)
    assert team == router()["metadata"]["namespace"]
    yield apiserver
    apiserver.uninstall_crds(crds)


def case_router(case: Manifest) -> Manifest:
    """The ModelRouter of a case, as an application team writes it."""
    spec = {"aiModels": [{"name": "openai/gpt-4o"}], **case["spec"]}
    if spec["aiModels"] == "missing":
        del spec["aiModels"]
    xr = router(name=case.get("name", "gw"))
    del xr["metadata"]["uid"]
    return {**xr, "spec": spec}


def said(error: ApiError) -> str:
    """The API server's sentences, without what frames them."""
    sentences = error.message.split(" is invalid: ", 1)[1].replace(NOT_CHECKED, "")
    framed = sentences.startswith("[") and sentences.endswith("]")
    return sentences[1:-1] if framed else sentences


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_the_api_server_takes_and_refuses(api: Client, case: Manifest) -> None:
    manifest = case_router(case)
    if "admission" not in case:
        api.create(manifest, dry_run=True)
        return
    with pytest.raises(ApiError) as refused:
        api.create(manifest, dry_run=True)
    assert said(refused.value) == case["admission"]
    assert "s3cr3t" not in refused.value.message


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_the_function_takes_and_refuses_the_same(case: Manifest) -> None:
    assert ("function" in case) == ("admission" in case or case.get("unseen", False))
    if "function" not in case:
        routers.read(Request(case_router(case)))
        return
    with pytest.raises(Refused) as refused:
        routers.read(Request(case_router(case)))
    assert refused.value.message == case["function"]
    assert "s3cr3t" not in refused.value.message


PASTED = {
    "a key": "sk-proj-s3cr3ts3cr3ts3cr3t",
    "a key with a line break": "sk-s3cr3ts3cr3ts3cr3t\n",
    "a URL": "redis://:s3cr3t@redis:6379",
    "a password": "s3cr3t+/= é",
    "a long one": f"sk-s3cr3t{'s3cr3t' * 6000}",
}
"""What someone may put into the wrong field."""


def refusal(api: Client, manifest: Manifest) -> str | None:
    """What the API server says against an object; None if it takes it."""
    try:
        api.create(manifest, dry_run=True)
    except ApiError as error:
        return error.message
    return None


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_a_credential_in_a_field_that_refuses_it_is_not_repeated(api: Client, pasted: str) -> None:
    refusals = 0
    for path, schema in FIELDS.items():
        if "enum" in schema:
            continue  # The API server shows a value that is not one of a few beside those.
        for place in places(EVERYTHING, path):
            spec = copy.deepcopy(EVERYTHING)
            at(spec, place[:-1])[place[-1]] = pasted
            message = refusal(api, case_router({"spec": spec}))
            refusals += message is not None
            assert "s3cr3t" not in (message or ""), ".".join(path)
            answer = World(router(**spec)).reconcile()
            if answer.refusal is not None:
                assert "s3cr3t" not in answer.refusal.message, ".".join(path)
            if path == ("type",) and holds_credential(pasted):  # Any other type is reported.
                assert "s3cr3t" not in repr((answer.conditions, answer.results))
    assert refusals > 40


def test_type_port_and_the_kind_of_failure_are_the_only_defaults(api: Client) -> None:
    fallback = {"model": "*", "to": ["openai/gpt-4o"]}
    given = {"deployment": {}, "routing": {"fallbacks": [fallback]}}
    created = api.create(case_router({"spec": given}), dry_run=True)
    spec = {key: value for key, value in created["spec"].items() if key not in names.MACHINERY}
    assert spec == {
        "type": "litellm",
        "port": 4000,
        "aiModels": [{"name": "openai/gpt-4o"}],
        "deployment": {},
        "routing": {"fallbacks": [{**fallback, "when": "Failure"}]},
    }


def test_the_type_never_changes(api: Client) -> None:
    created = api.create(case_router({"name": "typed", "spec": {}}))
    changed = copy.deepcopy(created)
    changed["spec"]["type"] = "kong"
    with pytest.raises(ApiError) as refused:
        api.replace(changed, dry_run=True)
    assert said(refused.value) == (
        "spec.type: Invalid value: spec.type is immutable: delete the ModelRouter and create it "
        "again to change the kind of gateway"
    )
    created["spec"]["port"] = 4001
    api.replace(created, dry_run=True)


def test_an_unknown_field_is_refused_as_kubectl_asks_for(api: Client) -> None:
    with pytest.raises(ApiError, match=r'unknown field "spec.prot"'):
        api.create(case_router({"spec": {"prot": 1}}), dry_run=True)


def test_a_host_path_is_refused_by_every_client(api: Client) -> None:
    """To kubectl it is an unknown field; where it is pruned, the volume has no source."""
    volume = {"name": "v", "hostPath": {"path": "/"}}
    manifest = case_router({"spec": {"deployment": {"volumes": [volume]}}})
    with pytest.raises(ApiError, match=r'unknown field "spec.deployment.volumes\[0\].hostPath"'):
        api.create(manifest, dry_run=True)
    with pytest.raises(ApiError, match="a volume must have exactly one source"):
        api.create(manifest, dry_run=True, strict=False)
    with pytest.raises(Refused, match="a volume must have exactly one source"):
        routers.read(Request(manifest))


def largest(count: int = 1000) -> Manifest:
    """A router with as much of everything in its models as the API allows."""
    models = [
        {
            "name": f"p/{i:04}".ljust(256, "m"),
            "alias": f"{i:04}".ljust(256, "a"),
            "apiBase": f"https://h/{i:04}".ljust(512, "b"),
            "apiVersion": "v" * 64,
        }
        for i in range(count)
    ]
    return case_router({"name": "largest", "spec": {"aiModels": models}})


def largest_routing() -> Manifest:
    """A router with as many models and fallbacks as the API allows, all of the longest names."""
    names_ = [f"{i:04}".ljust(256, "a") for i in range(1000)]
    limits = ("rpm", "tpm", "maxParallelRequests", "weight", "timeoutSeconds", "maxRetries")
    models = [
        {
            "name": f"p/{i:04}",
            "alias": name,
            **dict.fromkeys(limits, 10),
        }
        for i, name in enumerate(names_)
    ]
    # Of the last, which are found last.
    fallbacks = [{"model": names_[-i], "to": names_[-i - 9 : -i - 1]} for i in range(1, 65)]
    spec = {"aiModels": models, "routing": {"retries": 10, "fallbacks": fallbacks}}
    return case_router({"name": "largest-routing", "spec": spec})


def test_the_largest_routing_is_created_and_taken(api: Client) -> None:
    """What a rule costs at run time is another limit than its estimate."""
    manifest = largest_routing()
    api.create(manifest, dry_run=True)
    assert World({**manifest, "metadata": {"name": "r", "namespace": "t"}}).call().refusal is None
    fallbacks = manifest["spec"]["routing"]["fallbacks"]
    fallbacks.append({"model": manifest["spec"]["aiModels"][0]["alias"], "to": ["p/0001"]})
    with pytest.raises(ApiError, match="Too many: 65: must have at most 64 items"):
        api.create(manifest, dry_run=True)


def test_the_largest_router_is_created(api: Client) -> None:
    created = api.create(largest())
    assert len(created["spec"]["aiModels"]) == 1000
    with pytest.raises(ApiError, match="Too many: 1001: must have at most 1000 items"):
        api.create(largest(1001), dry_run=True)


def test_the_largest_pods_are_within_what_rules_may_cost(api: Client) -> None:
    """And more than the function takes, or etcd."""
    spec: Manifest = {"deployment": largest_pods.deployment()}
    api.create(case_router({"spec": spec}), dry_run=True)
    refusal = World(router(**spec)).call().refusal
    assert refusal is not None
    assert "characters of text beside aiModels and config, but at most" in refusal.message


def test_the_function_takes_no_more_models_than_the_api_server() -> None:
    with pytest.raises(Refused) as refused:
        routers.read(Request(largest(1001)))
    assert refused.value.message == ("spec.aiModels has too many entries: the maximum is 1000.")


def test_the_function_refuses_the_largest_router_by_the_size_of_its_config() -> None:
    """And refuses it by the size of its config, which a ConfigMap cannot hold."""
    answer = World({**largest(), "metadata": {"name": "largest", "namespace": "team"}}).call()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_CONFIG_TOO_LARGE


@pytest.mark.parametrize("example", ROUTERS)
def test_every_example_is_applied(api: Client, example: str) -> None:
    manifest = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text())
    api.apply(manifest, field_manager="kubectl")


@pytest.mark.parametrize("path", IMPORTED, ids=[path.stem for path in IMPORTED])
def test_what_is_imported_is_created(api: Client, path: Path) -> None:
    manifest = yaml.safe_load(path.read_text())
    manifest["metadata"]["namespace"] = router()["metadata"]["namespace"]
    api.create(manifest, dry_run=True)


def test_the_example_secrets_are_applied(apiserver: Client) -> None:
    secrets = list(yaml.safe_load_all((EXAMPLES / "secret.yaml").read_text()))
    assert secrets
    for manifest in secrets:
        apiserver.apply(manifest, field_manager="kubectl", dry_run=True)


@pytest.mark.parametrize("path", ["package/rbac.yaml", "examples/install/3-rbac.yaml"])
def test_the_role_is_applied_and_aggregated_to_crossplanes(apiserver: Client, path: str) -> None:
    applied = apiserver.apply(yaml.safe_load((ROOT / path).read_text()), dry_run=True)
    assert applied["metadata"]["labels"] == {"rbac.crossplane.io/aggregate-to-crossplane": "true"}


def test_the_verification_of_packages_is_applied(apiserver: Client) -> None:
    """To Crossplane's own definition of an ImageConfig, so that no field is misspelt."""
    crd = yaml.safe_load(tools.definition("pkg.crossplane.io_imageconfigs").read_text())
    apiserver.install_crds([crd])
    manifest = yaml.safe_load((EXAMPLES / "verify-packages.yaml").read_text())
    applied = apiserver.apply(manifest, field_manager="kubectl")
    assert applied["spec"]["verification"] == manifest["spec"]["verification"]
    apiserver.uninstall_crds([crd])


def test_the_input_of_the_function_is_a_valid_crd(apiserver: Client) -> None:
    (path,) = (ROOT / "package" / "function" / "input").iterdir()
    crd = yaml.safe_load(path.read_text())
    apiserver.install_crds([crd])
    apiserver.uninstall_crds([crd])


def test_both_packages_serve_the_same_spec_and_status() -> None:
    """A manifest is the same to the letter with either, so one team's can go to any cluster."""
    (v2,) = crds_of(ROOT / "package" / "configuration" / "definition.yaml")
    legacy, claim = crds_of(ROOT / "package" / "claims" / "definition.yaml")
    assert claim["metadata"]["name"] == v2["metadata"]["name"]
    assert (v2["spec"]["scope"], claim["spec"]["scope"]) == ("Namespaced", "Namespaced")
    assert legacy["spec"]["scope"] == "Cluster"
    schemas = [_schema(crd) for crd in (v2, claim, legacy)]
    source = yaml.safe_load((ROOT / "package" / "configuration" / "definition.yaml").read_text())
    wanted = source["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    for schema in schemas:
        assert schema["x-kubernetes-validations"] == schemas[0]["x-kubernetes-validations"]
        for part in ("spec", "status"):
            properties = schema["properties"][part]["properties"]
            own = {key: properties[key] for key in wanted[part]["properties"]}
            assert own == wanted[part]["properties"]
    fields = {key for schema in schemas for key in schema["properties"]["spec"]["properties"]}
    assert fields - wanted["spec"]["properties"].keys() == names.MACHINERY


def _schema(crd: Manifest) -> Manifest:
    (version,) = crd["spec"]["versions"]
    schema: Manifest = version["schema"]["openAPIV3Schema"]
    return schema


# -- What is composed


def everything(why: str = "everything at once") -> Manifest:
    """The router of the table that sets every field, or those that cannot stand beside them."""
    (case,) = (case for case in CASES if case["why"] == why)
    return {**case_router(case), "metadata": {"name": "gw", "namespace": "team", "uid": "u"}}


def in_a_cluster(xr: Manifest) -> Manifest:
    """An example as it is once it is applied."""
    return {**xr, "metadata": {**xr["metadata"], "uid": "u"}}


ROUTERS_TO_COMPOSE = {
    "smallest": router(),
    "everything": everything(),
    "behind-a-claim": behind_claim(),
    "what-cannot-stand-beside-it": everything("what cannot stand beside everything"),
    "longest-name": router(name="a" * 63),
    "production": in_a_cluster(yaml.safe_load((EXAMPLES / "production.yaml").read_text())),
}


@pytest.fixture(scope="module", params=ROUTERS_TO_COMPOSE)
def composed(request: pytest.FixtureRequest, apiserver: Client) -> dict[str, Manifest]:
    """A router's composed objects, in a namespace of their own that enforces the restricted
    Pod Security Standard.
    """
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = apiserver.namespace(f"run-{request.param}", labels)
    xr = copy.deepcopy(ROUTERS_TO_COMPOSE[request.param])
    where: Any = xr["spec"]["claimRef"] if "claimRef" in xr["spec"] else xr["metadata"]
    where["namespace"] = namespace
    answer = World(xr).reconcile()
    assert names.RESOURCE_DEPLOYMENT in answer.resources, answer.refusal
    return {name: resource.manifest for name, resource in answer.resources.items()}


def test_the_composed_objects_are_applied_and_stay_as_they_are(
    apiserver: Client, composed: dict[str, Manifest]
) -> None:
    """Strictly: an unknown field is an error. Applied again, nothing changes."""
    for manifest in composed.values():
        first = apiserver.apply(manifest)
        again = apiserver.apply(manifest)
        assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_the_pods_meet_the_restricted_standard(
    apiserver: Client, composed: dict[str, Manifest]
) -> None:
    pod = pod_of(composed[names.RESOURCE_DEPLOYMENT])
    created = apiserver.create(pod, dry_run=True)
    container = created["spec"]["containers"][0]
    asked = pod["spec"].get("serviceAccountName") == "sa"  # Of the router that sets every field.
    assert created["spec"]["automountServiceAccountToken"] is asked
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    del pod["spec"]["securityContext"]
    with pytest.raises(ApiError, match='violates PodSecurity "restricted'):
        apiserver.create(pod, dry_run=True)


@settings(max_examples=400)
@given(near_specs.near | near_specs.near_pods)
def test_what_the_api_takes_can_be_composed(apiserver: Client, team: str, spec: Manifest) -> None:
    """Rules that Kubernetes has for what is composed, the API has for what is written."""
    answer = World(router(namespace=team, **spec)).reconcile()
    for resource in answer.resources.values():
        apiserver.apply(resource.manifest, dry_run=True)


@settings(max_examples=400)
@given(near_specs.near | near_specs.near_pods)
def test_the_function_takes_what_the_api_server_takes(api: Client, spec: Manifest) -> None:
    refused = refusal(api, case_router({"spec": spec}))
    ours = World(router(**spec)).reconcile().refusal
    if refused is None and ours is not None:
        assert re.sub(r" \(and \d+ more\)", "", rule_of(ours.message)) in UNSEEN
    else:
        assert (refused is None) == (ours is None)


def rule_of(message: str) -> str:
    """What a message says of the rule, without where."""
    return message.partition(": ")[2]


UNSEEN = {rule_of(case["function"]) for case in CASES if case.get("unseen")}
"""The rules that the function alone knows: CEL cannot see them, or could not afford to."""


def test_what_others_add_to_an_object_stays(apiserver: Client) -> None:
    apiserver.namespace("shared")
    answer = World(router(namespace="shared")).reconcile()
    assert names.RESOURCE_DEPLOYMENT in answer.resources, answer.refusal
    for resource in answer.resources.values():
        apiserver.apply(resource.manifest)
        theirs = {key: resource.manifest[key] for key in ("apiVersion", "kind")}
        where = {key: resource.manifest["metadata"][key] for key in ("name", "namespace")}
        theirs["metadata"] = {**where, "annotations": {"theirs": "kept"}, "labels": {"their": "s"}}
        apiserver.apply(theirs, field_manager="someone")
        again = apiserver.apply(resource.manifest)
        assert again["metadata"]["annotations"]["theirs"] == "kept"
        assert again["metadata"]["labels"]["their"] == "s"


def test_a_made_master_key_cannot_be_replaced_by_another(apiserver: Client) -> None:
    """What a cache that shows no Secret yet would lead to: a second random key."""
    apiserver.namespace("keys")
    one, two = (World(router(namespace="keys")).reconcile() for _ in range(2))
    apiserver.apply(one.resources[names.RESOURCE_MASTER_KEY].manifest)
    with pytest.raises(ApiError, match="field is immutable when `immutable` is set"):
        apiserver.apply(two.resources[names.RESOURCE_MASTER_KEY].manifest)


@pytest.mark.parametrize(("over", "taken"), [(0, True), (1, False)])
def test_a_config_map_holds_what_the_function_lets_into_it(
    apiserver: Client,
    team: str,
    over: int,
    taken: bool,  # noqa: FBT001
) -> None:
    text = "x" * (config.MAX_BYTES + over)
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "config", "namespace": team},
        "data": {"config.yaml": text},
    }
    if taken:
        apiserver.create(manifest, dry_run=True)
    else:
        with pytest.raises(ApiError, match="Too long"):
            apiserver.create(manifest, dry_run=True)


@pytest.mark.parametrize("example", ["prometheus-rules", "function-monitoring"])
def test_the_example_alerts_are_applied(apiserver: Client, team: str, example: str) -> None:
    for manifest in yaml.safe_load_all((EXAMPLES / f"{example}.yaml").read_text()):
        manifest["metadata"]["namespace"] = team
        apiserver.apply(manifest, dry_run=True)
