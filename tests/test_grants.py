"""Which keys a router accepts, and what it gives them."""

import asyncio
import json
import time
from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from hypothesis import example, given
from hypothesis import strategies as st

from function import fn, globs, names, structs
from function.api.model_access import MAX_GENERATIONS, stamp
from function.call import Manifest, Request, Response
from function.compose import compose
from function.grants import listing
from function.kept import Kept
from tests.support.accesses import access, hash_of, legacy, uid_of, with_key
from tests.support.world import NOW, World, behind_claim, router

Entries = dict[str, Manifest]


def world_of(*accesses: Manifest, grants: Any = None, **spec: Any) -> World:  # noqa: ANN401
    """A router with these ModelAccess objects around it."""
    given = [{"namespace": "apps"}] if grants is None else grants
    world = World(router(access={"grants": given}, **spec))
    world.add(*accesses)
    return world


def entries(answer: Response) -> Entries:
    """What the gateway reads of each key, by uid."""
    assert answer.refusal is None, answer.refusal
    file = json.loads(answer.resources[names.RESOURCE_ACCESS].manifest["data"]["access.json"])
    assert file["version"] == 1
    found: Entries = file["keys"]
    return found


def entry(spec: Manifest, grant: Manifest, **of_router: Any) -> Manifest:  # noqa: ANN401
    """What one ModelAccess gets, without what says who it is."""
    world = world_of(with_key(access(**spec)), grants=[{"namespace": "apps", **grant}], **of_router)
    (found,) = entries(world.reconcile()).values()
    assert found.pop("alias") == "apps/app"
    assert found.pop("hashes") == [hash_of("k")]
    return found


def counts(answer: Response) -> tuple[int, int]:
    told = answer.status["access"]
    return told["accepted"], told["refused"]


def test_without_access_no_model_access_is_looked_at() -> None:
    world = World(router())
    world.add(with_key(access()))
    answer = world.reconcile()
    assert names.RESOURCE_ACCESS not in answer.resources
    assert "modelAccesses" not in answer.requirements
    assert "access" not in answer.status
    assert answer.ttl_seconds == 60


def test_nothing_is_composed_before_they_are_looked_up() -> None:
    """An empty list would revoke every key."""
    world = world_of(with_key(access()))
    wanted = world.call().requirements
    others = {name: None for name in wanted if name != "modelAccesses"}
    answer = compose(Request(world.xr, {}, others))
    assert not answer.resources
    assert not answer.conditions
    assert answer.requirements == wanted
    assert wanted["modelAccesses"].name is None
    assert wanted["modelAccesses"].namespace is None
    assert wanted["modelAccesses"].kind == "ModelAccess"
    assert World(behind_claim(access={})).call().requirements["modelAccesses"].kind == (
        "XModelAccess"
    )


def test_keys_change_no_pod() -> None:
    world = world_of()
    before = world.reconcile()
    world.add(with_key(access()))
    after = world.reconcile()
    changed = {
        name
        for name, resource in after.resources.items()
        if resource.manifest != before.resources[name].manifest
    }
    assert changed == {names.RESOURCE_ACCESS}
    assert after.ttl_seconds == 12


