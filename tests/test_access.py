"""A ModelAccess: its keys, the Secret that applications take, and what users are told.

Where two composite resources play together, each has a stand-in for Crossplane of its own, around
the same objects.
"""

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from function import names
from function.access import keys as keys_module
from function.access import observed as observed_module
from function.api.model_access import MAX_GENERATIONS, stamp
from function.call import Condition, Manifest, Response
from tests.support.accesses import access, hash_of, legacy, uid_of
from tests.support.world import NOW, World, behind_claim, router, secret

GRANT: Manifest = {"namespace": "apps"}
LEARNING = 100
"""How many seconds after a key is listed all running pods know it."""
KEY_1, KEY_2 = (f"app-key-{generation}-00000" for generation in (1, 2))


class Cluster:
    """A router `gw` in `team` and a ModelAccess `app` in `apps`, with Crossplane around both."""

    def __init__(self, grants: list[Manifest] | None = None, **spec: Any) -> None:  # noqa: ANN401
        given: Manifest = {"grants": [GRANT] if grants is None else grants}
        self.router = World(router(access=given))
        self.access = World(access(**spec), objects=self.router.objects)
        self.access.add(self.router.xr, self.access.xr)

    def tell(self, world: World, answer: Response) -> None:
        """Writes the status of a composite resource, as Crossplane does unless it is refused."""
        if answer.refusal is None:
            world.xr["status"] = copy.deepcopy(answer.status)
        world.add(world.xr)

    def turn(self, *, blind: bool = False) -> Response:
        """Reconciles the ModelAccess."""
        self.access.add(self.access.xr)
        answer = self.access.reconcile(blind=blind)
        self.tell(self.access, answer)
        return answer

    def turn_of_router(self) -> Response:
        """Reconciles the router."""
        self.router.now = self.access.now
        self.router.add(self.router.xr)
        answer = self.router.reconcile()
        self.tell(self.router, answer)
        return answer

    def list_keys(self) -> Response:
        """Reconciles both until the router lists the newest key, and the ModelAccess knows it."""
        self.turn()
        self.turn()
        self.turn_of_router()
        return self.turn()

    def settle(self) -> Response:
        """Reconciles both until the application has the newest key, and all pods know it."""
        self.list_keys()
        self.wait(LEARNING)
        return self.turn()

    def listed_at(self, name: str = KEY_1) -> str | None:
        """Since when a key is listed, as it is written on its Secret."""
        metadata = self.access.objects["Secret", "apps", name]["metadata"]
        at: str | None = metadata["annotations"].get(names.ANNOTATION_LISTED_AT)
        return at

    def wait(self, seconds: float) -> None:
        self.access.now += seconds

    def ask(self, **spec: Any) -> None:  # noqa: ANN401
        self.access.xr["spec"].update(spec)

    def values(self, name: str = "app") -> dict[str, str] | None:
        """What a Secret in the application's namespace holds."""
        found = self.access.objects.get(("Secret", "apps", name))
        if found is None:
            return None
        return {key: base64.b64decode(text).decode() for key, text in found["data"].items()}

    def secrets(self) -> set[str]:
        return {
            name for kind, where, name in self.access.objects if (kind, where) == ("Secret", "apps")
        }

    def listed(self) -> Manifest:
        """The file that the gateway reads."""
        data = self.access.objects["ConfigMap", "team", "gw-access"]["data"]
        file: Manifest = json.loads(data["access.json"])
        return file


def accepted(answer: Response) -> Condition:
    (condition,) = answer.conditions
    assert condition.type == names.ACCEPTED
    return condition


