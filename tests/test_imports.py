"""`modelrouter import`: what is imported means the same, and what cannot be is said."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from function import main
from function.imports import importing
from function.imports import written as writer
from tests.support.tools import CACHE, absent

GIVEN = Path(__file__).parent / "imports"
KEY = "sk-of-the-test-0123456789abcdef"
OTHER_KEY = "sk-another-of-the-test-0123456789"


def run(*arguments: object) -> Result:
    """The command, with its output and its messages apart."""
    return CliRunner().invoke(main.cli, ["import", *map(str, arguments)])


def written(tmp_path: Path, config: object, *arguments: object) -> Result:
    """The command on a configuration."""
    file = tmp_path / "config.yaml"
    file.write_text(config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False))
    return run(file, "--secret-file", tmp_path / "secret.yaml", *arguments)


def spec(tmp_path: Path, config: object, *arguments: object) -> dict[str, Any]:
    """The spec that it is imported as, where nothing is lost."""
    result = written(tmp_path, config, "--strict", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = yaml.safe_load(result.stdout)["spec"]
    return found


def secret(tmp_path: Path) -> dict[str, str]:
    """What the Secret holds."""
    found: dict[str, str] = yaml.safe_load((tmp_path / "secret.yaml").read_text())["stringData"]
    return found


def model(name: str = "m", **params: Any) -> dict[str, Any]:  # noqa: ANN401
    """An entry of a `model_list`."""
    return {"model_name": name, "litellm_params": {"model": "openai/gpt-4o", **params}}


# -- Models and credentials


def test_a_literal_key_goes_into_a_secret_that_only_its_owner_can_read(tmp_path: Path) -> None:
    result = written(tmp_path, {"model_list": [model(api_key=KEY)]})
    assert result.exit_code == 0, result.output
    assert KEY not in result.output
    assert secret(tmp_path) == {"OPENAI_API_KEY": KEY}
    assert stat.S_IMODE((tmp_path / "secret.yaml").stat().st_mode) == 0o600


def test_credentials_are_not_printed_without_a_file_for_them(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({"model_list": [model(api_key=KEY)]}))
    result = run(file)
    assert result.exit_code == 1
    assert "--secret-file" in result.stderr
    assert result.stdout == ""


def test_a_file_that_exists_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("mine")
    result = written(tmp_path, {"model_list": [model(api_key=KEY)]})
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert result.stdout == ""
    assert (tmp_path / "secret.yaml").read_text() == "mine"


def test_two_accounts_of_one_provider_stay_two(tmp_path: Path) -> None:
    models = [model(api_key=KEY), model("two", api_key=OTHER_KEY), model("o", api_key=KEY)]
    found = spec(tmp_path, {"model_list": models})
    assert secret(tmp_path) == {"OPENAI_API_KEY": KEY, "OPENAI_API_KEY_2": OTHER_KEY}
    assert found["credentials"] == {"secretRef": {"name": "gateway-keys"}}
    own = {"secretRef": {"name": "gateway-keys", "keys": {"OPENAI_API_KEY": "OPENAI_API_KEY_2"}}}
    assert [entry.get("credentials") for entry in found["aiModels"]] == [None, own, None]


def test_a_variable_becomes_a_key_of_the_secret(tmp_path: Path) -> None:
    models = [model(api_key="os.environ/MY_KEY"), model("two", api_key="os.environ/MY_KEY")]
    result = written(tmp_path, {"model_list": models})
    found = yaml.safe_load(result.stdout)["spec"]
    keys = {"OPENAI_API_KEY": "MY_KEY"}
    assert found["credentials"] == {"secretRef": {"name": "gateway-keys", "keys": keys}}
    assert "the Secret 'gateway-keys' must hold MY_KEY" in result.stderr
    assert not (tmp_path / "secret.yaml").exists()


def test_a_literal_does_not_take_the_key_of_a_variable(tmp_path: Path) -> None:
    """Another entry reads that variable, which holds something else."""
    models = [model(api_key=KEY), model("two", api_key="os.environ/OPENAI_API_KEY"), model("o")]
    found = spec(tmp_path, {"model_list": models})
    assert secret(tmp_path) == {"OPENAI_API_KEY_2": KEY}
    own = [entry.get("credentials") for entry in found["aiModels"]]
    assert own[0]["secretRef"]["keys"] == {"OPENAI_API_KEY": "OPENAI_API_KEY_2"}
    assert own[1:] == [None, None]


def test_credentials_anywhere_in_an_entry_go_into_the_secret(tmp_path: Path) -> None:
    account = {"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\nabc"}
    headers = {"Authorization": f"Bearer {KEY}", "X-Team": "a"}
    entry = model(model="vertex_ai/gemini", vertex_credentials=account, extra_headers=headers)
    found = spec(tmp_path, {"model_list": [entry]})
    assert json.loads(secret(tmp_path)["VERTEXAI_CREDENTIALS"]) == account
    parameters = found["aiModels"][0]["parameters"]
    assert "vertex_credentials" not in parameters
    variable = parameters["extra_headers"]["Authorization"].removeprefix("os.environ/")
    (own,) = found["deployment"]["env"]
    assert own["name"] == variable
    assert secret(tmp_path)[own["valueFrom"]["secretKeyRef"]["key"]] == f"Bearer {KEY}"


def test_stored_credentials_come_with_the_entries_that_name_them(tmp_path: Path) -> None:
    entry = model(model="azure/gpt-4o", litellm_credential_name="mine")
    values = {"api_key": KEY, "api_base": "https://mine.openai.azure.com"}
    stored = [{"credential_name": "mine", "credential_values": values}]
    found = spec(tmp_path, {"model_list": [entry], "credential_list": stored})
    assert found["aiModels"][0]["apiBase"] == values["api_base"]
    assert secret(tmp_path) == {"AZURE_API_KEY": KEY}


def test_a_model_without_a_provider_gets_the_one_that_litellm_knows(tmp_path: Path) -> None:
    models = [model("a", model="gpt-4o"), model("b", model="x", custom_llm_provider="groq")]
    found = spec(tmp_path, {"model_list": models})
    assert [entry["name"] for entry in found["aiModels"]] == ["openai/gpt-4o", "groq/x"]


def test_what_has_a_field_goes_into_it_and_the_rest_into_parameters(tmp_path: Path) -> None:
    entry = model(
        model="azure/gpt-4o",
        api_base="https://mine.openai.azure.com",
        api_version="2024-10-21",
        rpm="60",
        tpm=1000,
        max_parallel_requests=5,
        timeout=30,
        num_retries=1,
        temperature=0.2,
        stream_timeout=2.5,
    )
    entry["model_info"] = {"mode": "chat"}
    (found,) = spec(tmp_path, {"model_list": [entry]})["aiModels"]
    assert found == {
        "name": "azure/gpt-4o",
        "alias": "m",
        "apiBase": "https://mine.openai.azure.com",
        "apiVersion": "2024-10-21",
        "rpm": 60,
        "tpm": 1000,
        "maxParallelRequests": 5,
        "timeoutSeconds": 30,
        "maxRetries": 1,
        "parameters": {"temperature": 0.2, "stream_timeout": 2.5},
        "info": {"mode": "chat"},
    }


@pytest.mark.parametrize(
    ("entries", "weights"),
    [
        ([{"weight": 0.75}, {"weight": 0.25}], [3, 1]),
        ([{"rpm": 60}, {"rpm": 20}], [3, 1]),
        ([{"tpm": 500}, {"tpm": 500}], [1, 1]),
        ([{"weight": 2}, {}], [1, "standby"]),
        ([{"weight": 1, "rpm": 1}, {"weight": 2, "rpm": 9}], [1, 2]),
        ([{}, {}], [1, 1]),
    ],
)
def test_shares_of_the_load_stay(
    tmp_path: Path, entries: list[dict[str, Any]], weights: list[object]
) -> None:
    models = [model(seed=i, **params) for i, params in enumerate(entries)]
    found = spec(tmp_path, {"model_list": models})["aiModels"]
    shares = ["standby" if e.get("standby") else e.get("weight", 1) for e in found]
    assert shares == weights


def test_entries_that_are_the_same_are_one_with_their_shares_together(tmp_path: Path) -> None:
    models = [model(seed=1), model(seed=1), model(seed=2)]
    found = spec(tmp_path, {"model_list": models})["aiModels"]
    assert [entry.get("weight", 1) for entry in found] == [2, 1]


def test_wildcards_stay(tmp_path: Path) -> None:
    models = [model("openai/*", model="openai/*"), model("*", model="anthropic/*")]
    found = spec(tmp_path, {"model_list": models})["aiModels"]
    assert found == [{"name": "openai/*"}, {"name": "anthropic/*", "alias": "*"}]


# -- What a variable holds


def test_variables_beside_the_configuration_are_known(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    entry = model(api_base="os.environ/BASE", api_key="os.environ/MINE")
    config.write_text(json.dumps({"model_list": [entry]}))
    env = tmp_path / "proxy.env"
    env.write_text(f'# comment\nexport BASE="http://llm.svc:8000/v1"\nMINE={KEY}\nTEAM=search\n')
    result = run(config, env, "--secret-file", tmp_path / "secret.yaml", "--strict")
    assert result.exit_code == 0, result.output
    found = yaml.safe_load(result.stdout)["spec"]
    assert found["aiModels"][0]["apiBase"] == "http://llm.svc:8000/v1"
    assert secret(tmp_path) == {"MINE": KEY}
    assert found["deployment"]["env"] == [{"name": "TEAM", "value": "search"}]


def test_a_secret_beside_the_configuration_is_referred_to(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"model_list": [model(api_key="os.environ/MINE")]}))
    manifest = tmp_path / "own.yaml"
    own = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own"}}
    manifest.write_text(json.dumps({**own, "stringData": {"MINE": KEY}}))
    result = run(config, manifest, "--strict")
    assert result.exit_code == 0, result.output
    found = yaml.safe_load(result.stdout)["spec"]
    ref = {"name": "own", "keys": {"OPENAI_API_KEY": "MINE"}}
    assert found["credentials"] == {"secretRef": ref}
    assert KEY not in result.output


def test_environment_variables_are_taken_apart(tmp_path: Path) -> None:
    config = {
        "model_list": [model()],
        "litellm_settings": {"success_callback": ["langfuse"]},
        "environment_variables": {
            "OPENAI_API_KEY": KEY,
            "LANGFUSE_HOST": "https://langfuse.example.com",
            "LANGFUSE_SECRET_KEY": OTHER_KEY,
        },
    }
    found = spec(tmp_path, config)
    assert secret(tmp_path) == {"OPENAI_API_KEY": KEY, "LANGFUSE_SECRET_KEY": OTHER_KEY}
    names = [entry["name"] for entry in found["deployment"]["env"]]
    assert names == ["LANGFUSE_HOST", "LANGFUSE_SECRET_KEY"]
    assert found["config"]["merge"]["litellm_settings"] == {"success_callback": ["langfuse"]}


def test_variables_of_any_kind_stay_in_the_container(tmp_path: Path) -> None:
    """Those of the pod, of ConfigMaps, and those that the gateway cannot have are told apart."""
    zone = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    region = {"configMapKeyRef": {"name": "aws", "key": "region"}}
    values = {
        "environmentSecrets": ["keys"],
        "db": {"deployStandalone": False},
        "envVars": {"DATABASE_URL": "postgresql://h/d", "LITELLM_LOG": "DEBUG", "EMPTY": ""},
        "extraEnvVars": [
            {"name": "NODE", "valueFrom": zone},
            {"name": "AWS_REGION_NAME", "valueFrom": region},
            {"name": "GROQ_API_KEY", "value": KEY},
        ],
        "masterkeySecretName": "master",
        "proxy_config": {"model_list": [model(model="bedrock/a.b")]},
    }
    result = written(tmp_path, values)
    assert result.exit_code == 0, result.output
    env = yaml.safe_load(result.stdout)["spec"]["deployment"]["env"]
    assert {entry["name"]: entry.get("valueFrom") for entry in env} == {
        "AWS_REGION_NAME": region,
        "NODE": zone,
    }
    for told in (
        "DATABASE_URL is left out: the gateway has no database",
        "LITELLM_LOG is left out: use logging.level",
        "GROQ_API_KEY is left out, as no model has a use for it",
    ):
        assert told in result.stderr


def test_no_secret_is_read_into_the_variable_of_a_literal(tmp_path: Path) -> None:
    """Not even if it is called `settings`, like the end of the variable's name."""

    def held(secret: str, key: str) -> dict[str, Any]:
        return {"secretKeyRef": {"name": secret, "key": key}}

    headers = {"OpenAI-API-Key": KEY}
    values = {
        "environmentSecrets": ["keys"],
        "db": {"deployStandalone": False},
        "extraEnvVars": [
            {"name": "ONE", "valueFrom": held("settings", "OPENAI_API_KEY")},
            {"name": "TWO", "valueFrom": held("two", "OPENAI_API_KEY")},
        ],
        "masterkeySecretName": "master",
        "proxy_config": {
            "model_list": [
                model("one", api_key="os.environ/ONE"),
                model("two", api_key="os.environ/TWO", extra_headers=headers),
            ]
        },
    }
    found = spec(tmp_path, values)
    assert secret(tmp_path) == {"OPENAI_API_KEY": KEY}
    assert found["credentials"] == {"secretRef": {"name": "settings"}}
    own = found["aiModels"][1]["parameters"]["extra_headers"]["OpenAI-API-Key"]
    (entry,) = (e for e in found["deployment"]["env"] if own == f"os.environ/{e['name']}")
    assert entry["valueFrom"]["secretKeyRef"]["name"] == "litellm-keys"


