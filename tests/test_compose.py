"""The core: what is composed, what is refused, and what is never touched."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from function import names
from function.call import Manifest, Request, Response
from function.compose import compose
from function.gateways.litellm import config
from function.gateways.litellm.variables import MASTER_KEY
from tests.support.world import UID, World, behind_claim, controlled, router, secret

SECRET = "secret.litellm-secrets"
"""The requirement for the Secret that these tests' routers take their keys from."""

DEPLOYMENT = ("Deployment", "team", "gw")
KEY_SECRET = ("Secret", "team", "gw-master-key")

ALL = {"configMap", "deployment", "masterKey", "service"}
"""What every router composes, by the names that must never change."""


def master_key(key: str = "sk-team", **more: Any) -> Manifest:  # noqa: ANN401
    """A master key's Secret in the namespace of the routers of these tests."""
    return {**secret("gw-master-key", **{MASTER_KEY: key}), **more}


def object_of(kind: str, name: str) -> Manifest:
    """Some object of the namespace that is no router's."""
    version = "apps/v1" if kind == "Deployment" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "team"}}


def key_of(answer: Response) -> str:
    """The master key that is composed, in base64."""
    key: str = answer.resources[names.RESOURCE_MASTER_KEY].manifest["data"][MASTER_KEY]
    return key


def refusal_of(answer: Response) -> tuple[str, str]:
    """Reason and sentence of a refusal, which composes nothing and carries its condition."""
    assert answer.refusal is not None
    assert not answer.resources
    assert not answer.status
    condition = answer.conditions[0]
    assert (condition.type, condition.status) == (names.CONFIGURED, "False")
    assert (condition.reason, condition.message) == (answer.refusal.reason, answer.refusal.message)
    return answer.refusal.reason, answer.refusal.message


# -- Names


def test_asks_for_its_names_before_it_composes_anything() -> None:
    answer = compose(Request(router(), {}, {}, {}))
    assert not answer.resources
    assert not answer.conditions
    assert {name: (s.kind, s.name, s.namespace) for name, s in answer.requirements.items()} == {
        names.RESOURCE_CONFIG_MAP: ("ConfigMap", "gw-config", "team"),
        names.RESOURCE_DEPLOYMENT: ("Deployment", "gw", "team"),
        names.RESOURCE_MASTER_KEY: ("Secret", "gw-master-key", "team"),
        names.RESOURCE_SERVICE: ("Service", "gw", "team"),
        SECRET: ("Secret", "litellm-secrets", "team"),
    }


def test_composes_nothing_while_one_name_is_unknown() -> None:
    found = dict.fromkeys(ALL - {names.RESOURCE_SERVICE})
    assert not compose(Request(router(), {}, found, {})).resources


def test_asks_no_more_for_what_is_observed_as_its_own() -> None:
    world = World(router())
    assert set(world.reconcile().requirements) == {*ALL, SECRET}
    assert set(world.reconcile().requirements) == {SECRET}


def test_names_are_the_claims_where_there_is_one() -> None:
    answer = World(behind_claim("shop", "web")).reconcile()
    found = {
        (c.manifest["metadata"]["name"], c.manifest["metadata"]["namespace"])
        for c in answer.resources.values()
    }
    names_ = {"shop", "shop-config", "shop-master-key"}
    assert found == {(name, "web") for name in names_}
    assert answer.status["url"] == "http://shop.web.svc:4000"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("ConfigMap", "gw-config"), ("Deployment", "gw"), ("Service", "gw")],
)
@pytest.mark.parametrize("owned", [False, True])
def test_takes_over_nothing_foreign(kind: str, name: str, owned: bool) -> None:  # noqa: FBT001
    world = World(router())
    foreign = object_of(kind, name)
    world.add(controlled(foreign, uid="other", kind="Deployment") if owned else foreign)
    owner = "belongs to Deployment 'owner'" if owned else "does not belong to this ModelRouter"
    assert refusal_of(world.reconcile()) == (
        names.REASON_NAME_TAKEN,
        f"{kind} '{name}' already exists in namespace 'team' and {owner}: delete it, or give the "
        "ModelRouter another name.",
    )