def test_an_application_gets_its_key_once_the_gateway_knows_it() -> None:
    cluster = Cluster()
    first = cluster.turn()
    assert cluster.secrets() == {KEY_1}
    assert first.status["keys"] == []  # Not before its Secret has been seen.
    second = cluster.turn()
    assert accepted(second).reason == names.REASON_KEY_WAITING
    assert (second.unready, second.ttl_seconds) == (True, 4)
    cluster.turn_of_router()
    third = cluster.turn()
    assert not third.resources["secret"].ready  # Before it has been seen.
    assert cluster.turn().resources["secret"].ready
    values = cluster.values()
    assert values is not None
    key = values["OPENAI_API_KEY"]
    assert values == {
        "OPENAI_BASE_URL": "http://gw.team.svc:4000/v1",
        "OPENAI_API_KEY": key,
    }
    assert key.startswith(f"sk-{uid_of(1)}-")
    assert len(key) == len(f"sk-{uid_of(1)}-") + 43
    assert cluster.values(KEY_1) == {"OPENAI_API_KEY": key}
    assert third.status == {
        "url": "http://gw.team.svc:4000",
        "secretRef": {"name": "app"},
        "keys": [{"generation": 1, "hash": hash_of(key)}],
    }
    assert (accepted(third).status, accepted(third).reason) == ("True", "Accepted")
    assert third.unready  # Before running pods know it.
    cluster.wait(LEARNING)
    fourth = cluster.turn()
    assert (accepted(fourth).status, accepted(fourth).reason) == ("True", "Accepted")
    assert (fourth.unready, fourth.ttl_seconds, fourth.until) == (False, 60, None)
    assert cluster.listed() == {
        "version": 1,
        "keys": {
            uid_of(1): {
                "alias": "apps/app",
                "hashes": [hash_of(key)],
                "models": ["*"],
                "mcpServers": [],
            }
        },
    }


def test_its_keys_secret_is_immutable_and_named_after_its_uid() -> None:
    cluster = Cluster()
    cluster.settle()
    assert cluster.access.objects["Secret", "apps", KEY_1]["immutable"] is True
    assert "immutable" not in cluster.access.objects["Secret", "apps", "app"]


def test_nothing_changes_while_nothing_changes() -> None:
    cluster = Cluster()
    cluster.settle()
    before = copy.deepcopy(cluster.access.objects)
    answer = cluster.turn()
    cluster.turn_of_router()
    assert cluster.access.objects == before
    assert answer.repeatable
    assert answer.until is None


def test_a_secret_may_have_another_name() -> None:
    cluster = Cluster(secretName="llm")
    cluster.settle()
    assert cluster.secrets() == {KEY_1, "llm"}


@pytest.mark.parametrize("steps", range(1, 5))
def test_a_key_never_changes_whatever_caches_show(steps: int) -> None:
    """A cache that shows nothing leads to a second random key, which the API server refuses."""
    cluster = Cluster()
    for _ in range(steps):
        cluster.turn()
        cluster.turn_of_router()
    before = cluster.values(KEY_1)
    cluster.turn(blind=True)
    cluster.turn()
    cluster.turn_of_router()
    cluster.turn()
    assert cluster.values(KEY_1) == before
    assert before is not None
    values = cluster.values()
    assert values is not None
    assert values["OPENAI_API_KEY"] == before["OPENAI_API_KEY"]


def test_a_secret_that_crossplane_does_not_show_as_composed_yet_is_looked_up() -> None:
    cluster = Cluster()
    cluster.settle()
    before = cluster.values()
    cluster.access.references.clear()
    answer = cluster.turn()
    assert cluster.values() == before
    assert accepted(answer).status == "True"


# -- Until all running pods know a key


def test_it_is_ready_only_when_all_pods_know_its_key() -> None:
    cluster = Cluster()
    for answer in (cluster.list_keys(), cluster.turn()):
        assert (accepted(answer).status, answer.unready) == ("True", True)
        assert accepted(answer).message == (
            "The gateway accepts the key of generation 1. Running pods learn of it within a minute "
            "and a half; until then, they may answer calls with 401."
        )
    cluster.wait(LEARNING - 1)
    assert cluster.turn().unready
    cluster.wait(1)
    answer = cluster.turn()
    assert not answer.unready
    assert accepted(answer).message == "The gateway accepts the key of generation 1."


def test_it_is_looked_just_when_all_pods_know_a_key() -> None:
    cluster = Cluster()
    cluster.access.now += 0.5
    known = NOW + LEARNING
    for seconds, ttl in ((0, 60), (0, 60), (60, 40), (39, 1), (0.4, 1)):
        cluster.wait(seconds)
        answer = cluster.list_keys() if cluster.values() is None else cluster.turn()
        assert (answer.ttl_seconds, answer.until) == (ttl, known)
        assert not answer.repeatable  # It would be given with the same ttl a moment later.
    cluster.wait(0.1)
    answer = cluster.turn()
    assert (answer.ttl_seconds, answer.until, answer.repeatable) == (60, None, True)


