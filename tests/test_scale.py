"""How many pods there are, over a sequence of reconciles, with and without an autoscaler."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from function import names
from function.call import Manifest, Response
from tests.support.apiserver import Client, serve
from tests.support.world import MANAGER, World, router
from tests.test_compose import UP, available, deployment_status

AUTO: Manifest = {"autoscaling": {"minReplicas": 2, "maxReplicas": 5}}
OFF: Manifest = {"autoscaling": {**AUTO["autoscaling"], "enabled": False}}
LEFT_OUT = None


def asked(**fields: object) -> Callable[[World], None]:
    """The router gets another spec."""

    def edit(world: World) -> None:
        world.xr["spec"] = {"aiModels": world.xr["spec"]["aiModels"], **fields}

    return edit


def scaled(replicas: int, manager: str = "kube-controller-manager") -> Callable[[World], None]:
    """Someone other than Crossplane sets the number of pods."""
    return lambda world: world.scale(replicas, manager)


def nothing(_: World) -> None:
    """Crossplane reconciles again."""


@dataclass(frozen=True)
class Step:
    """What happens before a reconcile, what that asks for, and how many pods that gives."""

    happens: Callable[[World], None]
    wanted: int | None
    pods: int


@dataclass(frozen=True)
class Case:
    """A sequence of reconciles, and why it is in the table."""

    why: str
    steps: list[Step] = field(default_factory=list)


SEQUENCES = [
    Case("without either there is one, and an edit is set back", [
        Step(nothing, 1, 1),
        Step(scaled(4, "kubectl"), 1, 1),
    ]),
    Case("what the router says holds", [
        Step(asked(deployment={"replicas": 3}), 3, 3),
        Step(scaled(4), 3, 3),
        Step(asked(), 1, 1),
    ]),
    Case("the least at first, then as many as there are until the autoscaler has said so", [
        Step(asked(**AUTO), 2, 2),
        Step(nothing, 2, 2),
        Step(scaled(4), LEFT_OUT, 4),
        Step(scaled(5), LEFT_OUT, 5),
        Step(nothing, LEFT_OUT, 5),
    ]),
    Case("a person counts as well, so what they set beside the autoscaler stays", [
        Step(asked(**AUTO), 2, 2),
        Step(scaled(0, "kubectl"), LEFT_OUT, 0),
    ]),
    Case("switched on, it begins with as many as there are", [
        Step(asked(deployment={"replicas": 4}), 4, 4),
        Step(asked(**AUTO), 4, 4),
        Step(scaled(3), LEFT_OUT, 3),
    ]),
    Case("none at all would keep the autoscaler off", [
        Step(asked(deployment={"replicas": 0}), 0, 0),
        Step(asked(**AUTO), 2, 2),
    ]),
    Case("a change of its bounds is for the autoscaler to follow", [
        Step(asked(**AUTO), 2, 2),
        Step(asked(autoscaling={"minReplicas": 3, "maxReplicas": 5}), 2, 2),
        Step(scaled(3), LEFT_OUT, 3),
    ]),
    Case("switched off, as many stay as there are until the router says how many", [
        Step(asked(**AUTO), 2, 2),
        Step(scaled(4), LEFT_OUT, 4),
        Step(asked(**OFF), LEFT_OUT, 4),
        Step(asked(), LEFT_OUT, 4),
        Step(asked(deployment={"replicas": 3}), 3, 3),
        Step(asked(), 1, 1),
    ]),
    Case("switched off before it ever scaled, the least stay", [
        Step(asked(**AUTO), 2, 2),
        Step(asked(**OFF), 2, 2),
        Step(nothing, 2, 2),
    ]),
    Case("switched on again, it goes on from there", [
        Step(asked(**AUTO), 2, 2),
        Step(asked(), 2, 2),
        Step(asked(**AUTO), 2, 2),
        Step(scaled(5), LEFT_OUT, 5),
    ]),
    Case("switched off together with a number, that number holds", [
        Step(asked(**AUTO), 2, 2),
        Step(scaled(5), LEFT_OUT, 5),
        Step(asked(**OFF, deployment={"replicas": 1}), 1, 1),
    ]),
]  # fmt: skip


def replicas_in(answer: Response) -> int | None:
    """The number of pods that an answer asks for; None if it leaves that open."""
    assert answer.refusal is None, answer.refusal
    found: int | None = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"].get("replicas")
    return found


@pytest.mark.parametrize("case", SEQUENCES, ids=[case.why for case in SEQUENCES])
def test_the_number_of_pods_over_reconciles(case: Case) -> None:
    world = World(router())
    for i, step in enumerate(case.steps):
        step.happens(world)
        assert replicas_in(world.reconcile()) == step.wanted, i
        deployment = world.objects["Deployment", "team", "gw"]
        assert deployment["spec"]["replicas"] == step.pods, i


def test_a_cache_that_does_not_show_the_deployment_yet_sets_nothing_back() -> None:
    """It is looked up by its name as well."""
    world = World(router(**AUTO))
    world.reconcile()
    world.scale(4)
    references, world.references = world.references, {}
    assert replicas_in(world.call()) is None
    world.references = references
    assert replicas_in(world.reconcile()) is None


def test_a_rollout_is_done_when_as_many_run_as_the_autoscaler_wants() -> None:
    world = World(router(**AUTO))
    world.reconcile()
    world.scale(3)
    for up, status in ((2, "False"), (3, "True")):
        counts = dict.fromkeys(UP, up)
        deployment_status(observedGeneration=3, conditions=[available("True")], **counts)(world)
        answer = world.reconcile()
        (condition,) = (c for c in answer.conditions if c.type == names.ROLLED_OUT)
        assert condition.status == status
        assert answer.status["replicas"] == up


def test_the_autoscaler_watches_the_gateways_own_container() -> None:
    spec = {"maxReplicas": 5, "targetCPUUtilizationPercentage": 70}
    answer = World(router(autoscaling=spec)).reconcile()
    autoscaler = answer.resources[names.RESOURCE_AUTOSCALER].manifest
    assert autoscaler["metadata"]["name"] == "gw"
    assert autoscaler["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gw"},
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": [
            {
                "type": "ContainerResource",
                "containerResource": {
                    "name": "cpu",
                    "container": "litellm",
                    "target": {"type": "Utilization", "averageUtilization": 70},
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("resources", "warned"),
    [
        (None, False),
        ({"requests": {"cpu": "1"}}, False),
        ({"limits": {"cpu": "1"}}, False),  # Kubernetes requests as much as is allowed.
        ({"requests": {"memory": "1Gi"}}, True),
        ({}, True),
    ],
)
def test_an_autoscaler_without_a_measure_is_told(
    resources: Manifest | None,
    warned: bool,  # noqa: FBT001
) -> None:
    deployment = {} if resources is None else {"resources": resources}
    answer = World(router(**AUTO, deployment=deployment)).reconcile()
    assert any(r.reason == names.EVENT_AUTOSCALING for r in answer.results) is warned


def test_there_is_no_autoscaler_unless_it_is_asked_for() -> None:
    for spec in ({}, OFF):
        answer = World(router(**spec)).reconcile()
        assert names.RESOURCE_AUTOSCALER not in answer.resources
        assert names.RESOURCE_AUTOSCALER not in answer.requirements


def test_switching_autoscaling_rolls_no_pods() -> None:
    world = World(router())
    templates = []
    for spec in ({}, AUTO, OFF):
        asked(**spec)(world)
        manifest = world.reconcile().resources[names.RESOURCE_DEPLOYMENT].manifest
        templates.append(manifest["spec"]["template"])
    assert templates[0] == templates[1] == templates[2]


def test_an_autoscaler_takes_over_from_crossplane_on_a_real_api_server() -> None:
    """The number of pods is the autoscaler's, whatever is applied."""
    with serve() as client:
        client.namespace("team")
        world = World(router(**AUTO))
        assert _applied(client, world) == 2
        assert _applied(client, world) == 2
        _autoscale(client, 4)
        assert _applied(client, world) == 4
        assert replicas_in(world.call()) is None
        assert _applied(client, world) == 4
        _autoscale(client, 5)
        asked(**OFF)(world)
        assert _applied(client, world) == 5
        assert _applied(client, world) == 5
        asked(deployment={"replicas": 1})(world)
        assert _applied(client, world) == 1


def _applied(client: Client, world: World) -> int:
    """Reconciles, of what the API server shows; how many pods the Deployment then asks for."""
    for kind, namespace, name in world.references.values():
        if kind == "Deployment":
            shown = client.get("apps/v1", kind, namespace, name)
            world.objects[kind, namespace, name] = shown
    answer = world.call()
    assert answer.refusal is None, answer.refusal
    for name, resource in answer.resources.items():
        manifest = copy.deepcopy(resource.manifest)
        stored = client.apply(manifest, field_manager=MANAGER)
        key = manifest["kind"], "team", manifest["metadata"]["name"]
        world.objects[key], world.references[name] = stored, key
    found: int = world.objects["Deployment", "team", "gw"]["spec"]["replicas"]
    return found


def _autoscale(client: Client, replicas: int) -> None:
    """What the autoscaler does, which a test of an API server alone has not."""
    manifest = client.get("apps/v1", "Deployment", "team", "gw")
    path = "/apis/apps/v1/namespaces/team/deployments/gw/scale"
    _, scale = client.request("GET", path)
    scale["spec"]["replicas"] = replicas
    status, _ = client.request("PUT", f"{path}?fieldManager=kube-controller-manager", scale)
    assert status == 200, manifest
