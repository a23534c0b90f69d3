"""What the table of providers says, held against what LiteLLM really reads and sends.

Each variable holds a value that occurs nowhere else, and every call is recorded: so it is seen
which variables leave, and where they go.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from function.gateways.litellm import providers
from function.gateways.litellm.providers import Provider
from tests.support.recording import BROKEN_OFF, PROMPT, Case, Recording, known_providers, record

BASE = "https://base-of-the-spec.invalid/v1"
"""What stands for `apiBase`."""

CALLS: Mapping[str, tuple[str, str]] = {
    "ai21": ("chat", "jamba-1.5-large"),  # Any other goes to api.openai.com.
    "aws_polly": ("speech", "neural"),
    "bedrock": ("chat", "anthropic.claude-3-sonnet-20240229-v1:0"),
    "black_forest_labs": ("image", "flux-pro-1.1"),
    "clarifai": ("chat", "user.app.model"),
    "deepgram": ("transcription", "m"),
    "elevenlabs": ("transcription", "m"),
    "fal_ai": ("image", "m"),
    "huggingface": ("chat", "hf-inference/org/m"),
    "infinity": ("rerank", "m"),
    "jina_ai": ("embedding", "m"),
    "manus": ("responses", "m"),
    "oci": ("chat", "xai.grok-4"),
    "openai_like": ("embedding", "m"),
    "ragflow": ("chat", "chat/c/m"),
    "recraft": ("image", "m"),
    "replicate": ("chat", "owner/m"),
    "runwayml": ("image", "m"),
    "sap": ("chat", "gpt-4o"),
    "scaledown": ("chat", "compress"),
    "soniox": ("transcription", "m"),
    "stability": ("image", "sd3"),
    "vertex_ai": ("chat", "gemini-2.5-pro"),
    "vertex_ai_beta": ("chat", "gemini-2.5-pro"),
    "voyage": ("embedding", "m"),
    "watsonx": ("chat", "ibm/granite"),
    "watsonx_text": ("chat", "ibm/granite"),
}
"""Kind of call and model, where it is not a chat with `m`."""

_BASED = {"api_base": BASE}
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "a2a": _BASED,
    "azure": _BASED,
    "azure_ai": _BASED,
    "azure_text": _BASED,
    "custom": _BASED,
    "databricks": _BASED,
    "databricks_agent": _BASED,
    "gdc": {**_BASED, "vertex_project": "project", "vertex_location": "location"},
    "gradient_ai": {"drop_params": True},
    "heroku": _BASED,
    "infinity": _BASED,
    "oobabooga": _BASED,
    "openai_like": _BASED,
    "ragflow": _BASED,
    "triton": _BASED,
    "watsonx": {**_BASED, "project_id": "project"},
    "watsonx_text": {**_BASED, "project_id": "project"},
}
"""What a call cannot do without, beside its credentials."""

_NO_MODEL = "no model of it can be called: LiteLLM has it for pass-through or vector stores"
_NO_REQUEST = "a name for LiteLLM's own use, which sends nothing by itself"
_LOGIN = "wants a person to log in with a browser"
UNRECORDED: Mapping[str, str] = {
    **dict.fromkeys(
        [
            *("a2a_agent", "azure_speech", "bespoke", "cursor", "laya", "milvus", "mongodb"),
            *("pg_vector", "s3_vectors", "strands_decider", "topaz", "transcribe", "typesafe"),
            "valkey",
        ],
        _NO_MODEL,
    ),
    **dict.fromkeys(
        ["auto_router", "dotprompt", "humanloop", "langfuse", "litellm_agent"], _NO_REQUEST
    ),
    **dict.fromkeys(["chatgpt", "github_copilot", "microsoft_365_copilot"], _LOGIN),
    **dict.fromkeys(["petals", "vllm"], "runs the model in the process, with packages not here"),
    "aws_textract": "sends from LiteLLM's part in Rust",
    "nvidia_riva": "speaks gRPC, with packages that are not here",
    "reducto": "sends from LiteLLM's part in Rust",
}
"""Providers of which no call is recorded, and why: for these the table follows LiteLLM's code."""