def test_a_platform_team_may_have_it_looked_more_often_meanwhile() -> None:
    cluster = Cluster()
    cluster.access.settings = {"ttlSeconds": 30}
    assert cluster.list_keys().ttl_seconds == 30


def test_since_when_a_key_is_listed_is_written_once() -> None:
    cluster = Cluster()
    cluster.list_keys()
    for _ in range(4):
        assert cluster.listed_at() == stamp(NOW)
        cluster.wait(50)
        cluster.turn()


@pytest.mark.parametrize("seconds", [1, 1000])
def test_a_key_that_is_listed_again_is_learned_again(seconds: float) -> None:
    """Pods may have forgotten it meanwhile."""
    cluster = Cluster()
    cluster.list_keys()
    cluster.wait(seconds)
    gone = cluster.access.objects.pop(("ModelRouter", "team", "gw"))
    assert cluster.turn().unready
    assert cluster.listed_at() is None
    cluster.access.add(gone)
    again = cluster.access.now
    answer = cluster.turn()
    assert (accepted(answer).status, answer.unready) == ("True", True)
    assert cluster.listed_at() == stamp(again)
    cluster.wait(LEARNING)
    assert not cluster.turn().unready


@pytest.mark.parametrize("annotation", [None, "x", "", "2199-01-01T00:00:00Z"])
def test_an_edited_date_makes_it_wait_once_more_at_most(annotation: str | None) -> None:
    cluster = Cluster()
    cluster.settle()
    annotations = cluster.access.objects["Secret", "apps", KEY_1]["metadata"]["annotations"]
    if annotation is None:
        del annotations[names.ANNOTATION_LISTED_AT]
    else:
        annotations[names.ANNOTATION_LISTED_AT] = annotation
    answer = cluster.turn()
    assert (accepted(answer).status, answer.unready) == ("True", True)
    assert not answer.repeatable
    assert cluster.listed_at() == stamp(cluster.access.now)
    cluster.wait(LEARNING)
    assert not cluster.turn().unready


# -- Rotation


def rotated() -> Cluster:
    """With a second key that all pods know, and that applications were given."""
    cluster = Cluster()
    cluster.settle()
    cluster.ask(keyGeneration=2)
    cluster.settle()
    return cluster


def test_a_new_key_is_handed_out_once_all_pods_know_it() -> None:
    cluster = Cluster()
    cluster.settle()
    before = cluster.values()
    cluster.ask(keyGeneration=2)
    answers = [cluster.turn(), cluster.turn()]
    assert cluster.values() == before
    for answer in answers:
        assert accepted(answer).status == "True"
        assert not answer.unready
        assert all(resource.ready for resource in answer.resources.values())
        assert answer.ttl_seconds == 4
    assert cluster.secrets() == {"app", KEY_1, KEY_2}
    cluster.turn_of_router()
    known = cluster.access.now + LEARNING
    for seconds, ttl in ((0, 60), (60, 40), (LEARNING - 61, 1)):
        cluster.wait(seconds)
        answer = cluster.turn()
        assert cluster.values() == before
        assert accepted(answer).message == (
            "The gateway accepts the key of generation 1. The key of generation 2 goes into the "
            "Secret once all pods know it, usually within two minutes."
        )
        assert (answer.unready, answer.ttl_seconds, answer.until) == (False, ttl, known)
        assert cluster.listed_at(KEY_2) == stamp(known - LEARNING)
    cluster.wait(1)
    answer = cluster.turn()
    assert not answer.unready
    assert accepted(answer).message == "The gateway accepts the key of generation 2."
    values = cluster.values()
    assert values is not None
    assert values["OPENAI_API_KEY"] == (cluster.values(KEY_2) or {})["OPENAI_API_KEY"]
    assert values != before
    assert [key["generation"] for key in answer.status["keys"]] == [1, 2]
    cluster.turn_of_router()
    assert len(cluster.listed()["keys"][uid_of(1)]["hashes"]) == 2


