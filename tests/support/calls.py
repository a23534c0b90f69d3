"""Calls to record: each provider of the table, each kind of call, and what the environment has."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from function.gateways.litellm import providers
from function.gateways.litellm.providers import Provider
from tests.support.recording import Case

BASE = "https://base-of-the-spec.invalid/v1"
"""What stands for `apiBase`."""

KINDS = (
    *("chat", "stream", "text", "messages", "responses", "socket", "generate"),
    *("embedding", "rerank", "moderation", "image", "edit", "video", "ocr", "speech"),
    *("transcription", "realtime", "secret", "file", "batch", "decision", "store"),
    *("container", "tuning"),
)
"""All kinds of call; the recorder has them under the same names."""

_CHAT = ("chat", "stream", "text", "messages", "responses", "socket", "generate")
_CLAUDE = "anthropic.claude-3-sonnet-20240229-v1:0"


def _talks(*models: str) -> dict[str, tuple[str, ...]]:
    """All models for the kinds that differ most, and the first for what LiteLLM turns into them."""
    return {k: models if k in ("chat", "messages", "responses") else models[:1] for k in _CHAT}


MODELS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ai21": _talks("jamba-1.5-large", "m"),
    "aws_polly": {"speech": ("neural",)},
    "aws_textract": {"ocr": ("detect-document-text",)},
    "azure": {
        **_talks("m", "gpt-5", "claude-sonnet-4-5", "computer-use-preview", "mistral-large-latest"),
        "embedding": ("m", "mistral-large-latest"),
        "image": ("m", "mistral-large-latest"),
    },
    "azure_ai": {
        **_talks("m", "claude-sonnet-4-5", "gpt-5", "mistral-large", "agents/m", "model_router/m"),
        "embedding": ("m", "Cohere-embed-v3-english"),
        "image": ("m", "FLUX-1.1-pro", "gpt-image-1"),
        "edit": ("m", "flux.1-kontext-pro"),
        "rerank": ("cohere-rerank-v3.5",),
        "ocr": ("mistral-document-ai-2505", "doc-intelligence/prebuilt-read"),
        "transcription": ("whisper",),
    },
    "bedrock": {
        **_talks(
            *(_CLAUDE, "invoke/m", "converse/m", "amazon.titan-text-express-v1", "agent/a/b"),
            *("meta.llama3-70b-instruct-v1:0", "openai/m", "agentcore/arn:aws:m:us-east-1:1:r/m"),
        ),
        "embedding": ("amazon.titan-embed-text-v1", "cohere.embed-english-v3"),
        "image": ("amazon.nova-canvas-v1:0", "stability.sd3-large-v1:0"),
        "edit": ("stability.stable-conservative-upscale-v1:0",),
        "rerank": ("cohere.rerank-v3-5:0",),
        "realtime": ("amazon.nova-2-sonic-v1:0",),
        "file": (_CLAUDE,),
        "batch": (_CLAUDE,),
        "store": (_CLAUDE,),
    },
    "bespoke": {"decision": ("nimble",)},
    "black_forest_labs": {"image": ("flux-pro-1.1",), "edit": ("flux-kontext-pro",)},
    "clarifai": _talks("user.app.model"),
    "cloudflare": {
        "decision": ("clef-omni",),
        "transcription": ("@cf/openai/whisper",),
    },
    "cohere": {"ocr": ("parse-v5.0",), **_talks("m", "command-r-plus", "command-a-03-2025")},
    "databricks": {**_talks("m", "databricks-claude-sonnet-4"), "decision": ("ai_decide",)},
    "fal_ai": {**_talks("fal-ai/moondream3-preview/query"), "image": ("m", "fal-ai/flux-pro/v1.1")},
    "gemini": {
        **_talks("m", "gemini-2.5-pro"),
        "image": ("imagen-4.0", "gemini-2.5-flash-image"),
        "transcription": ("gemini-3.5-transcribe",),
    },
    "huggingface": _talks("hf-inference/org/m"),
    "laya": {"decision": ("english",)},
    "oci": {**_talks("xai.grok-4", "cohere.command-r-plus"), "embedding": ("cohere.embed-v4.0",)},
    "openai": _talks("m", "gpt-5", "gpt-5-codex", "gpt-3.5-turbo-instruct", "responses/m"),
    "ragflow": _talks("chat/c/m"),
    "reducto": {"ocr": ("parse-v3",)},
    "replicate": {**_talks("owner/m"), "image": ("owner/m",)},
    "sap": {**_talks("gpt-4o"), "embedding": ("text-embedding-3-small",)},
    "scaledown": _talks("compress"),
    "stability": {"image": ("sd3",), "edit": ("inpaint",)},
    "strands_decider": {"decision": ("strands-decider-2B-hobson-v19",)},
    "transcribe": {"transcription": ("StartTranscriptionJob",)},
    "typesafe": {"decision": ("jev-1.13.0",)},
    "vertex_ai": {
        **_talks(
            *("gemini-2.5-pro", "claude-sonnet-4-5", "meta/llama-3.1-405b-instruct-maas"),
            *("mistral-large-2411", "jamba-1.5", "openai/gpt-oss-120b-maas", "deepseek-ai/m-maas"),
            *("123456", "gemma/m", "agent_engine/m", "text-unicorn"),
        ),
        "embedding": ("text-embedding-005", "multimodalembedding"),
        "image": ("imagegeneration@006", "gemini-2.5-flash-image"),
        "speech": ("chirp", "gemini-2.5-flash-tts"),
        "transcription": ("chirp_3",),
        "rerank": ("semantic-ranker-default",),
        "ocr": ("mistral-ocr-2505", "deepseek-ai/deepseek-ocr-maas"),
        "realtime": ("gemini-3.8-live",),
        "video": ("veo-3.1-generate-preview",),
    },
    "vertex_ai_beta": _talks("gemini-2.5-pro"),
    "voyage": {"rerank": ("rerank-2",), "embedding": ("voyage-3",)},
    "watsonx": {**_talks("ibm/granite"), "transcription": ("whisper-large-v3-turbo",)},
    "watsonx_text": _talks("ibm/granite"),
}
"""The models that a kind of call is recorded with, where it is not `m`: one for each of LiteLLM's
ways to call the provider."""

_GOOGLE = {"vertex_project": "project", "vertex_location": "us-central1"}
_REGION = {"aws_region_name": "us-east-1"}
_DRIVERS: Mapping[str, Mapping[str, Any]] = {
    "bedrock": {"s3_bucket_name": "bucket", "aws_batch_role_arn": "arn:aws:iam::1:role/batch"},
    "gdc": _GOOGLE,
    "gradient_ai": {"drop_params": True},
    "aws_textract": _REGION,
    "s3_vectors": _REGION,
    "transcribe": {"s3_bucket_name": "bucket", **_REGION},
    "vertex_ai": {"gcs_bucket_name": "bucket", **_GOOGLE},
    "vertex_ai_beta": _GOOGLE,
    "watsonx": {"project_id": "project"},
    "watsonx_text": {"project_id": "project"},
}
"""What a call cannot do without, beside its credentials and its base."""


@cache
def table() -> dict[str, Provider]:
    return {name: providers.find(name) for name in providers.known()}


def models(name: str, kind: str) -> tuple[str, ...]:
    chosen = MODELS.get(name, {})
    return chosen.get(kind) or chosen.get("chat", ("m",))[:1]


def private(name: str, present: Iterable[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """The environment and parameters of an entry whose keys nothing else reads.

    Each variable has a parameter that names it, whether it is present or not; a present one without
    a parameter can only have its own name.
    """
    provider, present = table()[name], tuple(present)
    params: dict[str, Any] = {}
    for variable in (*present, *provider.variables):
        param = provider.params.get(variable)
        if param is not None:
            params.setdefault(param, f"os.environ/{variable}.other")
    env = {f"{v}.other" if v in provider.params else v: value(v) for v in present}
    return env, params


def handed(name: str, present: Iterable[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """The environment and parameters of an entry as the function writes them.

    It has the provider's own base, or that of the spec where the spec must have one.
    """
    env, params = private(name, present)
    provider = table()[name]
    if provider.default_base is not None:
        params["api_base"] = provider.default_base
    elif provider.base or provider.needs_base:
        params["api_base"] = BASE
    return env, params


def public(present: Iterable[str]) -> dict[str, str]:
    """The environment that has these variables under LiteLLM's own names."""
    return {variable: value(variable) for variable in present}


def calls(
    name: str,
    env: Mapping[str, str],
    params: Mapping[str, Any],
    kinds: Iterable[str] = KINDS,
) -> list[Case]:
    """One call for each kind and model, sorted so that calls of one model are neighbours."""
    wanted = [(model, kind) for kind in kinds for model in models(name, kind)]
    every = {**params, **_DRIVERS.get(name, {})}
    return [
        Case(env, {"model": f"{name}/{model}", **every}, kind) for model, kind in sorted(wanted)
    ]


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
