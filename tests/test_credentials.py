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
from pydantic_core import PydanticCustomError

from function import names
from function.api import literals
from function.call import Manifest, Request, Response
from function.compose import compose
from function.gateways.base import SecretKey
from function.gateways.litellm import credentials, providers
from function.gateways.litellm.variables import MASTER_KEY
from function.recognition import holds_credential, names_credential
from function.resources import KINDS
from function.text import shorten
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


@pytest.mark.parametrize("other", ["openai/b", "text-completion-openai/b"])
def test_a_variable_keeps_litellms_name_while_all_entries_own_it(other: str) -> None:
    answer = reconciled(aiModels=[{"name": "openai/a"}, {"name": other}])
    assert env(answer)["OPENAI_API_KEY"] == ("litellm-secrets", "OPENAI_API_KEY")
    assert "api_key" not in params(answer)["openai/a"]


@pytest.mark.parametrize("other", ["cerebras/b", "azure/b", "ollama/b", "unknown-provider/b"])
def test_a_variable_that_an_entry_does_not_own_has_a_name_that_nothing_reads(other: str) -> None:
    """Whatever LiteLLM does with OPENAI_API_KEY on some kind of call, it is not there."""
    base = "https://mine.example.com"
    answer = reconciled(aiModels=[{"name": "openai/a"}, {"name": other, "apiBase": base}])
    private = "OPENAI_API_KEY__litellm_dsecrets"
    assert env(answer)[private] == ("litellm-secrets", "OPENAI_API_KEY")
    assert params(answer)["openai/a"]["api_key"] == f"os.environ/{private}"
    assert not providers.key_variables() & env(answer).keys()


@pytest.mark.parametrize(
    ("others", "variable"),
    [([], "AZURE_API_BASE"), ([{"name": "cerebras/a"}], "AZURE_API_BASE__litellm_dsecrets")],
    ids=["alone", "beside another provider"],
)
def test_a_base_from_a_secret_is_never_empty_for_litellm(
    others: list[Manifest], variable: str
) -> None:
    """Without a base, LiteLLM sends what it takes for an open model of Azure's to OpenAI."""
    answer = reconciled(aiModels=[{"name": "azure/mistral-large-latest"}, *others])
    assert env(answer)[variable] == ("litellm-secrets", "AZURE_API_BASE")
    base = params(answer)["azure/mistral-large-latest"]["api_base"]
    container = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"][
        "containers"
    ][0]
    values = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert values[base.removeprefix("os.environ/")] == f"$({variable})"
    order = list(values)
    assert order.index(variable) < order.index(base.removeprefix("os.environ/"))


def test_a_base_that_deployment_env_may_leave_out_is_refused() -> None:
    ref = {"name": "mine", "key": "base", "optional": True}
    variables = [{"name": "HEROKU_API_BASE", "valueFrom": {"secretKeyRef": ref}}]
    answer = World(
        router(aiModels=[{"name": "heroku/a"}], deployment={"env": variables})
    ).reconcile()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_BASE_MISSING


def test_an_endpoint_that_no_one_gives_is_refused() -> None:
    source = {"source": "WorkloadIdentity"}
    answer = World(router(aiModels=[{"name": "azure/a", "credentials": source}])).reconcile()
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.message) == (
        names.REASON_BASE_MISSING,
        "spec.aiModels[0].apiBase is missing: 'azure' has no endpoint of its own, and no Secret "
        "gives one; set the URL of your endpoint.",
    )


@pytest.mark.parametrize(
    ("other", "kept"),
    [("openai/b", True), ("unknown-provider/b", False)],
    ids=["one that is known not to read it", "one that may read anything"],
)
def test_a_variable_without_a_parameter_keeps_its_name_beside_providers_that_do_not_read_it(
    other: str, *, kept: bool
) -> None:
    """An account id of Cloudflare's can only be in the environment."""
    answer = World(router(aiModels=[{"name": "cloudflare/a"}, {"name": other}])).reconcile()
    if kept:
        assert "CLOUDFLARE_ACCOUNT_ID" in env(answer)
        assert "CLOUDFLARE_API_KEY" not in env(answer)
    else:
        assert answer.refusal is not None
        assert answer.refusal.reason == names.REASON_CREDENTIALS_CLASH