def test_an_old_key_holds_for_the_overlap_from_the_switch_on() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.ask(keyGeneration=2)
    cluster.turn()
    cluster.turn()
    cluster.wait(5000)  # The gateway hears of it late.
    cluster.turn_of_router()
    cluster.turn()
    cluster.wait(LEARNING)
    answer = cluster.turn()
    switched = cluster.access.now
    assert not answer.repeatable
    assert answer.until == switched + 3600
    cluster.wait(3599)
    answer = cluster.turn()
    assert answer.repeatable
    assert answer.until == switched + 3600
    assert cluster.secrets() == {"app", KEY_1, KEY_2}
    cluster.wait(1)
    answer = cluster.turn()
    assert cluster.secrets() == {"app", KEY_2}
    assert [key["generation"] for key in answer.status["keys"]] == [2]
    cluster.turn_of_router()
    assert len(cluster.listed()["keys"][uid_of(1)]["hashes"]) == 1


def test_when_a_key_was_replaced_is_written_once() -> None:
    cluster = rotated()
    at = stamp(cluster.access.now)
    for _ in range(2):
        cluster.wait(100)
        cluster.turn()
        metadata = cluster.access.objects["Secret", "apps", KEY_1]["metadata"]
        assert metadata["annotations"][names.ANNOTATION_REPLACED_AT] == at


@pytest.mark.parametrize("annotation", ["x", "2199-01-01T00:00:00Z"])
def test_an_edited_date_makes_an_old_key_hold_for_one_more_overlap_at_most(
    annotation: str,
) -> None:
    cluster = rotated()
    annotations = cluster.access.objects["Secret", "apps", KEY_1]["metadata"]["annotations"]
    annotations[names.ANNOTATION_REPLACED_AT] = annotation
    answer = cluster.turn()
    assert not answer.repeatable
    assert answer.until == cluster.access.now + 3600
    cluster.wait(3600)
    cluster.turn()
    assert cluster.secrets() == {"app", KEY_2}


def test_without_an_overlap_the_old_key_ends_at_the_switch() -> None:
    cluster = Cluster(overlapSeconds=0)
    cluster.settle()
    cluster.ask(keyGeneration=2)
    answer = cluster.settle()
    assert cluster.secrets() == {"app", KEY_2}
    assert [key["generation"] for key in answer.status["keys"]] == [2]


def test_an_old_key_that_only_the_status_tells_of_is_kept() -> None:
    """Its Secret is there, but Crossplane's caches do not show it as composed."""
    cluster = rotated()
    del cluster.access.references["key-1"]
    answer = cluster.turn()
    assert [key["generation"] for key in answer.status["keys"]] == [1, 2]
    assert "key-1" in answer.resources


def test_the_oldest_keys_end_early_if_there_are_too_many() -> None:
    cluster = Cluster()
    cluster.settle()
    for generation in range(2, MAX_GENERATIONS + 3):
        cluster.ask(keyGeneration=generation)
        cluster.settle()
    found = [key["generation"] for key in cluster.turn().status["keys"]]
    assert found == [3, 4, 5, 6]


def test_the_key_that_applications_have_never_ends_early() -> None:
    """The router is away, so that no new key is handed out."""
    cluster = Cluster()
    cluster.settle()
    before = cluster.values()
    for generation in range(2, MAX_GENERATIONS + 4):
        cluster.ask(keyGeneration=generation)
        cluster.turn()
        cluster.turn()
    found = [key["generation"] for key in cluster.turn().status["keys"]]
    assert len(found) == MAX_GENERATIONS
    assert found[0] == 1
    assert found[-1] == MAX_GENERATIONS + 3
    assert cluster.values() == before


def test_keys_that_are_asked_for_in_haste_are_handed_out_one_by_one() -> None:
    cluster = Cluster()
    cluster.settle()
    before = cluster.values()
    begun = cluster.access.now
    for generation in range(2, MAX_GENERATIONS + 2):
        cluster.ask(keyGeneration=generation)
        first, answer = cluster.turn(), cluster.list_keys()
        assert cluster.values() == before
        cluster.wait(10)
    # The second has ended early, so it is the third that is waited for.
    assert [key["generation"] for key in answer.status["keys"]] == [1, 3, 4, 5]
    assert first.until == answer.until == begun + 10 + LEARNING
    for generation in (3, 4, 5):
        assert answer.until is not None
        cluster.wait(answer.until - cluster.access.now)
        answer = cluster.turn()
        assert cluster.values() != before
        before = cluster.values()
        assert accepted(answer).message.startswith(
            f"The gateway accepts the key of generation {generation}."
        )
    assert answer.until == begun + 10 + LEARNING + 3600


