"""What the table of keys says, held against LiteLLM's source and against its own examples."""

import json
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from function.gateways.litellm import known_keys
from tests.support.tools import CACHE, absent

SCRIPT = Path(__file__).parent / "support" / "known_keys.py"
ENV = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # Its list of prices would come from the internet.
}

KNOWN = {
    "config": "model_list litellm_settings router_settings general_settings environment_variables "
    "callback_settings guardrails mcp_servers mcp_tools include vector_store_registry "
    "search_tools files_settings finetune_settings default_vertex_config credential_list",
    "litellm_params": "model api_base api_key rpm tpm weight order tags temperature max_tokens n "
    "top_p top_k seed stop extra_headers extra_body num_retries timeout stream_timeout max_retries "
    "reasoning_effort thinking dimensions encoding_format language quality size voice "
    "drop_params additional_drop_params allowed_openai_params cache_control_injection_points "
    "input_cost_per_token litellm_credential_name mock_response",
    "model_info": "id mode base_model input_cost_per_token max_input_tokens supports_vision "
    "access_groups health_check_model health_check_timeout disable_background_health_check",
    "router_settings": "enable_weighted_failover optional_pre_call_checks num_retries fallbacks "
    "routing_strategy allowed_fails cooldown_time redis_host model_group_alias timeout",
    "litellm_settings": "request_timeout drop_params callbacks success_callback failure_callback "
    "cache cache_params json_logs set_verbose default_team_settings guardrails mcp_aliases "
    "ui_theme_config timezone turn_off_message_logging num_retries fallbacks",
    "general_settings": "master_key database_url store_model_in_db alerting block_robots "
    "enforce_fallback_budget disable_agents_for_internal_users background_health_checks "
    "moderation_model",
    "cache_params": "type host port password namespace ttl url ssl default_redis_ttl "
    "similarity_threshold supported_call_types redis_startup_nodes service_name sentinel_nodes",
    "routing_strategy": "simple-shuffle least-busy usage-based-routing-v2",
    "optional_pre_call_checks": "prompt_caching enforce_model_rate_limits",
}
"""Names that LiteLLM documents, from each of the places that the table is gathered from."""

CASES: list[tuple[str, str, list[str] | None, str]] = [
    ("litellm_params", "temperature", None, "known"),
    ("litellm_params", "temprature", ["temperature"], "a letter too few"),
    ("litellm_params", "timout", ["timeout"], "the same in a short name"),
    ("litellm_params", "drop_param", ["drop_params"], "the singular"),
    ("litellm_params", "num_retrys", ["num_retries"], "two letters for one"),
    ("litellm_params", "apiBase", ["api_base"], "as in the spec of the router"),
    ("litellm_params", "Temperature", ["temperature"], "names are in the case that LiteLLM reads"),
    ("litellm_params", "my-own", [], "like nothing"),
    ("litellm_params", "top_a", [], "a provider's own, one letter of five from `top_p`"),
    ("litellm_params", "min_p", [], "a provider's own"),
    ("litellm_params", "prompt_logprobs", [], "a provider's own, with a known name in it"),
    ("litellm_params", "chat_template_kwargs", [], "a provider's own"),
    ("litellm_params", "guided_json", [], "a provider's own"),
    ("litellm_params", "performanceConfig", [], "a provider's own, in its own case"),
    ("litellm_params", "", [], "nothing"),
    ("litellm_params", "x" * 100_000, [], "long beyond sense"),
    ("model_info", "base_modle", ["base_model"], "two letters in each other's place"),
    ("model_info", "version", [], "a note for whoever reads it"),
    ("model_info", "team", [], "the same, with a known name that starts with it"),
    ("router_settings", "routing_stratgy", ["routing_strategy", "routing_strategy_args"], "two"),
    ("router_settings", "model_list", [], "the proxy takes it from elsewhere in the file"),
    ("router_settings", "health_check_interval", [], "the proxy does not start with it here"),
    ("litellm_settings", "success_callbacks", ["success_callback"], "the plural"),
    ("litellm_settings", "master_key", [], "of another section"),
    ("general_settings", "set_verbose", [], "of another section"),
    ("general_settings", "databse_url", ["database_url"], "a letter too few"),
    ("cache_params", "similarity_treshold", ["similarity_threshold"], "a letter too few"),
    ("config", "litellm_setting", ["litellm_settings"], "the singular"),
    ("config", "interval_hours", [], "of another `config` in LiteLLM's source"),
]
"""Section, key, what is said of it, and why."""


