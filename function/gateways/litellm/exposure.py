"""Whether the finished config.yaml keeps each credential and prompt where it belongs.

`parameters` and `config` may have changed anything, so nothing that was planned is taken for
granted: the rules are applied to the models and references as LiteLLM will read them.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from function import names
from function.api import Spec
from function.call import Manifest, Result
from function.errors import Refused
from function.gateways.litellm import credentials, providers, variables
from function.gateways.litellm.entries import Entry
from function.gateways.litellm.providers import Provider
from function.text import first, shorten

_REFERENCE: Final = re.compile(r"(?:os\.environ|oidc/env)/([^\s\"',;}\]]+)")
"""How a text of LiteLLM's configuration names a variable, wherever it stands in the text."""

_MASTER_KEY: Final = ("general_settings", "master_key")
_REDIS_PASSWORD: Final = (
    ("router_settings", "redis_password"),
    ("litellm_settings", "cache_params", "password"),
)
"""Where the variables of the gateway itself may stand."""

_REDIRECTIONS: Final = (
    ("litellm_settings", "api_base"),
    ("litellm_settings", "api_key"),
    ("litellm_settings", "model_alias_map"),
    ("litellm_settings", "use_litellm_proxy"),
    ("router_settings", "default_litellm_params", "api_base"),
    ("router_settings", "default_litellm_params", "api_key"),
    ("router_settings", "default_litellm_params", "base_url"),
    ("router_settings", "default_litellm_params", "custom_llm_provider"),
    ("router_settings", "default_litellm_params", "model"),
)
"""Settings that would send the calls, and with them the keys, of all models elsewhere."""

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class _Model:
    """An entry of the finished `model_list`.

    Attributes:
        path: its pointer.
        params: its `litellm_params`.
        provider: the one that LiteLLM will call.
    """

    path: str
    params: Mapping[str, Any]
    provider: Provider


def check(config: Manifest, spec: Spec, entries: Sequence[Entry]) -> list[Result]:
    """Warnings about references that lead nowhere.

    Args:
        config: the finished configuration, in the form that LiteLLM can use.
        spec: the router's spec.
        entries: its entries, as they were planned.

    Raises:
        Refused: a credential could reach another provider than its own, or a prompt a host that no
            one chose.
    """
    wired = _wired(entries)
    models = [_model(f"/model_list/{i}", model) for i, model in enumerate(config["model_list"])]
    _check_names(config["model_list"])
    always_set = {
        *(copy for entry in entries for copy in entry.access.copies),
        *(variable.name for variable in spec.deployment.env if variable.is_always_set),
    }
    for model in models:
        _check_base(model, always_set)
    _check_own_names(models, entries, wired)
    own = _own(spec)
    _check_settings(config, {*wired, *own})
    return _warnings(_check_references(config, models, wired, own), spec)


def _wired(entries: Sequence[Entry]) -> dict[str, str]:
    """The variables that hold credentials of entries, each with LiteLLM's own name for it."""
    wired: dict[str, str] = {}
    for entry in entries:
        wired |= {name: credentials.own_name(name) for name in entry.access.variables}
        for copy, name in entry.access.copies.items():
            wired[copy] = wired[name]
    return wired


def _own(spec: Spec) -> dict[str, Sequence[Path]]:
    """The variables that the function sets for the gateway itself, and where they may stand."""
    own: dict[str, Sequence[Path]] = {variables.MASTER_KEY: [_MASTER_KEY]}
    redis = spec.shared_redis
    if redis is not None and redis.password_secret_ref is not None:
        own[variables.REDIS_PASSWORD] = _REDIS_PASSWORD
    return own


def _model(path: str, model: Mapping[str, Any]) -> _Model:
    params = model["litellm_params"]
    name = params["model"]
    provider, _, model_id = name.partition("/")
    if not provider or not model_id or "*" in provider:
        raise _exposed(f"{path}/litellm_params/model", "must name its provider, as provider/model")
    if params.get("custom_llm_provider", provider) != provider:
        raise _exposed(
            f"{path}/litellm_params/custom_llm_provider",
            f"must be left out or be {shorten(provider)}, the provider in the model's name",
        )
    return _Model(path, params, providers.find(provider))


def _check_names(models: Sequence[Mapping[str, Any]]) -> None:
    for i, model in enumerate(models):
        offered, called = model["model_name"], model["litellm_params"]["model"]
        if offered.count("*") > called.count("*"):
            raise _exposed(
                f"/model_list/{i}/model_name",
                "must not have more '*' than the model that is called, or clients could choose the "
                "provider",
            )