def test_nothing_waits_until_pods_know_a_key_that_was_replaced() -> None:
    cluster = rotated()
    annotations = cluster.access.objects["Secret", "apps", KEY_1]["metadata"]["annotations"]
    del annotations[names.ANNOTATION_LISTED_AT]
    switched = cluster.access.now
    cluster.wait(1)
    answer = cluster.turn()
    assert (answer.ttl_seconds, answer.until) == (60, switched + 3600)
    assert not answer.repeatable  # A date is written.
    assert cluster.turn().repeatable


def test_a_generation_that_was_replaced_does_not_come_back() -> None:
    cluster = rotated()
    cluster.ask(keyGeneration=1)
    before = copy.deepcopy(cluster.access.objects)
    answer = cluster.turn()
    assert answer.refusal is not None
    assert answer.refusal.message == (
        "spec.keyGeneration is 1, but there was a key of generation 2 before: set it to 2, or to 3 "
        "for a new key."
    )
    assert cluster.access.objects.keys() == before.keys()
    assert accepted(answer).reason == names.REASON_INVALID_SPEC


# -- What someone deletes or edits


def test_a_deleted_secret_comes_back_with_the_same_key() -> None:
    cluster = rotated()
    for name in ("app", KEY_2):
        before = cluster.values(name)
        del cluster.access.objects["Secret", "apps", name]
        cluster.turn()
        cluster.turn()
        assert cluster.values(name) == before, name


def test_a_secret_that_is_deleted_during_a_rotation_comes_back_with_the_old_key() -> None:
    """Running pods do not know the new one yet."""
    cluster = Cluster()
    cluster.settle()
    before = cluster.values()
    cluster.ask(keyGeneration=2)
    cluster.list_keys()
    del cluster.access.objects["Secret", "apps", "app"]
    cluster.turn()
    assert cluster.values() == before


def test_both_secrets_deleted_make_a_new_key() -> None:
    cluster = Cluster()
    cluster.settle()
    before = cluster.values()
    del cluster.access.objects["Secret", "apps", "app"]
    del cluster.access.objects["Secret", "apps", KEY_1]
    cluster.settle()
    values = cluster.values()
    assert values is not None
    assert values != before
    assert values["OPENAI_API_KEY"] == (cluster.values(KEY_1) or {})["OPENAI_API_KEY"]


@pytest.mark.parametrize("annotation", [None, "x", "9" * 10, "7", "1"])
def test_an_edited_secret_is_set_back(annotation: str | None) -> None:
    cluster = rotated()
    before = cluster.values()
    found = cluster.access.objects["Secret", "apps", "app"]
    if annotation is None:
        del found["metadata"]["annotations"]
    else:
        found["metadata"]["annotations"][names.ANNOTATION_KEY_GENERATION] = annotation
    found["data"]["OPENAI_API_KEY"] = base64.b64encode(b"sk-mine").decode()
    cluster.turn()
    assert cluster.values() == before


def test_an_edited_secret_is_set_back_without_a_router_too() -> None:
    cluster = rotated()
    before = cluster.values()
    no_router(cluster)
    found = cluster.access.objects["Secret", "apps", "app"]
    found["data"]["OPENAI_API_KEY"] = base64.b64encode(b"sk-mine").decode()
    cluster.turn()
    assert cluster.values() == before
    found = cluster.access.objects["Secret", "apps", "app"]
    found["data"]["OPENAI_BASE_URL"] = ""
    cluster.turn()
    assert before is not None
    assert cluster.values() == {**before, "OPENAI_BASE_URL": ""}  # Until the router is back.


def test_a_new_key_is_a_new_one_whatever_the_secret_says() -> None:
    cluster = Cluster()
    cluster.settle()
    del cluster.access.objects["Secret", "apps", "app"]["metadata"]["annotations"]
    cluster.ask(keyGeneration=2)
    cluster.settle()
    assert cluster.values(KEY_1) != cluster.values(KEY_2)


def test_a_new_key_is_a_new_one_although_the_old_ones_secret_is_gone() -> None:
    cluster = Cluster()
    cluster.settle()
    before = cluster.values()
    del cluster.access.objects["Secret", "apps", KEY_1]
    cluster.ask(keyGeneration=2)
    cluster.turn()
    made = cluster.values(KEY_2)
    assert before is not None
    assert made is not None
    assert made["OPENAI_API_KEY"] != before["OPENAI_API_KEY"]


