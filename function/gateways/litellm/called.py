"""What the finished config.yaml calls, as far as policies ask."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from function import shapes
from function.api import Spec
from function.call import Manifest
from function.gateways.base import Call, Called, Host
from function.gateways.litellm import guardrails, telemetry, variables
from function.gateways.litellm.items import MODEL_LIST, Item, Path, references

_PARAMS: Final = "litellm_params"
_URL: Final = re.compile(r"[A-Za-z][-+.A-Za-z0-9]*://")
_HOSTS: Final = re.compile(
    r"(^|.*[_-])(base|url|uri|host|endpoint|domain|proxy|node|server|address)(s|_?(url|name))?",
    re.IGNORECASE,
)
"""The keys of LiteLLM's configuration, and the variables, that hold a host or a URL."""
_PARTS: Final = re.compile(r".*(region|location|account|zone|resource|instance).*", re.IGNORECASE)
"""The keys that hold a part of a host's name, which LiteLLM puts into a URL unchecked."""
_CALLS: Final = re.compile(r".*fallbacks?(_dict)?|model_list", re.IGNORECASE)
"""The parameters of an entry that name further models to call, whatever their provider."""
_CALLBACKS: Final = re.compile(r".*callbacks?", re.IGNORECASE)
_LOCAL: Final = (telemetry.PROMETHEUS, telemetry.OTEL)
"""Callbacks that send nothing by themselves: a collector's host is in a variable."""
_CACHES: Final = ("local", "redis")
"""The caches whose host is named, or that have none."""
_FILE: Final = "config.yaml"
_SECONDS: Final = ("timeout", "request_timeout", "stream_timeout")
_ARN: Final = "arn:"
_REGION: Final = 3
"""Where the region is in an ARN, which LiteLLM takes from there."""

_HARMLESS: Final = frozenset(
    (
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "TZ"),
        *("REQUESTS_CA_BUNDLE", "LITELLM_LOG", "JSON_LOGS", "MAX_STRING_LENGTH_PROMPT_IN_DB"),
    )
)
"""Variables that choose no model, no provider and no host, or only a host that is judged."""


def of(config: Manifest, items: Sequence[Item], spec: Spec) -> Called:
    """What the configuration calls.

    Args:
        config: the finished configuration, in the form that LiteLLM can use.
        items: the items of its `model_list`.
        spec: the router's spec.
    """
    fields = _Fields(items, spec)
    rest = {key: value for key, value in config.items() if key != MODEL_LIST}
    named = {name for item in items for name in item.named}
    named |= {name for reference in references(rest) for name in reference.variables}
    return Called(
        count=len(items),
        models=(*_models(items, fields), *_models_by_default(rest)),
        hosts=(*_hosts_of(items, fields), *_hosts_in(rest, (), _FILE)),
        services=tuple(_services(rest, guardrails.planned(rest, spec))),
        seconds=(*_seconds_of(items, fields), *_seconds_in(rest)),
        set_variables=tuple(
            (f"environment_variables of {_FILE}", name)
            for name in shapes.object_at(rest, "environment_variables")
        ),
        variables=frozenset(named | _variables_of(items) | _HARMLESS),
        is_host=_is_host,
    )


class _Fields:
    """The field of the spec for each item, or where it is in config.yaml."""

    def __init__(self, items: Sequence[Item], spec: Spec) -> None:
        self._items = items
        self._entries: dict[tuple[str, str], int] = {}
        for i, model in enumerate(spec.ai_models):
            self._entries.setdefault((model.offered_as, model.name), i)

    def of(self, i: int) -> str:
        manifest = self._items[i].manifest
        entry = self._entries.get((manifest["model_name"], manifest[_PARAMS]["model"]))
        return f"/{MODEL_LIST}/{i} of {_FILE}" if entry is None else f"spec.aiModels[{entry}]"


def _models(items: Sequence[Item], fields: _Fields) -> Iterator[Call]:
    for i, item in enumerate(items):
        where = fields.of(i)
        yield Call(where, item.provider_name, item.params["model"])
        for key, value in item.params.items():
            if _CALLS.fullmatch(key) and value not in (None, [], {}):
                # Whatever LiteLLM makes of it, no rule knows.
                yield Call(f"{key} of {where}", "*", "*")