def test_takes_over_no_master_key_that_someone_controls() -> None:
    world = World(router())
    world.add(controlled(master_key(), uid="other"))
    assert refusal_of(world.reconcile())[0] == names.REASON_NAME_TAKEN


def test_an_observed_object_of_another_name_is_not_its_own() -> None:
    world = World(router())
    world.reconcile()
    world.xr = router(name="other")
    assert set(compose(Request(world.xr, _observed(world), {}, {})).requirements) > ALL


def test_an_observed_object_of_another_namespace_is_not_its_own() -> None:
    world = World(router())
    world.reconcile()
    world.xr = router(namespace="other")
    assert set(compose(Request(world.xr, _observed(world), {}, {})).requirements) > ALL


def test_an_object_of_its_own_that_the_cache_does_not_show_as_observed_is_no_foreign_one() -> None:
    world = World(router())
    first = world.reconcile()
    world.references.clear()
    again = world.call()
    assert again.refusal is None
    assert key_of(again) == key_of(first)


def _observed(world: World) -> dict[str, Manifest]:
    return {name: world.objects[key] for name, key in world.references.items()}


# -- The master key


def test_a_made_key_is_kept_whatever_the_caches_show() -> None:
    world = World(router())
    key = key_of(world.reconcile())
    assert base64.b64decode(key).startswith(b"sk-")
    for blind in (False, True, True, False, False):
        world.reconcile(blind=blind)
        assert world.objects["Secret", "team", "gw-master-key"]["data"] == {MASTER_KEY: key}


def test_two_routers_get_two_keys() -> None:
    assert key_of(World(router()).reconcile()) != key_of(World(router()).reconcile())


def test_the_keys_secret_is_immutable() -> None:
    answer = World(router()).reconcile()
    assert answer.resources[names.RESOURCE_MASTER_KEY].manifest["immutable"] is True


def test_a_deleted_key_is_made_anew() -> None:
    world = World(router())
    key = key_of(world.reconcile())
    del world.objects["Secret", "team", "gw-master-key"]
    assert key_of(world.reconcile()) != key


def test_a_key_that_cannot_be_made_anew_leaves_the_pods_alone() -> None:
    """Whatever random values the calls make up until its Secret can be created."""
    world = World(router())
    world.reconcile()
    world.reconcile()
    before = json.dumps(world.objects[DEPLOYMENT])
    del world.objects[KEY_SECRET]
    world.forbidden = frozenset({"Secret"})
    for _ in range(5):
        world.reconcile()
        assert json.dumps(world.objects[DEPLOYMENT]) == before
    world.forbidden = frozenset()
    assert _secret_hashes(world, reconciles=5) == 2


def test_a_key_that_could_never_be_made_leaves_the_pods_alone() -> None:
    world = World(router(), forbidden=frozenset({"Secret"}))
    world.reconcile()
    before = json.dumps(world.objects[DEPLOYMENT])
    for _ in range(5):
        world.reconcile()
        assert json.dumps(world.objects[DEPLOYMENT]) == before


def test_a_deleted_key_rolls_the_pods_once() -> None:
    world = World(router())
    world.reconcile()
    for _ in range(2):
        del world.objects[KEY_SECRET]
        assert _secret_hashes(world, reconciles=5) == 2


def test_a_key_that_replaces_another_by_hand_rolls_the_pods_once() -> None:
    world = World(router())
    world.reconcile()
    del world.objects[KEY_SECRET]
    del world.references[names.RESOURCE_MASTER_KEY]
    world.add(master_key(key="sk-by-hand"))
    assert _secret_hashes(world, reconciles=5) == 2


