"""No way round the rules on keys and hosts: they are applied to the finished config.yaml."""

from typing import Any

import pytest
import yaml

from function import names
from function.call import Manifest, Response
from tests.support.world import World, router, secret

OPENAI = {"name": "openai/a"}
CEREBRAS = {"name": "cerebras/b"}
VLLM = {"name": "hosted_vllm/c", "apiBase": "http://vllm.ml.svc:8000/v1"}
AZURE = {"name": "azure/a"}
MAYBE = {"name": "MINE", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b", "optional": True}}}
KEY = "os.environ/OPENAI_API_KEY__litellm_dsecrets"
REDIS = {"host": "redis.infra.svc", "passwordSecretRef": {"name": "redis", "key": "password"}}


def model(name: str, called: str, **params: Any) -> Manifest:  # noqa: ANN401
    return {"model_name": name, "litellm_params": {"model": called, **params}}


def merged(**patch: Any) -> Manifest:  # noqa: ANN401
    return {"config": {"merge": patch}}


def based(base: str) -> Manifest:
    """The overrides that give the model of Azure another base."""
    return merged(model_list=[model("azure/a", "azure/a", api_base=base)])


MCP_SERVERS = [
    {
        "name": "one",
        "url": "https://one.example.com/mcp",
        "auth": {"bearerSecretRef": {"name": "s", "key": "k"}},
    },
    {
        "name": "two",
        "url": "https://two.example.com/mcp",
        "headers": [{"name": "X-T", "valueSecretRef": {"name": "s", "key": "h"}}],
    },
]

GUARDRAILS = [
    {"name": name, "modes": ["PreCall"]}
    | {"openaiModeration": {"apiKeySecretRef": {"name": "s", "key": "k"}}}
    for name in ("one", "two")
]
OWN_GUARDRAIL: Manifest = {
    "guardrail_name": "one",
    "litellm_params": {
        "guardrail": "openai_moderation",
        "mode": ["pre_call"],
        "api_base": "https://elsewhere.example.com",
        "api_key": "os.environ/text__GUARDRAIL__s__k",
    },
}

EXPOSED: list[tuple[str, Manifest, str]] = [
    (
        "another provider's entry refers to a key",
        {"aiModels": [OPENAI, {**CEREBRAS, "parameters": {"api_key": KEY}}]},
        "/model_list/0/litellm_params/api_key must not refer to OPENAI_API_KEY__litellm_dsecrets",
    ),
    (
        "an entry refers to its own key in another parameter, which may go anywhere",
        {"aiModels": [{**OPENAI, "parameters": {"user": KEY}}, CEREBRAS]},
        "/model_list/1/litellm_params/user must not refer to",
    ),
    (
        "a key is part of a longer text",
        {"aiModels": [{**OPENAI, "parameters": {"extra_headers": {"X": f"a {KEY}"}}}, CEREBRAS]},
        "/model_list/1/litellm_params/extra_headers/X must not refer to",
    ),
    (
        "LiteLLM has other ways to read a variable",
        {
            "aiModels": [
                OPENAI,
                {**CEREBRAS, "parameters": {"user": "oidc/env/OPENAI_API_KEY__litellm_dsecrets"}},
            ]
        },
        "/model_list/0/litellm_params/user must not refer to",
    ),
    (
        "a merged list of models takes a key to another provider",
        {
            "aiModels": [OPENAI, CEREBRAS],
            **merged(model_list=[model("a", "deepseek/a", api_key=KEY)]),
        },
        "/model_list/0/litellm_params/api_key must not refer to",
    ),
    (
        "a merged list has a provider that reads what has LiteLLM's own name",
        {"aiModels": [OPENAI], **merged(model_list=[model("a", "groq/a")])},
        "/model_list/0/litellm_params/model must not be of another provider, which could read "
        "OPENAI_API_KEY",
    ),
    (
        "an unknown provider may read anything",
        {"aiModels": [OPENAI], **merged(model_list=[model("a", "no-such/a")])},
        "/model_list/0/litellm_params/model must not be of another provider",
    ),
    (
        "a provider that the name does not say",
        {
            "aiModels": [OPENAI],
            **merged(model_list=[model("a", "openai/a", custom_llm_provider="groq")]),
        },
        "/model_list/0/litellm_params/custom_llm_provider must be left out or be openai",
    ),
    (
        "LiteLLM would guess the provider",
        {"aiModels": [OPENAI], **merged(model_list=[model("a", "gpt-4o")])},
        "/model_list/0/litellm_params/model must name its provider, as provider/model",
    ),
    (
        "the client would choose the provider",
        {"aiModels": [OPENAI], **merged(model_list=[model("a", "*/*")])},
        "/model_list/0/litellm_params/model must name its provider",
    ),
    (
        "the client's text would be called as it is",
        {"aiModels": [OPENAI], **merged(model_list=[model("*/*", "openai/*")])},
        "/model_list/0/model_name must not have more '*' than the model that is called",
    ),
    (
        "a base is removed, and LiteLLM would choose one",
        {"aiModels": [VLLM], "config": {"remove": ["/model_list/0/litellm_params/api_base"]}},
        "/model_list/0/litellm_params/api_base must be set",
    ),
    (
        "a base that is empty",
        {"aiModels": [OPENAI], **merged(model_list=[model("a", "hosted_vllm/a", api_base="")])},
        "/model_list/0/litellm_params/api_base must be set",
    ),
    (
        "a base that comes from a Secret is removed, and LiteLLM would read it on some calls only",
        {"aiModels": [AZURE], "config": {"remove": ["/model_list/0/litellm_params/api_base"]}},
        "/model_list/0/litellm_params/api_base must be set",
    ),
    (
        "a base that the Secret may lack",
        {"aiModels": [AZURE], **based("os.environ/AZURE_API_BASE")},
        "/model_list/0/litellm_params/api_base must be set",
    ),
    (
        "a base that nothing sets",
        {"aiModels": [AZURE], **based("os.environ/MINE")},
        "/model_list/0/litellm_params/api_base must be set",
    ),
    (
        "a base that deployment.env may leave out",
        {"aiModels": [AZURE], "deployment": {"env": [MAYBE]}, **based("os.environ/MINE")},
        "/model_list/0/litellm_params/api_base must be set",
    ),
    (
        "any variable as the master key",
        merged(general_settings={"master_key": "os.environ/HOME"}),
        "/general_settings/master_key must be left as it is",
    ),
    (
        "the master key as the key of a provider",
        {"aiModels": [{**OPENAI, "parameters": {"api_key": "os.environ/LITELLM_MASTER_KEY"}}]},
        "/model_list/0/litellm_params/api_key must not refer to LITELLM_MASTER_KEY",
    ),
    (
        "LiteLLM would publish the master key as a model's name",
        merged(model_list=[model("os.environ/LITELLM_MASTER_KEY", "openai/a")]),
        "/model_list/0/model_name must not refer to LITELLM_MASTER_KEY",
    ),
    (
        "a name that some variable decides",
        merged(model_list=[model("a", "openai/os.environ/MODEL")]),
        "/model_list/0/litellm_params/model must not refer to a variable",
    ),
    (
        "the password of Redis in a place of its own",
        {"redis": REDIS, **merged(litellm_settings={"user": "os.environ/REDIS_PASSWORD"})},
        "/litellm_settings/user must not refer to REDIS_PASSWORD",
    ),
    (
        "what the collector of traces takes, as a provider's key",
        {
            "tracing": {
                "endpoint": "http://collector:4318",
                "headersSecretRef": {"name": "s", "key": "k"},
            },
            **merged(litellm_settings={"user": "os.environ/OTEL_EXPORTER_OTLP_HEADERS"}),
        },
        "/litellm_settings/user must not refer to OTEL_EXPORTER_OTLP_HEADERS",
    ),
    *(
        (
            f"what an MCP server is shown, {where}",
            {"mcpServers": MCP_SERVERS, **merged(**patch)},
            f"/{path} must not refer to {variable}, which is the gateway's own",
        )
        for where, variable, path, patch in (
            (
                "as a setting",
                "MCP__s__k",
                "litellm_settings/user",
                {"litellm_settings": {"user": "os.environ/MCP__s__k"}},
            ),
            (
                "in a header of its own server",
                "MCP__s__k",
                "mcp_servers/one/static_headers/X-A",
                {"mcp_servers": {"one": {"static_headers": {"X-A": "os.environ/MCP__s__k"}}}},
            ),
            (
                "by another server",
                "MCP__s__k",
                "mcp_servers/two/authentication_token",
                {"mcp_servers": {"two": {"authentication_token": "os.environ/MCP__s__k"}}},
            ),
            (
                "in the URL of its own server",
                "MCP__s__k",
                "mcp_servers/one/url",
                {"mcp_servers": {"one": {"url": "https://h/os.environ/MCP__s__k"}}},
            ),
            (
                "by a server that is merged",
                "text__MCP__s__h",
                "mcp_servers/mine/static_headers/X-A",
                {
                    "mcp_servers": {
                        "mine": {
                            "url": "https://h",
                            "static_headers": {"X-A": "os.environ/text__MCP__s__h"},
                        }
                    }
                },
            ),
        )
    ),
    (
        "what a guardrail is shown, by one of the same name that is merged",
        {"guardrails": GUARDRAILS, **merged(guardrails=[OWN_GUARDRAIL])},
        "/guardrails/0/litellm_params/api_key must not refer to text__GUARDRAIL__s__k, which is "
        "the gateway's own",
    ),
    (
        "what a guardrail is shown, as a provider's key",
        {
            "guardrails": GUARDRAILS,
            "aiModels": [{**OPENAI, "parameters": {"api_key": "os.environ/GUARDRAIL__s__k"}}],
        },
        "/model_list/0/litellm_params/api_key must not refer to GUARDRAIL__s__k, which is the "
        "gateway's own",
    ),
    (
        "what an MCP server is shown, as a provider's key",
        {
            "mcpServers": MCP_SERVERS,
            "aiModels": [{**OPENAI, "parameters": {"api_key": "os.environ/MCP__s__k"}}],
        },
        "/model_list/0/litellm_params/api_key must not refer to MCP__s__k",
    ),
    (
        "what an MCP server is shown, set by the configuration",
        {
            "mcpServers": MCP_SERVERS,
            **merged(environment_variables={"MCP__s__k": "os.environ/MINE"}),
        },
        "/environment_variables/MCP__s__k must not be set",
    ),
    (
        "a key back under a name that every provider reads",
        {
            "aiModels": [OPENAI, CEREBRAS],
            **merged(environment_variables={"OPENAI_API_KEY": KEY}),
        },
        "/environment_variables/OPENAI_API_KEY must not refer to",
    ),
    (
        "a variable that the function sets",
        merged(environment_variables={"LITELLM_MASTER_KEY": "os.environ/MINE"}),
        "/environment_variables/LITELLM_MASTER_KEY must not be set",
    ),
    (
        "all models called elsewhere",
        merged(litellm_settings={"api_base": "https://elsewhere.example.com"}),
        "/litellm_settings/api_base must not be set",
    ),
    (
        "models come from a database",
        merged(general_settings={"store_model_in_db": True}),
        "/general_settings/store_model_in_db must not be set",
    ),
    (
        "all models called by another provider",
        merged(router_settings={"default_litellm_params": {"custom_llm_provider": "groq"}}),
        "/router_settings/default_litellm_params/custom_llm_provider must not be set",
    ),
    (
        "models renamed on the way",
        merged(litellm_settings={"model_alias_map": {"openai/a": "groq/a"}}),
        "/litellm_settings/model_alias_map must not be set",
    ),
]


@pytest.mark.parametrize(
    ("spec", "sentence"), [row[1:] for row in EXPOSED], ids=[row[0] for row in EXPOSED]
)
def test_what_would_expose_a_credential_or_a_prompt_is_refused(
    spec: Manifest, sentence: str
) -> None:
    answer = World(router(**spec)).reconcile()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_CREDENTIALS_EXPOSED
    assert answer.refusal.message.startswith(f"In the resulting config.yaml, {sentence}")


@pytest.mark.parametrize("field", ["api_base", "base_url"])
def test_a_base_may_come_from_the_overrides(field: str) -> None:
    patch = {"model_list": [model("a", "hosted_vllm/a", **{field: "http://vllm:8000"})]}
    assert World(router(aiModels=[VLLM], config={"merge": patch})).reconcile().refusal is None


@pytest.mark.parametrize("source", [{"secretKeyRef": {"name": "mine", "key": "base"}}, None])
def test_a_base_may_come_from_a_variable_that_always_has_a_value(source: Manifest | None) -> None:
    variable = {"valueFrom": source} if source else {"value": "https://mine.example.com"}
    env = [{"name": "MINE", **variable}]
    spec = {"aiModels": [AZURE], "deployment": {"env": env}, **based("os.environ/MINE")}
    assert World(router(**spec)).reconcile().refusal is None


def test_an_endpoint_of_ones_own_keeps_its_base() -> None:
    azure = {"name": "azure/a", "apiBase": "https://mine.example.com"}
    remove = {"remove": ["/model_list/0/litellm_params/api_base"]}
    answer = World(router(aiModels=[azure, CEREBRAS], config=remove)).reconcile()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_CREDENTIALS_EXPOSED


def test_each_provider_of_a_merged_list_is_looked_at() -> None:
    patch = {"model_list": [model("a", "groq/a"), model("b", "openai/b")]}
    answer = World(router(aiModels=[OPENAI], config={"merge": patch})).reconcile()
    assert answer.refusal is not None
    assert "/model_list/0/litellm_params/model" in answer.refusal.message


KEPT: list[tuple[str, Manifest]] = [
    ("a variable of the user's own", {"parameters": {"user": "os.environ/MINE"}}),
    ("a key of the user's own", {"parameters": {"api_key": "os.environ/MINE"}}),
]


@pytest.mark.parametrize("entry", [row[1] for row in KEPT], ids=[row[0] for row in KEPT])
def test_the_users_own_variables_may_stand_anywhere(entry: Manifest) -> None:
    mine = {"name": "MINE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    spec: Manifest = {"aiModels": [{**OPENAI, **entry}, CEREBRAS], "deployment": {"env": [mine]}}
    assert World(router(**spec)).reconcile().refusal is None


def test_overrides_that_repeat_what_is_generated_change_nothing() -> None:
    patch = {
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
        "model_list": [model("a", "openai/a", api_key=KEY), model("b", "cerebras/b")],
    }
    spec: Manifest = {"aiModels": [OPENAI, CEREBRAS], "config": {"merge": patch}}
    assert World(router(**spec)).reconcile().refusal is None


def configured(answer: Response) -> str:
    """The message of Configured, which is True."""
    (found,) = (c for c in answer.conditions if c.type == names.CONFIGURED)
    assert found.status == "True"
    return found.message


def test_a_reference_that_nothing_sets_is_named() -> None:
    spec: Manifest = {"aiModels": [{**OPENAI, "parameters": {"user": "os.environ/MINE"}}]}
    answer = World(router(**spec)).reconcile()
    assert (
        "os.environ/MINE refers to a variable that nothing sets: add it to spec.deployment.env."
        in configured(answer)
    )
    env_from = [{"secretRef": {"name": "all"}}]
    answer = World(router(**spec, deployment={"envFrom": env_from})).reconcile()
    assert "refers to a variable" not in configured(answer)


@pytest.mark.parametrize(
    ("models", "warned"),
    [
        ([OPENAI, CEREBRAS], True),
        ([OPENAI], False),  # LiteLLM can only send it to its own provider.
    ],
)
def test_a_providers_key_in_the_environment_is_warned_of(
    models: list[Manifest], *, warned: bool
) -> None:
    ref = {"secretKeyRef": {"name": "s", "key": "k"}}
    env = [{"name": "OPENAI_API_KEY", "valueFrom": ref}]
    answer = World(router(aiModels=models, deployment={"env": env})).reconcile()
    sentence = (
        "deployment.env sets OPENAI_API_KEY, which LiteLLM may send to other providers too: use "
        "credentials.secretRef instead."
    )
    assert (sentence in configured(answer)) == warned


def test_a_secret_that_is_handed_over_whole_is_warned_of() -> None:
    spec: Manifest = {"deployment": {"envFrom": [{"secretRef": {"name": "all"}}]}}
    assert "deployment.envFrom hands over the whole Secret 'all'" in configured(
        World(router(**spec)).reconcile()
    )


def test_a_model_that_cannot_be_called_without_a_key_is_named() -> None:
    none = {"source": "None"}
    answer = World(router(aiModels=[{**OPENAI, "credentials": none}])).reconcile()
    assert (
        "openai/a: credentials.source is None, but openai answers no call without OPENAI_API_KEY."
        in configured(answer)
    )


def test_the_master_key_is_not_set_by_deployment_env() -> None:
    env = [{"name": "LITELLM_MASTER_KEY", "value": "$(MINE)"}]
    answer = World(router(deployment={"env": env})).reconcile()
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.message) == (
        names.REASON_INVALID_SPEC,
        "spec.deployment.env[0] sets LITELLM_MASTER_KEY, which the status would not show: name "
        "the key's Secret in spec.auth.masterKeySecretRef.",
    )


@pytest.mark.parametrize("name", ["LITELLM_WORKER_STARTUP_HOOKS", "PYTHONPATH"])
def test_the_gate_cannot_be_taken_away_by_deployment_env(name: str) -> None:
    answer = World(router(deployment={"env": [{"name": name, "value": ""}]})).reconcile()
    assert answer.refusal is not None
    assert answer.refusal.message == (
        f"spec.deployment.env[0] sets {name}, without which the gate does not start: remove it."
    )


def test_another_key_of_the_generated_secret_is_missing() -> None:
    """Its pods would wait for that key for ever."""
    world = World(router())
    world.reconcile()
    ref = {"name": "gw-master-key", "key": "other"}
    world.xr = router(auth={"masterKeySecretRef": ref})
    world.add(secret("litellm-secrets", OPENAI_API_KEY="x"))
    answer = world.reconcile()
    (present,) = (c for c in answer.conditions if c.type == names.CREDENTIALS_PRESENT)
    assert (present.status, present.message) == (
        "False",
        "Missing: other in Secret 'gw-master-key'.",
    )


def test_a_service_whose_port_was_edited_is_not_available() -> None:
    world = World(router())
    world.reconcile()
    deployment = world.objects["Deployment", "team", "gw"]
    deployment["status"] = {"conditions": [{"type": "Available", "status": "True"}]}
    available = {c.type: c for c in world.reconcile().conditions}[names.AVAILABLE]
    assert available.status == "True"
    service = world.objects["Service", "team", "gw"]
    service["spec"] = {**service["spec"], "ports": [{"name": "http", "port": 9999}]}
    answer = world.call()
    available = {c.type: c for c in answer.conditions}[names.AVAILABLE]
    assert (available.status, available.reason, available.message) == (
        "False",
        names.REASON_SERVICE_CHANGED,
        "Service 'gw' does not serve port 4000: if that lasts, someone has edited it; delete it, "
        "and it is composed again.",
    )
    assert not answer.resources[names.RESOURCE_SERVICE].ready


def test_a_server_that_wants_no_key_is_called_with_one_that_is_none() -> None:
    """LiteLLM makes no call of openai's without a key, and answers 500."""
    entry = {**OPENAI, "apiBase": "http://vllm.ml.svc:8000/v1", "credentials": {"source": "None"}}
    answer = World(router(aiModels=[entry])).reconcile()
    files = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]
    (composed,) = yaml.safe_load(files["config.yaml"])["model_list"]
    assert composed["litellm_params"]["api_key"] == "none"
    assert answer.status["models"][0]["credentials"] == "NotNeeded"
    # A role must not lose to a key that is none.
    entry["credentials"] = {"source": "WorkloadIdentity"}
    answer = World(router(aiModels=[entry])).reconcile()
    files = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]
    assert "api_key" not in files["config.yaml"]


def test_a_provider_gets_its_own_base_if_litellm_would_call_anothers_host() -> None:
    models = [{"name": "cometapi/a"}, {"name": "cometapi/b", "apiBase": "https://mine.example.com"}]
    answer = World(router(aiModels=models)).reconcile()
    files = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]
    bases = {
        entry["model_name"]: entry["litellm_params"]["api_base"]
        for entry in yaml.safe_load(files["config.yaml"])["model_list"]
    }
    assert bases == {
        "cometapi/a": "https://api.cometapi.com/v1",
        "cometapi/b": "https://mine.example.com",
    }
