"""The entries of a `model_list`, as entries of `aiModels`."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from pydantic_core import PydanticCustomError

from function import shapes
from function.api import literals
from function.api.fields import MAX_CALL_SECONDS
from function.api.models import check_url
from function.call import Manifest
from function.errors import NotImported
from function.gateways.base import SecretKey
from function.gateways.litellm import credentials, providers, variables
from function.gateways.litellm.providers import Provider
from function.imports import called
from function.imports.draft import Draft, shown

MOST: Final = 1000
"""How many entries a router may have."""

BASES: Final[Mapping[str, Sequence[str]]] = {
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "text-completion-openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "ollama": ("OLLAMA_API_BASE",),
    "ollama_chat": ("OLLAMA_API_BASE",),
    "hosted_vllm": ("HOSTED_VLLM_API_BASE",),
    "lm_studio": ("LM_STUDIO_API_BASE",),
    "llamafile": ("LLAMAFILE_API_BASE",),
}
"""Variables of the environment from which LiteLLM takes the base of all entries of a provider, and
which no ModelRouter has."""

_LIMITS: Final = {"rpm": "rpm", "tpm": "tpm", "max_parallel_requests": "maxParallelRequests"}
_MOST_KEYS: Final = 16
_MOST_OF_A_LIMIT: Final = 2147483647
_MOST_RETRIES: Final = 10
_MOST_WEIGHT: Final = 1_000_000
_OF_AN_ENTRY: Final = frozenset({"model_name", "litellm_params", "model_info"})


@dataclass
class Deployed:
    """An entry that is imported.

    Attributes:
        path: where it stands in the configuration.
        alias: the name that clients ask for.
        name: provider and model.
        fields: its further fields.
        secret: the Secret of its credentials; empty if it needs none.
        keys: for each variable that the entry states, the key in that Secret.
        weights: its `weight`, `rpm` and `tpm`, by which LiteLLM shares the load.
    """

    path: str
    alias: str
    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    secret: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    weights: dict[str, Fraction] = field(default_factory=dict)

    @property
    def provider(self) -> Provider:
        """Its provider."""
        return providers.find(self.name.partition("/")[0])


def read(draft: Draft, models: object, stored: object) -> list[Deployed]:
    """The entries that can be carried over.

    Args:
        draft: the router.
        models: the `model_list`.
        stored: the `credential_list`.

    Raises:
        NotImported: LiteLLM would not start with them, or none can be carried over.
    """
    if not isinstance(models, list) or not models:
        raise NotImported("model_list", "model_list must be a list of at least one model")
    if len(models) > MOST:
        raise NotImported(
            "model_list",
            f"model_list has {len(models)} entries, but a ModelRouter offers at most {MOST}: split "
            "it into several files",
        )
    by_name = _stored(stored)
    found = [
        entry
        for i, model in enumerate(models)
        if (entry := _entry(draft, f"model_list[{i}]", model, by_name)) is not None
    ]
    if not found:
        path, message = next(iter(draft.dropped.items()))
        raise NotImported(path, f"no entry of model_list can be carried over: {message}")
    return found


def _stored(stored: object) -> dict[str, tuple[Manifest, Manifest]]:
    """The credentials that entries refer to by a name."""
    found: dict[str, tuple[Manifest, Manifest]] = {}
    for i, item in enumerate(stored if isinstance(stored, list) else []):
        path = f"credential_list[{i}]"
        name = item.get("credential_name") if isinstance(item, dict) else None
        values = item.get("credential_values") if isinstance(item, dict) else None
        if not isinstance(name, str) or not isinstance(values, dict):
            raise NotImported(path, f"{path} must have credential_name and credential_values")
        info = item.get("credential_info")
        found[name] = (values, info if isinstance(info, dict) else {})
    return found


def _entry(
    draft: Draft, path: str, given: object, stored: Mapping[str, tuple[Manifest, Manifest]]
) -> Deployed | None:
    params, alias = _read(path, given, stored, draft)
    where = f"{path}.litellm_params"
    own_provider = params.pop("custom_llm_provider", None)
    model = params.pop("model")
    name = called.name_of(model, own_provider if isinstance(own_provider, str) else None)
    if name is None:
        _lost(
            draft,
            f"{where}.model",
            f"model {shown(model)} is left out, as LiteLLM knows no provider for it: write it as "
            "provider/model",
        )
        return None
    provider_name, _, model_id = name.partition("/")
    if provider_name == "vllm":
        _lost(
            draft,
            f"{where}.model",
            f"{shown(alias)} is left out, since vllm/ runs the model inside the gateway: serve it, "
            "and offer it as hosted_vllm/ with api_base",
        )
        return None
    if reason := _unfit(alias, name, model_id):
        _lost(draft, f"{path}.model_name", f"{shown(alias)} is left out: {reason}")
        return None
    entry = Deployed(path, alias, name)
    if not _base(draft, entry, params, where):
        return None
    _limits(draft, entry, params, where)
    _credentials(draft, entry, params, where)
    version = draft.resolved(params.pop("api_version", None))
    if version is not None:
        entry.fields["apiVersion"] = str(version)
    if params:
        entry.fields["parameters"] = draft.passed(params, where, "parameters")
    info = given.get("model_info") if isinstance(given, dict) else None
    if info:
        if not isinstance(info, dict):
            raise NotImported(f"{path}.model_info", f"{path}.model_info must be an object")
        entry.fields["info"] = draft.passed(info, f"{path}.model_info", "info")
    return entry


def _read(
    path: str,
    given: object,
    stored: Mapping[str, tuple[Manifest, Manifest]],
    draft: Draft,
) -> tuple[dict[str, Any], str]:
    """The `litellm_params` of an entry, with the credentials that it names, and its name."""
    if not isinstance(given, dict):
        raise NotImported(path, f"{path} must be an object with model_name and litellm_params")
    alias, params = given.get("model_name"), given.get("litellm_params")
    if not isinstance(alias, str) or not alias:
        raise NotImported(
            f"{path}.model_name", f"{path}.model_name must be the name that clients ask for"
        )
    if not isinstance(params, dict):
        raise NotImported(
            f"{path}.litellm_params",
            f"{path}.litellm_params must be an object: LiteLLM does not start without it",
        )
    params = {key: value for key, value in params.items() if value is not None}
    named = params.pop("litellm_credential_name", None)
    if isinstance(named, str):
        if named not in stored:
            raise NotImported(
                f"{path}.litellm_params.litellm_credential_name",
                f"{path}: credential_list has no {shown(named)}, or it is in a database: add it",
            )
        values, info = stored[named]
        params = {**values, **params}
        if isinstance(provider := info.get("custom_llm_provider"), str):
            params.setdefault("custom_llm_provider", provider.lower())
    model = draft.resolved(params.get("model"))
    if not isinstance(model, str) or not model:
        raise NotImported(
            f"{path}.litellm_params.model",
            f"{path}.litellm_params.model must be the model that LiteLLM calls",
        )
    params["model"] = model
    resolved = draft.resolved(alias)
    alias = resolved if isinstance(resolved, str) else alias
    for key in sorted(given.keys() - _OF_AN_ENTRY):
        draft.told(
            f"{path}.{key}",
            f"{key} of {shown(alias)} has no effect and is left out: LiteLLM reads it in "
            "litellm_params alone",
        )
    return params, alias


def _lost(draft: Draft, path: str, message: str) -> None:
    """Notes that a whole entry is left out."""
    draft.lost(path, message)
    draft.dropped[path.split(".", 1)[0]] = message


def _unfit(alias: str, name: str, model_id: str) -> str:
    """Why a model cannot be offered; empty if it can."""
    if variables.reference("") in alias or variables.reference("") in name:
        return "LiteLLM takes its name from a variable; write the name"
    if not model_id or "*" in name.partition("/")[0]:
        return "it says no provider; offer provider/* for each provider that clients call"
    if not (alias.isascii() and alias.isprintable() and alias == alias.strip()):
        return "the name of a model must be printable ASCII"
    if not (name.isascii() and name.isprintable() and " " not in name):
        return "what is called must be printable ASCII without spaces"
    if alias.count("*") != name.count("*"):
        return "model_name must have as many '*' as model, or LiteLLM calls another model"
    return ""


# -- Where it is called


def _base(draft: Draft, entry: Deployed, params: dict[str, Any], where: str) -> bool:
    """Takes the base of an entry; False if the entry cannot be carried over."""
    given = [params.pop(key, None) for key in ("api_base", "base_url")]
    base = next((value for value in given if value), None)
    at = f"{where}.api_base"
    provider, name = entry.provider, entry.name.partition("/")[0]
    if base is None:
        known = (draft.source.environment.text(v) for v in (*provider.bases, *BASES.get(name, ())))
        base = next((text for text in known if text), None)
    elif isinstance(base, str) and (variable := variables.referred(base)) is not None:
        text = draft.source.environment.text(variable)
        if text is None and provider.needs_base and provider.bases:
            params["api_base"] = base  # As a credential: it is taken from a Secret.
            return True
        if not text:
            _lost(
                draft,
                at,
                f"{shown(entry.alias)} is left out, since its api_base is in the variable "
                f"{shown(variable)}: write the URL, or give a file with {variable}=… too",
            )
            return False
        base = text
    if base is None:
        return _has_base(draft, entry, where)
    if provider.ignores_base:
        draft.told(at, f"api_base of {shown(entry.alias)} is left out, as LiteLLM ignores it")
        return True
    try:
        check_url(str(base), "api_base", secret="a Secret", example="https://llm.example.com/v1")  # noqa: S106
    except PydanticCustomError as error:
        _lost(draft, at, f"{shown(entry.alias)} is left out: {error.message()}")
        return False
    entry.fields["apiBase"] = str(base)
    return True


def _has_base(draft: Draft, entry: Deployed, where: str) -> bool:
    if not entry.provider.base:
        return True
    _lost(
        draft,
        f"{where}.model",
        f"{shown(entry.alias)} is left out, since LiteLLM would call a host that no one chose: set "
        "api_base to the URL of the server",
    )
    return False


# -- Limits


def number(draft: Draft, value: object, path: str) -> float | int | None:
    """A number of the configuration; None if it is not set.

    Raises:
        NotImported: it is none.
    """
    value = draft.resolved(value)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value.replace("_", ""))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotImported(path, f"{path} must be a number: LiteLLM drops the model, or fails later")
    return int(value) if float(value).is_integer() else value


def _limits(draft: Draft, entry: Deployed, params: dict[str, Any], where: str) -> None:
    for param, field_ in _LIMITS.items():
        at = f"{where}.{param}"
        value = number(draft, params.pop(param, None), at)
        if value is None:
            continue
        if param in ("rpm", "tpm"):
            entry.weights[param] = Fraction(value)
        if value < 1:
            draft.told(at, f"{param} of {shown(entry.alias)} is left out: it is less than 1")
            continue
        entry.fields[field_] = min(int(value), _MOST_OF_A_LIMIT)
    weight = number(draft, params.pop("weight", None), f"{where}.weight")
    if weight is not None:
        entry.weights["weight"] = Fraction(weight)
    timeouts = [(key, params.pop(key, None)) for key in ("timeout", "request_timeout")]
    for key, given in timeouts:
        wanted = number(draft, given, f"{where}.{key}")
        if wanted is not None and "timeoutSeconds" not in entry.fields:
            entry.fields["timeoutSeconds"] = seconds(draft, wanted, f"{where}.{key}")
    for key in ("num_retries", "max_retries"):
        wanted = number(draft, params.pop(key, None), f"{where}.{key}")
        if wanted is not None and "maxRetries" not in entry.fields:
            entry.fields["maxRetries"] = retries(draft, wanted, f"{where}.{key}")


def seconds(draft: Draft, wanted: float, path: str) -> int:
    """A timeout in whole seconds that a ModelRouter takes."""
    taken = min(max(math.ceil(wanted), 1), MAX_CALL_SECONDS)
    if taken != wanted:
        draft.told(
            path, f"{path} is {taken}: a timeout is a whole number from 1 to {MAX_CALL_SECONDS}"
        )
    return taken


def retries(draft: Draft, wanted: float, path: str) -> int:
    """A number of retries that a ModelRouter takes."""
    taken = min(max(int(wanted), 0), _MOST_RETRIES)
    if taken != wanted:
        draft.told(path, f"{path} is {taken}: retries are a number from 0 to {_MOST_RETRIES}")
    return taken


# -- Credentials


def _credentials(draft: Draft, entry: Deployed, params: dict[str, Any], where: str) -> None:
    """Takes the credentials of an entry: each becomes a key of a Secret."""
    provider = entry.provider
    if (
        params.get("api_key") == credentials.DUMMY_KEY
        and provider.dummy_key
        and "apiBase" in entry.fields
    ):
        del params["api_key"]
        entry.fields["credentials"] = {"source": "None"}
        return
    stated = _stated(draft, provider, params)
    implied = [
        v for v in provider.variables if v not in stated and not _is_stated(provider, v, params)
    ]
    keys = {variable: key for variable, (_, key) in stated.items()}
    keys |= _known(draft, provider, implied, params)
    implied = [v for v in implied if not _is_stated(provider, v, params)]
    preferred = draft.source.environment.secret or draft.secrets.name
    counted = Counter(key.secret for key in keys.values())
    entry.secret = max(
        counted, key=lambda name: (counted[name], name == preferred), default=preferred
    )
    for variable in implied:
        keys.setdefault(variable, SecretKey(entry.secret, variable))
    for variable, key in keys.items():
        if key.secret == entry.secret:
            entry.keys[variable] = key.key
            if variable in stated:
                del params[stated[variable][0]]
        elif variable in stated:
            # An entry has one Secret: what is in another one comes by a variable of its own.
            name = credentials.private_name(variable, key)
            draft.env[name] = credentials.optional_key(key)
            params[stated[variable][0]] = variables.reference(name)
        else:
            draft.told(
                where,
                f"{shown(entry.alias)} does not get {variable}, which is in another Secret than "
                f"its other credentials: put it into '{entry.secret}'",
            )
    _want(draft, entry, implied)


def _known(
    draft: Draft, provider: Provider, implied: Sequence[str], params: dict[str, Any]
) -> dict[str, SecretKey]:
    """The keys that hold what LiteLLM takes from its environment; what is no secret is stated."""
    found: dict[str, SecretKey] = {}
    for variable in implied:
        param, value = provider.params.get(variable), draft.source.environment.known.get(variable)
        if value is None or param == "api_base":
            continue
        if value.other is not None:
            draft.env[variable] = value.other
        elif param and value.text is not None and not literals.of_variable(variable, value.text):
            params.setdefault(param, value.text)
        else:
            found[variable] = draft.key_of(variable)
    return found


def _stated(
    draft: Draft, provider: Provider, params: dict[str, Any]
) -> dict[str, tuple[str, SecretKey]]:
    """The variables whose values an entry states, each with the parameter and the key."""
    if params.get("api_key") == "":
        del params["api_key"]
    by_param: dict[str, str] = {}
    for variable in provider.variables:
        if (param := provider.params.get(variable)) is not None:
            by_param.setdefault(param, variable)
    found: dict[str, tuple[str, SecretKey]] = {}
    for param, variable in by_param.items():
        value = params.get(param)
        referred = variables.referred(value) if isinstance(value, str) else None
        known = draft.source.environment.known.get(referred or "")
        if known is not None and known.other is not None:
            continue  # It stays a reference.
        if referred is not None:
            text = draft.source.environment.text(referred)
            if text is not None and not literals.of_variable(variable, text):
                params[param] = text
            else:
                found[variable] = (param, draft.key_of(referred))
        elif value is not None and literals.first_in({param: value}) is not None:
            text = value if isinstance(value, str) else draft.as_text(value)
            found[variable] = (param, draft.secrets.put(variable, text))
    return found


def _want(draft: Draft, entry: Deployed, implied: Sequence[str]) -> None:
    """Notes the keys that LiteLLM takes from its environment."""
    if entry.secret == draft.secrets.name and entry.provider.keys:
        for variable in entry.provider.keys[0]:
            if variable in implied and entry.keys.get(variable) == variable:
                draft.secrets.want(variable)


def _is_stated(provider: Provider, variable: str, params: Mapping[str, Any]) -> bool:
    """Whether an entry states what a variable holds."""
    param = provider.params.get(variable)
    return param is not None and param in params


def implied(models: object) -> Iterator[str]:
    """The variables that LiteLLM reads for entries which do not state what they hold."""
    for model in shapes.as_list(models):
        params = shapes.object_at(model, "litellm_params")
        if "litellm_credential_name" in params:
            continue
        name = called.name_of(shapes.text_at(params, "model"), params.get("custom_llm_provider"))
        provider = providers.find((name or "").partition("/")[0])
        yield from (v for v in provider.variables if not _is_stated(provider, v, params))


def share_credentials(draft: Draft, entries: Sequence[Deployed]) -> None:
    """Writes where credentials come from: once for all entries that agree."""
    using = [entry for entry in entries if entry.secret]
    if not using:
        return
    counted = Counter(entry.secret for entry in using)
    shared = max(counted, key=lambda name: (counted[name], name == draft.secrets.name))
    common = _common_keys([entry for entry in using if entry.secret == shared])
    if shared != credentials.DEFAULT_SECRET or common:
        draft.set("credentials.secretRef", _ref(shared, common, written=bool(common)))
    for entry in using:
        own = {v: key for v, key in entry.keys.items() if key != v}
        if entry.secret != shared:
            entry.fields["credentials"] = {"secretRef": _ref(entry.secret, own, written=bool(own))}
        elif any(common.get(v, v) != key for v, key in entry.keys.items()):
            # These are in the place of those for all.
            entry.fields["credentials"] = {"secretRef": _ref(shared, own, written=True)}


def _ref(name: str, keys: Mapping[str, str], *, written: bool) -> Manifest:
    return {"name": name, **({"keys": dict(sorted(keys.items()))} if written else {})}


def _common_keys(entries: Iterable[Deployed]) -> dict[str, str]:
    """For each variable, the key that most entries take, if it has another name."""
    votes: dict[str, Counter[str]] = {}
    for entry in entries:
        for variable, key in entry.keys.items():
            votes.setdefault(variable, Counter())[key] += 1
    common: dict[str, str] = {}
    for variable, counter in votes.items():
        key = max(counter, key=lambda name: (counter[name], name == variable))
        if key != variable and len(common) < _MOST_KEYS:
            common[variable] = key
    return common


# -- Shares of the load


def share_load(draft: Draft, entries: Sequence[Deployed], *, shuffled: bool) -> None:
    """Writes the weights by which LiteLLM shares the load of each group.

    LiteLLM takes `weight`, else `rpm`, else `tpm`; an entry without it gets nothing while another
    one of the group has it.
    """
    groups: dict[str, list[Deployed]] = {}
    for entry in entries:
        groups.setdefault(entry.alias, []).append(entry)
    if any({"rpm", "tpm"} & entry.weights.keys() for entry in entries):
        first = next(e for e in entries if {"rpm", "tpm"} & e.weights.keys())
        draft.told(
            f"{first.path}.litellm_params",
            "rpm and tpm are limits here: a call over them goes to the rest of the group, to a "
            "fallback, or gets 429; by itself, LiteLLM only shares the load by them",
        )
    for group in groups.values():
        if not shuffled:
            if any("weight" in entry.weights for entry in group):
                draft.told(
                    group[0].path,
                    f"the weights of {shown(group[0].alias)} are left out: LiteLLM reads them with "
                    "simple-shuffle alone",
                )
            continue
        for weight, entry in zip(_shares(group), group, strict=True):
            if weight == 0:
                entry.fields["standby"] = True
            elif weight != 1:
                entry.fields["weight"] = weight


def _shares(group: Sequence[Deployed]) -> list[int]:
    """The weights of a group's entries, as whole numbers; 0 for what gets nothing."""
    for metric in ("weight", "rpm", "tpm"):
        weights = [entry.weights.get(metric, Fraction(0)) for entry in group]
        if max(weights) > 0:
            break
    else:
        return [1] * len(group)
    if len(group) == 1:
        return [1]
    weights = [max(weight, Fraction(0)) for weight in weights]
    factor = math.lcm(*(weight.denominator for weight in weights))
    whole = [int(weight * factor) for weight in weights]
    divisor = math.gcd(*whole)
    whole = [weight // divisor for weight in whole]
    if (most := max(whole)) > _MOST_WEIGHT:
        whole = [max(1, round(w * _MOST_WEIGHT / most)) if w else 0 for w in whole]
    return whole


def written(draft: Draft, entries: Iterable[Deployed], *, shuffled: bool) -> list[Manifest]:
    """The entries of `aiModels`; of several that are the same, one with their weight together."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        said: dict[str, Any] = {"name": entry.name}
        if entry.alias != entry.name:
            said["alias"] = entry.alias
        said |= {key: entry.fields[key] for key in _ORDER if key in entry.fields}
        identity = draft.as_text({**said, "weight": None})
        if identity in found:
            if shuffled and not said.get("standby"):
                one = found[identity].get("weight", 1)
                found[identity]["weight"] = min(one + said.get("weight", 1), _MOST_WEIGHT)
            draft.told(
                entry.path, f"{shown(entry.alias)} is listed twice: one entry stands for both"
            )
            continue
        found[identity] = said
    return list(found.values())


_ORDER: Final = (
    *("apiBase", "apiVersion", "credentials", "weight", "standby", "rpm", "tpm"),
    *("maxParallelRequests", "timeoutSeconds", "maxRetries", "parameters", "info"),
)