def _secret_hashes(world: World, *, reconciles: int) -> int:
    """How many hashes of Secrets the pods have had during some reconciles."""
    seen = [world.objects[DEPLOYMENT]]
    for _ in range(reconciles):
        world.reconcile()
        seen.append(world.objects[DEPLOYMENT])
    return len({json.dumps(d["spec"]["template"]["metadata"]["annotations"]) for d in seen})


def test_a_key_that_is_already_there_is_taken_over() -> None:
    world = World(router())
    world.add(master_key(key="sk-kept"))
    assert base64.b64decode(key_of(world.reconcile())) == b"sk-kept"
    assert base64.b64decode(key_of(world.reconcile())) == b"sk-kept"


@pytest.mark.parametrize("data", [{}, {MASTER_KEY: ""}, None, {"OTHER": "eA=="}])
def test_a_secret_without_a_key_is_not_taken_over(data: Manifest | None) -> None:
    world = World(router())
    world.add(master_key(data=data))
    assert refusal_of(world.reconcile()) == (
        names.REASON_MASTER_KEY_UNUSABLE,
        "Secret 'gw-master-key' has no value under the key LITELLM_MASTER_KEY: delete it to have "
        "a new key generated, or name a Secret of your own in spec.auth.masterKeySecretRef.",
    )


def test_a_secret_of_the_users_is_referred_to_and_not_composed() -> None:
    ref = {"name": "mine", "key": "k"}
    answer = World(router(auth={"masterKeySecretRef": ref})).reconcile()
    assert set(answer.resources) == ALL - {names.RESOURCE_MASTER_KEY}
    assert names.RESOURCE_MASTER_KEY not in answer.requirements
    assert answer.status["masterKeySecretRef"] == ref
    assert {
        "name": "LITELLM_MASTER_KEY",
        "valueFrom": {"secretKeyRef": ref},
    } in _container(answer)["env"]


def test_a_router_that_names_the_secret_made_for_it_keeps_it() -> None:
    """Left out of the desired state, Crossplane would delete the very Secret it asks for."""
    world = World(router())
    key = key_of(world.reconcile())
    ref = {"name": "gw-master-key", "key": MASTER_KEY}
    world.xr = router(auth={"masterKeySecretRef": ref})
    assert key_of(world.reconcile()) == key


def test_a_router_that_names_the_secret_made_for_it_composes_what_it_composed_before() -> None:
    """The Secret is not looked up once more as the user's, and no pod rolls."""
    world = World(router())
    world.reconcile()
    before = world.reconcile()
    ref = {"name": "gw-master-key", "key": MASTER_KEY}
    world.xr = router(auth={"masterKeySecretRef": ref})
    assert world.reconcile() == before


def test_a_made_key_is_kept_until_the_users_secret_is_there() -> None:
    """Pods serve with it, and a Secret that does not exist must not cost it."""
    world = World(router())
    key = key_of(world.reconcile())
    world.xr = router(auth={"masterKeySecretRef": {"name": "mine", "key": "k"}})
    answer = world.reconcile()
    assert key_of(answer) == key
    assert answer.status["masterKeySecretRef"] == {"name": "mine", "key": "k"}
    world.add(secret("mine", k="sk-mine"))
    assert names.RESOURCE_MASTER_KEY not in world.reconcile().resources


def test_a_router_that_names_a_secret_of_that_name_that_is_the_users_leaves_it_alone() -> None:
    ref = {"name": "gw-master-key", "key": "mine"}
    world = World(router(auth={"masterKeySecretRef": ref}))
    world.add(master_key())
    answer = world.reconcile()
    assert names.RESOURCE_MASTER_KEY not in answer.resources
    (condition,) = (c for c in answer.conditions if c.type == names.CREDENTIALS_PRESENT)
    assert "mine in Secret 'gw-master-key'" in condition.message


# -- Other kinds of router