# -- Settings


def test_routing_settings_of_both_sections_become_fields(tmp_path: Path) -> None:
    config = {
        "model_list": [model("a"), model("b"), model("c")],
        "router_settings": {
            "routing_strategy": "least-busy",
            "num_retries": 3,
            "allowed_fails": 2,
            "cooldown_time": 30,
            "fallbacks": [{"a": ["b", "c"]}],
            "enable_pre_call_checks": True,
        },
        "litellm_settings": {
            "request_timeout": 45,
            "default_fallbacks": ["c"],
            "context_window_fallbacks": [{"a": ["c"]}],
            "content_policy_fallbacks": [{"b": ["c"]}],
            "drop_params": True,
        },
    }
    found = spec(tmp_path, config)
    assert found["routing"] == {
        "strategy": "least-busy",
        "retries": 3,
        "timeoutSeconds": 45,
        "allowedFailures": 2,
        "cooldownSeconds": 30,
        "fallbacks": [
            {"model": "a", "to": ["b", "c"]},
            {"model": "*", "to": ["c"]},
            {"model": "a", "when": "ContextWindow", "to": ["c"]},
            {"model": "b", "when": "ContentPolicy", "to": ["c"]},
        ],
    }
    assert found["config"]["merge"] == {
        "router_settings": {"enable_pre_call_checks": True},
        "litellm_settings": {"drop_params": True},
    }