UNSEEN = {"AWS_SECRET_ACCESS_KEY", "OCI_KEY"}
"""Variables that never leave as they are: requests are signed with them."""

NOT_CHOSEN = {"api.openai.com", "localhost", "127.0.0.1", "0.0.0.0"}
"""Where LiteLLM sends what it has no base for: to OpenAI, or to the gateway's own pod."""

WITHOUT_PROMPT = {"watsonx_text"}
"""Providers that LiteLLM, through a Router, sends an empty prompt."""


@cache
def table() -> dict[str, Provider]:
    return {name: providers.find(name) for name in providers.known()}


RECORDED = [name for name in table() if name not in UNRECORDED]
ALTERNATIVES = [(name, keys) for name in RECORDED for keys in table()[name].keys]
PRIVATE = [(name, keys) for name, keys in ALTERNATIVES if set(keys) <= set(table()[name].params)]
KEYS = {variable for provider in table().values() for keys in provider.keys for variable in keys}
WITH_BASE = [name for name in RECORDED if table()[name].base]
NEEDS_BASE = [name for name in RECORDED if table()[name].needs_base]
IGNORES_BASE = [name for name in RECORDED if table()[name].ignores_base]

Key = tuple[str, str, tuple[str, ...]]


@pytest.fixture(scope="module")
def recordings() -> dict[Key, Recording]:
    """All calls of all tests here, recorded at once: loading LiteLLM takes as long as 50 calls."""
    cases: dict[Key, Case] = {}
    for name in RECORDED:
        provider, others = table()[name], foreign_to(name)
        ruled = others - set(provider.reads)
        keys = next(iter(provider.keys), ())
        cases["own", name, ()] = case(name, set())
        cases["foreign", name, ()] = case(name, others)
        cases["ruled", name, ()] = case(name, ruled)
        cases["ruled", name, keys] = case(name, {*ruled, *keys})
        for variable in provider.reads:
            # A key is read where there is none; anything else beside one.
            own = () if variable in KEYS else provider.variables
            beside = private(name, own)
            env = {**beside.env, variable: value(variable)}
            cases["reads", name, (variable,)] = replace(beside, env=env)
    for name in UNRECORDED:
        cases["unrecorded", name, ()] = case(name, set(table()[name].variables))
    for name, keys in ALTERNATIVES:
        cases["own", name, keys] = case(name, set(keys))
    for name, keys in PRIVATE:
        cases["private", name, keys] = private(name, keys)
    for name in WITH_BASE:
        cases["no base", name, ()] = private(
            name, table()[name].variables, model="m", api_base=None
        )
    for name in NEEDS_BASE:
        keys = next(iter(table()[name].keys), ())
        cases["baseless", name, ()] = based(name, set(keys), None)
        for base in bases(name):
            cases["based", name, (base,)] = based(name, {*keys, base}, None)
    for name in IGNORES_BASE:
        cases["ignored", name, ()] = based(name, set(next(iter(table()[name].keys), ())), BASE)
    return dict(zip(cases, record(list(cases.values())), strict=True))


def case(name: str, variables: set[str]) -> Case:
    kind, model = CALLS.get(name, ("chat", "m"))
    base = {"api_base": BASE} if table()[name].base else {}
    params = {"model": f"{name}/{model}", **base, **PARAMS.get(name, {})}
    return Case({variable: value(variable) for variable in variables}, params, kind)


def based(name: str, variables: set[str], base: str | None) -> Case:
    """With this base in the parameters, or with none."""
    plain = case(name, variables)
    params = {param: value for param, value in plain.params.items() if param != "api_base"}
    return replace(plain, params=params if base is None else {**params, "api_base": base})


def bases(name: str) -> list[str]:
    """The variables that hold a provider's base."""
    provider = table()[name]
    return [v for v in provider.variables if provider.params.get(v) == "api_base"]


