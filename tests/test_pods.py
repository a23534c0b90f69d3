"""What the fields of pods, Service and disruption budget make of the composed objects."""

import json
import subprocess
from typing import Any

import pytest

from function import names
from function.call import Manifest
from function.gateways.litellm import arguments
from tests.support.tools import CACHE, absent
from tests.support.world import World, router
from tests.test_compose import UP, available, deployment_status

SPREAD = {"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
OWN = {"matchLabels": {"app": "gw", names.LABEL_ROUTER: "gw"}}


def composed(name: str, **spec: Any) -> Manifest:  # noqa: ANN401
    """An object that a router with this spec composes."""
    answer = World(router(**spec)).reconcile()
    assert answer.refusal is None, answer.refusal
    return answer.resources[name].manifest


def pod(**deployment: Any) -> Manifest:  # noqa: ANN401
    """The spec of the pods of a router with this deployment."""
    manifest = composed(names.RESOURCE_DEPLOYMENT, deployment=deployment)
    found: Manifest = manifest["spec"]["template"]["spec"]
    return found


def refusal(**deployment: Any) -> str:  # noqa: ANN401
    """The sentence with which a deployment is refused."""
    answer = World(router(deployment=deployment)).reconcile()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_INVALID_SPEC
    return answer.refusal.message


# -- Pods


def test_pods_are_spread_softly_over_hosts_and_zones() -> None:
    spread = pod()["topologySpreadConstraints"]
    assert [constraint["topologyKey"] for constraint in spread] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    for constraint in spread:
        assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
        assert constraint["labelSelector"] == OWN


def test_a_spread_of_the_routers_replaces_the_default_and_counts_its_own_pods() -> None:
    other = {**SPREAD, "topologyKey": "row", "labelSelector": {"matchLabels": {"a": "b"}}}
    assert pod(topologySpreadConstraints=[SPREAD, other])["topologySpreadConstraints"] == [
        {**SPREAD, "labelSelector": OWN},
        other,
    ]
    assert "topologySpreadConstraints" not in pod(topologySpreadConstraints=[])


def test_a_service_account_brings_no_token_unless_it_is_asked_for() -> None:
    """IRSA and its like project a token of their own."""
    assert pod()["automountServiceAccountToken"] is False
    named = pod(serviceAccountName="sa")
    assert (named["serviceAccountName"], named["automountServiceAccountToken"]) == ("sa", False)
    assert pod(automountServiceAccountToken=True)["automountServiceAccountToken"] is True


def test_a_grace_period_may_be_longer_than_the_default_ever_is() -> None:
    assert pod()["terminationGracePeriodSeconds"] == 600
    assert pod(terminationGracePeriodSeconds=3700)["terminationGracePeriodSeconds"] == 3700
    assert pod(terminationGracePeriodSeconds=30)["terminationGracePeriodSeconds"] == 30


def test_what_the_gateway_writes_is_bounded() -> None:
    (scratch,) = (volume for volume in pod()["volumes"] if volume["name"] == "tmp")
    assert scratch == {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}


def test_volumes_and_mounts_come_beside_the_gateways_own() -> None:
    volume = {"name": "ca", "configMap": {"name": "ca-bundle", "defaultMode": 0o444}}
    mount = {"name": "ca", "mountPath": "/etc/ca", "readOnly": True}
    plain, given = pod(), pod(volumes=[volume], volumeMounts=[mount])
    assert given["volumes"] == [*plain["volumes"], volume]
    (container,) = given["containers"]
    assert container["volumeMounts"] == [*plain["containers"][0]["volumeMounts"], mount]


def test_no_mount_covers_one_of_the_gateways_and_no_volume_has_the_name_of_one() -> None:
    """Whatever mounts and volumes the function gives the pods by itself."""
    plain = pod()
    paths = [mount["mountPath"] for mount in plain["containers"][0]["volumeMounts"]]
    assert sorted(paths) == ["/app/config", "/tmp"]
    volume = {"name": "v", "emptyDir": {}}
    for path in ("/app", *paths):
        sentence = refusal(volumes=[volume], volumeMounts=[{"name": "v", "mountPath": path}])
        assert "a mount must not cover what the gateway needs" in sentence
    for own in plain["volumes"]:
        sentence = refusal(volumes=[{**volume, "name": own["name"]}])
        assert "are the gateway's own: choose another name" in sentence


def test_a_file_with_a_resource_is_of_the_gateways_container() -> None:
    """Kubernetes wants to know which one; there is no other."""
    file = {"path": "memory", "resourceFieldRef": {"resource": "limits.memory"}}
    item = {"items": [file]}
    volumes = [
        {"name": "a", "downwardAPI": item},
        {"name": "b", "projected": {"sources": [{"downwardAPI": item}]}},
    ]
    a, b = pod(volumes=volumes)["volumes"][-2:]
    whose = {"containerName": "litellm", "resource": "limits.memory"}
    assert a["downwardAPI"]["items"][0]["resourceFieldRef"] == whose
    (source,) = b["projected"]["sources"]
    assert source["downwardAPI"]["items"][0]["resourceFieldRef"] == whose


# -- Arguments


def test_arguments_follow_the_functions_own() -> None:
    (plain,), (given,) = (
        pod(extraArgs=extra)["containers"]
        for extra in ([], ["--limit_concurrency", "100", "--keepalive_timeout=75"])
    )
    assert given["args"] == [*plain["args"], "--limit_concurrency", "100", "--keepalive_timeout=75"]


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--config", "x"], "[0] must not be --config, since the function sets it itself"),
        (["-cx.yaml"], "[0] must not be -c, since the function sets it itself"),
        (["--port=1"], "[0] must not be --port, since the function sets it itself"),
        (
            ["--num_workers", "2", "--detailed_debug"],
            "[2] must not be --detailed_debug, since it prints prompts and credentials to the log",
        ),
        (
            ["--model", "openai/x"],
            "[0] must not be --model, since what is called is for spec.aiModels and spec.config to "
            "say",
        ),
        (["--health"], "[0] must not be --health, since the gateway would not start"),
        (
            ["--run_gunicorn"],
            "[0] must not be --run_gunicorn, since the gate is made for uvicorn, the server that "
            "LiteLLM starts by itself",
        ),
        (
            ["--ssl_certfile_path", "/etc/tls/tls.crt"],
            "[0] must not be --ssl_certfile_path, since the probes and the Service speak plain "
            "HTTP",
        ),
    ],
)
def test_arguments_that_break_the_gateways_promises_are_refused(
    extra: list[str], sentence: str
) -> None:
    assert refusal(extraArgs=extra) == f"spec.deployment.extraArgs{sentence}: remove it."