def test_another_type_composes_nothing_and_says_so() -> None:
    answer = World(router(type="kong")).reconcile()
    sentence = "spec.type is 'kong': only litellm is implemented, so nothing is composed."
    assert (answer.resources, answer.requirements, answer.refusal) == ({}, {}, None)
    assert answer.unready
    (condition,) = answer.conditions
    assert (condition.status, condition.reason) == ("False", names.REASON_UNSUPPORTED_TYPE)
    assert condition.message == answer.results[0].message == sentence


# -- Bad input


def _with(**fields: Any) -> Manifest:  # noqa: ANN401
    return {**router(), **fields}


TOO_LONG = "a" * 300

REFUSED: list[tuple[str, Manifest, str, str]] = [
    (
        "a cluster-scoped resource has no namespace",
        _with(metadata={"name": "gw"}),
        names.REASON_NO_NAMESPACE,
        "'gw' has no namespace to compose into: create a ModelRouter in a namespace, not a "
        "cluster-scoped resource without a claim.",
    ),
    (
        "a claim reference of the wrong kind is none",
        _with(metadata={"name": "gw"}, spec={"claimRef": "x"}),
        names.REASON_NO_NAMESPACE,
        "'gw' has no namespace to compose into: create a ModelRouter in a namespace, not a "
        "cluster-scoped resource without a claim.",
    ),
    (
        "no spec at all",
        {"metadata": {"name": "gw", "namespace": "team"}},
        names.REASON_INVALID_SPEC,
        "spec is missing: it is required.",
    ),
    (
        "a spec of the wrong kind",
        _with(spec=[]),
        names.REASON_INVALID_SPEC,
        "spec is a list: it must be an object.",
    ),
    (
        "an empty object",
        {},
        names.REASON_INVALID_SPEC,
        "spec is missing: it is required.",
    ),
    (
        "a name whose derived names would be too long",
        router(name=TOO_LONG),
        names.REASON_INVALID_NAME,
        f"metadata.name: '{'a' * 79}…' has 300 characters, but it also names the gateway's "
        "Service, which allows at most 63: choose a shorter name.",
    ),
    (
        "a name with a dot cannot be a Service's",
        router(name="a.b"),
        names.REASON_INVALID_NAME,
        "metadata.name: 'a.b' cannot be the name of the gateway's Service: begin with a lower-case "
        "letter, use only lower-case letters, digits and '-', and end with a letter or digit.",
    ),
    (
        "a name that begins with a digit cannot be a Service's",
        router(name="1a"),
        names.REASON_INVALID_NAME,
        "metadata.name: '1a' cannot be the name of the gateway's Service: begin with a lower-case "
        "letter, use only lower-case letters, digits and '-', and end with a letter or digit.",
    ),
    (
        "a model twice",
        router(aiModels=[{"name": "openai/a"}, {"name": "openai/b"}, {"name": "openai/a"}]),
        names.REASON_INVALID_SPEC,
        "spec.aiModels: entry 2 ('openai/a') duplicates entry 0: remove one of them.",
    ),
    (
        "several mistakes: the first, and how many more",
        router(port=0, aiModels=[{"name": "x"}]),
        names.REASON_INVALID_SPEC,
        "spec.port is 0: it must be at least 1 (and 1 more).",
    ),
]


