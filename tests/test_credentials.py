"""Credentials: how they reach the pods, whether they are there, and what rolls the pods.

That LiteLLM then sends each to its own provider alone is shown with real calls, in
`test_providers.py` and `test_gateway.py`.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from function import names
from function.api import literals
from function.call import Manifest, Request, Response
from function.compose import compose
from function.gateways.litellm import providers
from function.gateways.litellm.variables import MASTER_KEY
from function.resources import KINDS
from tests.support.world import World, router, secret


def reconciled(*secrets: Manifest, **spec: Any) -> Response:  # noqa: ANN401
    world = World(router(**spec))
    world.add(*secrets)
    answer = world.reconcile()
    assert answer.refusal is None
    return answer


def env(answer: Response) -> dict[str, tuple[str, str]]:
    """The variables that come from Secrets, but for the master key's: name → Secret and key."""
    pod = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"]
    refs = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]
        for variable in pod["containers"][0]["env"]
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    refs.pop(MASTER_KEY)
    return {name: (ref["name"], ref["key"]) for name, ref in refs.items()}


def params(answer: Response) -> dict[str, Manifest]:
    """The litellm_params of each model name."""
    text = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]["config.yaml"]
    return {e["model_name"]: e["litellm_params"] for e in yaml.safe_load(text)["model_list"]}


def models(answer: Response) -> dict[str, Manifest]:
    return {model["name"]: model for model in answer.status["models"]}


def present(answer: Response) -> tuple[str, str, str]:
    (found,) = (c for c in answer.conditions if c.type == names.CREDENTIALS_PRESENT)
    return found.status, found.reason, found.message


# -- Names of variables


def test_a_variable_keeps_litellms_name_where_no_one_else_reads_it() -> None:
    answer = reconciled(aiModels=[{"name": "openai/a"}, {"name": "azure/b"}])
    assert env(answer)["OPENAI_API_KEY"] == ("litellm-secrets", "OPENAI_API_KEY")
    assert env(answer)["AZURE_API_KEY"] == ("litellm-secrets", "AZURE_API_KEY")
    assert params(answer)["openai/a"] == {"model": "openai/a"}


def test_a_variable_that_another_provider_would_read_has_a_name_that_nothing_reads() -> None:
    """LiteLLM sends OPENAI_API_KEY to cerebras where cerebras' own key is missing."""
    answer = reconciled(aiModels=[{"name": "openai/a"}, {"name": "cerebras/b"}])
    assert "OPENAI_API_KEY" not in env(answer)
    private = "OPENAI_API_KEY.litellm-secrets"
    assert env(answer)[private] == ("litellm-secrets", "OPENAI_API_KEY")
    assert params(answer)["openai/a"]["api_key"] == f"os.environ/{private}"
    assert env(answer)["CEREBRAS_API_KEY"] == ("litellm-secrets", "CEREBRAS_API_KEY")
    assert "api_key" not in params(answer)["cerebras/b"]


def test_two_accounts_of_one_provider_have_variables_of_their_own() -> None:
    answer = reconciled(
        aiModels=[
            {"name": "openai/a", "alias": "one"},
            {"name": "openai/a", "alias": "two", "credentials": {"secretRef": {"name": "b"}}},
        ]
    )
    for alias, name in (("one", "litellm-secrets"), ("two", "b")):
        private = f"OPENAI_API_KEY.{name}"
        assert params(answer)[alias]["api_key"] == f"os.environ/{private}"
        assert env(answer)[private] == (name, "OPENAI_API_KEY")
    assert "OPENAI_API_KEY" not in env(answer)


def test_two_accounts_of_aws_have_all_that_makes_an_account() -> None:
    answer = reconciled(
        aiModels=[
            {"name": "bedrock/a.b", "alias": "one"},
            {"name": "bedrock/a.b", "alias": "two", "credentials": {"secretRef": {"name": "b"}}},
        ]
    )
    wanted = {
        "aws_access_key_id": "os.environ/AWS_ACCESS_KEY_ID.b",
        "aws_secret_access_key": "os.environ/AWS_SECRET_ACCESS_KEY.b",
        "aws_region_name": "os.environ/AWS_REGION_NAME.b",
    }
    assert params(answer)["two"].items() >= wanted.items()
    assert not {"AWS_ACCESS_KEY_ID", "AWS_REGION_NAME"} & env(answer).keys()