@pytest.mark.parametrize(
    "given",
    [
        {"redis_host": "redis.svc", "redis_port": 6380, "redis_password": "hunter2"},
        {"redis_url": "redis://:hunter2@redis.svc:6380/0"},
        {"redis_url": "redis://:hunter%32@redis.svc:6380/0"},
    ],
)
def test_a_redis_server_becomes_a_field(tmp_path: Path, given: dict[str, Any]) -> None:
    found = spec(tmp_path, {"model_list": [model()], "router_settings": given})
    ref = {"name": "gateway-keys", "key": "REDIS_PASSWORD"}
    assert found["redis"] == {"host": "redis.svc", "port": 6380, "passwordSecretRef": ref}
    assert secret(tmp_path) == {"REDIS_PASSWORD": "hunter2"}


@pytest.mark.parametrize("said", ["redis.svc/0?ssl_cert_reqs=none", "redis.svc/1", "me@redis.svc"])
def test_a_redis_url_that_says_more_than_the_field_is_passed_on(tmp_path: Path, said: str) -> None:
    given = {"redis_url": f"rediss://{said}"}
    found = spec(tmp_path, {"model_list": [model()], "router_settings": given})
    assert found["config"]["merge"] == {"router_settings": given}
    assert "redis" not in found


def test_a_redis_server_that_is_not_known_is_passed_on(tmp_path: Path) -> None:
    given = {"redis_host": "os.environ/REDIS_HOST", "redis_password": "os.environ/REDIS_PASSWORD"}
    found = spec(tmp_path, {"model_list": [model()], "router_settings": given})
    merged = found["config"]["merge"]["router_settings"]
    own = {entry["name"] for entry in found["deployment"]["env"]}
    assert {value.removeprefix("os.environ/") for value in merged.values()} == own


def test_a_cache_becomes_a_field(tmp_path: Path) -> None:
    settings = {"cache": True, "cache_params": {"type": "local", "ttl": 30, "mode": "default_off"}}
    found = spec(tmp_path, {"model_list": [model()], "litellm_settings": settings})
    assert found["cache"] == {"ttlSeconds": 30}
    assert found["config"]["merge"] == {
        "litellm_settings": {"cache_params": {"mode": "default_off"}}
    }