@pytest.mark.parametrize(
    ("xr", "reason", "sentence"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_bad_input_is_refused_in_one_sentence(xr: Manifest, reason: str, sentence: str) -> None:
    assert refusal_of(compose(Request(xr, {}, {}, {}))) == (reason, sentence)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"imgae": "x"}, "unknown field input.imgae: remove it or fix the spelling."),
        ({"kind": "Inptu"}, "input.kind must be Input."),
        (
            {"policy": {"providers": {"allow": []}}},
            "unknown field input.policy.providers.allow: remove it or fix the spelling.",
        ),
        (
            {"policy": {"providers": {"denied": "openai"}}},
            "input.policy.providers.denied is a string: it must be a list.",
        ),
        (
            {"policy": {"fields": {"denied": ["spec.config"]}}},
            "input.policy.fields.denied: 'spec.config' is no field of a ModelRouter's spec: give "
            "its path, without spec. and without indices, such as config or deployment.env.",
        ),
        (
            {"defaults": {"deployment": {"replica": 2}}},
            "unknown field input.defaults.deployment.replica: remove it or fix the spelling.",
        ),
        (
            {"defaults": {"deployment": {"replicas": "2"}}},
            "input.defaults.deployment.replicas is a string: it must be a whole number.",
        ),
        (
            {"defaults": {"port": 80}},
            "input.defaults.port has no effect, since every router has its own: remove it.",
        ),
        (
            {"defaults": []},
            "input.defaults is a list: it must be an object.",
        ),
        (
            {"imgae": "x", "ttlSeconds": 0},
            "unknown field input.imgae: remove it or fix the spelling. (And 1 more.)",
        ),
        ({"ttlSeconds": 0}, "input.ttlSeconds is 0: it must be at least 1."),
        (
            {"image": "a b"},
            "input.image: an image must be a reference such as ghcr.io/berriai/litellm:v1.108.11, "
            "without spaces.",
        ),
    ],
)
def test_a_bad_input_of_the_composition_is_refused(settings: Manifest, sentence: str) -> None:
    answer = compose(Request(router(), {}, {}, settings))
    assert refusal_of(answer) == (
        names.REASON_INVALID_INPUT,
        f"The Composition's input is wrong, not this ModelRouter: {sentence}",
    )


def test_a_config_above_what_a_config_map_holds_is_refused() -> None:
    models = [
        {"name": f"openai/{i:04}" + "n" * 240, "apiBase": f"https://h/{'b' * 500}"}
        for i in range(1000)
    ]
    reason, sentence = refusal_of(World(router(aiModels=models)).reconcile())
    assert reason == names.REASON_CONFIG_TOO_LARGE
    files = World(router()).reconcile().resources[names.RESOURCE_CONFIG_MAP].manifest["data"]
    room = config.MAX_BYTES - sum(len(text) for name, text in files.items() if name != config.NAME)
    assert sentence == (
        f"spec.aiModels and spec.config produce a config.yaml of more than the {room} bytes that "
        "the ConfigMap has room for: offer fewer models or use shorter values."
    )


def test_the_limit_of_the_config_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    files = World(router()).reconcile().resources[names.RESOURCE_CONFIG_MAP].manifest["data"]
    size = sum(map(len, files.values()))
    monkeypatch.setattr(config, "MAX_BYTES", size)
    assert World(router()).reconcile().refusal is None
    monkeypatch.setattr(config, "MAX_BYTES", size - 1)
    assert World(router()).reconcile().refusal is not None


# -- What the fields do (the examples' golden files show the rest)


def _container(answer: Response) -> Manifest:
    pod = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"]
    container: Manifest = pod["containers"][0]
    return container


def _env(answer: Response) -> dict[str, Manifest]:
    return {variable["name"]: variable for variable in _container(answer)["env"]}


def test_only_the_variables_of_the_offered_providers_are_taken() -> None:
    models = [{"name": "mistral/large"}, {"name": "mistral/small"}, {"name": "opnai/x"}]
    env = _env(World(router(aiModels=models)).reconcile())
    assert "MISTRAL_API_KEY__litellm_dsecrets" in env
    assert "OPENAI_API_KEY__litellm_dsecrets" not in env
    assert env["OPNAI_API_KEY__litellm_dsecrets"]["valueFrom"]["secretKeyRef"] == {
        "name": "litellm-secrets",
        "key": "OPNAI_API_KEY",
        "optional": True,
    }


def test_the_users_environment_wins() -> None:
    mine = [{"name": "HOME", "value": "/data"}, {"name": "OPENAI_API_KEY", "value": "$(HOME)"}]
    answer = World(router(deployment={"env": mine})).reconcile()
    env = _container(answer)["env"]
    assert env[-2:] == mine
    assert len(env) == len({variable["name"] for variable in env})