def _models_by_default(config: Manifest) -> Iterator[Call]:
    """What every call has, if it does not say otherwise itself."""
    params = shapes.object_at(config, "router_settings", "default_litellm_params")
    for key, value in params.items():
        if _CALLS.fullmatch(key) and value not in (None, [], {}):
            yield Call(f"{key} of default_litellm_params of {_FILE}", "*", "*")


def _services(config: Manifest, planned: Sequence[object]) -> Iterator[tuple[str, str]]:
    """What else learns of calls, such as logs and guardrails, at hosts that LiteLLM knows.

    Args:
        config: the configuration without its models.
        planned: the guardrails of it that name their hosts.
    """
    settings = shapes.object_at(config, "litellm_settings")
    for key, value in settings.items():
        if _CALLBACKS.fullmatch(key):
            given = value if isinstance(value, list) else [value]
            for name in given:
                if name and name not in _LOCAL:
                    yield f"{key} of litellm_settings of {_FILE}", str(name)
    kind = shapes.text_at(settings, "cache_params", "type")
    if kind and kind not in _CACHES:
        yield f"cache_params of litellm_settings of {_FILE}", kind
    # Where the values of variables come from, whatever the pods' own are.
    if keeper := shapes.text_at(config, "general_settings", "key_management_system"):
        yield f"key_management_system of general_settings of {_FILE}", keeper
    for guardrail in shapes.objects_at(config, guardrails.SECTION):
        if guardrail not in planned:
            yield f"guardrails of {_FILE}", shapes.text_at(guardrail, "guardrail_name")


def _hosts_of(items: Sequence[Item], fields: _Fields) -> Iterator[Host]:
    for i, item in enumerate(items):
        where = fields.of(i)
        if _ARN in item.model_id:
            parts = item.model_id[item.model_id.index(_ARN) :].split(":")
            yield Host(f"The model of {where}", "".join(parts[_REGION : _REGION + 1]), is_part=True)
        params = item.params
        if item.base is not None and item.base == item.provider.default_base:
            # The provider's own, which the function repeats to LiteLLM.
            params = {k: v for k, v in params.items() if k not in ("api_base", "base_url")}
        yield from _hosts_in({**item.manifest, _PARAMS: params}, (), where)


def _hosts_in(value: Any, path: Path, where: str) -> Iterator[Host]:  # noqa: ANN401  # Any JSON.
    match value:
        case dict():
            for key, member in value.items():
                yield from _hosts_in(member, (*path, key), where)
        case list():
            for i, member in enumerate(value):
                yield from _hosts_in(member, (*path, i), where)
        case str():
            key = next((step for step in reversed(path) if isinstance(step, str)), "")
            is_part = _PARTS.fullmatch(key) is not None
            is_host = is_part or _HOSTS.fullmatch(key) is not None
            place = f"{'/'.join(map(str, path))} of {where}"
            if (name := variables.referred(value)) is not None:
                if is_host:
                    yield Host(place, variable=name, is_part=is_part)
            elif is_host or _URL.search(value):
                yield Host(place, value, is_part=is_part)


def _seconds_of(items: Sequence[Item], fields: _Fields) -> Iterator[tuple[str, float | None]]:
    for i, item in enumerate(items):
        yield from _seconds(item.params, fields.of(i))


def _seconds_in(config: Manifest) -> Iterator[tuple[str, float | None]]:
    for section in ("router_settings", "litellm_settings"):
        if isinstance(settings := config.get(section), dict):
            yield from _seconds(settings, f"{section} of {_FILE}")


def _seconds(given: Mapping[str, Any], where: str) -> Iterator[tuple[str, float | None]]:
    for key in _SECONDS:
        if (value := given.get(key)) is not None:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            yield f"{key} of {where}", value if is_number else None


def _variables_of(items: Sequence[Item]) -> set[str]:
    """The variables of the called providers, which go to these alone."""
    found = {item.provider_name: item.provider for item in items}
    return {name for provider in found.values() for name in provider.variables}


def _is_host(variable: str) -> bool:
    """Whether a variable of that name holds a host."""
    return variable.upper() != "NO_PROXY" and _HOSTS.fullmatch(variable) is not None