def test_table_is_that_of_litellm() -> None:
    """Where LiteLLM's own keys are others by now, one command makes the table anew.

    LITELLM_LOCAL_MODEL_COST_MAP=True ~/.cache/modelrouter-tools/litellm/bin/python \
        -P tests/support/known_keys.py > function/gateways/litellm/known_keys.json
    """
    done = subprocess.run(
        [str(_litellm() / "bin" / "python"), "-P", str(SCRIPT)],
        env=ENV,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    made: dict[str, list[str]] = json.loads(done.stdout)
    differences = {
        section: sorted(set(made.get(section, ())) ^ set(_table().get(section, ())))
        for section in made.keys() | _table().keys()
    }
    assert not any(differences.values()), differences
    assert _table() == made, "The same keys, but in another order: the table is as the script said."


def test_examples_of_litellm_are_known() -> None:
    """No warning of a key that LiteLLM's own examples have."""
    folders = _litellm().glob("lib/python*/site-packages/litellm/proxy")
    given = {
        pair
        for folder in folders
        for pattern in ("*.yaml", "example_config_yaml/*.yaml")
        for path in folder.glob(pattern)
        for pair in _given(yaml.safe_load(path.read_text(encoding="utf-8")))
    }
    assert len(given) > 70, "The examples are elsewhere by now."
    assert {
        (section, key) for section, key in given if known_keys.near(section, key) is not None
    } == set()


@pytest.mark.parametrize(("section", "key", "said", "why"), CASES, ids=lambda case: str(case)[:40])
def test_a_key_is_known_or_gets_the_known_keys_that_it_resembles(
    section: str, key: str, said: list[str] | None, why: str
) -> None:
    assert known_keys.near(section, key) == said, why


def test_documented_names_are_known() -> None:
    missing = {
        section: [name for name in names.split() if known_keys.near(section, name) is not None]
        for section, names in KNOWN.items()
    }
    assert missing == {section: [] for section in KNOWN}
    assert missing.keys() == _table().keys(), "Each section is looked at."


def test_names_are_clean() -> None:
    """Each once, in order, and nothing that Python calls so: what can be written in a config."""
    for section, names in _table().items():
        assert names == sorted(set(names)) == known_keys.known(section)
        assert [name for name in names if name.strip("_*. ") != name] == []
        assert {"self", "kwargs", "get", "items"} & set(names) == set()


def _table() -> dict[str, list[str]]:
    folder = resources.files("function.gateways.litellm")
    text = folder.joinpath("known_keys.json").read_text(encoding="utf-8")
    table: dict[str, list[str]] = json.loads(text)
    return table


def _litellm() -> Path:
    folder = CACHE / "litellm"
    if not folder.exists():
        absent("LiteLLM", "run .ci/build-litellm")
    return folder


def _given(config: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # Whatever the file holds.
    """The keys of a config, each with the section that it is in."""
    if not isinstance(config, dict):
        return
    yield from (("config", key) for key in config)
    for section in ("router_settings", "litellm_settings", "general_settings"):
        yield from ((section, key) for key in config.get(section) or ())
    cache = (config.get("litellm_settings") or {}).get("cache_params")
    yield from (("cache_params", key) for key in cache or ())
    for model in config.get("model_list") or ():
        for section in ("litellm_params", "model_info"):
            yield from ((section, key) for key in model.get(section) or ())
