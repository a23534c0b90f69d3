"""LiteLLM's config.yaml."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from function import names
from function.api import Spec
from function.call import Manifest
from function.errors import Refused
from function.gateways.litellm import router_settings, variables, yaml_text
from function.gateways.litellm.entries import Entry, groups_of
from function.gateways.litellm.variables import reference

MAX_BYTES: Final = 1024 * 1024
"""The most that the API server accepts as the values of a ConfigMap together."""

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


def text(config: Manifest) -> str:
    """A configuration as YAML.

    Raises:
        Refused: it does not fit into a ConfigMap.
    """
    written = yaml_text.dump(config, most=MAX_BYTES)
    if written is None:
        raise Refused(
            names.REASON_CONFIG_TOO_LARGE,
            f"spec.aiModels and spec.config produce a config.yaml of more than the {MAX_BYTES} "
            "bytes that a ConfigMap holds: offer fewer models or use shorter values.",
        )
    return written


def digest(config: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a config."""
    return hashlib.sha256(config.encode()).hexdigest()[:16]


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