@pytest.mark.parametrize(
    ("spec", "settings", "image"),
    [
        ({}, {}, "ghcr.io/berriai/litellm:v1.108.11"),
        ({}, {"image": "platform/litellm:1"}, "platform/litellm:1"),
        (
            {"deployment": {"image": "team/litellm:2"}},
            {"image": "platform/litellm:1"},
            "team/litellm:2",
        ),
    ],
)
def test_the_image_is_the_routers_or_the_platforms_or_the_tested_one(
    spec: Manifest, settings: Manifest, image: str
) -> None:
    assert _container(World(router(**spec), settings=settings).reconcile())["image"] == image


def test_resources_are_taken_as_they_are_given() -> None:
    wanted = {"limits": {"cpu": 2, "nvidia.com/gpu": "1"}}
    answer = World(router(deployment={"resources": wanted})).reconcile()
    assert _container(answer)["resources"] == wanted


def test_common_metadata_is_on_objects_and_pods_and_pod_metadata_on_pods_only() -> None:
    common = {
        "labels": {"team": "a", "app": "evil", "stage": "x"},
        "annotations": {"note": "b", names.ANNOTATION_CONFIG_HASH: "evil", "log": "x"},
    }
    pod = {
        "labels": {"tier": "c", "app": "evil", "stage": "y"},
        "annotations": {"scrape": "d", names.ANNOTATION_SECRET_HASH: "evil", "log": "y"},
    }
    answer = World(router(commonMetadata=common, podMetadata=pod)).reconcile()
    for composed in answer.resources.values():
        metadata = composed.manifest["metadata"]
        assert (metadata["labels"]["team"], metadata["labels"]["app"]) == ("a", "gw")
        assert metadata["annotations"] == common["annotations"]
        assert metadata["labels"]["stage"] == "x"
        assert "tier" not in metadata["labels"]
    template = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["metadata"]
    plain = World(router()).reconcile().resources[names.RESOURCE_DEPLOYMENT].manifest
    own = plain["spec"]["template"]["metadata"]
    assert template["labels"] == {"team": "a", "tier": "c", "stage": "y", **own["labels"]}
    assert template["annotations"] == {
        "note": "b",
        "scrape": "d",
        "log": "y",
        **own["annotations"],
    }


def test_pods_have_no_more_annotations_than_kubernetes_keeps() -> None:
    """Each of the two maps fits by itself."""
    large = {f"a{i}": "x" * 4096 for i in range(32)}
    answer = World(router(commonMetadata={"annotations": large})).reconcile()
    assert answer.refusal is None
    more = {f"b{key}": value for key, value in large.items()}
    both: Manifest = {
        "commonMetadata": {"annotations": large},
        "podMetadata": {"annotations": more},
    }
    refusal = World(router(**both)).reconcile().refusal
    assert refusal is not None
    assert refusal.reason == names.REASON_DEPLOYMENT_TOO_LARGE
    assert re.fullmatch(
        r"spec.commonMetadata, spec.podMetadata and spec.patches.deployment give the pods \d+ "
        r"bytes of annotations, but at most 262144 are allowed: use shorter values\.",
        refusal.message,
    )


def test_the_services_selector_is_narrower_than_the_deployments() -> None:
    answer = World(router()).reconcile()
    service = answer.resources[names.RESOURCE_SERVICE].manifest["spec"]["selector"]
    deployment = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]
    assert deployment["selector"] == {"matchLabels": {"app": "gw"}}
    assert service.items() > {"app": "gw"}.items()
    assert service.items() <= deployment["template"]["metadata"]["labels"].items()


# -- Status


def deployment_status(**status: Any) -> Callable[[World], None]:  # noqa: ANN401
    """Gives the world's Deployment a status."""

    def set_status(world: World) -> None:
        deployment = world.objects["Deployment", "team", "gw"]
        deployment["metadata"]["generation"] = 3
        deployment["status"] = status

    return set_status


def available(status: str) -> Manifest:
    """A Deployment's condition Available."""
    return {"type": "Available", "status": status, "reason": "x", "message": "x"}