@pytest.mark.parametrize(
    ("given", "ref", "held"),
    [
        (KEY, "LITELLM_MASTER_KEY", {"LITELLM_MASTER_KEY": KEY}),
        ("os.environ/MASTER", "MASTER", None),
    ],
)
def test_the_master_key_is_carried_by_reference(
    tmp_path: Path, given: str, ref: str, held: dict[str, str] | None
) -> None:
    found = spec(tmp_path, {"model_list": [model()], "general_settings": {"master_key": given}})
    assert found["auth"] == {"masterKeySecretRef": {"name": "gateway-keys", "key": ref}}
    if held is not None:
        assert secret(tmp_path) == held


def test_mcp_servers_become_fields(tmp_path: Path) -> None:
    servers = {
        "docs": {"url": "https://docs.example.com/mcp", "description": "Docs"},
        "tickets": {
            "url": "https://tickets.example.com/sse",
            "transport": "sse",
            "auth_type": "bearer_token",
            "auth_value": KEY,
            "allowed_tools": ["search"],
            "static_headers": {"X-Team": "a"},
        },
    }
    found = spec(tmp_path, {"model_list": [model()], "mcp_servers": servers})
    assert found["mcpServers"] == [
        {"name": "docs", "url": "https://docs.example.com/mcp"},
        {
            "name": "tickets",
            "url": "https://tickets.example.com/sse",
            "transport": "SSE",
            "allowedTools": ["search"],
            "auth": {"bearerSecretRef": {"name": "gateway-keys", "key": "TICKETS_TOKEN"}},
            "headers": [{"name": "X-Team", "value": "a"}],
        },
    ]
    assert found["config"]["merge"] == {"mcp_servers": {"docs": {"description": "Docs"}}}


def test_metrics_traces_and_callbacks(tmp_path: Path) -> None:
    config = {
        "model_list": [model()],
        "litellm_settings": {"callbacks": ["prometheus", "otel", "lago"], "json_logs": True},
        "environment_variables": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
    }
    found = spec(tmp_path, config)
    assert found["metrics"] == {}
    assert found["tracing"] == {"endpoint": "http://collector:4318"}
    assert found["logging"] == {"format": "JSON"}
    callbacks = ["otel", "prometheus", "lago"]
    assert found["config"]["merge"] == {"litellm_settings": {"callbacks": callbacks}}


def test_guardrails_are_passed_on(tmp_path: Path) -> None:
    params = {"guardrail": "lakera_v2", "mode": "pre_call", "api_key": KEY}
    guardrails = [{"guardrail_name": "g", "litellm_params": params}]
    found = spec(tmp_path, {"model_list": [model()], "guardrails": guardrails})
    (passed,) = found["config"]["merge"]["guardrails"]
    assert passed["litellm_params"]["api_key"].startswith("os.environ/")
    assert secret(tmp_path) == {"API_KEY": KEY}


PRESIDIO: dict[str, Any] = {
    "guardrail": "presidio",
    "mode": "pre_call",
    "default_on": True,
    "presidio_analyzer_api_base": "http://analyzer.ai:3000",
    "presidio_anonymizer_api_base": "os.environ/ANONYMIZER",
    "pii_entities_config": {"PERSON": "MASK", "CREDIT_CARD": "BLOCK"},
}


def guarded(params: dict[str, Any], name: str = "g", **of_model: Any) -> dict[str, Any]:  # noqa: ANN401
    """A configuration with one guardrail."""
    return {
        "model_list": [model(**of_model)],
        "guardrails": [{"guardrail_name": name, "litellm_params": params}],
        "environment_variables": {"ANONYMIZER": "http://anonymizer.ai:3000"},
    }


def test_presidio_becomes_a_guardrail(tmp_path: Path) -> None:
    params = {**PRESIDIO, "presidio_score_thresholds": {"ALL": 0.5, "CREDIT_CARD": 0.85}}
    found = spec(tmp_path, guarded(params, "PII_guard"))
    entities = [
        {"type": "PERSON", "action": "Mask", "thresholdPercent": 50},
        {"type": "CREDIT_CARD", "action": "Block", "thresholdPercent": 85},
    ]
    urls = {
        "analyzerUrl": "http://analyzer.ai:3000",
        "anonymizerUrl": "http://anonymizer.ai:3000",
    }
    presidio = {**urls, "entities": entities}
    modes = ["PreCall", "PostCall"]
    assert found["guardrails"] == [{"name": "pii-guard", "modes": modes, "presidio": presidio}]
    assert "config" not in found


@pytest.mark.parametrize(
    ("own", "modes"),
    [
        ({}, ["PreCall", "PostCall"]),
        ({"presidio_filter_scope": "input"}, ["PreCall"]),
        ({"presidio_filter_scope": "output"}, ["PostCall"]),
        ({"mode": "post_call"}, ["PostCall"]),
        ({"output_parse_pii": True}, ["PreCall"]),
    ],
)
def test_the_scope_of_presidio_is_a_mode(
    tmp_path: Path, own: dict[str, Any], modes: list[str]
) -> None:
    (found,) = spec(tmp_path, guarded({**PRESIDIO, **own}))["guardrails"]
    assert found["modes"] == modes


def test_a_filter_becomes_a_guardrail(tmp_path: Path) -> None:
    params = {
        "guardrail": "litellm_content_filter",
        "mode": ["pre_call", "post_call"],
        "default_on": True,
        "patterns": [
            {"pattern_type": "prebuilt", "pattern_name": "us_ssn", "action": "MASK"},
            {"pattern_type": "regex", "name": "no", "pattern": "T-[0-9]{4}", "action": "BLOCK"},
        ],
        "blocked_words": [{"keyword": "Secret Plan", "action": "BLOCK"}],
        "categories": [
            {"category": "harmful_self_harm", "severity_threshold": "high"},
            {"category": "harmful_violence", "enabled": False},
        ],
    }
    (found,) = spec(tmp_path, guarded(params))["guardrails"]
    assert found["contentFilter"] == {
        "patterns": [
            {"name": "us_ssn", "action": "Mask"},
            {"name": "no", "regexp": "T-[0-9]{4}", "action": "Block"},
        ],
        "blockedWords": [{"word": "Secret Plan", "action": "Block"}],
        "categories": [{"name": "harmful_self_harm", "severity": "High"}],
    }


