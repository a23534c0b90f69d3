"""LiteLLM's settings, as fields or in `config.merge`, and those that no router can have."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args
from urllib.parse import unquote, urlsplit

from function import shapes
from function.api.routing import SIMPLE_SHUFFLE, Strategy
from function.call import Manifest
from function.errors import NotImported
from function.gateways.litellm import known_keys, variables
from function.imports import fallbacks
from function.imports.deployments import number, retries, seconds
from function.imports.draft import Draft, shown
from function.imports.source import OTEL_ENDPOINTS, as_ref

ROUTER: Final = "router_settings"
LITELLM: Final = "litellm_settings"
GENERAL: Final = "general_settings"

_STRATEGIES: Final[tuple[str, ...]] = get_args(Strategy)
_DATABASE: Final = (
    "it needs a database, which this gateway does not have: keep the LiteLLM that has one for it"
)
_CODE: Final = (
    "it is code of your own: put it into an image (deployment.image) and name it in config.merge"
)
_ENTERPRISE: Final = "it needs a licence of LiteLLM's enterprise edition"
_REDIRECTS: Final = (
    "it redirects the calls, and with them the keys, of all models: set it on the models"
)
_PRINTS: Final = "it prints prompts and keys to the log: use logging.level"
_CLOSED: Final = "it is for routes that this gateway does not open"

_NEVER: Final[Mapping[str, Mapping[str, str]]] = {
    LITELLM: {
        **dict.fromkeys(
            ("api_key", "api_base", "model_alias_map", "use_litellm_proxy"), _REDIRECTS
        ),
        **dict.fromkeys(("set_verbose", "log_raw_request_response", "detailed_debug"), _PRINTS),
        **dict.fromkeys(("custom_provider_map", "post_call_rules", "pre_call_rules"), _CODE),
        **dict.fromkeys(
            (
                *("max_budget", "budget_duration", "max_internal_user_budget", "key_alias_pattern"),
                *("default_internal_user_params", "default_team_settings", "max_end_user_budget"),
                *("upperbound_key_generate_params", "default_key_generate_params"),
                *("store_audit_logs", "audit_log_callbacks", "internal_user_budget_duration"),
                *("default_max_internal_user_budget", "default_team_params", "budget_reset_time"),
            ),
            _DATABASE,
        ),
    },
    GENERAL: {
        **dict.fromkeys(
            (
                *("database_url", "database_connection_pool_limit", "store_model_in_db"),
                *("database_connection_timeout", "store_prompts_in_spend_logs", "database_type"),
                *("database_args", "disable_spend_logs", "proxy_batch_write_at", "enforced_params"),
                *("proxy_budget_rescheduler_min_time", "proxy_budget_rescheduler_max_time"),
                *("use_redis_transaction_buffer", "disable_prisma_schema_update", "ui_access_mode"),
                *("allow_requests_on_db_unavailable", "maximum_spend_logs_retention_period"),
                *("supported_db_objects", "reject_clientside_metadata_tags", "enforce_user_param"),
                *("team_metadata_schema", "team_metadata_validation_timeout"),
                *("team_metadata_validation_error_message", "disable_reset_budget"),
                *("disable_adding_master_key_hash_to_db", "disable_error_logs"),
                *("maximum_spend_logs_retention_interval", "key_management_settings"),
                *("database_connection_pool_timeout", "user_api_key_cache_ttl"),
            ),
            _DATABASE,
        ),
        **dict.fromkeys(
            (
                *("custom_auth", "custom_key_generate", "custom_key_update", "custom_key_policy"),
                *("custom_team_metadata_validate", "custom_sso", "custom_ui_sso_sign_in_handler"),
            ),
            _CODE,
        ),
        **dict.fromkeys(
            (
                *("allowed_ips", "enable_jwt_auth", "litellm_jwtauth", "litellm_license"),
                *("key_management_system", "use_google_kms", "use_azure_key_vault"),
                *("enable_oauth2_auth", "enable_oauth2_proxy_auth", "oauth2_config_mappings"),
                *("public_routes", "admin_only_routes", "role_permissions", "control_plane_url"),
            ),
            _ENTERPRISE,
        ),
        **dict.fromkeys(("pass_through_endpoints",), _CLOSED),
        **dict.fromkeys(("otel",), "LiteLLM has no such setting any more: use tracing"),
    },
    ROUTER: {
        **dict.fromkeys(("set_verbose", "debug_level"), _PRINTS),
        **dict.fromkeys(("plugins",), _CODE),
    },
}
"""Settings that are not carried over, each with the reason."""

CLOSED_SECTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("files_settings", "finetune_settings", "assistant_settings", "default_vertex_config"),
        _CLOSED,
    ),
    "worker_registry": _DATABASE,
}
"""Sections that are not carried over, each with the reason."""

CALLBACKS: Final = ("callbacks", "success_callback", "failure_callback")
_METRICS: Final = "prometheus"
_TRACES: Final = ("otel", "opentelemetry")
_OTEL_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER")
_REDIS_SECONDS: Final = 60
_LOCAL_SECONDS: Final = 600
"""How long LiteLLM keeps an answer by itself, in Redis and in its own memory."""
_MOST_TTL: Final = 604800
_REFUSED_KEY: Final = "sk-1234"
_CHECK: Final = "enforce_model_rate_limits"


class Settings:
    """The settings of a configuration, of which each is taken once."""

    def __init__(self, draft: Draft, config: Manifest) -> None:
        """Takes the sections.

        Raises:
            NotImported: one is no object.
        """
        self._draft = draft
        self._left: dict[str, dict[str, Any]] = {}
        for section in (ROUTER, LITELLM, GENERAL):
            given = config.get(section)
            if not isinstance(given, dict | None):
                raise NotImported(section, f"{section} must be an object")
            left = {key: value for key, value in (given or {}).items() if value is not None}
            self._left[section] = left

    def take(self, section: str, key: str) -> tuple[str, Any]:
        """A setting, which is then no longer left, and its path."""
        return f"{section}.{key}", self._left[section].pop(key, None)

    def first(self, *places: tuple[str, str]) -> tuple[str, Any]:
        """The first of some settings that is set, all of which are taken."""
        found = [self.take(*place) for place in places]
        return next((one for one in found if one[1] is not None), found[0])

    def peek(self, section: str, key: str) -> Any:  # noqa: ANN401  # Any JSON.
        """A setting that is left."""
        return self._left[section].get(key)

    def routing(self) -> bool:
        """Writes how calls are routed, and returns whether deployments are drawn by weight."""
        draft = self._draft
        path, strategy = self.take(ROUTER, "routing_strategy")
        strategy = draft.resolved(strategy)
        if strategy is not None and strategy not in known_keys.known("routing_strategy"):
            known = ", ".join(_STRATEGIES)
            raise NotImported(path, f"{path} is {shown(strategy)}: it must be one of {known}")
        if strategy in _STRATEGIES and strategy != SIMPLE_SHUFFLE:
            draft.set("routing.strategy", strategy)
        elif strategy not in (None, SIMPLE_SHUFFLE):
            draft.merge.setdefault(ROUTER, {})["routing_strategy"] = strategy
        self._number("retries", retries, (ROUTER, "num_retries"), (LITELLM, "num_retries"))
        if self.peek(LITELLM, "request_timeout") is not None and self.peek(ROUTER, "timeout"):
            self._number("timeoutSeconds", seconds, (LITELLM, "request_timeout"))
        else:
            self._number(
                "timeoutSeconds", seconds, (ROUTER, "timeout"), (LITELLM, "request_timeout")
            )
        self._cooldowns()
        for setting in (*fallbacks.SETTINGS, fallbacks.DEFAULTS):
            self.first((ROUTER, setting), (LITELLM, setting))
        return strategy in (None, SIMPLE_SHUFFLE)

    def _number(
        self, field: str, fit: Callable[[Draft, float, str], int], *places: tuple[str, str]
    ) -> None:
        path, given = self.first(*places)
        wanted = number(self._draft, given, path)
        if wanted is not None:
            self._draft.set(f"routing.{field}", fit(self._draft, wanted, path))

    def _cooldowns(self) -> None:
        draft = self._draft
        path, given = self.first((ROUTER, "allowed_fails"), (LITELLM, "allowed_fails"))
        failures = number(draft, given, path)
        path, given = self.first((ROUTER, "cooldown_time"), (LITELLM, "cooldown_time"))
        wait = number(draft, given, path)
        _, off = self.take(ROUTER, "disable_cooldowns")
        if off is True:
            draft.set("routing.cooldownSeconds", 0)
            return
        if failures is not None:
            draft.set("routing.allowedFailures", min(max(int(failures), 0), 1_000_000))
        if wait:
            draft.set("routing.cooldownSeconds", min(math.ceil(wait), 86400))

    def redis(self) -> None:
        """Writes the Redis server that the pods share, and the cache of answers."""
        draft = self._draft
        path, on = self.take(LITELLM, "cache")
        params_path, params = self.take(LITELLM, "cache_params")
        params = dict(params) if isinstance(params, dict) else {}
        caches = draft.resolved(on) in (True, "true", "True")
        kind = params.get("type", "redis") if caches else None
        server = self._server(kind, params, params_path)
        if server is not None:
            draft.set("redis", server)
        if not caches:
            if params:
                draft.told(
                    params_path, "cache_params have no effect without cache: they are left out"
                )
            return
        draft_server = draft.spec.get("redis")
        if kind == "local" or (kind == "redis" and draft_server is not None):
            ttl = number(draft, params.pop("ttl", None), f"{params_path}.ttl")
            default = _LOCAL_SECONDS if kind == "local" else _REDIS_SECONDS
            params.pop("type", None)
            draft.set("cache.ttlSeconds", min(max(math.ceil(ttl or default), 1), _MOST_TTL))
            if kind == "local" and draft_server is not None:
                params["type"] = "local"
                draft.told(path, "the cache is kept by each pod, as it was")
            if params:
                said = draft.passed(params, params_path, "CACHE")
                draft.merge.setdefault(LITELLM, {})["cache_params"] = said
            return
        section = draft.merge.setdefault(LITELLM, {})
        section["cache"] = True
        if not params and kind == "redis":
            params = {"type": "redis", "host": "os.environ/REDIS_HOST"}
            params |= {"port": "os.environ/REDIS_PORT", "password": "os.environ/REDIS_PASSWORD"}
        section["cache_params"] = draft.passed(params, params_path, "CACHE")
        draft.told(path, f"the cache ({shown(kind)}) is passed on in config.merge")

    def _server(self, kind: object, params: dict[str, Any], params_path: str) -> Manifest | None:
        """The Redis server, if its address is known; what is taken of it is no longer left."""
        draft, env = self._draft, self._draft.source.environment
        router = {
            key: self._left[ROUTER][f"redis_{key}"]
            for key in ("host", "port", "password", "url")
            if f"redis_{key}" in self._left[ROUTER]
        }
        of_cache: dict[str, Any] = {
            k: params[k] for k in ("host", "port", "password", "url", "ssl") if k in params
        }
        if not of_cache and kind == "redis":
            implied = {"host": "REDIS_HOST", "port": "REDIS_PORT", "password": "REDIS_PASSWORD"}
            of_cache = {k: variables.reference(v) for k, v in implied.items() if v in env.known}
        given = router or (of_cache if kind == "redis" else {})
        found = _address({key: draft.resolved(value) for key, value in given.items()})
        two = router and of_cache and kind == "redis"
        if found is None or (two and not self._same(router, of_cache)):
            return None
        server, password = found
        if (given_password := given.get("password")) is not None or password:
            held = password if given_password is None else str(given_password)
            ref = as_ref(draft.key_for(variables.REDIS_PASSWORD, held))
            server["passwordSecretRef"] = ref
        for key in router:
            del self._left[ROUTER][f"redis_{key}"]
        if kind == "redis":
            for key in of_cache:
                params.pop(key, None)
            if not router:
                draft.told(
                    params_path,
                    "the pods also count limits and failures together in the Redis server of the "
                    "cache",
                )
        return server

    def _same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        resolved = [
            _address({key: self._draft.resolved(value) for key, value in given.items()})
            for given in (one, other)
        ]
        return resolved[0] == resolved[1]

    def master_key(self) -> None:
        """Writes where the master key is."""
        draft = self._draft
        path, key = self.take(GENERAL, "master_key")
        env = draft.source.environment
        name = variables.referred(key) if isinstance(key, str) else None
        if key is None and variables.MASTER_KEY in env.known:
            name = variables.MASTER_KEY
        if name is not None:
            key = env.text(name)
            if key is None:
                draft.set("auth.masterKeySecretRef", as_ref(draft.key_of(name)))
                return
        if key == _REFUSED_KEY:
            draft.told(
                path,
                "the master key is LiteLLM's example, with which it no longer starts: a random one "
                "is generated",
            )
        elif key is None or key == "":
            draft.told(
                path,
                "no master key is named: a random one is generated; to keep the one that your "
                "clients have, name its Secret in auth.masterKeySecretRef",
            )
        else:
            held = (
                draft.secrets.put(variables.MASTER_KEY, str(key))
                if name is None
                else draft.key_of(name)
            )
            draft.set("auth.masterKeySecretRef", as_ref(held))

    def telemetry(self) -> None:
        """Writes metrics, traces and the log's form."""
        draft = self._draft
        if self.peek(LITELLM, "json_logs") is True:
            self.take(LITELLM, "json_logs")
            draft.set("logging.format", "JSON")
        for setting in CALLBACKS:
            path, given = self.take(LITELLM, setting)
            names = [given] if isinstance(given, str) else given or []
            if not isinstance(names, list):
                raise NotImported(path, f"{path} must be a list of names")
            left = [name for i, name in enumerate(names) if self._callback(f"{path}[{i}]", name)]
            if left:
                draft.merge.setdefault(LITELLM, {})[setting] = left
        own = [
            *(["otel"] if "tracing" in draft.spec else []),
            *([_METRICS] if "metrics" in draft.spec else []),
        ]
        merged = shapes.at(draft.merge, LITELLM, "callbacks")
        if own and merged:
            # A list in a merge patch replaces the one that the function writes.
            draft.merge[LITELLM]["callbacks"] = [*own, *merged]

    def _callback(self, path: str, name: object) -> bool:
        """Takes a callback; whether it is passed on."""
        draft = self._draft
        if name == _METRICS:
            draft.set("metrics", {})
            return False
        if name in _TRACES:
            self._traces(path)
            return False
        if not isinstance(name, str) or "." in name:
            draft.lost(path, f"the callback {shown(name)} is left out: {_CODE}")
            return False
        draft.told(
            path,
            f"the callback {shown(name)} is passed on: the image must have its package, and "
            "deployment.env its variables",
        )
        return True

    def _traces(self, path: str) -> None:
        draft, env = self._draft, self._draft.source.environment
        endpoint = next((text for v in OTEL_ENDPOINTS if (text := env.text(v))), None)
        if endpoint is None:
            draft.lost(
                path,
                "traces are left out, since the collector is not known: set tracing.endpoint, or "
                f"give a file with {OTEL_ENDPOINTS[0]}=… too",
            )
            return
        tracing: Manifest = {"endpoint": endpoint.rstrip("/").removesuffix("/v1/traces")}
        protocol = next((text for v in _OTEL_PROTOCOLS if (text := env.text(v))), "")
        if "grpc" in protocol:
            tracing["protocol"] = "GRPC"
        draft.set("tracing", tracing)

    def rest(self, *, limited: bool) -> None:
        """Passes on what is left, but for what no router can have.

        Args:
            limited: whether an entry has a limit of calls or tokens.
        """
        draft = self._draft
        for section, left in self._left.items():
            for key, value in left.items():
                path = f"{section}.{key}"
                if (reason := _NEVER[section].get(key)) is not None:
                    if value is not False:
                        draft.lost(path, f"{path} is left out: {reason}")
                    continue
                passed = draft.passed(value, path, key)
                if key == "optional_pre_call_checks" and limited and isinstance(passed, list):
                    passed = list(dict.fromkeys([_CHECK, *passed]))
                draft.merge.setdefault(section, {})[key] = passed


def _address(given: Mapping[str, Any]) -> tuple[Manifest, str] | None:
    """A Redis server and its password in the URL; None if it is not known, or has no field."""
    host, port, tls, password = given.get("host"), given.get("port"), given.get("ssl"), ""
    if isinstance(url := given.get("url"), str) and host is None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if parts.scheme not in ("redis", "rediss") or parts.path.strip("/") not in ("", "0"):
            return None
        if parts.username not in (None, "", "default") or parts.query:
            return None
        tls, password = parts.scheme == "rediss", unquote(parts.password or "")
    if not isinstance(host, str) or not host or variables.referred(host) is not None:
        return None
    server: Manifest = {"host": host}
    if isinstance(port, str):
        if not port.isdecimal():
            return None if port else (server, password)
        port = int(port)
    if isinstance(port, int):
        server["port"] = port
    if tls in (True, "true", "True"):
        server["tls"] = True
    return server, password