@pytest.mark.parametrize("source", ["WorkloadIdentity", "None"])
def test_a_source_without_a_secret_asks_for_nothing_and_sets_no_key(source: str) -> None:
    answer = reconciled(
        aiModels=[{"name": "bedrock/a.b"}],
        credentials={"source": source},
        deployment={"serviceAccountName": "gateway"},
    )
    assert env(answer) == {}
    assert answer.status["models"][0]["credentials"] == "NotNeeded"
    assert not [name for name in answer.requirements if name.startswith("secret.")]
    pod = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("gateway", True)


def test_a_key_of_one_entry_does_not_beat_the_role_of_another() -> None:
    answer = reconciled(
        aiModels=[
            {"name": "bedrock/a.b", "alias": "keys"},
            {"name": "bedrock/a.b", "alias": "role", "credentials": {"source": "WorkloadIdentity"}},
        ]
    )
    assert "AWS_ACCESS_KEY_ID" not in env(answer)
    assert params(answer)["role"] == {"model": "bedrock/a.b"}
    assert "aws_access_key_id" in params(answer)["keys"]


def test_a_base_in_the_entry_wins_over_one_in_the_secret() -> None:
    base = "https://mine.example.com"
    answer = reconciled(aiModels=[{"name": "azure/a", "apiBase": base}])
    assert "AZURE_API_BASE" not in env(answer)
    assert params(answer)["azure/a"]["api_base"] == base


def test_a_variable_that_the_user_sets_is_the_users_alone() -> None:
    mine = {
        "name": "OPENAI_API_KEY",
        "valueFrom": {"secretKeyRef": {"name": "mine", "key": "k"}},
    }
    answer = reconciled(
        secret("mine", k="x"),
        aiModels=[{"name": "openai/a"}, {"name": "cerebras/b"}],
        deployment={"env": [mine]},
    )
    assert env(answer)["OPENAI_API_KEY"] == ("mine", "k")
    assert "api_key" not in params(answer)["openai/a"]
    assert models(answer)["openai/a"]["credentials"] == "Present"


@pytest.mark.parametrize("name", ["hosted_vllm/m", "ollama/m", "lm_studio/m"])
def test_a_self_hosted_model_without_a_base_is_refused(name: str) -> None:
    answer = World(router(aiModels=[{"name": name}])).reconcile()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_BASE_MISSING
    assert answer.refusal.message == (
        f"spec.aiModels[0].apiBase is missing: '{name}' is self-hosted, and LiteLLM would send "
        "its prompts to a host that you did not choose; set the URL of your server."
    )
    assert params(reconciled(aiModels=[{"name": name, "apiBase": "http://mine:1"}]))[name]


def test_a_base_that_litellm_would_ignore_is_refused() -> None:
    model = {"name": "replicate/o/m", "apiBase": "http://mine:1"}
    answer = World(router(aiModels=[model])).reconcile()
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.message) == (
        names.REASON_BASE_IGNORED,
        "spec.aiModels[0].apiBase has no effect: LiteLLM calls 'replicate' at its own host all "
        "the same; remove it.",
    )


def test_an_entry_with_a_base_names_its_key() -> None:
    """Some providers' keys LiteLLM takes from the environment for their own host alone."""
    answer = reconciled(aiModels=[{"name": "openai/a", "apiBase": "http://mine:1"}])
    assert params(answer)["openai/a"]["api_key"] == "os.environ/OPENAI_API_KEY"
    assert "OPENAI_API_KEY" in env(answer)


def test_a_provider_that_cannot_be_kept_apart_is_refused() -> None:
    """Cloudflare's account id has no field of its own in litellm_params."""
    models = [
        {"name": "cloudflare/a"},
        {"name": "cloudflare/b", "credentials": {"secretRef": {"name": "b"}}},
    ]
    answer = World(router(aiModels=models)).reconcile()
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.message) == (
        names.REASON_CREDENTIALS_CLASH,
        "spec.aiModels[0]: 'cloudflare' can only take CLOUDFLARE_API_KEY from the environment, "
        "where another model of this router would read it too: move one of the two to a "
        "ModelRouter of its own.",
    )