def test_the_key_of_a_guardrail_is_in_the_secret(tmp_path: Path) -> None:
    params = {"guardrail": "openai_moderation", "mode": "during_call", "api_key": KEY}
    found = spec(tmp_path, guarded(params, "moderate", guardrails=["moderate"]))
    ref = {"name": "gateway-keys", "key": "OPENAI_API_KEY_2"}
    said = {"name": "moderate", "modes": ["DuringCall"], "default": False}
    assert found["guardrails"] == [{**said, "openaiModeration": {"apiKeySecretRef": ref}}]
    assert found["aiModels"][0]["guardrails"] == ["moderate"]
    assert "parameters" not in found["aiModels"][0]
    assert secret(tmp_path)["OPENAI_API_KEY_2"] == KEY


def test_bedrock_becomes_a_guardrail(tmp_path: Path) -> None:
    params = {
        "guardrail": "bedrock",
        "mode": "during_call",
        "default_on": True,
        "guardrailIdentifier": "ff6ujrregl1q",
        "guardrailVersion": 1,
        "aws_region_name": "eu-central-1",
        "aws_access_key_id": "os.environ/ID",
        "aws_secret_access_key": "os.environ/AWS_SECRET_ACCESS_KEY",
    }
    (found,) = spec(tmp_path, guarded(params))["guardrails"]
    ref = {"name": "gateway-keys", "keys": {"AWS_ACCESS_KEY_ID": "ID"}}
    assert found["bedrock"] == {
        "guardrailId": "ff6ujrregl1q",
        "version": "1",
        "region": "eu-central-1",
        "credentials": {"secretRef": ref},
    }


def test_another_service_becomes_a_guardrail(tmp_path: Path) -> None:
    params = {
        "guardrail": "generic_guardrail_api",
        "mode": "pre_call",
        "default_on": True,
        "api_base": "http://guard.ai",
        "api_key": "os.environ/GUARD",
        "timeout": 2.5,
        "unreachable_fallback": "fail_open",
        "additional_provider_specific_params": {"level": 3},
    }
    (found,) = spec(tmp_path, guarded(params))["guardrails"]
    assert found == {
        "name": "g",
        "modes": ["PreCall"],
        "timeoutSeconds": 3,
        "onFailure": "Allow",
        "generic": {
            "type": "generic_guardrail_api",
            "apiBase": "http://guard.ai",
            "apiKeySecretRef": {"name": "gateway-keys", "key": "GUARD"},
            "parameters": {"additional_provider_specific_params": {"level": 3}},
        },
    }


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"pii_entities_config": None}, "has no pii_entities_config"),
        ({"mode": "logging_only"}, "the mode 'logging_only'"),
        ({"presidio_ad_hoc_recognizers": "x.json"}, "presidio_ad_hoc_recognizers of 'g'"),
        ({"presidio_score_thresholds": {"ALL": 0.123}}, "no whole number of percent"),
        ({"presidio_anonymizer_api_base": "os.environ/NO"}, "presidio_anonymizer_api_base of 'g'"),
        ({"guardrail": "aporia"}, "of the kind 'aporia'"),
        ({"mode": {"tags": {}, "default": "pre_call"}}, "has no field"),
        ({"pii_entities_config": {"person": "MASK"}}, "upper-case letters"),
    ],
)
def test_a_guardrail_without_fields_is_passed_on_with_the_others(
    tmp_path: Path, own: dict[str, Any], reason: str
) -> None:
    config = guarded({**PRESIDIO, **own})
    config["guardrails"].append({"guardrail_name": "other", "litellm_params": dict(PRESIDIO)})
    result = written(tmp_path, config, "--strict")
    assert result.exit_code == 0, result.output
    assert "LiteLLM's own rules hold then" in result.stderr
    assert reason in result.stderr
    found = yaml.safe_load(result.stdout)["spec"]
    assert len(found["config"]["merge"]["guardrails"]) == len(config["guardrails"])
    assert "guardrails" not in found


def test_policies_keep_guardrails_as_they_are(tmp_path: Path) -> None:
    config = guarded(PRESIDIO) | {"policies": {"p": {"guardrails": {"add": ["g"]}}}}
    found = spec(tmp_path, config)
    assert found["config"]["merge"].keys() == {"guardrails", "policies"}
    assert "guardrails" not in found


def test_policies_of_a_guardrail_that_is_left_out_are_left_out(tmp_path: Path) -> None:
    config = guarded({"guardrail": "mine.Guard"}) | {
        "policies": {"p": {"guardrails": {"add": ["g"]}}},
        "policy_attachments": [{"policy": "p", "models": ["m"]}],
    }
    result = written(tmp_path, config)
    assert "policies is left out: it names the guardrail 'g', which is left out" in result.stderr
    assert "policy_attachments is left out" in result.stderr
    assert "config" not in yaml.safe_load(result.stdout)["spec"]


