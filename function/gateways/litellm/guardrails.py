"""The guardrails in LiteLLM's configuration, and how each gets its own credentials.

LiteLLM drops a guardrail that it cannot use and serves without it, and what it does when a
guardrail's service fails is up to each kind. So guards.py lies beside the configuration: it makes
sure that every guardrail is there, and holds the rule of each, which it reads from
`guardrail_info`, where LiteLLM keeps it without looking.

A credential comes to its guardrail as an MCP server's does to that: in a variable under a name that
nothing else reads. LiteLLM would look for another key where it finds none, so what it is given is
the variable's copy, which is never empty.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from function import globs, names
from function.api import Spec
from function.api.guardrails import (
    Bedrock,
    ContentFilter,
    Generic,
    Guardrail,
    OpenAIModeration,
    Presidio,
    switched,
)
from function.api.routing import ALL_OTHERS
from function.call import Manifest, Result
from function.errors import Refused
from function.gateways.base import SecretKey
from function.gateways.litellm import credentials
from function.gateways.litellm.items import Path
from function.gateways.litellm.variables import reference
from function.text import first

SECTION: Final = "guardrails"
_PARAMS: Final = "litellm_params"
INFO: Final = "guardrail_info"
_NAME: Final = "guardrail_name"
_VARIABLE: Final = "GUARDRAIL"
_SECONDS: Final = 5
_MODES: Final = {"PreCall": "pre_call", "DuringCall": "during_call", "PostCall": "post_call"}
OPENAI: Final = "https://api.openai.com/v1"
_OPENAI_KEY: Final = "OPENAI_API_KEY"
_AWS_KEYS: Final = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
}


def of(spec: Spec) -> list[Guardrail]:
    """The guardrails of a router that are not switched off, in their order."""
    return switched(spec.guardrails)


def section(spec: Spec) -> Manifest:
    """The section of the guardrails, in which calls pass through them; none if there are none."""
    guardrails = of(spec)
    if not guardrails:
        return {}
    return {SECTION: [_guardrail(guardrail, spec) for guardrail in guardrails]}


def environment(spec: Spec) -> dict[str, Manifest]:
    """The variables of their credentials by name, as Kubernetes EnvVars without their names."""
    env: dict[str, Manifest] = {}
    for guardrail in of(spec):
        for key in _keys(guardrail, spec).values():
            variable = credentials.private_name(_VARIABLE, key)
            env[variable] = credentials.optional_key(key)
            # Kubernetes leaves the text as it is if there is no such variable.
            env[credentials.text_name(variable)] = {"value": f"$({variable})"}
    return env


def places(config: Manifest, spec: Spec) -> dict[str, list[Path]]:
    """Where in a finished configuration each of these variables may stand.

    Only in a guardrail that is as it was planned: another could have another host.
    """
    found: dict[str, list[Path]] = {name: [] for name in environment(spec)}
    own = of(spec)
    written = section(spec).get(SECTION, [])
    for i, item in enumerate(config.get(SECTION, ())):
        if item in written:
            for param, key in _keys(own[written.index(item)], spec).items():
                found[_text(key)].append((SECTION, i, _PARAMS, param))
    return found


def keys(spec: Spec) -> Iterator[SecretKey]:
    """The keys of Secrets that they are shown."""
    return (key for guardrail in of(spec) for key in _keys(guardrail, spec).values())


def lost(config: Manifest, spec: Spec) -> list[Result]:
    """What users are told about guardrails that config.merge or config.remove changed.

    Args:
        config: the finished configuration.
        spec: the router's spec.

    Raises:
        Refused: LiteLLM could not use the section.
    """
    items = config.get(SECTION, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refused(
            names.REASON_CONFIG_BROKEN,
            f"spec.config: in the result, /{SECTION} must be a list of objects; fix merge or "
            "remove.",
        )
    sentences = [
        f"config removes or changes the guardrail {own[_NAME]}, which is not on as spec.guardrails "
        "says."
        for own in section(spec).get(SECTION, [])
        if own not in items
    ]
    return [Result(names.EVENT_CONFIG, text) for text in first(sentences)]


def planned(config: Manifest, spec: Spec) -> Sequence[object]:
    """The items of the section that are as they were planned, whose hosts are written in them."""
    own = section(spec).get(SECTION, [])
    return [one for one in config.get(SECTION, ()) if one in own]


def on(spec: Spec) -> Mapping[str, list[str]]:
    """The guardrails that each model's calls pass through, by the name that clients ask for."""
    scopes = [(guardrail.name, _models(guardrail, spec)) for guardrail in of(spec)]
    offered = dict.fromkeys(model.offered_as for model in spec.called_models)
    return {
        name: [
            guardrail
            for guardrail, models in scopes
            if models is None or globs.meet(models, name) is not None
        ]
        for name in offered
    }


def _guardrail(guardrail: Guardrail, spec: Spec) -> Manifest:
    seconds = guardrail.timeout_seconds or _SECONDS
    kept = {param: reference(_text(key)) for param, key in _keys(guardrail, spec).items()}
    models = _models(guardrail, spec)
    info: Manifest = {"on_failure": guardrail.on_failure or "Block", "timeout_seconds": seconds}
    if models is not None:
        info["models"] = models
    if not guardrail.is_default:
        info["on_request"] = True
    return {
        _NAME: guardrail.name,
        _PARAMS: {
            "mode": [_MODES[mode] for mode in guardrail.modes],
            "default_on": True,
            "timeout": seconds,
            **_params(guardrail),
            **kept,
        },
        INFO: info,
    }


