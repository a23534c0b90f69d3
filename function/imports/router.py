"""A ModelRouter from a source."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from function import names
from function.api.fields import MAX_CALL_SECONDS
from function.api.routing import DEFAULT_RETRIES, DEFAULT_TIMEOUT_SECONDS
from function.call import Manifest
from function.gateways.litellm import items, providers, variables
from function.gateways.litellm.items import MODEL_LIST
from function.imports import deployments, fallbacks, guardrails, mcp
from function.imports.draft import Draft, shown
from function.imports.secrets import Secrets
from function.imports.settings import CLOSED_SECTIONS, GENERAL, LITELLM, ROUTER, Settings
from function.imports.source import Note, Source, Value
from function.text import shorten

_HANDLED: Final = (
    *(MODEL_LIST, "credential_list", "environment_variables", ROUTER, LITELLM, GENERAL),
    *("include", mcp.SECTION, guardrails.SECTION),
)
_FIELDS: Final = (
    *("type", "port", "aiModels", "credentials", "auth", "guardrails", "mcpServers", "routing"),
    *("redis", "cache"),
    *("config", "deployment", "service", "commonMetadata", "podMetadata", "autoscaling"),
    *("podDisruptionBudget", "networkPolicy", "ingress", "httpRoute", "outbound", "metrics"),
    *("tracing", "logging", "patches"),
)


@dataclass(frozen=True)
class Imported:
    """A router that was imported.

    Attributes:
        source: what it was imported from.
        manifest: the ModelRouter.
        secrets: its credentials.
        notes: what the user is told.
        dropped: the paths of what was not carried over.
    """

    source: Source
    manifest: Manifest
    secrets: Secrets
    notes: list[Note] = field(default_factory=list)
    dropped: frozenset[str] = frozenset()


def of(source: Source, name: str, namespace: str, secret: str) -> Imported:
    """The router that means the same as a source.

    Args:
        source: what is imported.
        name: the router's name.
        namespace: its namespace; empty for none.
        secret: the name of the Secret with its credentials.

    Raises:
        NotImported: LiteLLM would refuse the source, or none of it can be carried over.
    """
    config = source.config
    draft = Draft(source, Secrets(secret), notes=list(source.notes))
    _set_variables(draft, config.get("environment_variables"))
    draft.secrets.reserved = frozenset(
        [
            *_referred(config),
            *source.environment.known,
            *deployments.implied(config.get(MODEL_LIST)),
        ]
    )
    settings = Settings(draft, config)
    entries = deployments.read(draft, config.get(MODEL_LIST), config.get("credential_list"))
    shuffled = settings.routing()
    deployments.share_load(draft, entries, shuffled=shuffled)
    deployments.share_credentials(draft, entries)
    draft.spec["aiModels"] = deployments.written(draft, entries, shuffled=shuffled)
    fallbacks.read(draft, config, [entry.alias for entry in entries])
    settings.redis()
    settings.master_key()
    settings.telemetry()
    settings.rest(limited=any({"rpm", "tpm"} & e.fields.keys() for e in entries))
    if (servers := config.get(mcp.SECTION)) is not None:
        mcp.read(draft, servers)
    if guards := config.get(guardrails.SECTION):
        policies = any(config.get(section) for section in guardrails.POLICIES)
        guardrails.read(draft, guards, policies=policies)
    _sections(draft, config)
    _check_duration(draft)
    _environment(draft)
    if draft.merge:
        draft.set("config.merge", draft.merge)
    spec = _with_own(draft, source.spec)
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    manifest = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": metadata,
        "spec": {key: spec[key] for key in _FIELDS if key in spec},
    }
    return Imported(source, manifest, draft.secrets, draft.notes, frozenset(draft.dropped))


def _with_own(draft: Draft, given: Manifest) -> dict[str, Any]:
    """The spec with the fields that the source gives as they are."""
    spec = {**given, **draft.spec}
    for key in given.keys() & draft.spec.keys():
        if isinstance(given[key], dict):
            spec[key] = {**given[key], **draft.spec[key]}
    return spec


def _set_variables(draft: Draft, given: object) -> None:
    """Takes `environment_variables`, which LiteLLM puts into its environment."""
    if not isinstance(given, dict):
        return
    known = draft.source.environment.known
    for name, value in given.items():
        if value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        referred = variables.referred(text)
        if referred is None:
            known[name] = Value(text)
        elif referred != name:
            known[name] = known.get(referred) or Value(key=draft.key_of(referred))


def _referred(config: Manifest) -> Iterator[str]:
    for reference in items.references(config):
        yield from reference.variables


def _sections(draft: Draft, config: Manifest) -> None:
    for section, value in config.items():
        if section in _HANDLED or not value:
            continue
        if (reason := CLOSED_SECTIONS.get(section)) is not None:
            draft.lost(section, f"{section} is left out: {reason}")
            continue
        if section in guardrails.POLICIES and (gone := guardrails.left_out(draft, config)):
            draft.lost(
                section,
                f"{section} is left out: it names the guardrail {shown(gone)}, which is left out"
                if section == guardrails.POLICIES[0]
                else f"{section} is left out, as the policies are",
            )
            continue
        draft.merge[section] = draft.passed(value, section, section)
        draft.told(section, f"config.merge passes on {section} as it is")


def _check_duration(draft: Draft) -> None:
    """Shortens timeouts with which a call could take longer than an hour."""
    routing = draft.spec.get("routing", {})
    seconds = routing.get("timeoutSeconds", DEFAULT_TIMEOUT_SECONDS)
    retries = routing.get("retries", DEFAULT_RETRIES)
    if seconds * (retries + 1) > MAX_CALL_SECONDS:
        seconds = MAX_CALL_SECONDS // (retries + 1)
        draft.set("routing.timeoutSeconds", seconds)
        draft.told(
            ROUTER,
            f"routing.timeoutSeconds is {seconds}, since a call may take an hour with its retries",
        )
    for model in draft.spec["aiModels"]:
        own = model.get("timeoutSeconds", seconds)
        again = model.get("maxRetries", retries)
        if own * (again + 1) > MAX_CALL_SECONDS:
            model["timeoutSeconds"] = MAX_CALL_SECONDS // (again + 1)
            draft.told(
                MODEL_LIST,
                f"timeoutSeconds of {shown(model.get('alias', model['name']))} is "
                f"{model['timeoutSeconds']}, since a call may take an hour with its retries",
            )


def _environment(draft: Draft) -> None:
    """Writes the variables of the container: those that settings refer to, and the source's own."""
    env = draft.source.environment
    # What the configuration refers to is there already, where it is of use.
    referred = set(_referred(draft.source.config))
    for name, value in env.known.items():
        empty = not value.text and value.key is None and value.other is None
        if empty or name in referred or name in draft.env:
            continue
        if name in providers.all_variables():
            _tell_unread(draft, name)
        elif name in _OF_A_DATABASE:
            draft.lost(_VARIABLES, f"{name} is left out: the gateway has no database")
        elif name in _REFUSED:
            draft.lost(_VARIABLES, f"{name} is left out: {_REFUSED[name]}")
        elif not _is_a_field(draft, name):
            draft.provided(name)
    if draft.env:
        entries = [{"name": name, **value} for name, value in sorted(draft.env.items())]
        draft.set("deployment.env", entries)
    if env.sources:
        draft.set("deployment.envFrom", env.sources)