def test_a_base_in_deployment_env_wins_over_the_providers_own() -> None:
    base = providers.find("cometapi").bases[0]
    variable = {"name": base, "value": "https://mine.example.com"}
    answer = reconciled(aiModels=[{"name": "cometapi/a"}], deployment={"env": [variable]})
    assert params(answer)["cometapi/a"]["api_base"] == f"os.environ/{base}"


def test_one_provider_alone_is_handed_what_litellm_does_not_read() -> None:
    """Where LiteLLM is told a base, or reads the variable of one on some kinds of call only."""
    told = reconciled(aiModels=[{"name": "text-completion-inception/a"}])
    entry = params(told)["text-completion-inception/a"]
    assert entry["api_key"] == "os.environ/INCEPTION_API_KEY"
    read = reconciled(aiModels=[{"name": "infinity/a"}])
    assert params(read)["infinity/a"]["api_base"] == "os.environ/text__INFINITY_API_BASE"


def test_the_source_secret_is_the_default() -> None:
    models_ = [{"name": "openai/a"}]
    default = reconciled(aiModels=models_)
    assert env(reconciled(aiModels=models_, credentials={"source": "Secret"})) == env(default)


def test_two_accounts_of_one_provider_have_variables_of_their_own() -> None:
    answer = reconciled(
        aiModels=[
            {"name": "openai/a", "alias": "one"},
            {"name": "openai/a", "alias": "two", "credentials": {"secretRef": {"name": "b"}}},
        ]
    )
    for alias, name in (("one", "litellm-secrets"), ("two", "b")):
        private = f"OPENAI_API_KEY__{name.replace('-', '_d')}"
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
        "aws_access_key_id": "os.environ/AWS_ACCESS_KEY_ID__b",
        "aws_secret_access_key": "os.environ/AWS_SECRET_ACCESS_KEY__b",
        "aws_region_name": "os.environ/AWS_REGION_NAME__b",
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
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("gateway", False)


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


# -- Keys of other names


def mapped(**keys: str) -> Manifest:
    return {"secretRef": {"keys": keys}}


@pytest.mark.parametrize("others", [[], [{"name": "cerebras/b"}]], ids=["alone", "beside another"])
def test_a_variable_takes_the_key_that_it_is_given(others: list[Manifest]) -> None:
    spec: Manifest = {
        "aiModels": [{"name": "openai/a"}, *others],
        "credentials": mapped(OPENAI_API_KEY="openai-key"),
    }
    (name,) = (n for n in env(reconciled(**spec)) if n.startswith("OPENAI_API_KEY"))
    assert name == ("OPENAI_API_KEY__litellm_dsecrets__openai_dkey" if others else "OPENAI_API_KEY")
    assert env(reconciled(**spec))[name] == ("litellm-secrets", "openai-key")
    # LiteLLM's own names are not looked for under theirs, the others are.
    there = reconciled(
        secret("litellm-secrets", **{"openai-key": "x", "CEREBRAS_API_KEY": "x"}), **spec
    )
    assert present(there)[1] == names.REASON_ALL_PRESENT
    absent = reconciled(secret("litellm-secrets", OPENAI_API_KEY="x", CEREBRAS_API_KEY="x"), **spec)
    assert models(absent)["openai/a"]["missing"] == ["litellm-secrets/openai-key"]
    assert present(absent)[2] == "Missing: openai-key in Secret 'litellm-secrets'."
    hashes = [
        secret_hash(reconciled(secret("litellm-secrets", **values), **spec))
        for values in (
            {"openai-key": "x"},
            {"openai-key": "x", "OPENAI_API_KEY": "y"},
            {"openai-key": "y"},
        )
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_one_of_an_alternative_of_keys_may_have_another_name() -> None:
    spec: Manifest = {
        "aiModels": [{"name": "bedrock/a.b"}],
        "credentials": mapped(AWS_SECRET_ACCESS_KEY="secret-key"),
    }
    answer = reconciled(secret("litellm-secrets", AWS_ACCESS_KEY_ID="x"), **spec)
    assert models(answer)["bedrock/a.b"]["missing"] == ["litellm-secrets/secret-key"]


def test_a_base_may_have_a_key_of_another_name() -> None:
    answer = reconciled(
        aiModels=[{"name": "azure/a"}, {"name": "cerebras/b"}],
        credentials=mapped(AZURE_API_BASE="base", AZURE_API_KEY="key"),
    )
    private = "AZURE_API_BASE__litellm_dsecrets__base"
    assert env(answer)[private] == ("litellm-secrets", "base")
    assert params(answer)["azure/a"]["api_base"] == f"os.environ/text__{private}"
    missing = models(answer)["azure/a"]["missing"]
    assert missing == ["litellm-secrets/key", "litellm-secrets/base"]


def test_two_entries_may_take_two_keys_of_one_secret() -> None:
    """Whatever Secrets and keys are called, no two variables have one name."""
    answer = reconciled(
        aiModels=[
            {"name": "openai/a", "alias": "plain"},
            {"name": "openai/a", "alias": "mapped", "credentials": mapped(OPENAI_API_KEY="b")},
            {
                "name": "openai/a",
                "alias": "of another",
                "credentials": {"secretRef": {"name": "litellm-secrets.b"}},
            },
            {
                "name": "openai/a",
                "alias": "of its own name",
                "credentials": mapped(OPENAI_API_KEY="OPENAI_API_KEY"),
            },
        ]
    )
    wanted = {
        "plain": ("litellm-secrets", "OPENAI_API_KEY"),
        "mapped": ("litellm-secrets", "b"),
        "of another": ("litellm-secrets.b", "OPENAI_API_KEY"),
        "of its own name": ("litellm-secrets", "OPENAI_API_KEY"),
    }
    taken = {
        alias: env(answer)[entry["api_key"].removeprefix("os.environ/")]
        for alias, entry in params(answer).items()
    }
    assert taken == wanted
    assert len({entry["api_key"] for entry in params(answer).values()}) == 3


def test_sh_passes_every_variable_on() -> None:
    """The image's entry point is a script for it; other names would not reach LiteLLM."""
    secrets_ = ("a-b", "a.b", "a--b", "a-b-c")
    keys = ("K", "k", "a_b", "a-b", "a.b", "_", "_a", "a_", "__")
    variables = [
        credentials.private_name("OPENAI_API_KEY", SecretKey(name, key))
        for name in secrets_
        for key in keys
    ]
    assert len(set(variables)) == len(secrets_) * len(keys)
    for name in (*variables, *map(credentials.text_name, variables)):
        assert re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name)
        assert credentials.own_name(name) == "OPENAI_API_KEY"