NO_CREDENTIALS = re.compile(
    r".*_(ID|URL|HOST|USER|REGION|FINGERPRINT|SCOPE|PROJECT|TENANCY|INSTANCE)"
)


def test_the_names_of_all_providers_keys_are_known_for_credentials() -> None:
    """By this, literal values of theirs are refused."""
    keys = {v for p in map(providers.find, providers.known()) for keys in p.keys for v in keys}
    others = {key for key in keys if not literals.CREDENTIAL_NAME.fullmatch(key)}
    assert {key for key in others if not NO_CREDENTIALS.fullmatch(key)} == set()


# -- Preflight

AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

CASES: list[tuple[str, str, dict[str, str], str, list[str]]] = [
    ("the key is there", "openai/a", {"OPENAI_API_KEY": "x"}, "Present", []),
    ("the key is not there", "openai/a", {"OTHER": "x"}, "Missing", ["OPENAI_API_KEY"]),
    ("an empty value is none", "openai/a", {"OPENAI_API_KEY": ""}, "Missing", ["OPENAI_API_KEY"]),
    ("nor are blanks", "openai/a", {"OPENAI_API_KEY": " \n"}, "Missing", ["OPENAI_API_KEY"]),
    ("a pair of keys", "bedrock/a.b", dict.fromkeys(AWS, "x"), "Present", []),
    ("half a pair", "bedrock/a.b", {AWS[0]: "x"}, "Missing", [AWS[1]]),
    ("an alternative", "bedrock/a.b", {"AWS_BEARER_TOKEN_BEDROCK": "x"}, "Present", []),
    ("none: the documented one is named", "bedrock/a.b", {}, "Missing", list(AWS)),
    (
        "azure by a service principal",
        "azure/a",
        dict.fromkeys(
            ["AZURE_API_BASE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"], "x"
        ),
        "Present",
        [],
    ),
    ("azure has no base", "azure/a", {"AZURE_API_KEY": "x"}, "Missing", ["AZURE_API_BASE"]),
    ("vertex by a JSON", "vertex_ai/a", {"VERTEXAI_CREDENTIALS": "{}"}, "Present", []),
    ("an unknown provider", "opnai/a", {}, "Missing", ["OPNAI_API_KEY"]),
]