def test_a_key_secret_without_a_key_is_refused() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.access.objects["Secret", "apps", KEY_1]["data"] = {}
    answer = cluster.turn()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_KEY_UNUSABLE


@pytest.mark.parametrize("name", ["app", KEY_1])
def test_a_foreign_secret_is_not_taken_over(name: str) -> None:
    cluster = Cluster()
    cluster.access.add(secret(name, "apps", OPENAI_API_KEY="theirs"))
    answer = cluster.turn()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_NAME_TAKEN
    assert answer.refusal.message == (
        f"Secret '{name}' already exists in namespace 'apps' and does not belong to this "
        "ModelAccess: delete it, or give the ModelAccess another name."
    )
    assert cluster.values(name) == {"OPENAI_API_KEY": "theirs"}


def test_another_name_for_the_secret_is_refused() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.ask(secretName="other")
    answer = cluster.turn()
    assert answer.refusal is not None
    assert answer.refusal.message == (
        "spec.secretName cannot change, and the Secret is called 'app': set it back, or delete the "
        "ModelAccess and create it again."
    )


# -- What the router does


def no_router(cluster: Cluster) -> None:
    del cluster.access.objects["ModelRouter", "team", "gw"]


def no_status(cluster: Cluster) -> None:
    del cluster.access.objects["ModelRouter", "team", "gw"]["status"]


def no_grant(cluster: Cluster) -> None:
    cluster.router.xr["spec"]["access"]["grants"] = []
    cluster.turn_of_router()


def no_access(cluster: Cluster) -> None:
    del cluster.router.xr["spec"]["access"]
    cluster.turn_of_router()


def odd(cluster: Cluster) -> None:
    found = cluster.access.objects["ModelRouter", "team", "gw"]
    found["spec"] = {"access": {"grants": 5}, "aiModels": "x", "redis": []}
    found["status"] = {"url": 5, "access": {"keys": "x"}}


def other_router(cluster: Cluster) -> None:
    cluster.ask(routerRef={"name": "other", "namespace": "team"})


def expired(cluster: Cluster) -> None:
    cluster.ask(expiresAt=stamp(NOW))
    cluster.access.add(cluster.access.xr)
    cluster.turn_of_router()


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (no_router, "NotAllowed"),
        (no_status, "Waiting"),
        (no_grant, "NotAllowed"),
        (no_access, "NotAllowed"),
        (odd, "NotAllowed"),
        (other_router, "NotAllowed"),
        (expired, "Expired"),
    ],
)
def test_an_application_keeps_its_secret_whatever_the_router_does(
    happens: Callable[[Cluster], None], reason: str
) -> None:
    cluster = Cluster()
    cluster.settle()
    before = cluster.values()
    happens(cluster)
    for _ in range(2):
        answer = cluster.turn()
        assert cluster.values() == before
        assert (accepted(answer).status, accepted(answer).reason) == ("False", reason)
        assert answer.unready
        assert answer.status["secretRef"] == {"name": "app"}
    assert cluster.secrets() == {"app", KEY_1}


def test_a_router_that_is_made_again_accepts_the_same_key() -> None:
    cluster = Cluster()
    cluster.settle()
    before = cluster.values()
    no_router(cluster)
    cluster.turn()
    cluster.router.xr["metadata"]["uid"] = "another"
    cluster.router.xr.pop("status")
    for key in [key for key in cluster.access.objects if key[1] == "team"]:
        del cluster.access.objects[key]
    cluster.router.references.clear()
    cluster.turn_of_router()
    answer = cluster.turn()
    assert accepted(answer).status == "True"
    assert cluster.values() == before


def test_a_router_whose_spec_is_refused_goes_on_accepting() -> None:
    """As its gateway does: its status stays as it was."""
    cluster = Cluster()
    cluster.settle()
    cluster.router.xr["spec"]["access"]["grants"] = []
    cluster.router.xr["spec"]["port"] = 0
    answer = cluster.turn_of_router()
    assert answer.refusal is not None
    assert answer.conditions[0].message.endswith(
        "While this lasts, no change to the keys of applications takes effect: none is added, and "
        "none is revoked."
    )
    told = accepted(cluster.turn())
    assert told.status == "True"
    assert "Access is about to end: " in told.message