def test_a_copy_of_a_base_is_not_mistaken_for_a_key_of_a_secret() -> None:
    """Its name was once that of a variable of the Secret `keys.text`."""
    answer = reconciled(
        aiModels=[
            {"name": "azure/a", "alias": s, "credentials": {"secretRef": {"name": s}}}
            for s in ("keys", "keys.text")
        ]
    )
    assert env(answer)["AZURE_API_BASE__keys_ptext"] == ("keys.text", "AZURE_API_BASE")
    assert params(answer)["keys"]["api_base"] == "os.environ/text__AZURE_API_BASE__keys"


@pytest.mark.parametrize(
    ("own", "key"),
    [
        (None, ("litellm-secrets", "shared")),
        ({"secretRef": {}}, ("litellm-secrets", "shared")),
        ({"secretRef": {"name": "litellm-secrets"}}, ("litellm-secrets", "shared")),
        ({"secretRef": {"name": "other"}}, ("other", "OPENAI_API_KEY")),
        ({"secretRef": {"keys": {}}}, ("litellm-secrets", "OPENAI_API_KEY")),
        (mapped(OPENAI_API_KEY="own"), ("litellm-secrets", "own")),
        (mapped(OPENAI_ORGANIZATION="own"), ("litellm-secrets", "OPENAI_API_KEY")),
    ],
)
def test_an_entry_has_the_routers_keys_for_the_same_secret_if_it_has_none(
    own: Manifest | None, key: tuple[str, str]
) -> None:
    entry = {"name": "openai/a", **({} if own is None else {"credentials": own})}
    answer = reconciled(aiModels=[entry], credentials=mapped(OPENAI_API_KEY="shared"))
    assert key in env(answer).values()
    assert len([k for k in env(answer) if k.startswith("OPENAI_API_KEY")]) == 1


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"credentials": mapped(OPENAI_API_KEY="k", OPENAI_ORGANIZATION="k")}, []),
        (
            {"credentials": mapped(OPENAI_APIKEY="k", OPENAI_API_KEY="k", GROQ_API_KEY="k")},
            ["credentials.secretRef.keys names GROQ_API_KEY, OPENAI_APIKEY, which"],
        ),
        (
            {
                "aiModels": [
                    {"name": "openai/a", "credentials": mapped(GROQ_API_KEY="k")},
                    {"name": "groq/a", "credentials": mapped(GROQ_API_KEY="k")},
                    {"name": "groq/b", "credentials": {"secretRef": {"name": "other"}}},
                    {"name": "mistral/a", "weight": 0},
                    {"name": "mistral/b", "alias": "mistral/a"},
                ],
                "credentials": mapped(GROQ_API_KEY="k", MISTRAL_API_KEY="k"),
            },
            [
                "openai/a: credentials.secretRef.keys names GROQ_API_KEY, which",
                "credentials.secretRef.keys names GROQ_API_KEY, which",
            ],
        ),
    ],
)
def test_a_key_for_a_variable_that_no_model_reads_is_told(spec: Manifest, told: list[str]) -> None:
    said = [m for reason, m in warnings(reconciled(**spec)) if reason == names.EVENT_CREDENTIALS]
    end = " LiteLLM reads for no model with these credentials: fix the spelling, or remove it."
    assert said == [f"{sentence}{end}" for sentence in told]


