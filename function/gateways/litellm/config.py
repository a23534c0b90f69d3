"""LiteLLM's config.yaml, and the gate that lies beside it."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

from function import names
from function.api import Spec
from function.call import Manifest
from function.errors import Refused
from function.gateways.litellm import router_settings, variables, yaml_text
from function.gateways.litellm.entries import Entry, groups_of
from function.gateways.litellm.variables import reference

NAME: Final = "config.yaml"

MAX_BYTES: Final = 1024 * 1024
"""The most that the API server accepts as the values of a ConfigMap together."""

_GATE: Final = "gate.py"
"""The module that stands before LiteLLM; it runs there, so nothing here imports it."""

_CACHE_SECONDS: Final = 300

_json: Final = json.JSONEncoder(sort_keys=True).encode


def generate(spec: Spec, entries: Sequence[Entry]) -> Manifest:
    """The configuration that a spec gives; the same for the same entries in any order.

    Args:
        spec: the router's spec, whose overrides (`config`) are left aside.
        entries: its entries.
    """
    model_list = [_model(entry, entry.params(spec.routing)) for entry in entries]
    return {
        "model_list": sorted(model_list, key=_order),
        "litellm_settings": _litellm_settings(spec),
        "router_settings": router_settings.generate(spec, groups_of(entries)),
        "general_settings": {"master_key": reference(variables.MASTER_KEY)},
    }


def files(config: Manifest) -> dict[str, str]:
    """A configuration as YAML, and the gate, by the names of their files.

    Raises:
        Refused: they do not fit into a ConfigMap.
    """
    most = MAX_BYTES - len(gate().encode())
    text = yaml_text.dump(config, most=most)
    if text is None:
        raise Refused(
            names.REASON_CONFIG_TOO_LARGE,
            f"spec.aiModels and spec.config produce a config.yaml of more than the {most} bytes "
            "that the ConfigMap has room for: offer fewer models or use shorter values.",
        )
    return {NAME: text, _GATE: gate()}


@cache
def gate() -> str:
    """The gate, a module for LiteLLM's Python."""
    return resources.files(__package__).joinpath(_GATE).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _litellm_settings(spec: Spec) -> Manifest:
    said: Manifest = {"request_timeout": spec.routing.call_seconds}
    if spec.routing.allowed_failures == router_settings.LITELLMS_ALLOWED_FAILURES:
        # LiteLLM treats its own default as not set, so another value keeps it from counting.
        said["allowed_fails"] = 0
    if spec.cache is not None and spec.cache.enabled is not False:
        redis = spec.shared_redis
        where = {"type": "local"} if redis is None else router_settings.redis_cache(redis)
        said["cache"] = True
        said["cache_params"] = {**where, "ttl": spec.cache.ttl_seconds or _CACHE_SECONDS}
    return said


def _model(entry: Entry, params: Manifest) -> Manifest:
    model: Manifest = {"model_name": entry.group.name, "litellm_params": params}
    if entry.model.info:
        model["model_info"] = entry.model.info
    return model


def _order(model: Manifest) -> tuple[str, str]:
    return model["model_name"], _json(model)