def test_a_guardrail_that_is_another_is_a_difference(tmp_path: Path) -> None:
    """Of each thing that a guardrail says, something in its meaning speaks."""
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(guarded({**PRESIDIO, "presidio_language": "de"})))
    (result,), problems = importing.run([file], Path.read_bytes, name="g", namespace=None)
    assert problems == []
    assert list(result.differences) == []
    (found,) = result.imported.manifest["spec"]["guardrails"]
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (found, {"modes": ["PreCall"]}),
        (found, {"default": False}),
        (found, {"onFailure": "Allow"}),
        (found["presidio"], {"analyzerUrl": "http://elsewhere.ai"}),
        (found["presidio"], {"language": "en"}),
        (found["presidio"]["entities"][0], {"action": "Mask"}),
        (found["presidio"]["entities"][0], {"thresholdPercent": 1}),
    ]
    for holder, change in changes:
        before = dict(holder)
        holder.update(change)
        checked = importing.check(result.imported)
        assert isinstance(checked, importing.Result)
        assert checked.differences, change
        holder.clear()
        holder.update(before)


# -- Values of the chart in other objects

VALUES = {"fullnameOverride": "llm", "proxy_config": {"model_list": [model()]}}


def flux(**spec_: Any) -> dict[str, Any]:  # noqa: ANN401
    """Flux's object."""
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "llm", "namespace": "ai"},
        "spec": {"values": VALUES, **spec_},
    }