def private(name: str, keys: tuple[str, ...], **changes: str | None) -> Case:
    """All variables under names of their own, of which only some are in the environment."""
    provider = table()[name]
    plain = case(name, set())
    params: dict[str, Any] = {}
    for variable in (*keys, *provider.variables):
        param = provider.params.get(variable)
        if param is not None:
            params.setdefault(param, f"os.environ/{variable}.other")
    params |= plain.params
    if "model" in changes:
        params["model"] = f"{name}/{changes['model']}"
    if "api_base" in changes:
        params.pop("api_base", None)
    env = {f"{variable}.other": value(variable) for variable in keys}
    return Case(env, params, plain.kind)


def foreign_to(name: str) -> set[str]:
    """All variables of all providers but its own."""
    every = {variable for provider in table().values() for variable in provider.variables}
    return every - set(table()[name].variables)


def mark(variable: str) -> str:
    """What is in a variable's value and nowhere else."""
    return f"k{hashlib.sha256(variable.encode()).hexdigest()[:16]}"


def value(variable: str) -> str:
    """A value with the variable's mark, of a form that LiteLLM takes."""
    text = mark(variable)
    match variable:
        case "VERTEXAI_CREDENTIALS":
            made = service_account(text)
        case "AICORE_SERVICE_KEY":
            made = service_key(text)
        case "OCI_KEY":
            made = private_key()
        case "OCI_REGION":
            made = "us-ashburn-1"
        case "AWS_ROLE_NAME":
            made = f"arn:aws:iam::123456789012:role/{text}"
        case _ if variable.endswith(("_BASE", "_URL", "_ENDPOINT", "_HOST")):
            made = f"https://{text}.invalid/v1"
        case _ if variable.endswith(("REGION", "REGION_NAME", "LOCATION")):
            made = f"us-{text}-1"
        case _:
            made = text
    return made