@pytest.mark.parametrize(
    ("extra", "index"),
    [
        (["--new_api_key", "s3cr3t"], 1),
        (["--new_api_key=s3cr3t"], 0),
        (["sk-s3cr3ts3cr3ts3cr3t"], 0),
        (["--new_url", "redis://:s3cr3t@redis"], 1),
    ],
)
def test_no_argument_holds_a_credential(extra: list[str], index: int) -> None:
    sentence = refusal(extraArgs=extra)
    assert sentence == (
        f"spec.deployment.extraArgs[{index}] holds a literal credential: take it from a Secret "
        "with deployment.env, and write --option=$(NAME)."
    )


def test_an_argument_may_refer_to_a_variable() -> None:
    (container,) = pod(extraArgs=["--new_api_key=$(KEY)"])["containers"]
    assert container["args"][-1] == "--new_api_key=$(KEY)"


@pytest.mark.parametrize("argument", ["$(KEY)", "--$(KEY)", "-$(KEY)", "-x=$(KEY)", "--a$(B)=c"])
def test_no_option_hides_in_a_variable(argument: str) -> None:
    assert refusal(extraArgs=["--local", argument]) == (
        "spec.deployment.extraArgs[1] refers to a variable, which might hold any option: write "
        "--option=$(NAME), in one argument."
    )


@pytest.mark.parametrize("name", ["DEBUG", "DETAILED_DEBUG"])
def test_nor_do_variables_print_credentials(name: str) -> None:
    assert refusal(env=[{"name": name, "value": "true"}]) == (
        f"spec.deployment.env[0] sets {name}, with which LiteLLM prints prompts and credentials to "
        "the log: remove it."
    )


@pytest.mark.parametrize(
    "name", ["CONFIG_FILE_PATH", "LITELLM_CONFIG_BUCKET_NAME", "STORE_MODEL_IN_DB"]
)
def test_nor_does_a_variable_name_another_configuration(name: str) -> None:
    assert refusal(env=[{"name": name, "value": "true"}]) == (
        f"spec.deployment.env[0] sets {name}, with which LiteLLM would read its configuration "
        "elsewhere, where nothing checks it: use spec.config."
    )


@pytest.mark.parametrize("value", ["DEBUG", "debug"])
def test_nor_does_a_level_print_prompts(value: str) -> None:
    assert refusal(env=[{"name": "LITELLM_LOG", "value": value}]) == (
        "spec.deployment.env[0] sets LITELLM_LOG to DEBUG, with which LiteLLM prints prompts and "
        "answers to the log: use spec.logging.level."
    )