def _models(guardrail: Guardrail, spec: Spec) -> list[str] | None:
    """The models whose calls pass through a guardrail; None for all.

    A call is looked at before it is known which deployment will answer it. So a guardrail of one
    holds for the whole group, and for all models that may fall back to it.
    """
    if guardrail.is_default and guardrail.models is None:
        return None
    named = dict.fromkeys(guardrail.models or ())
    for model in spec.called_models:
        if guardrail.name in model.guardrails:
            named[model.offered_as] = None
    reached = True
    while reached:
        reached = False
        for fallback in spec.routing.fallbacks:
            if fallback.model in named:
                continue
            if any(globs.meet(named, to) is not None for to in fallback.to):
                if fallback.model == ALL_OTHERS:
                    return None
                named[fallback.model] = None
                reached = True
    return list(named)


def _keys(guardrail: Guardrail, spec: Spec) -> Mapping[str, SecretKey]:
    """The keys that a guardrail is shown, by the parameters that hold them."""
    match guardrail:
        case Guardrail(openai_moderation=OpenAIModeration() as moderation):
            ref = moderation.api_key_secret_ref
            own = credentials.shared_source(spec).key(_OPENAI_KEY)
            return {"api_key": own if ref is None else SecretKey(ref.name, ref.key)}
        case Guardrail(bedrock=Bedrock() as bedrock):
            source = credentials.source_of(bedrock.credentials, spec)
            if source is None:
                return {}
            return {param: source.key(variable) for param, variable in _AWS_KEYS.items()}
        case Guardrail(generic=Generic(api_key_secret_ref=ref)) if ref is not None:
            return {"api_key": SecretKey(ref.name, ref.key)}
        case _:
            return {}


def _text(key: SecretKey) -> str:
    return credentials.text_name(credentials.private_name(_VARIABLE, key))


def _params(guardrail: Guardrail) -> Manifest:
    match guardrail:
        case Guardrail(presidio=Presidio() as presidio):
            return _presidio(presidio, guardrail.modes)
        case Guardrail(content_filter=ContentFilter() as content):
            return _content_filter(content)
        case Guardrail(openai_moderation=OpenAIModeration() as moderation):
            said: Manifest = {
                "guardrail": "openai_moderation",
                "api_base": (moderation.api_base or OPENAI).rstrip("/"),
            }
            return said if moderation.model is None else {**said, "model": moderation.model}
        case Guardrail(bedrock=Bedrock() as bedrock):
            return {
                "guardrail": "bedrock",
                "guardrailIdentifier": bedrock.guardrail_id,
                "guardrailVersion": bedrock.version,
                "aws_region_name": bedrock.region,
                "aws_bedrock_runtime_endpoint": (bedrock.endpoint or of_region(bedrock.region)),
            }
        case Guardrail(generic=Generic() as generic):
            params: Mapping[str, Any] = generic.parameters or {}
            return {**params, "guardrail": generic.type, "api_base": generic.api_base}
        case _:
            raise AssertionError  # The rules of the spec ask for one of these.


def of_region(region: str) -> str:
    """The host of Bedrock's runtime in a region."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{region}.{domain}"


def _presidio(presidio: Presidio, modes: Sequence[str]) -> Manifest:
    before, after = "PreCall" in modes, "PostCall" in modes
    said: Manifest = {
        "guardrail": "presidio",
        # LiteLLM makes another guardrail of this, which masks answers: the mode is the first one's.
        "mode": "pre_call" if before else "post_call",
        "presidio_filter_scope": "both" if before and after else "input" if before else "output",
        "presidio_analyzer_api_base": presidio.analyzer_url,
        "presidio_anonymizer_api_base": presidio.anonymizer_url,
        "pii_entities_config": {e.type: e.action.upper() for e in presidio.entities},
    }
    thresholds = {
        entity.type: _fraction(entity.threshold_percent)
        for entity in presidio.entities
        if entity.threshold_percent is not None
    }
    if thresholds:
        said["presidio_score_thresholds"] = thresholds
    if presidio.language is not None:
        said["presidio_language"] = presidio.language
    if presidio.unmask:
        said["output_parse_pii"] = True
    return said


def _fraction(percent: int) -> int | float:
    return percent // 100 if percent in (0, 100) else percent / 100


def _content_filter(content: ContentFilter) -> Manifest:
    said: Manifest = {"guardrail": "litellm_content_filter"}
    if content.patterns:
        said["patterns"] = [
            {"pattern_type": "prebuilt", "pattern_name": pattern.name}
            | {"action": pattern.action.upper()}
            if pattern.regexp is None
            else {"pattern_type": "regex", "name": pattern.name, "pattern": pattern.regexp}
            | {"action": pattern.action.upper()}
            for pattern in content.patterns
        ]
    if content.blocked_words:
        said["blocked_words"] = [
            {"keyword": blocked.word.lower(), "action": blocked.action.upper()}
            for blocked in content.blocked_words
        ]
    if content.categories:
        said["categories"] = [
            {
                "category": category.name,
                "enabled": True,
                "action": "BLOCK",
                "severity_threshold": (category.severity or "Medium").lower(),
            }
            for category in content.categories
        ]
    return said