def test_an_entry_of_weight_0_takes_no_credentials() -> None:
    answer = reconciled(
        secret("litellm-secrets", OPENAI_API_KEY="x"),
        aiModels=[
            {"name": "openai/a", "alias": "x"},
            {"name": "mistral/b", "alias": "x", "weight": 0, "credentials": mapped()},
            {
                "name": "azure/c",
                "alias": "x",
                "weight": 0,
                "credentials": {"source": "WorkloadIdentity"},
            },
        ],
    )
    assert env(answer).keys() == {"OPENAI_API_KEY", "OPENAI_ORGANIZATION"}
    assert answer.status["models"] == [
        {"name": "x", "targets": ["openai/a"], "credentials": "Present"}
    ]


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
    assert len(keys) > 100
    others = {key for key in keys if not names_credential(key)}
    assert {key for key in others if not NO_CREDENTIALS.fullmatch(key)} == set()


# -- Literal credentials

KEYS = {
    "openai": "sk-s3cr3ts3cr3ts3cr3t",
    "openai, of a project": "sk-proj-s3cr3ts3cr3t",
    "anthropic": "sk-ant-api03-s3cr3ts3cr3t",
    "github": "ghp_s3cr3ts3cr3ts3cr3ts3cr3ts3cr3t",
    "github, fine-grained": "github_pat_11AS3CR3T_s3cr3ts3cr3ts3cr3t",
    "gitlab": "glpat-s3cr3ts3cr3ts3cr3t",
    "huggingface": "hf_s3cr3ts3cr3ts3cr3t",
    "groq": "gsk_s3cr3ts3cr3ts3cr3t",
    "perplexity": "pplx-s3cr3ts3cr3ts3cr3t",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "aws, temporary": "ASIAIOSFODNN7EXAMPLE",
    "google": "AIzaSyS3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3c",
    "slack": "xoxb-123456789012-s3cr3t",
    "a token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzM2NyM3QifQ.s3cr3t",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\ns3cr3t",
    "a header": "Bearer s3cr3t",
    "another header": "Basic dXNlcjpzM2NyM3Q=",
    "a URL with a password": "postgresql://user:s3cr3t@h/db",
    "a URL with a password alone": "rediss://:s3cr3t@h:6379",
    "a password with a slash": "postgresql://user:s3/cr3t@h/db",
    "a URL with a key": "https://h/v1?api_key=s3cr3t",
    "a signed URL": "https://h/v1?sv=1&sig=s3cr3t%3D",
    "a webhook": "https://hooks.slack.com/services/T0/B0/s3cr3t",
    "a connection string": "Endpoint=https://h;AccountKey=s3cr3t",
    "json": '{"a": [{"api_key": "s3cr3t"}]}',
    "json in json": '["{\\"password\\": \\"s3cr3t\\"}"]',
    "a service account": '{"type": "service_account", "private_key": "s3cr3t"}',
}
NAMES = (
    *("api_key", "apiKey", "APIKEY", "API_KEY", "X-Api-Key", "key", "passwd", "pwd", "pw"),
    *("passphrase", "password", "dbPassword", "accesskey", "access_key", "secret_access_key"),
    *("aws_access_key_id", "private_key", "X-Authorization", "Proxy-Authorization", "Cookie"),
    *("Set-Cookie", "my-token", "client_secret", "clientSecret", "vertex_credentials"),
    *("auth_value", "jwt", "github_pat", "tokens.secret"),
)
OTHERS = (
    *("stop_token", "eos_token", "max_tokens", "max_token", "input_cost_per_token"),
    *("output_cost_per_audio_token", "cache_read_input_token_cost", "cache_key"),
    *("prompt_cache_key", "public_key", "routing_key", "sort_key", "page_token", "tokens"),
    *("keys", "hosted_keys", "on_pass", "monkey", "turkey", "sacred", "tokenizer", "author"),
    *("authority", "private_key_id", "api_key_alias", "token_url", "key_name", "passthrough"),
)
HARMLESS = {
    "a variable": "os.environ/A",
    "a variable after a scheme": "bearer os.environ/A_1",
    "a token of the pod": "oidc/file//var/run/secrets/token",
    "a token of the cloud": "os.environ/oidc/google/https://h",
    "a secret manager's": "projects/p/secrets/s/versions/1",
    "a callback's variable": "Bearer {{environment_variables.A}}",
    "a file": "/var/run/secrets/token",
    "a file by its name": "service-account.json",
    "a file nearby": "./tls/tls.key",
    "nothing": "",
    "blanks": " ",
    "a switch": True,
    "a switch as a string": "false",
    "null": None,
}
TEXTS = (
    *("Basic chat model", "bearer token", "Bearer", "sk-SK", "sk-learn", "risk-averse-and-boring"),
    *("https://h:8080/v1/a@b", "https://user@h/", "https://h/v1?api-version=1&key=", "a=b;c=d"),
    *("perplexity/pplx-embed-context-v1-4b", "anthropic.claude-3-5-sonnet-20240620-v1:0"),
    *("[not json", "{'api_key': 'python'}", "postgresql://user:$(PASSWORD)@h/db"),
)
SCHEMA = {"properties": {"api_key": {"type": "string", "description": "the key"}}}


