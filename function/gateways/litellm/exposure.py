"""Whether the finished config.yaml keeps each credential and prompt where it belongs.

`parameters` and `config` may have changed anything, so nothing that was planned is taken for
granted: the rules are applied to the models and references as LiteLLM will read them.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from function import names
from function.api import Spec
from function.api.validation import switched_on
from function.call import Manifest, Result
from function.errors import Refused
from function.gateways.litellm import (
    applications,
    credentials,
    guardrails,
    mcp,
    providers,
    variables,
)
from function.gateways.litellm.credentials import Access
from function.gateways.litellm.entries import Entry, accesses_of
from function.gateways.litellm.items import MODEL_LIST, Item, Path, Reference, references
from function.text import first, shorten

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

_STORED_MODELS: Final = ("general_settings", "store_model_in_db")


def check(
    config: Manifest, items: Sequence[Item], spec: Spec, entries: Sequence[Entry]
) -> list[Result]:
    """Warnings about references that lead nowhere.

    Args:
        config: the finished configuration, in the form that LiteLLM can use.
        items: the items of its `model_list`.
        spec: the router's spec.
        entries: its entries, as they were planned.

    Raises:
        Refused: a credential could reach another provider than its own, or a prompt a host that no
            one chose.
    """
    accesses = accesses_of(entries)
    wired = _wired(accesses)
    always_set = {
        *(copy for access in accesses for copy in access.copies),
        *(variable.name for variable in spec.deployment.env if variable.is_always_set),
    }
    for i, item in enumerate(items):
        _check_names(i, item)
        _check_base(i, item, always_set)
    _check_own_names(items, entries, wired)
    own = _own(config, spec)
    _check_settings(config, {*wired, *own})
    return _warnings(_check_references(config, items, wired, own), spec)


def _wired(accesses: Iterable[Access]) -> dict[str, str]:
    """The variables that hold credentials, each with LiteLLM's own name for it."""
    return {
        name: credentials.own_name(name)
        for access in accesses
        for name in (*access.variables, *access.copies)
    }


def _own(config: Manifest, spec: Spec) -> dict[str, Sequence[Path]]:
    """The variables that the function sets for the gateway itself, and where they may stand."""
    own: dict[str, Sequence[Path]] = {variables.MASTER_KEY: [_MASTER_KEY]}
    redis = spec.shared_redis
    if redis is not None and redis.password_secret_ref is not None:
        own[variables.REDIS_PASSWORD] = (*_REDIS_PASSWORD, *applications.places(spec))
    tracing = switched_on(spec.tracing)
    if tracing is not None and tracing.headers_secret_ref is not None:
        own[variables.TRACING_HEADERS] = ()
    return own | mcp.places(spec) | guardrails.places(config, spec)


def _check_names(i: int, item: Item) -> None:
    """Refuses a model whose name does not say its provider, or lets something else say it."""
    provider = item.provider_name
    if not provider or not item.model_id or "*" in provider:
        raise _exposed(
            f"/model_list/{i}/litellm_params/model", "must name its provider, as provider/model"
        )
    if item.params.get("custom_llm_provider", provider) != provider:
        raise _exposed(
            f"/model_list/{i}/litellm_params/custom_llm_provider",
            f"must be left out or be {shorten(provider)}, the provider in the model's name",
        )
    if item.manifest["model_name"].count("*") > item.model_id.count("*"):
        raise _exposed(
            f"/model_list/{i}/model_name",
            "must not have more '*' than the model that is called, or clients could choose the "
            "provider",
        )


def _check_base(i: int, item: Item, always_set: Container[str]) -> None:
    """Refuses a model without a base if LiteLLM would choose one, or called without any.

    Args:
        i: its index.
        item: the model.
        always_set: the variables that always have a value.
    """
    provider = item.provider
    if not (provider.base or provider.needs_base or provider.default_base):
        return
    variable = None if item.base is None else variables.referred(item.base)
    if item.base is None or (variable is not None and variable not in always_set):
        raise _exposed(
            f"/model_list/{i}/litellm_params/api_base",
            "must be set to a URL, or to a variable in deployment.env that always has a value, "
            "or LiteLLM would send prompts to a host that you did not choose",
        )


def _check_own_names(
    items: Sequence[Item], entries: Sequence[Entry], wired: Mapping[str, str]
) -> None:
    """Refuses a provider that could read a variable that has LiteLLM's own name."""
    named = [name for name, own in wired.items() if name == own]
    if not named:
        return
    offered = {entry.model.provider for entry in entries}
    with_param = credentials.with_parameters(map(providers.find, offered))
    readers = {id(item.provider): i for i, item in enumerate(items)}
    for name in named:
        for i in readers.values():
            if not credentials.is_harmless(name, items[i].provider, with_param):
                raise _exposed(
                    f"/model_list/{i}/litellm_params/model",
                    f"must not be of another provider, which could read {name}: offer it in "
                    "spec.aiModels",
                )


def _check_settings(config: Manifest, reserved: Container[str]) -> None:
    if _at(config, _STORED_MODELS):
        raise _exposed(
            f"/{'/'.join(_STORED_MODELS)}",
            "must not be set, since nothing checks the models of a database: use spec.aiModels",
        )
    for path in _REDIRECTIONS:
        if _at(config, path) is not None:
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


def _at(config: Manifest, path: Sequence[str]) -> Any:  # noqa: ANN401  # Any JSON value.
    value: Any = config
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _names(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value


def _check_references(
    config: Manifest,
    items: Sequence[Item],
    wired: Mapping[str, str],
    own: Mapping[str, Sequence[Path]],
) -> list[str]:
    """The names of variables in the configuration that the function does not set."""
    others: dict[str, None] = {}
    for item, path, reference in _everywhere(config, items, wired):
        for name in reference.variables:
            if name in wired:
                if item is None or not item.belongs(reference, name):
                    raise _exposed(
                        _pointer(path),
                        f"must not refer to {shorten(name)}, which is for a parameter of its own "
                        "provider's models only: use a variable of deployment.env",
                    )
            elif name in own:
                if path not in own[name] or reference.text != variables.reference(name):
                    raise _exposed(
                        _pointer(path),
                        f"must not refer to {shorten(name)}, which is the gateway's own",
                    )
            elif item is not None and path[-1] in ("model_name", "model"):
                raise _exposed(_pointer(path), "must not refer to a variable")
            else:
                others[name] = None
    _check_master_key(config["general_settings"]["master_key"])
    return list(others)


def _everywhere(
    config: Manifest, items: Sequence[Item], wired: Mapping[str, str]
) -> Iterator[tuple[Item | None, Path, Reference]]:
    """The texts that name variables, with the model that each is in, and where in the whole.

    Without the models that name nothing but wired variables, where these belong.
    """
    names_ = frozenset(wired)
    for i, item in enumerate(items):
        if item.named <= names_ and item.misplaced.isdisjoint(names_):
            continue
        for reference in references(item.manifest):
            yield item, (MODEL_LIST, i, *reference.path), reference
    for reference in references({**config, MODEL_LIST: None}):
        yield None, reference.path, reference


def _check_master_key(master_key: object) -> None:
    if master_key != variables.reference(variables.MASTER_KEY):
        raise _exposed(
            "/general_settings/master_key",
            "must be left as it is: name your own key in spec.auth.masterKeySecretRef",
        )


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