def _tell_unread(draft: Draft, name: str) -> None:
    """Notes a provider's variable that no model has."""
    offered = {model["name"].partition("/")[0] for model in draft.spec["aiModels"]}
    if not any(name in providers.find(provider).variables for provider in offered):
        draft.told(_VARIABLES, f"{shorten(name)} is left out, as no model has a use for it")


def _is_a_field(draft: Draft, name: str) -> bool:
    """Whether a field of the router says what a variable says."""
    traces = name.startswith("OTEL_") and "tracing" in draft.spec
    bases = any(name in names_ for names_ in deployments.BASES.values())
    redis = name.startswith("REDIS_") and "redis" in draft.spec
    return traces or bases or redis or name in (variables.MASTER_KEY, "LITELLM_SALT_KEY")


_VARIABLES: Final = "environment_variables"
_SETS: Final = "the function sets it itself"
_ELSEWHERE: Final = "LiteLLM would read its configuration elsewhere"
_OF_A_DATABASE: Final = frozenset(
    {
        *("DATABASE_URL", "DIRECT_URL", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_USERNAME"),
        *("DATABASE_PASSWORD", "STORE_MODEL_IN_DB", "DISABLE_SCHEMA_UPDATE"),
    }
)
_REFUSED: Final = {
    **dict.fromkeys(("PYTHONPATH", "HOME", "PORT", "LITELLM_WORKER_STARTUP_HOOKS"), _SETS),
    **dict.fromkeys(("CONFIG_FILE_PATH", "LITELLM_CONFIG_BUCKET_NAME"), _ELSEWHERE),
    **dict.fromkeys(("DEBUG", "DETAILED_DEBUG"), "it prints prompts and keys to the log"),
    "LITELLM_LOG": "use logging.level",
    "MAX_REQUESTS_BEFORE_RESTART": "LiteLLM would refuse calls while it restarts",
}
"""Variables that a router may not set, each with the reason."""