def argo(**helm: Any) -> dict[str, Any]:  # noqa: ANN401
    """Argo CD's object."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "llm", "namespace": "argocd"},
        "spec": {"destination": {"namespace": "ai"}, "sources": [{}, {"helm": helm}]},
    }


@pytest.mark.parametrize(
    "release", [flux(), argo(valuesObject=VALUES), argo(values=yaml.safe_dump(VALUES))]
)
def test_values_are_read_in_a_release(tmp_path: Path, release: dict[str, Any]) -> None:
    result = written(tmp_path, release)
    assert result.exit_code == 0, result.output
    found = yaml.safe_load(result.stdout)
    assert found["metadata"] == {"name": "llm", "namespace": "ai"}
    assert found["spec"]["aiModels"] == [{"name": "openai/gpt-4o", "alias": "m"}]


@pytest.mark.parametrize(
    ("release", "key"),
    [
        (flux(valuesFrom=[{"kind": "ConfigMap", "name": "v"}]), "valuesFrom"),
        (argo(valuesObject=VALUES, valueFiles=["v.yaml"]), "valueFiles"),
    ],
)
def test_values_elsewhere_are_said_to_be_left_out(
    tmp_path: Path, release: dict[str, Any], key: str
) -> None:
    result = written(tmp_path, release, "--strict")
    assert result.exit_code == 1
    assert f"{key} is left out" in result.stderr


def test_a_release_of_another_chart_is_nothing_to_import(tmp_path: Path) -> None:
    result = written(tmp_path, argo(valuesObject={"replicas": 1}))
    assert result.exit_code == 1
    assert "Application cannot be imported" in result.stderr


# -- What cannot be carried over

_LOST: list[tuple[dict[str, Any], str]] = [
    ({"general_settings": {"database_url": "postgresql://u:p@h/d"}}, "needs a database"),
    ({"general_settings": {"store_model_in_db": True}}, "needs a database"),
    ({"general_settings": {"custom_auth": "mine.auth"}}, "code of your own"),
    ({"general_settings": {"enable_jwt_auth": True}}, "licence"),
    ({"litellm_settings": {"callbacks": ["mine.handler"]}}, "code of your own"),
    ({"litellm_settings": {"api_base": "http://elsewhere"}}, "redirects the calls"),
    ({"litellm_settings": {"set_verbose": True}}, "prints prompts"),
    ({"litellm_settings": {"callbacks": ["otel"]}}, "set tracing.endpoint"),
    ({"files_settings": [{"custom_llm_provider": "openai"}]}, "does not open"),
    ({"router_settings": {"fallbacks": [{"m": ["gone"]}]}}, "no entry offers it"),
    ({"mcp_servers": {"local": {"transport": "stdio", "command": "x"}}}, "inside the gateway"),
    (
        {"guardrails": [{"guardrail_name": "g", "litellm_params": {"guardrail": "mine.Guard"}}]},
        "code of your own",
    ),
    ({"model_list": [model(), model("two", model="who-knows")]}, "knows no provider"),
    ({"model_list": [model(), model("two", model="ollama/llama")]}, "no one chose"),
    ({"model_list": [model(), model("two", model="vllm/llama")]}, "hosted_vllm"),
    ({"model_list": [model(), model("two", api_base="os.environ/BASE")]}, "'BASE'"),
    ({"model_list": [model(), model("*", model="*")]}, "knows no provider"),
    ({"model_list": [model(), model("mine/*")]}, "as many '*'"),
]


@pytest.mark.parametrize(("extra", "reason"), _LOST, ids=[reason for _, reason in _LOST])
def test_what_is_lost_is_said_with_its_line(
    tmp_path: Path, extra: dict[str, Any], reason: str
) -> None:
    config = {"model_list": [model()], **extra}
    result = written(tmp_path, config)
    assert result.exit_code == 0, result.output
    (said,) = [line for line in result.stderr.splitlines() if line.startswith("Not carried over")]
    assert f"{tmp_path / 'config.yaml'}, line " in said
    assert reason in said
    head = result.stdout.split("apiVersion:")[0].replace("\n#   ", " ")
    assert said.removeprefix("Not carried over: ") in head
    strict = written(tmp_path, config, "--strict")
    assert strict.exit_code == 1
    assert strict.stdout == ""


# -- What is refused

_REFUSED: list[tuple[str, str]] = [
    ("model_list: [", "not valid YAML"),
    ("model_list: []", "at least one model"),
    ("model_list:\n  - model_name: m", "line 2: model_list[0].litellm_params"),
    ("model_list:\n  - litellm_params: {model: a}", "model_name must be the name"),
    ("model_list:\n- {model_name: m, litellm_params: {model: openai/a, rpm: abc}}", "a number"),
    (
        "model_list:\n- {model_name: m, litellm_params: {model: openai/a}}\n"
        "router_settings:\n  routing_strategy: fastest",
        "line 4: router_settings.routing_strategy is 'fastest'",
    ),
    (
        "model_list:\n- {model_name: m, litellm_params: {model: openai/a}}\n"
        "router_settings:\n  fallbacks:\n    - {m: [n], n: [m]}",
        "one model each",
    ),
    ("a: 1", "not known what this is (a)"),
    ("kind: Pod\napiVersion: v1\nmetadata: {name: p}", "Pod cannot be imported"),
    ("- a", "not an object"),
    ("model_list:\n- {model_name: m, model_name: two, litellm_params: {}}", "is set twice"),
    (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]\n"
            for i in range(8)
        ),
        "aliases",
    ),
]


@pytest.mark.parametrize(("text", "reason"), _REFUSED, ids=[reason for _, reason in _REFUSED])
def test_bad_input_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, text: str, reason: str
) -> None:
    result = written(tmp_path, text)
    assert result.exit_code == 1
    assert result.stdout == ""
    (said,) = result.stderr.splitlines()
    assert said.startswith(f"Error: {tmp_path / 'config.yaml'}, line ")
    assert reason in said
    assert not (tmp_path / "secret.yaml").exists()


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    result = written(tmp_path, "#" * (5 * 1024 * 1024))
    assert result.exit_code == 1
    assert "4194304 bytes" in result.stderr


def test_a_router_that_the_function_refuses_is_not_written(tmp_path: Path) -> None:
    config = {"model_list": [model()], "litellm_settings": {"a": {"b": ["x"] * 6000}}}
    result = written(tmp_path, config)
    assert result.exit_code == 1
    assert "the ModelRouter would be refused: " in result.stderr
    assert result.stdout == ""


# -- Files


def test_included_files_are_merged_as_litellm_does(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    more = {"model_list": [model("two", model="who-knows"), model("o")], "include": ["deep.yaml"]}
    (tmp_path / "models" / "more.yaml").write_text(yaml.safe_dump(more))
    deep = {"litellm_settings": {"drop_params": True}, "include": ["../models/more.yaml"]}
    (tmp_path / "models" / "deep.yaml").write_text(yaml.safe_dump(deep))
    result = written(tmp_path, {"model_list": [model()], "include": ["models/more.yaml"]})
    assert result.exit_code == 0, result.output
    found = yaml.safe_load(result.stdout)["spec"]
    assert [entry["alias"] for entry in found["aiModels"]] == ["m", "o"]
    assert found["config"]["merge"] == {"litellm_settings": {"drop_params": True}}
    assert f"{tmp_path / 'models' / 'more.yaml'}, line " in result.stderr


@pytest.mark.parametrize("name", ["../other.yaml", "/etc/passwd", "a/../../b.yaml"])
def test_nothing_outside_of_the_folder_is_included(tmp_path: Path, name: str) -> None:
    result = written(tmp_path, {"model_list": [model()], "include": [name]})
    assert result.exit_code == 1
    assert "outside of the folder" in result.stderr


def test_a_config_map_is_imported_with_the_lines_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: llm-config, namespace: team}\n"
        "data:\n  config.yaml: |\n    model_list:\n"
        "    - {model_name: m, litellm_params: {model: openai/gpt-4o}}\n"
        "    - {model_name: two, litellm_params: {model: who-knows}}\n"
    )
    result = run(file)
    assert result.exit_code == 0, result.output
    found = yaml.safe_load(result.stdout)
    assert found["metadata"] == {"name": "llm", "namespace": "team"}
    assert f"{file}, line 8: " in result.stderr


def test_the_patch_of_a_gateway_has_the_lines_of_its_file(tmp_path: Path) -> None:
    """Also in a list, which is how kubectl prints several objects."""
    file = tmp_path / "all.yaml"
    file.write_text(
        "apiVersion: v1\nkind: List\nitems:\n"
        "  - apiVersion: runtime.agentic-layer.ai/v1alpha1\n    kind: AiGateway\n    metadata:\n"
        "      name: agents\n"
        "      annotations: {ai-gateway-litellm.agentic-layer.ai/config-patch: patch}\n"
        "    spec: {aiModels: [{provider: openai, name: gpt-4o}]}\n"
        "  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: patch}\n"
        "    data:\n      patch.yaml: |\n        litellm_settings:\n"
        "          drop_params: true\n          drop_params: false\n"
    )
    result = run(file)
    assert result.exit_code == 1
    assert f"{file}, line 17: " in result.stderr


def test_standard_input_is_imported() -> None:
    command = [sys.executable, "-m", "function.main", "import", "-", "--name", "mine", "-n", "team"]
    text = json.dumps({"model_list": [model()]})
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert yaml.safe_load(result.stdout)["metadata"] == {"name": "mine", "namespace": "team"}


SOURCES = ("config", "chart", "ai-gateway", "model-router", "home-operations", "palena")


@pytest.mark.parametrize("name", SOURCES)
def test_each_source_means_the_same(name: str) -> None:
    results, problems = importing.run(
        [GIVEN / f"{name}.yaml"], Path.read_bytes, name=None, namespace=None
    )
    assert problems == []
    assert [list(result.differences) for result in results] == [[]]


EXAMPLES = "litellm/proxy"
BASES = (
    b"FAKE_OPENAI_API_BASE=https://fake.example.com\nRECORDER_COHERE_BASE_URL=https://c.example.com"
)


def test_litellms_own_examples_are_imported() -> None:
    """As many as the page on imports says; the others could not be called, or not even start."""
    folders = list((CACHE / "litellm" / "lib").glob(f"python*/site-packages/{EXAMPLES}"))
    if not folders:
        absent("LiteLLM", "install it with .ci/build-litellm")
    paths = sorted([*folders[0].glob("*.yaml"), *folders[0].glob("example_config_yaml/*.yaml")])
    refused: list[str] = []
    whole = 0
    for path in paths:
        results, problems = importing.run(
            [path, Path("variables.env")],
            lambda file: BASES if file.suffix == ".env" else file.read_bytes(),
            name="example",
            namespace=None,
        )
        refused += [path.name] if problems else []
        assert [list(result.differences) for result in results] in ([], [[]]), path.name
        whole += any(not result.lost for result in results)
    assert sorted(refused) == ["aliases_config.yaml", "langfuse_config.yaml"]
    text = (GIVEN.parent.parent / "examples" / "import" / "README.md").read_text()
    counted = f"{len(paths)} example configurations (1.108.11), {len(paths) - 2} are imported"
    assert counted in " ".join(text.split())
    assert f"{whole} of them with nothing left out" in " ".join(text.split())


def test_check_writes_nothing(tmp_path: Path) -> None:
    result = written(tmp_path, {"model_list": [model(api_key=KEY)]}, "--check")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert not (tmp_path / "secret.yaml").exists()


def test_the_providers_of_models_are_those_that_litellm_knows() -> None:
    """The table of models whose names do not say their provider, made again."""
    python = CACHE / "litellm" / "bin" / "python"
    if not python.exists():
        absent("LiteLLM", "install it with .ci/build-litellm")
    script = Path(__file__).parent / "support" / "bare_models.py"
    env = {"PATH": "/usr/bin:/bin", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    made = subprocess.run(
        [python, "-P", script], env=env, capture_output=True, text=True, check=True
    )
    table = Path(importing.__file__).with_name("models.json")
    assert json.loads(made.stdout) == json.loads(table.read_text())


# -- All that is imported

_keys = st.sampled_from(
    [None, "", "none", "os.environ/ONE_KEY", "os.environ/OPENAI_API_KEY", KEY, OTHER_KEY]
)
_bases = st.sampled_from(["https://one.example.com/v1", "https://two.example.com", None])
_providers = st.sampled_from(
    ["openai", "azure", "anthropic", "gemini", "bedrock", "hosted_vllm", "groq", "openrouter"]
)
_names = st.sampled_from(["a", "b", "c", "openai/gpt-4o"])


@st.composite
def _models(draw: st.DrawFn) -> dict[str, Any]:
    provider = draw(_providers)
    params: dict[str, Any] = {"model": f"{provider}/model-{draw(st.integers(0, 2))}"}
    if (base := draw(_bases)) is not None or provider in ("hosted_vllm", "azure"):
        params["api_base"] = base or "https://three.example.com"
    if (key := draw(_keys)) is not None:
        params["api_key"] = key
    optional = {
        "rpm": st.integers(1, 100),
        "tpm": st.integers(1, 10000),
        "weight": st.sampled_from([0, 0.5, 1, 3]),
        "timeout": st.sampled_from([1, 2.5, 60]),
        "max_retries": st.integers(0, 3),
        "max_parallel_requests": st.integers(1, 50),
        "temperature": st.sampled_from([0, 0.5, 1]),
        "organization": st.sampled_from(["org-one", "os.environ/ORGANIZATION"]),
        "extra_headers": st.sampled_from(
            [{"X-Team": "a"}, {"Authorization": f"Bearer {KEY}"}, {"X-Key": "os.environ/ONE_KEY"}]
        ),
    }
    params |= draw(st.fixed_dictionaries({}, optional=optional))
    entry: dict[str, Any] = {"model_name": draw(_names), "litellm_params": params}
    if draw(st.booleans()):
        entry["model_info"] = {"mode": "chat", "id": str(draw(st.integers(0, 3)))}
    return entry


_chains = st.lists(
    st.dictionaries(_names, st.lists(_names, min_size=1, max_size=3), min_size=1, max_size=1),
    max_size=3,
)
_configs = st.fixed_dictionaries(
    {"model_list": st.lists(_models(), min_size=1, max_size=5)},
    optional={
        "router_settings": st.fixed_dictionaries(
            {},
            optional={
                "routing_strategy": st.sampled_from(["simple-shuffle", "least-busy"]),
                "num_retries": st.integers(0, 3),
                "timeout": st.integers(1, 600),
                "allowed_fails": st.integers(0, 5),
                "fallbacks": _chains,
                "context_window_fallbacks": _chains,
                "enable_pre_call_checks": st.just(value=True),
                "retry_policy": st.just({"TimeoutErrorRetries": 1}),
                "redis_host": st.sampled_from(["redis.svc", "os.environ/REDIS_HOST"]),
            },
        ),
        "litellm_settings": st.fixed_dictionaries(
            {},
            optional={
                "num_retries": st.integers(0, 3),
                "drop_params": st.booleans(),
                "default_fallbacks": st.lists(_names, max_size=2),
                "cache": st.just(value=True),
                "cache_params": st.sampled_from([{"type": "local"}, {"type": "local", "ttl": 5}]),
                "success_callback": st.sampled_from([["langfuse"], ["prometheus"]]),
            },
        ),
        "general_settings": st.fixed_dictionaries(
            {},
            optional={
                "master_key": st.sampled_from([KEY, "os.environ/MASTER"]),
                "alerting": st.just(["slack"]),
            },
        ),
        "environment_variables": st.fixed_dictionaries(
            {},
            optional={
                "ONE_KEY": st.sampled_from([KEY, OTHER_KEY]),
                "OPENAI_API_KEY": st.just(OTHER_KEY),
                "TEAM": st.just("search"),
            },
        ),
    },
)


@given(_configs)
def test_whatever_is_imported_means_the_same_and_shows_no_key(config: dict[str, Any]) -> None:
    data = json.dumps(config).encode()
    results, problems = importing.run(
        [Path("config.yaml")], lambda _: data, name=None, namespace=None
    )
    assert problems == []
    (result,) = results
    assert list(result.differences) == []
    shown = writer.router(result.imported, result.lost, result.told)
    assert KEY not in shown
    assert OTHER_KEY not in shown
