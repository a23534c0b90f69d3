"""What a configuration of LiteLLM means, so that two can be compared.

Each offered name stands for deployments: which provider and model is called at which host, with
which credentials, limits and share of the load. Names of variables do not matter, but what they
hold does. What LiteLLM does without being told is filled in, and so is what the function says that
LiteLLM would do anyway.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from function import shapes
from function.api.models import PARAMETERS
from function.api.routing import ALL_OTHERS, SIMPLE_SHUFFLE
from function.call import Manifest
from function.gateways.base import SecretKey
from function.gateways.litellm import providers, variables
from function.gateways.litellm.items import REFERENCE
from function.gateways.litellm.providers import Provider
from function.imports import called, deployments, fallbacks, guardrails, mcp
from function.imports.router import Imported
from function.imports.settings import CALLBACKS, GENERAL, LITELLM, ROUTER
from function.text import shorten


@dataclass(frozen=True)
class Variables:
    """What variables hold, as texts that are the same on both sides; empty for nothing.

    Attributes:
        held: what one holds; if that is not known, where it comes from.
        known: what one holds for sure.
    """

    held: Callable[[str], str]
    known: Callable[[str], str]


_METRICS: Final = ("weight", "rpm", "tpm")
"""By which LiteLLM shares the load: the first that an entry of a group has."""
_LIMITS: Final = ("rpm", "tpm", "max_parallel_requests")
_RETRIES: Final = 2
_AGAIN: Final = "the number of retries"
_GUARDED: Final = "the list of guardrails"


@dataclass(frozen=True)
class Meaning:
    """What a configuration means.

    Attributes:
        models: for each offered name, its deployments.
        fallbacks: for each setting and model, the models that are called instead.
        settings: the other settings, by their paths.
    """

    models: Mapping[str, Sequence[Manifest]] = field(default_factory=dict)
    fallbacks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def of(config: Manifest, env: Variables, dropped: Iterable[str] = ()) -> Meaning:
    """The meaning of a configuration.

    Args:
        config: the configuration.
        env: what variables hold.
        dropped: the paths of what is to be left aside.
    """
    aside = frozenset(dropped)
    stored = {
        shapes.text_at(item, "credential_name"): shapes.object_at(item, "credential_values")
        for item in shapes.objects_at(config, "credential_list")
    }
    scoped = _scoped(config)
    groups: dict[str, list[tuple[Manifest, dict[str, Fraction]]]] = {}
    for i, item in enumerate(shapes.objects_at(config, "model_list")):
        if f"model_list[{i}]" in aside:
            continue
        params = dict(shapes.object_at(item, "litellm_params"))
        named = params.pop("litellm_credential_name", None)
        params = {**stored.get(str(named), {}), **params}
        name = shapes.text_at(item, "model_name")
        named = [*shapes.as_list(params.pop(guardrails.ON_MODELS, None)), *scoped.get(name, ())]
        entry = _deployment(params, shapes.object_at(item, "model_info"), env)
        if named:
            entry[_GUARDED] = sorted(set(named))
        metrics = {
            metric: Fraction(number)
            for metric in _METRICS
            if (number := _number(params.get(metric))) is not None
        }
        groups.setdefault(name, []).append((entry, metrics))
    return Meaning(
        models={
            name: _shared(group, shuffled=_strategy(config) == SIMPLE_SHUFFLE)
            for name, group in groups.items()
        },
        fallbacks=_fallbacks(config, list(groups)),
        settings=_settings(config, env, aside),
    )


def given(imported: Imported) -> Meaning:
    """The meaning of what was imported, but for what is known to be lost."""
    env, texts = imported.source.environment, _texts(imported)

    def held(variable: str) -> str:
        value = env.known.get(variable)
        if value is None:
            own = env.secret or imported.secrets.name
            return _identity(SecretKey(own, variable), texts)
        if value.key is not None:
            return _identity(value.key, texts)
        if value.text is not None:
            return _literal(value.text) if value.text else ""
        return json.dumps(value.other, sort_keys=True)

    def known(variable: str) -> str:
        return held(variable) if variable in env.known else ""

    return of(imported.source.config, Variables(held, known), imported.dropped)


def composed(config: Manifest, env: Mapping[str, Manifest], imported: Imported) -> Meaning:
    """The meaning of what the function composes.

    Args:
        config: its configuration.
        env: the variables of its container.
        imported: the router.
    """
    texts = _texts(imported)

    def held(variable: str) -> str:
        entry = env.get(variable)
        if entry is None:
            return ""
        ref = shapes.at(entry, "valueFrom", "secretKeyRef")
        if isinstance(ref, Mapping):
            return _identity(SecretKey(str(ref["name"]), str(ref["key"])), texts)
        if "valueFrom" in entry:
            return json.dumps({"valueFrom": entry["valueFrom"]}, sort_keys=True)
        text = shapes.text_at(entry, "value")
        if text.startswith("$(") and text.endswith(")"):
            return held(text[2:-1])
        return _literal(text) if text else ""

    return of(config, Variables(held, held))


def differences(one: Meaning, other: Meaning) -> list[str]:
    """How the meaning of what is composed differs from that of what was given."""
    found = []
    for name in sorted({*one.models, *other.models}):
        if one.models.get(name) != other.models.get(name):
            found += _of_group(name, one.models.get(name, []), other.models.get(name, []))
    for chain in sorted({*one.fallbacks, *other.fallbacks}):
        before, after = one.fallbacks.get(chain), other.fallbacks.get(chain)
        if before != after:
            found.append(f"{chain} go to {_listed(after)}, not to {_listed(before)}")
    for path in sorted(one.settings):
        if path not in other.settings:
            found.append(f"{path} is not set")
        elif one.settings[path] != other.settings[path]:
            found.append(f"{path} is another")
    return found


def _of_group(name: str, before: Sequence[Manifest], after: Sequence[Manifest]) -> list[str]:
    shown = f"'{shorten(name)}'"
    if len(before) != len(after):
        return [f"{shown} has {len(after)} deployments, not {len(before)}"]
    found: dict[str, None] = {}
    for one, other in zip(before, after, strict=True):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key) and not _on_purpose(key, one, other):
                found[f"{key} of {shown} is another"] = None
    return list(found)


def _on_purpose(key: str, one: Manifest, other: Manifest) -> bool:
    """Whether a ModelRouter differs there as it says that it does.

    A call moves on to a fallback at once where no one asks for retries, and passes through the
    guardrails of the models that it may fall back to.
    """
    if key == _GUARDED:
        return {*one.get(key, ())} <= {*other.get(key, ())}
    return key == _AGAIN and key not in one and other[key] == 0


def _listed(names: Sequence[str] | None) -> str:
    return ", ".join(f"'{shorten(name)}'" for name in names or ()) or "none"


# -- What variables hold


def _texts(imported: Imported) -> dict[SecretKey, str]:
    """The texts of keys of Secrets, as far as they are known."""
    secrets = imported.secrets
    known = imported.source.environment.known.values()
    return {
        **{value.key: value.text for value in known if value.key and value.text is not None},
        **{SecretKey(secrets.name, key): text for key, text in secrets.values.items()},
    }


def _identity(key: SecretKey, texts: Mapping[SecretKey, str]) -> str:
    return _literal(texts[key]) if key in texts else f"{key.secret}/{key.key}"


def _literal(text: str) -> str:
    """A text as what is the same for the same one, and does not show it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _resolved(value: Any, env: Variables) -> Any:  # noqa: ANN401  # Any JSON.
    """A value in which no name of a variable is left, nor a text."""
    match value:
        case dict():
            return {key: _resolved(item, env) for key, item in value.items()}
        case list():
            return [_resolved(item, env) for item in value]
        case str():
            return _text_of(value, env)
    return value


