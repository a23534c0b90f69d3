"""The router's overrides of its config.yaml, and what users are told about them.

Overrides are passed to LiteLLM unchanged. But LiteLLM ignores unknown keys, drops models that it
cannot use, and does not start with other mistakes: so the result is checked before any pod sees it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from function import merging, names
from function.api import literals
from function.api.models import NUMBERS
from function.api.routing import Config
from function.call import Manifest, Result
from function.errors import Refused
from function.gateways.litellm import known_keys, mcp, providers
from function.gateways.litellm.items import MODEL_LIST
from function.gateways.litellm.known_keys import MAX_GUESSES
from function.text import first, shorten

_SETTINGS: Final = (
    *("allowed_fails", "cooldown_time", "max_fallbacks", "num_retries", "retry_after", "timeout"),
)
"""The `router_settings` that must be numbers: with anything else the first call fails."""
_CHECKS: Final = "optional_pre_call_checks"
_SECTIONS: Final = ("router_settings", "litellm_settings", "general_settings")


def apply(config: Manifest, wanted: Config) -> tuple[Manifest, list[Result]]:
    """The configuration with the overrides applied, and what users are told about them.

    Raises:
        Refused: LiteLLM could not use the result.
    """
    patch = wanted.merge or {}
    if not patch and not wanted.remove:
        return config, []
    # A list of models that is left as it is was generated, and needs no copy and no check.
    left = not _concerns_models(wanted)
    kept = {MODEL_LIST: config[MODEL_LIST]} if left else {}
    merged = merging.merge({k: v for k, v in config.items() if k not in kept}, patch)
    found = [(pointer, merging.remove(merged, pointer)) for pointer in wanted.remove]
    gone = [pointer for pointer, there in found if there]
    absent = [pointer for pointer, there in found if not there]
    if not left:
        _check_models(merged.get(MODEL_LIST))
    _check_sections(merged)
    merged = {**kept, **merged}
    sentences = [*_unknown(patch), *_overridden(config, patch)]
    if gone:
        sentences.append(f"config.remove removes {_listed(gone)}.")
    if absent:
        sentences.append(f"config.remove names {_listed(absent)}, but nothing is there.")
    return merged, [
        Result(names.EVENT_CONFIG, text) for text in first(sentences, "And {} more about config.")
    ]


def _concerns_models(wanted: Config) -> bool:
    return MODEL_LIST in (wanted.merge or {}) or any(
        pointer.startswith(f"/{MODEL_LIST}") for pointer in wanted.remove
    )


def _listed(pointers: list[str]) -> str:
    return ", ".join(first([shorten(pointer) for pointer in pointers]))


def _overridden(config: Manifest, patch: Manifest) -> Iterator[str]:
    if replaced := merging.replaced(config, patch):
        yield f"config.merge replaces {_listed(replaced)}."
    for pointer, items in merging.lost(config, patch):
        gone = _listed([str(item) for item in items])
        yield f"config.merge removes {gone} from {shorten(pointer)}."


def _unknown(patch: Mapping[str, Any]) -> Iterator[str]:
    """The warnings about keys that LiteLLM does not know, of as many as one is suggested for."""
    cache = _object(patch.get("litellm_settings")).get("cache_params")
    given: list[tuple[str, object, str]] = [
        ("config", patch, ""),
        *((section, patch.get(section), f"/{section}") for section in _SECTIONS),
        ("cache_params", cache, "/litellm_settings/cache_params"),
    ]
    found = (
        (section, key, path)
        for section, members, path in given
        for key in _unknown_in(section, members)
    )
    for section, key, path in islice(found, MAX_GUESSES):
        near = known_keys.near(section, key)
        guess = f"; did you mean {' or '.join(near)}?" if near else "."
        yield (
            f"config.merge: {path}/{shorten(key)} is unknown to LiteLLM {providers.RELEASE}{guess}"
        )


def _unknown_in(section: str, given: object) -> list[str]:
    set_to = [key for key, value in _object(given).items() if value is not None]
    return known_keys.unknown(section, set_to)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _check_models(models: object) -> None:
    """Rejects models that LiteLLM would drop silently."""
    if not isinstance(models, list) or not models:
        raise _broken(f"/{MODEL_LIST}", "must be a list of models")
    for i, entry in enumerate(models):
        params = _object(_object(entry).get("litellm_params"))
        called = {
            "model_name": _object(entry).get("model_name"),
            "litellm_params/model": params.get("model"),
        }
        for path, name in called.items():
            if not isinstance(name, str) or not name:
                raise _broken(f"/model_list/{i}/{path}", "must be the name of a model")
        _check_numbers(params, NUMBERS, f"/model_list/{i}/litellm_params")


def _check_sections(config: Mapping[str, Any]) -> None:
    """Rejects settings that LiteLLM does not start with."""
    for section in _SECTIONS:
        if not isinstance(config.get(section, {}), dict):
            raise _broken(f"/{section}", "must be an object")
    master_key = _object(config.get("general_settings")).get("master_key")
    if not isinstance(master_key, str) or not master_key:
        raise _broken(
            "/general_settings/master_key", "must be set: LiteLLM does not start without it"
        )
    _check_routing(config.get("router_settings", {}))
    _check_servers(config.get(mcp.SECTION, {}))


def _check_servers(servers: object) -> None:
    """Rejects MCP servers with which LiteLLM does not start."""
    if not isinstance(servers, dict):
        raise _broken(f"/{mcp.SECTION}", "must be an object")
    for name, server in servers.items():
        if "-" in name or not isinstance(server, dict):
            raise _broken(
                f"/{mcp.SECTION}/{shorten(name)}", "must be an object, with no '-' in its name"
            )


def _check_routing(settings: Mapping[str, Any]) -> None:
    """Rejects routing with which LiteLLM does not start, or starts and then fails."""
    path = "/router_settings"
    _check_numbers(settings, _SETTINGS, path)
    strategies: list[str] = known_keys.known("routing_strategy")
    if settings.get("routing_strategy", "simple-shuffle") not in strategies:
        raise _broken(f"{path}/routing_strategy", f"must be one of {', '.join(strategies)}")
    known, checks = known_keys.known(_CHECKS), settings.get(_CHECKS, [])
    if not isinstance(checks, list) or not all(check in known for check in checks):
        raise _broken(f"{path}/{_CHECKS}", f"may only hold {', '.join(known)}")
    fallbacks = settings.get("fallbacks", [])
    if not isinstance(fallbacks, list) or not all(
        isinstance(entry, dict) and len(entry) == 1 for entry in fallbacks
    ):
        raise _broken(f"{path}/fallbacks", "must be a list of objects with one model each")


def _check_numbers(given: Mapping[str, Any], wanted: Sequence[str], path: str) -> None:
    for key in wanted:
        value = given.get(key, 0)
        if isinstance(value, str) and value.startswith(literals.REFERENCE):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _broken(f"{path}/{key}", "must be a number")


def _broken(pointer: str, what: str) -> Refused:
    return Refused(
        names.REASON_CONFIG_BROKEN,
        f"spec.config: in the result, {pointer} {what}; fix merge or remove.",
    )