def test_the_pods_mount_them_as_a_folder() -> None:
    pod = world_of().reconcile().resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]
    mounts = pod["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "access", "mountPath": "/app/access", "readOnly": True} in mounts
    volume = {"name": "access", "configMap": {"name": "gw-access"}}
    assert volume in pod["spec"]["volumes"]


def test_those_of_other_routers_are_no_matter() -> None:
    others = [
        with_key(access(number=2, routerRef={"name": "gw"})),
        with_key(access("b", number=3, routerRef={"name": "other", "namespace": "team"})),
        with_key(access("c", number=4, routerRef={"name": "gw", "namespace": "apps"})),
    ]
    assert counts(world_of(*others).reconcile()) == (0, 0)


def test_one_in_the_routers_namespace_needs_no_namespace_and_needs_a_grant() -> None:
    local = with_key(access(namespace="team", routerRef={"name": "gw"}))
    assert counts(world_of(local).reconcile()) == (0, 1)
    assert counts(world_of(local, grants=[{"namespace": "team"}]).reconcile()) == (1, 0)


def test_one_that_is_being_deleted_is_left_out_at_once() -> None:
    gone = with_key(access())
    gone["metadata"]["deletionTimestamp"] = stamp(NOW)
    assert counts(world_of(gone).reconcile()) == (0, 0)


def test_no_namespace_gets_anything_without_a_grant() -> None:
    one = with_key(access())
    assert counts(world_of(one, grants=[]).reconcile()) == (0, 1)
    assert counts(world_of(one, grants=[{"namespace": "other"}]).reconcile()) == (0, 1)
    assert counts(world_of(one, grants=[{"namespace": "*"}]).reconcile()) == (1, 0)


def test_a_namespaces_own_grant_holds_in_place_of_that_for_any() -> None:
    grants = [{"namespace": "*", "rpm": 1}, {"namespace": "apps", "models": ["m"]}]
    world = world_of(with_key(access()), grants=grants, aiModels=[{"name": "p/m", "alias": "m"}])
    (found,) = entries(world.reconcile()).values()
    assert found["models"] == ["m"]
    assert "rpm" not in found


REDIS: Manifest = {"redis": {"host": "redis"}}
DAY = {"usd": "5", "period": "Day"}

WISHES: list[tuple[str, Manifest, Manifest, Manifest, Manifest]] = [
    ("all that is granted", {}, {}, {}, {"models": ["*"], "mcpServers": []}),
    ("nothing", {}, {"models": []}, {}, {"models": [], "mcpServers": []}),
    (
        "the lower limits",
        {"rpm": 5, "tpm": 10, "maxParallelRequests": 3},
        {"rpm": 6, "tpm": 9, "maxParallelRequests": 3},
        {},
        {"models": ["*"], "mcpServers": [], "rpm": 5, "tpm": 9, "maxParallelRequests": 3},
    ),
    (
        "a wish without a cap, and a cap without a wish",
        {"rpm": 5},
        {"tpm": 9},
        {},
        {"models": ["*"], "mcpServers": [], "rpm": 5, "tpm": 9},
    ),
    (
        "its own budget and its namespace's, each as it is",
        {"budget": {"usd": "10", "period": "Day"}},
        {"budget": {"usd": "9.5", "period": "Day"}},
        REDIS,
        {
            "models": ["*"],
            "mcpServers": [],
            "budget": {"usd": "10", "period": "Day"},
            "namespaceBudget": {"usd": "9.5", "period": "Day"},
        },
    ),
    (
        "both budgets, where the periods differ",
        {"budget": {"usd": "1", "period": "Month"}},
        {"budget": DAY},
        REDIS,
        {
            "models": ["*"],
            "mcpServers": [],
            "budget": {"usd": "1", "period": "Month"},
            "namespaceBudget": DAY,
        },
    ),
    (
        "its own budget alone",
        {"budget": DAY},
        {},
        REDIS,
        {"models": ["*"], "mcpServers": [], "budget": DAY},
    ),
    (
        "its namespace's budget alone",
        {},
        {"budget": DAY},
        REDIS,
        {"models": ["*"], "mcpServers": [], "namespaceBudget": DAY},
    ),
    (
        "models that are both asked for and granted",
        {"models": ["openai/gpt-4o", "openai/*-mini", "x"]},
        {"models": ["openai/gpt-*"]},
        {"aiModels": [{"name": "openai/*"}]},
        {
            "models": ["openai/gpt-*-mini", "openai/gpt-4o", "openai/gpt-mini"],
            "mcpServers": [],
        },
    ),
    (
        "MCP servers that are granted and there",
        {},
        {"mcpServers": ["b", "c"]},
        {"mcpServers": [{"name": n, "url": f"http://{n}"} for n in ("b", "a")]},
        {"models": ["*"], "mcpServers": ["b"]},
    ),
    (
        "all MCP servers",
        {},
        {"mcpServers": ["*"]},
        {"mcpServers": [{"name": n, "url": f"http://{n}"} for n in ("b", "a")]},
        {"models": ["*"], "mcpServers": ["a", "b"]},
    ),
]


@pytest.mark.parametrize(
    ("spec", "grant", "of_router", "wanted"),
    [case[1:] for case in WISHES],
    ids=[case[0] for case in WISHES],
)
def test_a_key_gets(spec: Manifest, grant: Manifest, of_router: Manifest, wanted: Manifest) -> None:
    assert entry(spec, grant, **of_router) == wanted


@pytest.mark.parametrize("redis", [None, {"host": "redis", "enabled": False}])
@pytest.mark.parametrize("is_default", [False, True])
def test_no_budget_is_granted_that_nothing_counts(
    redis: Manifest | None, *, is_default: bool
) -> None:
    """Wherever the grant comes from: a router without Redis would let them spend all."""
    access_ = {"grants": [{"namespace": "*", "budget": DAY}]}
    spec: Manifest = {} if redis is None else {"redis": redis}
    if is_default:
        world = World(router(**spec), platform={"defaults": {"access": access_}})
    else:
        world = World(router(access=access_, **spec))
    refusal = world.reconcile().refusal
    assert refusal is not None
    assert "access.grants[0].budget: a budget needs redis" in refusal.message
    world.xr["spec"]["redis"] = {"host": "redis"}
    assert world.reconcile().refusal is None


def test_all_of_a_namespace_are_given_its_budget_and_each_its_own() -> None:
    accesses = [
        with_key(access("a", number=1, budget=DAY), "x"),
        with_key(access("b", number=2), "y"),
        with_key(access("a", "others", number=3), "z"),
    ]
    whole = {"usd": "7", "period": "Month"}
    found = entries(
        world_of(*accesses, grants=[{"namespace": "*", "budget": whole}], **REDIS).reconcile()
    )
    assert [entry_.get("budget") for entry_ in found.values()] == [DAY, None, None]
    assert [entry_["namespaceBudget"] for entry_ in found.values()] == [whole] * 3


# -- Whoever may edit a ModelAccess may write anything into it


ODD: list[Manifest] = [
    {"spec": None},
    {"spec": {"routerRef": {"name": "gw", "namespace": "team"}, "models": "x"}},
    {"spec": {"routerRef": {"name": "gw", "namespace": "team"}, "models": ["a"] * 1000}},
    {"spec": {"routerRef": {"name": "gw", "namespace": "team"}, "models": [["a"] * 300]}},
    {"spec": {"routerRef": {"name": "gw", "namespace": "team"}, "rpm": -1}},
    {
        "spec": {
            "routerRef": {"name": "gw", "namespace": "team"},
            "expiresAt": "2027-02-30T00:00:00Z",
        }
    },
    {"status": "x"},
    {"status": {"keys": [5, {}, {"generation": 1}, {"generation": "1", "hash": "a" * 64}]}},
    {"status": {"keys": [{"generation": 1, "hash": "A" * 64}]}},
    {"status": {"keys": [{"generation": 1, "hash": "a" * 63}]}},
    {"metadata": {"name": "x", "namespace": "apps", "uid": '","'}},
    {"metadata": {"name": "x", "namespace": "apps"}},
    {"metadata": None},
]


@pytest.mark.parametrize("odd", ODD)
def test_one_that_is_odd_costs_the_others_nothing(odd: Manifest) -> None:
    good = with_key(access("good", number=7))
    whole = {**with_key(access("x", number=2)), **odd}
    world = world_of(good)
    world.objects["ModelAccess", "apps", "x"] = whole
    assert set(entries(world.reconcile())) == {uid_of(7)}


def test_no_more_hashes_are_taken_than_there_may_be_keys() -> None:
    told = [{"generation": i, "hash": hash_of(str(i))} for i in range(1, 10)]
    world = world_of({**access(), "status": {"keys": told}})
    (found,) = entries(world.reconcile()).values()
    assert len(found["hashes"]) == MAX_GENERATIONS


def test_a_hash_of_anothers_key_harms_no_one_else() -> None:
    """The gateway looks a key up by the uid in it."""
    theirs = with_key(access("theirs", number=1), "their key")
    mine = with_key(access("mine", number=2), "their key")
    found = entries(world_of(theirs, mine).reconcile())
    assert found[uid_of(1)]["hashes"] == found[uid_of(2)]["hashes"]
    assert found[uid_of(1)]["alias"] == "apps/theirs"


# -- Bounds


def created(manifest: Manifest, second: int) -> Manifest:
    metadata = {**manifest["metadata"], "creationTimestamp": f"2027-01-01T00:00:{second:02}Z"}
    return {**manifest, "metadata": metadata}


def test_the_oldest_of_a_namespace_are_accepted() -> None:
    accesses = [created(with_key(access(f"a{i}", number=i), str(i)), 9 - i) for i in range(4)]
    answer = world_of(*accesses, grants=[{"namespace": "apps", "maxKeys": 2}]).reconcile()
    assert set(entries(answer)) == {uid_of(3), uid_of(2)}
    assert counts(answer) == (2, 2)


def test_of_those_of_one_second_the_lowest_uid_comes_first() -> None:
    accesses = [with_key(access(f"a{9 - i}", number=i), str(i)) for i in range(3)]
    answer = world_of(*accesses, grants=[{"namespace": "apps", "maxKeys": 1}]).reconcile()
    assert set(entries(answer)) == {uid_of(0)}


def test_one_without_a_key_yet_keeps_its_place() -> None:
    """So that no other one is accepted for the time being, and then not any more."""
    accesses = [created(access("a", number=1), 1), created(with_key(access("b", number=2)), 2)]
    answer = world_of(*accesses, grants=[{"namespace": "apps", "maxKeys": 1}]).reconcile()
    assert counts(answer) == (0, 1)


def test_the_place_of_one_that_expires_is_free_then() -> None:
    accesses = [
        created(access("a", number=1, expiresAt=stamp(NOW + 9)), 1),
        created(with_key(access("b", number=2)), 2),
    ]
    world = world_of(*accesses, grants=[{"namespace": "apps", "maxKeys": 1}])
    answer = world.reconcile()
    assert (counts(answer), answer.until) == ((0, 1), NOW + 9)
    world.now += 9
    assert set(entries(world.reconcile())) == {uid_of(2)}


def test_one_that_is_refused_takes_no_place() -> None:
    accesses = [
        created(with_key(access("a", number=1, models=["x"])), 1),
        created(with_key(access("b", number=2)), 2),
    ]
    answer = world_of(*accesses, grants=[{"namespace": "apps", "maxKeys": 1}]).reconcile()
    assert set(entries(answer)) == {uid_of(2)}


def test_by_default_a_namespace_has_sixteen() -> None:
    accesses = [with_key(access(f"a{i}", number=i), str(i)) for i in range(17)]
    assert counts(world_of(*accesses).reconcile()) == (16, 1)


def many(count: int, **spec: Any) -> list[Manifest]:  # noqa: ANN401
    """ModelAccess objects in as many namespaces."""
    return [
        created(with_key(access("a", f"n{i}", i, **spec), str(i)), i % 60) for i in range(count)
    ]


def warned(answer: Response) -> list[str]:
    return [r.message for r in answer.results if r.reason == names.EVENT_ACCESS]


ANY = [{"namespace": "*"}]


def test_the_file_stays_within_what_a_config_map_holds() -> None:
    """Of the largest wishes; the newest find no room."""
    models = [f"{i:02}".ljust(256, "m") for i in range(32)]
    offered = [{"name": f"p/{m[:-2]}", "alias": m} for m in models]
    accesses = many(120, models=models)
    answer = world_of(*accesses, grants=ANY, aiModels=offered).reconcile()
    text = answer.resources[names.RESOURCE_ACCESS].manifest["data"]["access.json"]
    assert listing.MAX_BYTES - 10_000 < len(text) <= listing.MAX_BYTES
    accepted_, refused = counts(answer)
    assert accepted_ + refused == 120
    assert refused > 0
    oldest = sorted(accesses, key=lambda one: one["metadata"]["creationTimestamp"])
    assert oldest[0]["metadata"]["uid"] in entries(answer)
    assert oldest[-1]["metadata"]["uid"] not in entries(answer)
    (message,) = warned(answer)
    assert message.startswith(
        "The gateway cannot keep the keys of all ModelAccess objects, so the newest are refused"
    )
    assert message in answer.conditions[0].message


@pytest.mark.parametrize(("count", "says"), [(799, 0), (800, 1), (1001, 1)])
def test_it_is_said_before_there_are_too_many(count: int, says: int) -> None:
    answer = world_of(*many(count), grants=ANY).reconcile()
    assert len(warned(answer)) == says
    assert counts(answer)[0] == min(count, listing.MAX_APPLICANTS)


def test_too_many_models_are_refused() -> None:
    wish = [f"{c}*" for c in "abcdefghijklmnop"]
    grant = [f"*{c}" for c in "abcdefghij"]
    world = world_of(
        with_key(access(models=wish)),
        grants=[{"namespace": "apps", "models": grant}],
        aiModels=[{"name": "p/*", "alias": "*"}],
    )
    assert counts(world.reconcile()) == (0, 1)


def test_the_order_of_objects_changes_nothing() -> None:
    accesses = many(20)
    one, other = World(router(access={"grants": ANY})), World(router(access={"grants": ANY}))
    one.add(*accesses)
    other.add(*reversed(accesses))
    assert entries(one.reconcile()) == entries(other.reconcile())


def test_those_behind_claims_are_known_by_their_claims() -> None:
    world = World(behind_claim(access={"grants": [{"namespace": "apps"}]}))
    world.add(legacy(with_key(access(number=3))))
    found = entries(world.reconcile())
    assert found[uid_of(3)]["alias"] == "apps/app"


# -- What time changes


def test_the_status_tells_the_first_digits_of_each_hash() -> None:
    world = world_of(
        with_key(access("a", number=1), "x", "y"), with_key(access("b", number=2), "z")
    )
    answer = world.reconcile()
    keys = sorted(hash_of(key)[:8] for key in "xyz")
    assert answer.status["access"] == {"accepted": 2, "refused": 0, "keys": keys}


def test_an_answer_is_kept_until_the_next_key_expires() -> None:
    world = world_of(
        with_key(access("a", number=1, expiresAt=stamp(NOW + 50))),
        with_key(access("b", number=2, expiresAt=stamp(NOW + 20))),
    )
    assert world.reconcile().until == NOW + 20
    world.now += 20
    answer = world.reconcile()
    assert set(entries(answer)) == {uid_of(1)}
    assert answer.until == NOW + 50


def test_a_kept_answer_holds_no_longer_than_it_may() -> None:
    kept = Kept(100_000)
    kept.keep_answer(b"d", b"answer", until=10.0)
    kept.keep_answer(b"e", b"answer")
    assert kept.answer(b"d", 9.9) == b"answer"
    assert kept.answer(b"d", 10.0) is None
    assert kept.answer(b"e", 1e12) == b"answer"


# -- Patterns

_texts = st.text("ab*", max_size=5).filter(lambda text: text.count("*") <= 1)


def matches(pattern: str, text: str) -> bool:
    begin, star, end = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(begin + end) and text.startswith(begin) and text.endswith(end)


@given(_texts, _texts, st.text("ab", max_size=8))
@example("a*a", "a*", "a")
@example("openai/gpt*", "*gpt-4o", "openai/gpt-4o")
@example("ab*", "*ba", "aba")
def test_what_two_patterns_have_in_common_is_what_both_match(
    one: str, other: str, text: str
) -> None:
    common = globs.intersect(one, other)
    both = matches(one, text) and matches(other, text)
    assert any(matches(pattern, text) for pattern in common) == both


def test_the_case_of_letters_matters_to_what_is_granted() -> None:
    assert globs.intersect("GPT-4o", "gpt-*") == ()
    assert globs.intersect("GPT*", "gpt*") == ()


# -- What the platform team says


def test_a_policy_may_deny_a_router_to_give_keys() -> None:
    world = world_of()
    world.platform = {"policy": {"fields": {"denied": ["access"]}}}
    refusal = world.reconcile().refusal
    assert refusal is not None
    assert refusal.reason == names.REASON_POLICY_VIOLATED
    assert "spec.access must not be set" in refusal.message


def test_defaults_may_hold_grants_which_a_router_may_switch_off() -> None:
    platform = {"defaults": {"access": {"grants": [{"namespace": "apps"}]}}}
    world = World(router(), platform=platform)
    world.add(with_key(access()))
    assert counts(world.reconcile()) == (1, 0)
    world = World(router(access={"grants": []}), platform=platform)
    world.add(with_key(access()))
    assert counts(world.reconcile()) == (0, 1)
    world = World(router(access={"enabled": False}), platform=platform)
    assert names.RESOURCE_ACCESS not in world.reconcile().resources


def test_the_platform_teams_shorter_time_holds() -> None:
    for seconds, ttl in ((5, 5), (60, 12), (600, 12)):
        world = world_of()
        world.settings = {"ttlSeconds": seconds}
        assert world.reconcile().ttl_seconds == ttl


def test_switched_off_again_the_keys_are_gone() -> None:
    world = world_of(with_key(access()))
    world.reconcile()
    world.xr["spec"]["access"]["enabled"] = False
    answer = world.reconcile()
    assert ("ConfigMap", "team", "gw-access") not in world.objects
    pod = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"]
    assert "access" not in [volume["name"] for volume in pod["volumes"]]


# -- On the wire


def request_of(world: World, *accesses: Manifest) -> fnv1.RunFunctionRequest:
    """The request in which all that is required has been looked up."""
    req = fnv1.RunFunctionRequest()
    req.observed.composite.resource.update(world.xr)
    for name in world.call().requirements:
        _ = req.required_resources[name]
    for one in accesses:
        req.required_resources["modelAccesses"].items.add().resource.update(one)
    return req


def run(runner: fn.FunctionRunner, req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    return asyncio.run(runner.RunFunction(req, None))


def status_of(rsp: fnv1.RunFunctionResponse) -> Manifest:
    told: Manifest = structs.read(rsp.desired.composite.resource)["status"]["access"]
    return told


def test_all_of_the_kind_are_asked_for_in_all_namespaces() -> None:
    """By labels, of which there are none: Crossplane 2.0 knows no other way."""
    rsp = run(fn.FunctionRunner(), request_of(world_of()))
    wanted = rsp.requirements.resources["modelAccesses"]
    assert wanted.WhichOneof("match") == "match_labels"
    assert not wanted.match_labels.labels
    assert not wanted.namespace
    assert (wanted.api_version, wanted.kind) == (names.API_VERSION, names.ACCESS_KIND)
    assert rsp.meta.ttl.seconds == 12


def test_a_plan_is_not_made_again_for_a_key() -> None:
    runner, world = fn.FunctionRunner(), world_of()
    first = run(runner, request_of(world))
    (before,) = runner.kept._plans.values()  # noqa: SLF001
    second = run(runner, request_of(world, with_key(access())))
    (after,) = runner.kept._plans.values()  # noqa: SLF001
    assert after is before
    assert [status_of(rsp)["accepted"] for rsp in (first, second)] == [0, 1]


def test_a_kept_answer_ends_with_the_next_key(monkeypatch: pytest.MonkeyPatch) -> None:
    runner, world = fn.FunctionRunner(), world_of()
    req = request_of(world, with_key(access(expiresAt=stamp(NOW + 10))))
    for now, accepted in ((NOW, 1), (NOW + 9.9, 1), (NOW + 10, 0)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert status_of(run(runner, req))["accepted"] == accepted