STUCK = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
UP = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}

STATES: list[tuple[str, Callable[[World], None], tuple[str, str], tuple[str, str], bool]] = [
    (
        "just made: it has no status",
        deployment_status(),
        ("False", names.REASON_WAITING),
        ("False", names.REASON_ROLLING),
        False,
    ),
    (
        "no pod is up yet",
        deployment_status(observedGeneration=3, replicas=1, conditions=[available("False")]),
        ("False", names.REASON_UNAVAILABLE),
        ("False", names.REASON_ROLLING),
        False,
    ),
    (
        "all is well",
        deployment_status(observedGeneration=3, conditions=[available("True")], **UP),
        ("True", names.REASON_AVAILABLE),
        ("True", names.REASON_ROLLED_OUT),
        True,
    ),
    (
        "a rotation rolls: the old pod serves, so the gateway stays ready",
        deployment_status(
            observedGeneration=3, conditions=[available("True")], **{**UP, "replicas": 2}
        ),
        ("True", names.REASON_AVAILABLE),
        ("False", names.REASON_ROLLING),
        True,
    ),
    (
        "the Deployment has not seen its last change",
        deployment_status(observedGeneration=2, conditions=[available("True")], **UP),
        ("True", names.REASON_AVAILABLE),
        ("False", names.REASON_ROLLING),
        True,
    ),
    (
        "the new pods do not come up",
        deployment_status(
            observedGeneration=3,
            conditions=[available("True"), STUCK],
            **{**UP, "replicas": 2, "updatedReplicas": 1, "unavailableReplicas": 1},
        ),
        ("True", names.REASON_AVAILABLE),
        ("False", names.REASON_ROLLOUT_STUCK),
        True,
    ),
]


@pytest.mark.parametrize(
    ("change", "is_available", "rolled", "ready"),
    [s[1:] for s in STATES],
    ids=[s[0] for s in STATES],
)
def test_conditions_and_readiness_follow_the_deployment(
    change: Callable[[World], None],
    is_available: tuple[str, str],
    rolled: tuple[str, str],
    ready: bool,  # noqa: FBT001
) -> None:
    world = World(router())
    world.reconcile()
    change(world)
    answer = world.call()
    conditions = {c.type: (c.status, c.reason) for c in answer.conditions}
    assert conditions == {
        names.CONFIGURED: ("True", names.REASON_CONFIGURED),
        names.CREDENTIALS_PRESENT: ("False", names.REASON_MISSING),
        names.AVAILABLE: is_available,
        names.ROLLED_OUT: rolled,
    }
    assert answer.resources[names.RESOURCE_DEPLOYMENT].ready is ready
    assert all(answer.resources[name].ready for name in ALL - {names.RESOURCE_DEPLOYMENT})


@pytest.mark.parametrize(
    ("keys", "spec"),
    [
        ("a", {"aiModels": [{"name": "openai/gpt-5"}]}),
        ("a", {"deployment": {"image": "ours/litellm:2"}}),
        ("b", {}),
    ],
    ids=["the configuration", "the image", "a key in a Secret"],
)
def test_a_change_that_has_not_reached_the_deployment_is_not_rolled_out(
    keys: str, spec: Manifest
) -> None:
    world = World(router())
    world.add(secret("litellm-secrets", OPENAI_API_KEY="a"))
    world.reconcile()
    deployment_status(observedGeneration=3, conditions=[available("True")], **UP)(world)
    rolled_out = {c.type: c.status for c in world.call().conditions}[names.ROLLED_OUT]
    assert rolled_out == "True"
    world.add(secret("litellm-secrets", OPENAI_API_KEY=keys))
    world.xr = router(**spec)
    conditions = {c.type: c.status for c in world.call().conditions}
    assert (conditions[names.AVAILABLE], conditions[names.ROLLED_OUT]) == ("True", "False")