@pytest.mark.parametrize(
    ("name", "values", "state", "missing"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_the_status_says_whether_a_models_keys_are_there(
    name: str, values: dict[str, str], state: str, missing: list[str]
) -> None:
    answer = reconciled(secret("litellm-secrets", **values), aiModels=[{"name": name}])
    model = models(answer)[name]
    assert model["credentials"] == state
    assert model.get("missing", []) == [f"litellm-secrets/{key}" for key in missing]


def test_a_model_that_needs_no_key_needs_none() -> None:
    answer = reconciled(aiModels=[{"name": "ollama/m", "apiBase": "http://o:1"}])
    assert models(answer)["ollama/m"]["credentials"] == "NotNeeded"
    assert present(answer) == (
        "True",
        names.REASON_ALL_PRESENT,
        "All required keys are in their Secrets.",
    )


def test_the_condition_names_what_is_missing_and_where() -> None:
    answer = reconciled(
        secret("a", MISTRAL_API_KEY="x"),
        aiModels=[
            {"name": "openai/a"},
            {"name": "mistral/b", "credentials": {"secretRef": {"name": "a"}}},
            {"name": "anthropic/c"},
        ],
        auth={"masterKeySecretRef": {"name": "mine", "key": "k"}},
    )
    assert present(answer) == (
        "False",
        names.REASON_MISSING,
        "Missing: ANTHROPIC_API_KEY and OPENAI_API_KEY in Secret 'litellm-secrets'; k in Secret "
        "'mine'.",
    )


def test_a_long_list_names_the_first_and_counts_the_rest() -> None:
    answer = reconciled(aiModels=[{"name": f"p{i}/m"} for i in range(9)])
    assert present(answer)[2] == (
        "Missing: P0_API_KEY and P1_API_KEY and P2_API_KEY and P3_API_KEY and P4_API_KEY in Secret "
        "'litellm-secrets'; and 4 more."
    )


def unread(world: World) -> Response:
    """The answer while Crossplane has looked up the router's names, but not its Secrets."""
    observed = {name: world.objects[key] for name, key in world.references.items()}
    return compose(Request(world.xr, observed, dict.fromkeys(KINDS), {}))


def test_a_secret_that_was_not_read_is_unknown_never_a_guess() -> None:
    answer = unread(World(router()))
    assert models(answer)["openai/gpt-4o"]["credentials"] == "Unknown"
    assert present(answer) == (
        "Unknown",
        names.REASON_UNREADABLE,
        "Could not read: Secret 'litellm-secrets'.",
    )


def test_a_key_that_may_come_from_elsewhere_is_not_called_missing() -> None:
    answer = reconciled(deployment={"envFrom": [{"secretRef": {"name": "whole"}}]})
    assert models(answer)["openai/gpt-4o"]["credentials"] == "Unknown"


def warnings(answer: Response) -> list[tuple[str, str]]:
    return [(r.reason, r.message) for r in answer.results if r.severity == "Warning"]


def test_missing_keys_are_one_event_not_one_a_call() -> None:
    world = World(router())
    first = world.reconcile()
    assert warnings(first) == [
        (names.REASON_MISSING, "Missing: OPENAI_API_KEY in Secret 'litellm-secrets'.")
    ]
    world.xr["status"] = {
        "conditions": [{"type": c.type, "message": c.message} for c in first.conditions]
    }
    assert not world.reconcile().results
    world.xr["spec"]["aiModels"].append({"name": "mistral/a"})
    assert len(warnings(world.reconcile())) == 1


def test_missing_keys_hold_nothing_up() -> None:
    answer = reconciled()
    assert answer.refusal is None
    assert names.RESOURCE_DEPLOYMENT in answer.resources
    assert not answer.unready


# -- Advice


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            {"name": "opnai/a"},
            "opnai: LiteLLM 1.108 does not know this provider; did you mean openai or openai_like?",
        ),
        ({"name": "zzzzzz/a"}, "zzzzzz: LiteLLM 1.108 does not know this provider."),
        (
            {"name": "bedrock/claude-3-sonnet"},
            "bedrock/claude-3-sonnet: LiteLLM cannot call a model ID of this form; use one such as "
            "bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0.",
        ),
        (
            {"name": "huggingface/codellama-7b-instruct"},
            "huggingface/codellama-7b-instruct: LiteLLM cannot call a model ID of this form; use "
            "one such as huggingface/together/deepseek-ai/DeepSeek-R1.",
        ),
        ({"name": "huggingface/codellama-7b-instruct", "apiBase": "http://tgi:1"}, None),
        ({"name": "bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0"}, None),
    ],
)
def test_a_model_that_litellm_may_not_be_able_to_call_is_composed_with_a_warning(
    model: Manifest, sentence: str | None
) -> None:
    answer = reconciled(aiModels=[model])
    said = [sentence for reason, sentence in warnings(answer) if reason == names.EVENT_MODELS]
    assert said == ([] if sentence is None else [sentence])
    (configured,) = (c for c in answer.conditions if c.type == names.CONFIGURED)
    assert configured.status == "True"
    assert (sentence or "") in configured.message


# -- What rolls the pods


def secret_hash(answer: Response) -> str | None:
    template = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]
    found: str | None = template["metadata"]["annotations"].get(names.ANNOTATION_SECRET_HASH)
    return found


def hash_with(**values: str) -> str | None:
    return secret_hash(reconciled(secret("litellm-secrets", **values)))