def _text_of(value: str, env: Variables) -> str:
    name = variables.referred(value)
    if name is not None:
        return env.held(name)
    if REFERENCE.search(value):
        return REFERENCE.sub(lambda match: f"<{env.held(match[1])}>", value)
    return _literal(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(str(value))
    except ValueError:
        return None


# -- Models


def _deployment(params: Manifest, info: Mapping[str, Any], env: Variables) -> Manifest:
    own = params.get("custom_llm_provider")
    model = str(params.get("model", ""))
    name = called.name_of(model, own if isinstance(own, str) else None) or model
    provider_name, _, model_id = name.partition("/")
    provider = providers.find(provider_name)
    left = {k: v for k, v in params.items() if v not in (None, "") and k not in _KNOWN}
    said: Manifest = {
        "the provider": provider_name,
        "the model": model_id,
        "the host": _host(params, provider_name, provider, env),
        "the credential": _credentials(left, provider, env),
        "the version of the API": _version(params, provider, env),
        "the parameters": _resolved(left, env),
        "the info": _resolved(dict(info), env),
    }
    for limit in _LIMITS:
        value = _number(params.get(limit))
        if value is not None and value >= 1:
            said[limit] = int(value)
    timeout = params.get("timeout") or params.get("request_timeout")
    if (seconds := _number(timeout)) is not None:
        said["the timeout"] = min(max(math.ceil(seconds), 1), 3600)
    again = params.get("num_retries", params.get("max_retries"))
    if (count := _number(again)) is not None:
        said[_AGAIN] = min(int(count), 10)
    return said


def _host(params: Manifest, name: str, provider: Provider, env: Variables) -> str:
    base = params.get("api_base") or params.get("base_url")
    host = _text_of(base, env) if isinstance(base, str) and not provider.ignores_base else ""
    if not host:
        of_provider = env.known if provider.default_base else env.held
        others = deployments.BASES.get(name, ())
        bases = (*map(of_provider, provider.bases), *map(env.known, others))
        host = next(filter(None, bases), "")
    if provider.default_base and host == _literal(provider.default_base):
        return ""
    return host


def _credentials(left: dict[str, Any], provider: Provider, env: Variables) -> Manifest:
    """What an entry has for each variable of its provider; taken from its parameters."""
    held: Manifest = {}
    first = provider.keys[0] if provider.keys else ()
    for variable in provider.variables:
        param = provider.params.get(variable)
        if param in ("api_base", "api_version") or param in held:
            continue
        stated = None if param is None else left.pop(param, None)
        if isinstance(stated, dict | list):
            what = _literal(json.dumps(stated, sort_keys=True))
        else:
            what = env.held(variable) if stated is None else _resolved(stated, env)
        if variable not in first and what.endswith(f"/{variable}"):
            what = ""  # It is asked for in some Secret, and may not be there.
        held[param or variable] = what
    return {key: value for key, value in sorted(held.items()) if value}


def _version(params: Manifest, provider: Provider, env: Variables) -> str:
    given_ = params.get("api_version")
    if given_ is not None:
        return _text_of(str(given_), env)
    own = [v for v, param in provider.params.items() if param == "api_version"]
    return env.held(own[0]) if own else ""


_KNOWN: Final = frozenset(
    {param for params in PARAMETERS.values() for param in params} | {"cooldown_time"}
)


def _strategy(config: Manifest) -> object:
    return shapes.at(config, ROUTER, "routing_strategy") or SIMPLE_SHUFFLE


def _shared(
    group: Sequence[tuple[Manifest, Mapping[str, Fraction]]], *, shuffled: bool
) -> list[Manifest]:
    """The deployments of a group, those that are the same once, with their shares of the load.

    Args:
        group: each with what may weigh it.
        shuffled: whether the load is shared by weight.
    """
    weights = [Fraction(1)] * len(group)
    for metric in _METRICS:
        given_ = [max(metrics.get(metric, Fraction(0)), Fraction(0)) for _, metrics in group]
        if max(given_) > 0:
            weights = given_
            break
    total = sum(weights)
    found: dict[str, tuple[Manifest, Fraction]] = {}
    for (entry, _), weight in zip(group, weights, strict=True):
        identity = json.dumps(entry, sort_keys=True)
        before = found.get(identity, (entry, Fraction(0)))[1]
        found[identity] = entry, before + weight / total
    return [
        {**entry, "the share of the load": round(float(share), 4) if shuffled else None}
        for _, (entry, share) in sorted(found.items())
    ]


# -- Fallbacks and settings


def _fallbacks(config: Manifest, offered: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    offers = fallbacks.Offers(offered)
    general: dict[str, list[str]] = {}
    for setting in fallbacks.SETTINGS:
        chains = _chains(config, setting, offers)
        if setting == "fallbacks":
            general = chains
        elif chains and ALL_OTHERS not in chains:
            # Without one of its own, the function repeats the general ones.
            chains = {**general, **chains}
        found |= {f"{setting} of '{shorten(model)}'": to for model, to in chains.items()}
    return found


def _chains(config: Manifest, setting: str, offers: fallbacks.Offers) -> dict[str, list[str]]:
    """For each model, the models that are called instead."""
    chains: dict[str, list[str]] = {}

    def add(model: str, given_: object) -> None:
        named = dict.fromkeys(map(_target, shapes.as_list(given_)))
        if model == ALL_OTHERS or ("*" not in model and model in offers):
            chains.setdefault(model, [to for to in named if to != model and to in offers])

    for chain in shapes.as_list(_either(config, setting)):
        for model, to in shapes.as_object(chain).items():
            add(model, to)
    if setting == "fallbacks" and (everyone := _either(config, fallbacks.DEFAULTS)):
        add(ALL_OTHERS, everyone)
    return {model: to for model, to in chains.items() if to}


def _either(config: Manifest, setting: str) -> object:
    return shapes.at(config, ROUTER, setting) or shapes.at(config, LITELLM, setting)


def _target(to: object) -> str:
    return to if isinstance(to, str) else shapes.text_at(to, "model")


_ASIDE: Final[Mapping[str, frozenset[str]]] = {
    ROUTER: frozenset(
        {
            *(*fallbacks.SETTINGS, fallbacks.DEFAULTS, "timeout", "allowed_fails", "cooldown_time"),
            *("num_retries", "disable_cooldowns", "redis_host", "redis_port", "redis_password"),
            *("redis_url", "cache_kwargs", "enable_weighted_failover", "max_fallbacks"),
        }
    ),
    LITELLM: frozenset(
        {
            *(*fallbacks.SETTINGS, fallbacks.DEFAULTS, "request_timeout", "num_retries"),
            *("allowed_fails", "cache", "cache_params", "cooldown_time", *CALLBACKS),
        }
    ),
    GENERAL: frozenset({"master_key"}),
}
"""Settings that are compared by what they come to."""


_OF_FIELDS: Final = ("prometheus", "otel", "opentelemetry")
"""Callbacks that have fields of their own."""
_SECTIONS_ASIDE: Final = frozenset(
    {"model_list", "credential_list", "environment_variables", "include", mcp.SECTION, *_ASIDE}
    | {guardrails.SECTION}
)


def _settings(config: Manifest, env: Variables, aside: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for section, skipped in _ASIDE.items():
        for key, value in shapes.object_at(config, section).items():
            if key not in skipped and value is not False:
                _flatten(f"{section}.{key}", value, env, aside, found)
    for section, value in config.items():
        if section not in _SECTIONS_ASIDE:
            _flatten(section, value, env, aside, found)
    router, own = shapes.object_at(config, ROUTER), shapes.object_at(config, LITELLM)
    found["router_settings.routing_strategy"] = _resolved(_strategy(config), env)
    retries = router.get("num_retries", own.get("num_retries", _RETRIES))
    if (count := _number(retries)) is not None:
        found[_AGAIN] = min(max(int(count), 0), 10)
    if own.get("cache") in (True, "true", "True"):
        found["the cache"] = shapes.text_at(own, "cache_params", "type") or "redis"
    return found | _callbacks(own) | _servers(config, env, aside) | _guardrails(config, env, aside)


def _callbacks(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The callbacks that no field stands for."""
    found: dict[str, Any] = {}
    for setting in CALLBACKS:
        given_ = settings.get(setting)
        for name in [given_] if isinstance(given_, str) else shapes.as_list(given_):
            if isinstance(name, str) and name not in _OF_FIELDS and "." not in name:
                found[f"{LITELLM}.{setting} with '{shorten(name)}'"] = True
    return found


def _flatten(
    path: str, value: object, env: Variables, aside: frozenset[str], found: dict[str, Any]
) -> None:
    """Notes what is set, each by its path, but for what is left aside."""
    if path in aside or value is None:
        return
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            _flatten(f"{path}.{key}", inner, env, aside, found)
    elif isinstance(value, list):
        kept = [item for i, item in enumerate(value) if f"{path}[{i}]" not in aside]
        if kept or not value:
            found[path] = _resolved(kept, env)
    else:
        found[path] = _resolved(value, env)


def _servers(config: Manifest, env: Variables, aside: frozenset[str]) -> dict[str, Any]:
    """The MCP servers: where they are, what they are shown, and what of them is offered."""
    found: dict[str, Any] = {}
    for name, server in shapes.object_at(config, mcp.SECTION).items():
        path = f"{mcp.SECTION}.{name}"
        if path in aside:
            continue
        said = {
            "url": server.get("url"),
            "transport": server.get("transport", "http"),
            "token": server.get("authentication_token") or server.get("auth_value"),
            "allowed_tools": server.get("allowed_tools"),
            "disallowed_tools": server.get("disallowed_tools"),
            "headers": server.get("static_headers"),
        }
        path = path.lower()
        found |= {f"{path}.{key}": _resolved(value, env) for key, value in said.items() if value}
    return found


def _guardrails(config: Manifest, env: Variables, aside: frozenset[str]) -> dict[str, Any]:
    """The guardrails: what they look for, when, and where."""
    found: dict[str, Any] = {}
    for i, item in enumerate(shapes.objects_at(config, guardrails.SECTION)):
        if f"{guardrails.SECTION}[{i}]" in aside:
            continue
        name = guardrails.canonical(shapes.text_at(item, "guardrail_name"))
        said = guardrails.meaning(item, lambda value: _resolved(value, env), env.known)
        for key, value in said.items():
            found.setdefault(f"{guardrails.SECTION}.{name}.{key}", []).append(value)
    return found


def _scoped(config: Manifest) -> dict[str, list[str]]:
    """For each model, the guardrails that a ModelRouter switches on for it."""
    found: dict[str, list[str]] = {}
    for item in shapes.objects_at(config, guardrails.SECTION):
        for model in shapes.as_list(shapes.at(item, "guardrail_info", "models")):
            found.setdefault(str(model), []).append(shapes.text_at(item, "guardrail_name"))
    return found