def literal(value: Any) -> str | None:  # noqa: ANN401
    """Where a literal credential is found in the parameters of a model."""
    answer = World(router(aiModels=[{"name": "openai/a", "parameters": value}])).reconcile()
    if answer.refusal is None:
        return None
    assert "s3cr3t" not in repr(answer).lower()
    (path,) = re.findall(r"^spec\.aiModels\[0\]: (\S+) is a literal", answer.refusal.message)
    return str(path)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_credential_is_known_by_its_format_under_any_name(key: str) -> None:
    assert (literal({"ours": {"a": [key]}}) or "").startswith("parameters.ours.a[0]")
    assert literals.of_variable("OURS", key) == "value"


@pytest.mark.parametrize("name", NAMES)
def test_a_credential_is_known_by_its_name_whatever_it_looks_like(name: str) -> None:
    """Numbers, and what is nested below the name, are credentials as well."""
    assert literal({"ours": {name: "s3cr3t"}}) == f"parameters.ours.{name}"
    for value in (12345, 1.5, ["s3cr3t"], {"value": "s3cr3t"}, {"a": {"b": [12345]}}):
        assert (literal({"ours": {name: value}}) or "").startswith(f"parameters.ours.{name}")
    assert literal({"ours": [{"name": name, "value": "s3cr3t"}]}) == "parameters.ours[0].value"
    assert literals.of_variable(name, "s3cr3t") == "name"


@pytest.mark.parametrize("name", OTHERS)
def test_a_name_that_only_sounds_like_a_credential_is_none(name: str) -> None:
    assert literal({"ours": {name: "a"}, "more": {name: 1}}) is None
    assert literals.of_variable(name, "a") is None


@pytest.mark.parametrize("value", HARMLESS.values(), ids=HARMLESS)
def test_a_reference_is_no_literal(value: object) -> None:
    assert literal({"api_key": value, "ours": {"Authorization": value}}) is None


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_only_looks_like_a_credential_is_none(text: str) -> None:
    assert literal({"ours": text}) is None
    assert literals.of_variable("OURS", text) is None


def test_a_nearer_name_says_what_a_value_is() -> None:
    assert literal({"jwt": {"ttl": 60, "audience": "a"}}) is None
    assert literal({"credentials": {"aws_region_name": "a", "role": "s3cr3t"}}) is not None
    assert (
        literal({"headers": [{"name": "X-Team", "value": "a"}, {"key": "b", "value": 1}]}) is None
    )
    assert literal({"tools": [{"function": {"parameters": SCHEMA}}]}) is None