@cache
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def service_account(text: str) -> str:
    return json.dumps(
        {
            "type": "service_account",
            "project_id": text,
            "private_key_id": text,
            "private_key": private_key(),
            "client_email": f"{text}@project.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )


def service_key(text: str) -> str:
    url = f"https://{text}.invalid"
    urls = {"url": url, "serviceurls": {"AI_API_URL": url}}
    return json.dumps({"clientid": text, "clientsecret": text, **urls})


def leaving(recording: Recording, variables: set[str]) -> set[str]:
    return {variable for variable in variables if recording.holds(mark(variable))}


def prompted(recording: Recording) -> set[str]:
    """The hosts that the prompt went to."""
    return {host for host, _ in recording.holds(PROMPT)}


def test_every_recorded_call_came_to_its_end(recordings: dict[Key, Recording]) -> None:
    """One that is broken off, as a machine is busy, looks like one that sent no more."""
    assert recordings
    assert not [call for call, done in recordings.items() if BROKEN_OFF in str(done.error)]


def test_the_table_has_the_providers_of_litellm_and_no_others() -> None:
    assert sorted(table()) == known_providers()


def test_the_exceptions_are_providers_of_the_table() -> None:
    assert set(table()) >= {*CALLS, *PARAMS, *UNRECORDED}


def test_there_are_providers_of_each_kind() -> None:
    """So that no test of a kind is one of nothing; and what authenticates is never nothing."""
    assert all((RECORDED, PRIVATE, WITH_BASE, NEEDS_BASE, IGNORES_BASE))
    assert any(table()[name].reads for name in RECORDED)
    assert all(keys for _, keys in ALTERNATIVES)


def test_every_param_is_of_a_variable_of_the_provider() -> None:
    for name, provider in table().items():
        assert set(provider.params) <= set(provider.variables), name
        assert not set(provider.reads) & set(provider.variables), name


@pytest.mark.parametrize("name", UNRECORDED)
def test_a_provider_that_cannot_be_recorded_still_sends_nothing(
    name: str, recordings: dict[Key, Recording]
) -> None:
    recording = recordings["unrecorded", name, ()]
    assert not prompted(recording), recording


@pytest.mark.parametrize(("name", "keys"), ALTERNATIVES)
def test_each_alternative_of_keys_authenticates_under_litellms_own_names(
    name: str, keys: tuple[str, ...], recordings: dict[Key, Recording]
) -> None:
    recording = recordings["own", name, keys]
    assert leaving(recording, set(keys)) == set(keys) - UNSEEN, recording
    assert prompted(recording) or name in WITHOUT_PROMPT, recording


@pytest.mark.parametrize(("name", "keys"), PRIVATE)
def test_each_alternative_of_keys_authenticates_the_same_way_through_params(
    name: str, keys: tuple[str, ...], recordings: dict[Key, Recording]
) -> None:
    own, other = recordings["own", name, keys], recordings["private", name, keys]
    assert leaving(other, set(keys)) == set(keys) - UNSEEN, other
    for variable in keys:
        assert other.holds(mark(variable)) <= own.holds(mark(variable)), (variable, other)
    assert prompted(other) == prompted(own), other


@pytest.mark.parametrize("name", RECORDED)
def test_no_variable_of_another_provider_leaves_but_those_in_reads(
    name: str, recordings: dict[Key, Recording]
) -> None:
    recording = recordings["foreign", name, ()]
    assert leaving(recording, foreign_to(name)) <= set(table()[name].reads), recording


@pytest.mark.parametrize(
    ("name", "variable"), [(name, v) for name in RECORDED for v in table()[name].reads]
)
def test_every_variable_in_reads_leaves(
    name: str, variable: str, recordings: dict[Key, Recording]
) -> None:
    recording = recordings["reads", name, (variable,)]
    assert leaving(recording, {variable}), recording


@pytest.mark.parametrize("name", RECORDED)
def test_a_provider_without_the_variables_in_reads_sends_nothing_astray(
    name: str, recordings: dict[Key, Recording]
) -> None:
    alternatives = (*table()[name].keys, ())
    own = set().union(*(prompted(recordings["own", name, keys]) for keys in alternatives))
    for keys in {(), alternatives[0]}:
        recording = recordings["ruled", name, keys]
        assert not leaving(recording, foreign_to(name)), recording
        assert prompted(recording) <= own, recording


@pytest.mark.parametrize(
    "name", [name for name in RECORDED if "OPENAI_API_KEY" not in table()[name].variables]
)
def test_a_prompt_goes_to_no_host_that_no_one_chose(
    name: str, recordings: dict[Key, Recording]
) -> None:
    alternatives = (*table()[name].keys, ())
    calls: set[Key] = {("own", name, keys) for keys in alternatives}
    calls |= {("ruled", name, keys) for keys in ((), alternatives[0])}
    calls |= {("private", name, keys) for keys in alternatives if (name, keys) in PRIVATE}
    for call in calls:
        assert not prompted(recordings[call]) & NOT_CHOSEN, recordings[call]


@pytest.mark.parametrize("name", WITH_BASE)
def test_a_provider_that_must_have_a_base_would_else_call_a_host_that_no_one_chose(
    name: str, recordings: dict[Key, Recording]
) -> None:
    hosts = prompted(recordings["no base", name, ()])
    assert hosts, recordings["no base", name, ()]
    assert hosts <= NOT_CHOSEN
    for keys in (*table()[name].keys, ()):
        assert prompted(recordings["own", name, keys]) <= {"base-of-the-spec.invalid"}


@pytest.mark.parametrize("name", NEEDS_BASE)
def test_a_provider_that_needs_a_base_sends_nothing_without_and_takes_it_from_a_variable(
    name: str, recordings: dict[Key, Recording]
) -> None:
    assert not prompted(recordings["baseless", name, ()]), recordings["baseless", name, ()]
    assert bases(name)
    for base in bases(name):
        recording = recordings["based", name, (base,)]
        sent = prompted(recording) or {host for host, _ in recording.holds(mark(base))}
        assert any(mark(base) in host for host in sent), recording


@pytest.mark.parametrize("name", IGNORES_BASE)
def test_a_provider_that_ignores_its_base_is_called_at_its_own_host(
    name: str, recordings: dict[Key, Recording]
) -> None:
    keys = next(iter(table()[name].keys), ())
    hosts = prompted(recordings["ignored", name, ()])
    assert hosts == prompted(recordings["own", name, keys])
    assert "base-of-the-spec.invalid" not in hosts