def test_a_router_of_another_namespace_without_a_grant_looks_like_none() -> None:
    """The whole answer is the same, so that nobody learns what exists there."""
    without, other, off = Cluster(), Cluster(grants=[{"namespace": "x"}]), Cluster()
    no_router(without)
    off.router.xr["spec"]["access"]["enabled"] = False
    for cluster in (other, off):
        cluster.turn_of_router()
    answers = []
    for cluster in (without, other, off):
        cluster.turn()
        answer = cluster.turn()
        answers.append((answer.conditions, answer.ttl_seconds, answer.until, answer.results))
        assert "url" not in answer.status
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0][0].message == (
        "There is no ModelRouter 'gw' in namespace 'team' that gives keys to namespace 'apps': ask "
        "whoever runs it to add that namespace to its spec.access.grants."
    )


REASONS: list[tuple[str, Manifest, Manifest, str]] = [
    ("NoRouter", {"routerRef": {"name": "gw"}}, {}, "There is no ModelRouter 'gw' in this"),
    ("ModelNotOffered", {"models": ["x", "y*"]}, {}, "both offers and grants: 'x', 'y*'."),
    (
        "ModelNotOffered",
        {"models": ["openai/gpt-4o"]},
        {"models": ["x"]},
        "both offers and grants: 'openai/gpt-4o'.",
    ),
    ("BudgetNeedsRedis", {"budget": {"usd": "5", "period": "Day"}}, {}, "with spec.redis"),
    ("Expired", {"expiresAt": stamp(NOW - 1)}, {}, "spec.expiresAt is in the past"),
]


@pytest.mark.parametrize(("reason", "spec", "grant", "said"), REASONS)
def test_one_that_is_refused_says_why(
    reason: str, spec: Manifest, grant: Manifest, said: str
) -> None:
    cluster = Cluster(grants=[{**GRANT, **grant}], **spec)
    answer = cluster.settle()
    assert accepted(answer).reason == reason
    assert said in accepted(answer).message
    assert answer.ttl_seconds == 60
    assert cluster.secrets() == {KEY_1}
    assert [result.reason for result in cluster.access.call().results] == [reason]


@pytest.mark.parametrize(
    ("spec", "of_router", "reason"),
    [
        (
            {"models": ["idle"]},
            {"aiModels": [{"name": "openai/gpt-4o"}, {"name": "openai/x", "alias": "idle"}]},
            "Waiting",
        ),
        (
            {"models": ["idle"]},
            {"aiModels": [{"name": "openai/gpt-4o"}, {"name": "x", "alias": "idle", "weight": 0}]},
            "ModelNotOffered",
        ),
        (
            {"budget": {"usd": "5", "period": "Day"}},
            {"redis": {"host": "redis"}},
            "Waiting",
        ),
        (
            {"budget": {"usd": "5", "period": "Day"}},
            {"redis": {"host": "redis", "enabled": False}},
            "BudgetNeedsRedis",
        ),
    ],
)
def test_what_takes_no_part_in_the_gateway_is_not_offered(
    spec: Manifest, of_router: Manifest, reason: str
) -> None:
    cluster = Cluster(**spec)
    cluster.router.xr["spec"].update(of_router)
    cluster.turn_of_router()
    cluster.turn()
    assert accepted(cluster.turn()).reason == reason


def test_models_that_come_to_nothing_are_named() -> None:
    cluster = Cluster(models=["openai/gpt-4o", "x"])
    answer = cluster.settle()
    assert accepted(answer).message == (
        "The gateway accepts the key of generation 1. Left out of spec.models, as the ModelRouter "
        "does not both offer and grant them: 'x'."
    )
    assert cluster.listed()["keys"][uid_of(1)]["models"] == ["openai/gpt-4o"]


def test_it_is_looked_often_for_two_minutes_only() -> None:
    cluster = Cluster()
    cluster.turn()
    cluster.wait(1)
    answer = cluster.turn()
    assert (answer.ttl_seconds, answer.until) == (4, NOW + 120)
    cluster.wait(118)
    assert cluster.turn().ttl_seconds == 4
    cluster.wait(1)
    answer = cluster.turn()
    assert (answer.ttl_seconds, answer.until) == (60, None)


def test_a_platform_team_may_have_it_looked_more_often() -> None:
    cluster = Cluster()
    cluster.access.settings = {"ttlSeconds": 30}
    assert cluster.settle().ttl_seconds == 30