def test_a_secret_may_be_given_as_text() -> None:
    """No API server keeps one so, but a file for a render may."""
    world = World(router())
    found = {**secret("litellm-secrets"), "stringData": {"OPENAI_API_KEY": "a"}}
    world.add(found)
    answer = world.reconcile()
    assert answer.status["models"][0]["credentials"] == "Present"
    found["stringData"]["OPENAI_API_KEY"] = "  "
    world.add(found)
    assert world.reconcile().status["models"][0]["credentials"] == "Missing"


def test_a_refused_change_leaves_the_conditions_of_what_runs_on() -> None:
    """Crossplane makes a condition unknown that does not come with a fatal result."""
    world = World(router())
    first = world.reconcile()
    deployment_status(observedGeneration=3, conditions=[available("True")], **UP)(world)
    world.xr["spec"]["port"] = 0
    world.xr["status"] = {
        "conditions": [
            {"type": c.type, "status": c.status, "reason": c.reason, "message": c.message}
            for c in first.conditions
        ]
    }
    answer = world.reconcile()
    assert answer.refusal is not None
    present = [c for c in first.conditions if c.type == names.CREDENTIALS_PRESENT]
    assert [c for c in answer.conditions if c.type == names.CREDENTIALS_PRESENT] == present
    conditions = {c.type: (c.status, c.reason) for c in answer.conditions}
    assert conditions == {
        names.CONFIGURED: ("False", names.REASON_INVALID_SPEC),
        names.CREDENTIALS_PRESENT: ("False", names.REASON_MISSING),
        names.AVAILABLE: ("True", names.REASON_AVAILABLE),
        names.ROLLED_OUT: ("False", names.REASON_REFUSED),
    }


def test_nothing_is_ready_before_it_is_observed() -> None:
    resources = World(router()).reconcile().resources
    assert {name: composed.ready for name, composed in resources.items()} == dict.fromkeys(
        ALL, False
    )


def test_the_status_says_where_the_gateway_is_and_what_it_offers() -> None:
    models = [
        {"name": "openai/gpt-4o", "alias": "chat"},
        {"name": "mistral/mistral-small"},
        {"name": "azure/gpt-4o", "alias": "chat"},
    ]
    world = World(router(aiModels=models, port=8080))
    world.reconcile()
    deployment_status(replicas=2, readyReplicas=1)(world)
    answer = world.call()
    files = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]
    assert answer.status == {
        "url": "http://gw.team.svc:8080",
        "masterKeySecretRef": {"name": "gw-master-key", "key": "LITELLM_MASTER_KEY"},
        "modelCount": 2,
        "models": [
            {
                "name": "chat",
                "targets": ["openai/gpt-4o", "azure/gpt-4o"],
                "credentials": "Missing",
                "missing": [
                    "litellm-secrets/OPENAI_API_KEY",
                    "litellm-secrets/AZURE_API_KEY",
                    "litellm-secrets/AZURE_API_BASE",
                ],
            },
            {
                "name": "mistral/mistral-small",
                "targets": ["mistral/mistral-small"],
                "credentials": "Missing",
                "missing": ["litellm-secrets/MISTRAL_API_KEY"],
            },
        ],
        "configHash": config.digest(files["config.yaml"]),
        "replicas": 2,
        "readyReplicas": 1,
    }


def test_long_lists_in_the_status_name_the_first_and_count_the_rest() -> None:
    models = [{"name": f"openai/{i}", "alias": f"m{i % 60}"} for i in range(1000)]
    status = World(router(aiModels=models)).reconcile().status
    assert status["modelCount"] == 60
    assert len(status["models"]) == 50
    assert status["models"][0]["targets"][-2:] == ["openai/420", "and 9 more"]


def test_the_uid_of_the_tests_is_the_worlds() -> None:
    """Guards the tests above: an object that the world applies is the router's own."""
    world = World(router())
    world.reconcile()
    owners = {o["metadata"]["ownerReferences"][0]["uid"] for o in world.objects.values()}
    assert owners == {UID}