OPEN = {
    *("--num_workers", "--granian_threads", "--telemetry", "--log_config", "--local"),
    *("--iam_token_db_auth", "--azure_postgresql_auth", "--use_prisma_db_push"),
    *("--keepalive_timeout", "--timeout_worker_healthcheck"),
    *("--limit_concurrency", "--use_v2_migration_resolver"),
    *("--enforce_prisma_migration_check", "--use_legacy_migration_resolver"),
    "--prometheus_metrics_port",
}
"""LiteLLM's options that a router may add: none of them chooses a host or prints a credential."""


def test_every_option_of_litellm_has_been_judged() -> None:
    """One that is new shows here."""
    python = CACHE / "litellm" / "bin" / "python"
    if not python.exists():
        absent("the LiteLLM proxy", "run .ci/build-litellm")
    script = (
        "import json; from litellm.proxy.proxy_cli import run_server; "
        "print(json.dumps([o for p in run_server.params for o in p.opts if o[0] == '-']))"
    )
    run = subprocess.run([python, "-c", script], capture_output=True, check=True, text=True)
    options = set(json.loads(run.stdout.splitlines()[-1]))
    assert options == OPEN | (arguments.REFUSED.keys() - {"--help"})
    assert not OPEN & arguments.REFUSED.keys()


# -- The Service


def test_the_service_is_as_the_router_says() -> None:
    asked = {
        "type": "LoadBalancer",
        "port": 80,
        "annotations": {"example.com/internal": "true", "note": "own"},
        "appProtocol": "http",
    }
    service = composed(
        names.RESOURCE_SERVICE, service=asked, commonMetadata={"annotations": {"note": "common"}}
    )
    assert service["metadata"]["annotations"] == asked["annotations"]
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["ports"] == [
        {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http", "appProtocol": "http"}
    ]


def test_annotations_of_the_service_are_on_nothing_else() -> None:
    answer = World(router(service={"annotations": {"example.com/internal": "true"}})).reconcile()
    for name, resource in answer.resources.items():
        annotations = resource.manifest["metadata"].get("annotations", {})
        assert ("example.com/internal" in annotations) is (name == names.RESOURCE_SERVICE)


def test_the_url_follows_the_services_port_and_the_container_keeps_its_own() -> None:
    answer = World(router(port=8080, service={"port": 80})).reconcile()
    assert answer.status["url"] == "http://gw.team.svc:80"
    (container,) = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["ports"][0]["containerPort"] == 8080
    assert container["args"][-2:] == ["--port", "8080"]


def test_a_service_without_the_port_of_the_url_is_told() -> None:
    world = World(router(service={"port": 80}))
    world.reconcile()
    deployment_status(observedGeneration=3, conditions=[available("True")], **UP)(world)
    world.objects["Service", "team", "gw"]["spec"]["ports"][0]["port"] = 8080
    answer = world.call()
    (condition,) = (c for c in answer.conditions if c.type == names.AVAILABLE)
    assert (condition.status, condition.reason) == ("False", names.REASON_SERVICE_CHANGED)
    assert "does not serve port 80:" in condition.message
    assert answer.resources[names.RESOURCE_SERVICE].ready is False


# -- The disruption budget


def test_there_is_no_disruption_budget_unless_it_is_asked_for() -> None:
    off: Manifest = {"podDisruptionBudget": {"enabled": False, "minAvailable": 1}}
    for spec in ({}, off):
        answer = World(router(**spec)).reconcile()
        assert names.RESOURCE_POD_DISRUPTION_BUDGET not in answer.resources
        assert names.RESOURCE_POD_DISRUPTION_BUDGET not in answer.requirements


@pytest.mark.parametrize("share", [{"minAvailable": 2}, {"maxUnavailable": "50%"}])
def test_a_disruption_budget_is_of_the_gateways_pods_alone(share: Manifest) -> None:
    """And a pod that is not ready, which no call would miss, may always be evicted."""
    name = names.RESOURCE_POD_DISRUPTION_BUDGET
    budget = composed(name, podDisruptionBudget=share)
    assert (budget["apiVersion"], budget["kind"]) == ("policy/v1", "PodDisruptionBudget")
    assert budget["metadata"]["name"] == "gw"
    assert budget["spec"] == {
        **share,
        "selector": OWN,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def test_a_disruption_budget_of_someone_else_is_not_taken_over() -> None:
    world = World(router(podDisruptionBudget={"minAvailable": 1}))
    world.add(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "gw", "namespace": "team"},
        }
    )
    refused = world.reconcile().refusal
    assert refused is not None
    assert refused.reason == names.REASON_NAME_TAKEN