def test_its_end_ends_the_answer() -> None:
    cluster = Cluster(expiresAt=stamp(NOW + 1000))
    answer = cluster.settle()
    assert answer.until == NOW + 1000
    assert cluster.access.now == NOW + LEARNING
    assert cluster.listed()["keys"][uid_of(1)]["expiresAt"] == stamp(NOW + 1000)
    assert cluster.turn_of_router().until == NOW + 1000
    cluster.wait(1000 - LEARNING)
    assert cluster.turn_of_router().status["access"] == {"accepted": 0, "refused": 1, "keys": []}


def test_one_that_has_expired_is_not_accepted_although_the_router_still_lists_it() -> None:
    """It does for as long as its spec is refused, but its pods go by the date."""
    cluster = Cluster(expiresAt=stamp(NOW + 1000))
    cluster.settle()
    before = cluster.values()
    cluster.wait(1000 - LEARNING - 1)
    assert accepted(cluster.turn()).status == "True"
    cluster.wait(1)
    answer = cluster.turn()
    assert (accepted(answer).status, accepted(answer).reason) == ("False", "Expired")
    assert answer.unready
    assert "url" not in answer.status
    assert cluster.values() == before


def test_defaults_of_the_platform_may_hold_the_grants() -> None:
    cluster = Cluster()
    del cluster.router.xr["spec"]["access"]
    for world in (cluster.router, cluster.access):
        world.platform = {"defaults": {"access": {"grants": [GRANT]}}}
    assert accepted(cluster.settle()).status == "True"


def test_behind_claims_the_name_is_that_of_the_claim() -> None:
    cluster = Cluster()
    cluster.access.xr = legacy(cluster.access.xr)
    cluster.router.xr = behind_claim(access={"grants": [GRANT]})
    objects = cluster.access.objects
    objects.clear()

    def claim() -> None:
        """Crossplane tells a claim what it tells the composite resource."""
        xr = cluster.router.xr
        spec = {k: v for k, v in xr["spec"].items() if k != "claimRef"}
        cluster.access.add({**router(), "spec": spec, "status": xr.get("status", {})})

    for _ in range(3):
        claim()
        cluster.turn()
        cluster.turn_of_router()
    claim()
    answer = cluster.turn()
    assert accepted(answer).status == "True"
    assert cluster.secrets() == {"app", KEY_1}
    assert cluster.listed()["keys"][uid_of(1)]["alias"] == "apps/app"


@pytest.mark.parametrize("metadata", [{"name": "a" * 64}, {"namespace": ""}])
def test_a_name_that_cannot_be_used_is_refused(metadata: Manifest) -> None:
    cluster = Cluster()
    cluster.access.xr["metadata"].update(metadata)
    answer = cluster.turn()
    assert answer.refusal is not None
    assert accepted(answer).reason in (names.REASON_INVALID_NAME, names.REASON_NO_NAMESPACE)


# -- Secrets stay secret


RANDOM = 43
"""How long the random end of a key is: 32 bytes in base64, which may hold a '-' too."""


def test_a_key_is_nowhere_but_in_the_secrets() -> None:
    cluster = rotated()
    found = [cluster.values(KEY_1), cluster.values(KEY_2)]
    for answer in (cluster.turn(), cluster.turn_of_router()):
        composed = {
            name: {k: v for k, v in desired.manifest.items() if k != "data"}
            if desired.manifest["kind"] == "Secret"
            else desired.manifest
            for name, desired in answer.resources.items()
        }
        told = repr((composed, answer.status, answer.conditions, answer.results))
        for values in found:
            assert values is not None
            key = values["OPENAI_API_KEY"]
            assert key[-RANDOM:] not in told
            assert key not in told
            assert base64.b64encode(key.encode()).decode() not in told


def test_what_is_known_of_keys_is_not_shown() -> None:
    """In a traceback or a log, for example."""
    key = observed_module.KeySecret(1, "sk-s3cr3t", None, None, None)
    chosen = keys_module.Chosen(
        {1: key}, 1, None, frozenset(), known_at=None, repeatable=True, until=None
    )
    handed = observed_module.HandedOut(1, "u", "sk-s3cr3t")
    assert "s3cr3t" not in repr((key, chosen, handed))