def _check_base(model: _Model, always_set: Container[str]) -> None:
    """Refuses a model without a base if LiteLLM would choose one, or called without any.

    Args:
        model: the model.
        always_set: the variables that are never without a value.
    """
    provider = model.provider
    if not (provider.base or provider.needs_base or provider.default_base):
        return
    base = model.params.get("api_base") or model.params.get("base_url")
    variable = variables.referred(base) if isinstance(base, str) else None
    if not isinstance(base, str) or (variable is not None and variable not in always_set):
        raise _exposed(
            f"{model.path}/litellm_params/api_base",
            "must be set to a URL, or to a variable of deployment.env that is never without a "
            "value, or LiteLLM would send prompts to a host that you did not choose",
        )


def _check_own_names(
    models: Sequence[_Model], entries: Sequence[Entry], wired: Mapping[str, str]
) -> None:
    """Refuses a provider that could read a variable that has LiteLLM's own name."""
    offered = {id(p): p for p in (providers.find(entry.model.provider) for entry in entries)}
    readers = {id(model.provider): model for model in models}
    for name in (name for name, own in wired.items() if name == own):
        for model in readers.values():
            if not credentials.is_harmless(name, model.provider, offered.values()):
                raise _exposed(
                    f"{model.path}/litellm_params/model",
                    f"must not be of another provider, which could read {name}: offer it in "
                    "spec.aiModels",
                )


def _check_settings(config: Manifest, reserved: Container[str]) -> None:
    for path in _REDIRECTIONS:
        value: Any = config
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            raise _exposed(
                f"/{'/'.join(path)}",
                "must not be set, since it redirects the calls of all models: use the fields of "
                "spec.aiModels",
            )
    for name in _names(config.get("environment_variables")):
        if name in reserved:
            raise _exposed(
                f"/environment_variables/{shorten(name)}",
                "must not be set: the function sets this variable",
            )


def _names(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value


def _check_references(
    config: Manifest,
    models: Sequence[_Model],
    wired: Mapping[str, str],
    own: Mapping[str, Sequence[Path]],
) -> list[str]:
    """The names of variables in the configuration that the function does not set."""
    others: dict[str, None] = {}
    for path, text in _texts(config):
        for name in _REFERENCE.findall(text):
            if name in wired:
                if not _belongs(path, text, name, models, wired):
                    raise _exposed(
                        _pointer(path),
                        f"must not refer to {shorten(name)}, which is for a parameter of its own "
                        "provider's models only: use a variable of deployment.env",
                    )
            elif name in own:
                if path not in own[name] or text != variables.reference(name):
                    raise _exposed(
                        _pointer(path), f"must not refer to {name}, which is the gateway's own"
                    )
            elif path[:1] == ("model_list",) and path[-1] in ("model_name", "model"):
                raise _exposed(_pointer(path), "must not refer to a variable")
            else:
                others[name] = None
    master_key = config["general_settings"]["master_key"]
    if master_key != variables.reference(variables.MASTER_KEY):
        raise _exposed(
            "/general_settings/master_key",
            "must be left as it is: name your own key in spec.auth.masterKeySecretRef",
        )
    return list(others)


def _belongs(
    path: Path, text: str, name: str, models: Sequence[_Model], wired: Mapping[str, str]
) -> bool:
    """Whether a reference is the whole value of the parameter that the variable stands for."""
    match path:
        case "model_list", int(index), "litellm_params", str(param):
            provider = models[index].provider
            return text == variables.reference(name) and provider.params.get(wired[name]) == param
        case _:
            return False


def _texts(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """All texts in a value that may refer to a variable."""
    match value:
        case dict():
            for key, item in value.items():
                yield from _texts(item, (*path, key))
        case list():
            for i, item in enumerate(value):
                yield from _texts(item, (*path, i))
        case str() if "/" in value:
            yield path, value


def _warnings(referred: Sequence[str], spec: Spec) -> list[Result]:
    if spec.deployment.env_from:
        return []
    given = {variable.name for variable in spec.deployment.env}
    sentences = [
        f"{variables.reference(shorten(name))} refers to a variable that nothing sets: add it to "
        "spec.deployment.env."
        for name in referred
        if name not in given
    ]
    return [
        Result(names.EVENT_CONFIG, sentence)
        for sentence in first(sentences, "And {} more references.")
    ]


def _pointer(path: Path) -> str:
    return shorten("".join(f"/{step}" for step in path))


def _exposed(pointer: str, what: str) -> Refused:
    return Refused(
        names.REASON_CREDENTIALS_EXPOSED,
        f"In the resulting config.yaml, {pointer} {what}.",
    )