def test_a_key_that_begins_like_a_path_is_none() -> None:
    for key in ("/wJalrXUtnFEMI/K7MDENG+bPxRfiCYs3cr3t", "/AbC/s3cr3t", "/s3cr3t+"):
        assert literal({"aws_secret_access_key": key}) == "parameters.aws_secret_access_key"


def test_a_name_that_is_a_credential_is_not_repeated() -> None:
    assert literal({"a": {KEYS["openai"]: {"api_key": "x"}}}) == "parameters.a.(hidden)"


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("OPENAI_API_KEY", "$(OTHER)", None),
        ("AUTH_TOKEN", "Bearer $(TOKEN)", None),
        ("LOGIN_TOKEN", "$(USER):$(PASSWORD)", None),
        ("A_TOKEN", "$(OTHER)s3cr3t", "name"),
        ("DATABASE_URL", "postgresql://user:$(PASSWORD)@h/db", None),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/var/run/secrets/gcp.json", None),
        ("openai_api_key", "s3cr3t", "name"),
        ("MAX_TOKENS", "4096", None),
    ],
)
def test_a_variable_may_refer_to_others(name: str, value: str, wrong: str | None) -> None:
    assert literals.of_variable(name, value) == wrong


@pytest.mark.parametrize(
    "text",
    [
        *("-eyJ" * 50000, "://:x" * 50000, "://a:" * 50000, "?a=" * 50000),
        *("-" * 200000, "a" * 200000, "/a" * 100000, "[" * 60000, '{"a":' * 10000, "$(" * 100000),
    ],
    ids=lambda text: text[:6],
)
def test_a_long_text_is_searched_to_its_end(text: str) -> None:
    """In a tenth of a second; a pattern that backtracks would take hours."""
    literals.check({"ours": text, text: 1}, "parameters")
    assert literals.of_variable("OURS", text) is None


def test_deep_json_is_searched_without_an_error() -> None:
    deep: Any = {"api_key": "s3cr3t"}
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(PydanticCustomError, match=r"^parameters\.deep\[0\]"):
        literals.check({"deep": deep}, "parameters")


def test_what_holds_a_credential_is_not_shown() -> None:
    for key in KEYS.values():
        if holds_credential(key):
            assert "s3cr3t" not in shorten(f"text with {key}")


# -- Preflight

AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

CASES: list[tuple[str, str, dict[str, str], str, list[str]]] = [
    ("the key is there", "openai/a", {"OPENAI_API_KEY": "x"}, "Present", []),
    ("the key is not there", "openai/a", {"OTHER": "x"}, "Missing", ["OPENAI_API_KEY"]),
    ("an empty value is none", "openai/a", {"OPENAI_API_KEY": ""}, "Missing", ["OPENAI_API_KEY"]),
    ("blanks are no value", "openai/a", {"OPENAI_API_KEY": " \n"}, "Missing", ["OPENAI_API_KEY"]),
    ("a pair of keys", "bedrock/a.b", dict.fromkeys(AWS, "x"), "Present", []),
    ("half a pair", "bedrock/a.b", {AWS[0]: "x"}, "Missing", [AWS[1]]),
    ("an alternative", "bedrock/a.b", {"AWS_BEARER_TOKEN_BEDROCK": "x"}, "Present", []),
    ("no key at all: the documented ones are named", "bedrock/a.b", {}, "Missing", list(AWS)),
    (
        "azure by a service principal",
        "azure/a",
        dict.fromkeys(
            ["AZURE_API_BASE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"], "x"
        ),
        "Present",
        [],
    ),
    (
        "the alternative that someone has begun is what misses a key",
        "azure/a",
        dict.fromkeys(["AZURE_API_BASE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"], "x"),
        "Missing",
        ["AZURE_CLIENT_SECRET"],
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


def test_a_model_that_needs_no_key_misses_none() -> None:
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


def test_of_many_secrets_that_were_not_read_the_first_are_named_and_the_rest_counted() -> None:
    models = [
        {"name": f"openai/{i}", "credentials": {"secretRef": {"name": f"s{i}"}}} for i in range(7)
    ]
    assert present(unread(World(router(aiModels=models))))[2] == (
        "Could not read: Secret 's0', Secret 's1', Secret 's2', Secret 's3', Secret 's4', and 2 "
        "more."
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
def test_pods_roll_when_a_key_that_the_user_refers_to_changes(spec: Manifest) -> None:
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


def test_the_same_router_gets_the_same_first_hash() -> None:
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
