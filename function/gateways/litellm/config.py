"""LiteLLM's config.yaml, and the modules that lie beside it."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from operator import attrgetter
from typing import Final

from function import names
from function.api import Spec
from function.api.validation import switched_on
from function.call import Manifest
from function.errors import Refused
from function.gateways.litellm import (
    applications,
    guardrails,
    mcp,
    router_settings,
    telemetry,
    variables,
    yaml_text,
)
from function.gateways.litellm.entries import Entry, groups_of
from function.gateways.litellm.items import MODEL_LIST, Item
from function.gateways.litellm.variables import reference

NAME: Final = "config.yaml"

MAX_BYTES: Final = 1024 * 1024
"""The most that the API server accepts as the values of a ConfigMap together."""

_MODULES: Final = ("gate.py", "silence.py")
"""What stands before LiteLLM, and what watches its calls; they run there, so nothing here imports
them."""
_SPANS: Final = "spans.py"
"""The same of what cleans what is traced."""

_MCP_GATE: Final = "mcp_gate.py"
"""The same of what lets clients through to MCP servers."""

_GUARDS: Final = "guards.py"
"""The same of what holds the rules of guardrails."""

_CACHE_SECONDS: Final = 300


def generate(spec: Spec, entries: Sequence[Entry]) -> Manifest:
    """The configuration that a spec gives; the same for the same entries in any order.

    Args:
        spec: the router's spec, whose overrides (`config`) are left aside.
        entries: its entries.
    """
    items = sorted((entry.item for entry in entries), key=attrgetter("order"))
    return {
        **telemetry.sections(spec),
        MODEL_LIST: [item.manifest for item in items],
        "litellm_settings": _litellm_settings(spec) | telemetry.settings(spec, len(items)),
        "router_settings": router_settings.generate(spec, groups_of(entries)),
        "general_settings": {
            "master_key": reference(variables.MASTER_KEY),
            **mcp.settings(spec),
            **applications.general_settings(spec),
        },
        **guardrails.section(spec),
        **mcp.section(spec),
    }


def files(config: Manifest, items: Sequence[Item], beside: Mapping[str, str]) -> dict[str, str]:
    """A configuration as YAML, and the modules beside it, by the names of their files.

    Args:
        config: the finished configuration.
        items: the items of its `model_list`.
        beside: the modules.

    Raises:
        Refused: they do not fit into a ConfigMap.
    """
    most = MAX_BYTES - sum(len(module.encode()) for module in beside.values())
    try:
        text = _text(config, items, most)
    except yaml_text.TooLongError:
        raise Refused(
            names.REASON_CONFIG_TOO_LARGE,
            f"spec.aiModels and spec.config produce a config.yaml of more than the {most} bytes "
            "that the ConfigMap has room for: offer fewer models or use shorter values.",
        ) from None
    return {NAME: text, **beside}


def _text(config: Manifest, items: Sequence[Item], most: int) -> str:
    """The YAML of a configuration, of which only those items are written that have not been yet.

    Raises:
        TooLongError: it has more bytes than the most.
    """
    unwritten = [item for item in items if not item.yaml]
    written = yaml_text.dump_items([item.manifest for item in unwritten], most=most)
    for item, text in zip(unwritten, written, strict=True):
        item.yaml = text
    sections = {
        key: yaml_text.dump({key: section}, most=most)
        for key, section in config.items()
        if key != MODEL_LIST
    }
    sections[MODEL_LIST] = "".join([f"{MODEL_LIST}:\n", *(item.yaml for item in items)])
    whole = "".join(sections[key] for key in sorted(sections))
    if len(whole.encode()) > most:
        raise yaml_text.TooLongError
    return whole


def modules_of(spec: Spec) -> Mapping[str, str]:
    """The modules for the LiteLLM of a router, by the names of their files."""
    return modules(
        traced=switched_on(spec.tracing) is not None,
        tools=bool(spec.mcp_servers),
        guarded=bool(guardrails.of(spec)),
        access=spec.wanted_access is not None,
    )


@cache
def modules(
    *, traced: bool = False, tools: bool = False, guarded: bool = False, access: bool = False
) -> Mapping[str, str]:
    """The modules for LiteLLM's Python, by the names of their files.

    Args:
        traced: whether there are spans to be cleaned.
        tools: whether there are MCP servers.
        guarded: whether there are guardrails.
        access: whether applications have keys of their own.
    """
    folder = resources.files(__package__)
    names_ = [*_MODULES]
    names_ += [_SPANS] if traced else []
    names_ += [_MCP_GATE] if tools else []
    names_ += [_GUARDS] if guarded else []
    # The last one, since it stands around what the others make of the gate.
    names_ += [applications.MODULE] if access else []
    return {name: folder.joinpath(name).read_text(encoding="utf-8") for name in names_}


def digest(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _litellm_settings(spec: Spec) -> Manifest:
    said: Manifest = {
        "request_timeout": spec.routing.call_seconds,
        **applications.litellm_settings(spec),
    }
    if spec.routing.allowed_failures == router_settings.LITELLMS_ALLOWED_FAILURES:
        # LiteLLM treats its own default as not set, so another value keeps it from counting.
        said["allowed_fails"] = 0
    if (cache := switched_on(spec.cache)) is not None:
        redis = spec.shared_redis
        where = {"type": "local"} if redis is None else router_settings.redis_cache(redis)
        said["cache"] = True
        said["cache_params"] = {**where, "ttl": cache.ttl_seconds or _CACHE_SECONDS}
    return said