def test_pods_roll_when_a_used_key_changes_and_not_when_an_unused_one_does() -> None:
    before = hash_with(OPENAI_API_KEY="a", UNUSED="a")
    assert before == hash_with(OPENAI_API_KEY="a", UNUSED="b")
    assert before == hash_with(OPENAI_API_KEY="a")
    others = {
        hash_with(OPENAI_API_KEY="b"),
        hash_with(),
        hash_with(OPENAI_ORGANIZATION="a", OPENAI_API_KEY="a"),
    }
    assert len(others | {before}) == 4
    assert hash_with(OPENAI_API_KEY="") == hash_with(OPENAI_API_KEY=" ") == hash_with()


def test_the_hash_is_salted() -> None:
    """The same keys of two routers do not show that they are the same."""
    one, two = router(), router()
    two["metadata"]["uid"] = "another"
    hashes = set()
    for xr in (one, two):
        world = World(xr)
        world.add(secret("litellm-secrets", OPENAI_API_KEY="a"))
        hashes.add(secret_hash(world.reconcile()))
    assert len(hashes) == 2


@pytest.mark.parametrize(
    "spec",
    [
        {"auth": {"masterKeySecretRef": {"name": "mine", "key": "k"}}},
        {
            "deployment": {
                "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "k"}}}]
            }
        },
    ],
    ids=["master key", "env"],
)
def test_the_users_own_references_count(spec: Manifest) -> None:
    hashes = {secret_hash(reconciled(secret("mine", k=value), **spec)) for value in "ab"}
    assert len(hashes) == 2


def test_the_last_hash_stays_while_a_secret_cannot_be_read() -> None:
    world = World(router())
    world.add(secret("litellm-secrets", OPENAI_API_KEY="a"))
    before = secret_hash(world.reconcile())
    assert before is not None
    assert secret_hash(unread(world)) == before


def test_a_made_master_key_rolls_no_pods_until_it_is_made_anew() -> None:
    world = World(router())
    first = secret_hash(world.reconcile())
    assert secret_hash(world.reconcile()) == first
    assert secret_hash(world.reconcile(blind=True)) == first
    del world.objects["Secret", "team", "gw-master-key"]
    # Until the new one has been seen: perhaps it cannot be created.
    assert secret_hash(world.reconcile()) == first
    second = secret_hash(world.reconcile())
    assert second != first
    assert secret_hash(world.reconcile()) == second


def test_the_first_hash_is_the_same_each_time() -> None:
    """Although the key is random: the same router gives the same pods."""
    assert secret_hash(reconciled()) == secret_hash(reconciled())


def test_a_key_taken_over_under_running_pods_rolls_them() -> None:
    world = World(router())
    first = secret_hash(world.reconcile())
    del world.objects["Secret", "team", "gw-master-key"]
    world.references.pop(names.RESOURCE_MASTER_KEY)
    world.add(secret("gw-master-key", LITELLM_MASTER_KEY="sk-mine"))
    world.reconcile()
    second = secret_hash(world.reconcile())
    assert second != first
    assert secret_hash(world.reconcile()) == second


# -- Nothing more than needed, and nowhere else


class Recording(Mapping[str, str]):
    """A Secret's data that notes which keys are looked at."""

    def __init__(self, data: dict[str, str]) -> None:
        self.data = data
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.read.add(key)
        return self.data[key]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("all keys were looked at")

    def __len__(self) -> int:
        return len(self.data)


def test_no_key_is_read_that_no_model_needs() -> None:
    data = Recording(secret("s", OPENAI_API_KEY="a", MISTRAL_API_KEY="b")["data"])
    world = World(router())
    world.objects["Secret", "team", "litellm-secrets"] = {"metadata": {}, "data": data}
    world.reconcile()
    assert "OPENAI_API_KEY" in data.read
    assert "MISTRAL_API_KEY" not in data.read


def test_no_value_of_a_secret_is_in_anything_that_is_composed_or_said() -> None:
    values = {"OPENAI_API_KEY": "sk-value-of-openai", "AZURE_API_KEY": "value-of-azure"}
    answer = reconciled(
        secret("litellm-secrets", **values),
        aiModels=[{"name": "openai/a"}, {"name": "azure/b"}, {"name": "cerebras/c"}],
    )
    shown = repr(answer)
    for value in values.values():
        assert value not in shown
        assert base64.b64encode(value.encode()).decode() not in shown
        assert value.encode().hex() not in shown
