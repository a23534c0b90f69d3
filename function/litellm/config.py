"""LiteLLM's config.yaml."""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import yaml

from function import names
from function.api import AIModel
from function.composition import Manifest
from function.refusal import Refused

MAX_BYTES: Final = 1024 * 1024
"""What the API server lets the values of a ConfigMap hold together."""

REQUEST_TIMEOUT_SECONDS: Final = 600
"""How long a call may take. The pods' grace period is made to let such a call finish."""


def text(models: Iterable[tuple[AIModel, Manifest]]) -> str:
    """The config.yaml that offers these models; the same text for the same models in any order.

    Args:
        models: each with the further `litellm_params` that name its credentials.

    Raises:
        Refused: it does not fit into a ConfigMap.
    """
    entries = sorted((_entry(model, params) for model, params in models), key=_order)
    config = {
        "model_list": entries,
        "litellm_settings": {"request_timeout": REQUEST_TIMEOUT_SECONDS},
        "general_settings": {"master_key": f"os.environ/{names.MASTER_KEY_VARIABLE}"},
    }
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


def _entry(model: AIModel, credentials: Manifest) -> Manifest:
    params = {"model": model.name, **credentials}
    if model.api_base is not None:
        params["api_base"] = model.api_base
    if model.api_version is not None:
        params["api_version"] = model.api_version
    return {"model_name": model.offered_as, "litellm_params": params}


def _order(entry: Manifest) -> tuple[str, str]:
    return entry["model_name"], json.dumps(entry["litellm_params"], sort_keys=True)
