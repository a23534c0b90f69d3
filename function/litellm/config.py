"""LiteLLM's config.yaml."""

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import yaml

from function import names
from function.api import AIModel, Spec
from function.composition import Manifest
from function.litellm import routing
from function.litellm.routing import Groups
from function.plan import Access
from function.refusal import Refused

MAX_BYTES: Final = 1024 * 1024
"""What the API server lets the values of a ConfigMap hold together."""

_CACHE_SECONDS: Final = 300


def make(spec: Spec, accesses: Sequence[Access], found: Groups) -> Manifest:
    """The configuration that a spec gives; the same for the same models in any order.

    Args:
        spec: the router's spec, whose own `config` is not looked at.
        accesses: how each of its models gets at its provider.
        found: the groups that its models form.
    """
    entries = [
        _entry(model, access.params, routing.params(model, spec.routing, found))
        for model, access in zip(spec.ai_models, accesses, strict=True)
    ]
    return {
        "model_list": sorted(entries, key=_order),
        "litellm_settings": _litellm_settings(spec),
        "router_settings": routing.settings(spec, found),
        "general_settings": {"master_key": f"os.environ/{names.MASTER_KEY_VARIABLE}"},
    }


def text(config: Manifest) -> str:
    """A configuration as YAML.

    Raises:
        Refused: it does not fit into a ConfigMap.
    """
    result = _yaml(json.dumps(config, sort_keys=True))
    size = len(result.encode())
    if size > MAX_BYTES:
        raise Refused(
            names.REASON_CONFIG_TOO_LARGE,
            f"spec.aiModels makes a config.yaml of {size} bytes, and a ConfigMap holds at most "
            f"{MAX_BYTES}: offer fewer models, or use shorter values.",
        )
    return result


@lru_cache(maxsize=64)
def _yaml(config: str) -> str:
    """The YAML of a config in JSON.

    Kept for the next calls: writing YAML is what costs, 30 ms for 1,000 models, and Crossplane
    calls at least twice in each reconcile.
    """
    # The C dumper is ten times as fast as Python's, and in every wheel of PyYAML.
    return str(
        yaml.dump(json.loads(config), Dumper=yaml.CSafeDumper, allow_unicode=True, width=2**31 - 1)
    )


def digest(config: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a config."""
    return hashlib.sha256(config.encode()).hexdigest()[:16]


def _litellm_settings(spec: Spec) -> Manifest:
    said: Manifest = {"request_timeout": spec.routing.call_seconds}
    if spec.routing.allowed_failures == routing.LITELLMS_ALLOWED_FAILURES:
        # LiteLLM takes its own default for not given, so that one is set to something else.
        said["allowed_fails"] = 0
    if spec.cache is not None and spec.cache.enabled is not False:
        redis = spec.shared_redis
        where = {"type": "local"} if redis is None else routing.cache(redis)
        said["cache"] = True
        said["cache_params"] = {**where, "ttl": spec.cache.ttl_seconds or _CACHE_SECONDS}
    return said


def _entry(model: AIModel, credentials: Manifest, limits: Manifest) -> Manifest:
    params = {"model": model.name, **credentials, **limits}
    if model.api_base is not None:
        params["api_base"] = model.api_base
    if model.api_version is not None:
        params["api_version"] = model.api_version
    entry = {"model_name": model.offered_as, "litellm_params": params | (model.parameters or {})}
    if model.info:
        entry["model_info"] = model.info
    return entry


def _order(entry: Manifest) -> tuple[str, str]:
    return entry["model_name"], json.dumps(entry, sort_keys=True)
