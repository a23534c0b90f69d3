"""The plan of a LiteLLM gateway."""

from collections.abc import Sequence
from typing import Final

from function import names
from function.api import Router, Spec
from function.api.validation import switched_on
from function.call import Manifest
from function.errors import Refused
from function.gateways.base import ConfigFiles, Container, Plan, Probe, SecretKey, Target
from function.gateways.litellm import (
    applications,
    arguments,
    called,
    config,
    credentials,
    entries,
    exposure,
    guardrails,
    items,
    mcp,
    outbound,
    overrides,
    router_settings,
    telemetry,
    variables,
    warnings,
)
from function.gateways.litellm.entries import Entry

IMAGE: Final = "ghcr.io/berriai/litellm:v1.108.11"
"""The image where neither the router nor the platform team names one: LiteLLM's long-term line."""

_CONFIG_FOLDER: Final = "/app/config"

_ACCESS_VOLUME: Final = "access"
_ACCESS_FOLDER: Final = "/app/access"

_DEFAULT_RESOURCES: Final[Manifest] = {
    # 320 MiB idle and up to 540 MiB after use were measured; a limit of 512Mi kills it. Start-up
    # takes a whole core for ten seconds, so there is no small limit on CPU.
    "requests": {"cpu": "250m", "memory": "640Mi"},
    "limits": {"cpu": "2", "memory": "1Gi"},
}

_USER: Final = 65534
"""The user that LiteLLM's rootless image runs as; its other image runs as any."""

_SCRATCH: Final = "/tmp"  # noqa: S108  # In the container.

_PAUSE_SECONDS: Final = 10
"""Endpoints and load balancers need some seconds to learn that a pod is going, and LiteLLM closes
its listener at once on SIGTERM: so the pod waits before that."""

_CLOSING_SECONDS: Final = 10
"""How much of the grace period is for more than finishing calls: at first, clients are told to
close their connections; at last, LiteLLM sends off what it has logged."""

_MARGIN_SECONDS: Final = 20
"""How much longer a pod that stops may take after its pause than its longest call."""

_MAX_GRACE_SECONDS: Final = 600
"""The longest grace period that is not asked for: what drains nodes ends what takes longer."""

# Health checks that need no key and call no model.
_LIVELINESS: Final = "/health/liveliness"
_READINESS: Final = "/health/readiness"
# Answered by the gate alone: a LiteLLM without it never becomes ready.
_GATE: Final = "/gate"

_METRICS: Final = "/metrics/"
"""Without the slash, LiteLLM answers with a redirect."""

_SETTINGS: Final = {
    "HOME": _SCRATCH,  # The one writable folder on a read-only root.
    # Seconds. Whoever keeps idle connections must be the first to close them, or a call is lost
    # that is sent just then: ingress controllers and load balancers do so after 60 seconds, Go's
    # clients after 90, and LiteLLM would after 5.
    "KEEPALIVE_TIMEOUT": "120",
    # Otherwise LiteLLM fetches its list of prices from the internet at start.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "PYTHONPATH": _CONFIG_FOLDER,  # Where the modules lie beside the configuration.
}

_HOOKS: Final = "LITELLM_WORKER_STARTUP_HOOKS"

_RESERVED: Final = {
    variables.MASTER_KEY: (
        "which the status would not show: name the key's Secret in spec.auth.masterKeySecretRef"
    ),
    _HOOKS: "without which the gate does not start: remove it",
    "PYTHONPATH": "without which the gate does not start: remove it",
    # They stand for --debug and --detailed_debug.
    **dict.fromkeys(
        ("DEBUG", "DETAILED_DEBUG"),
        "with which LiteLLM prints prompts and credentials to the log: remove it",
    ),
    "MAX_REQUESTS_BEFORE_RESTART": (
        "with which LiteLLM refuses calls while it restarts: remove it"
    ),
    **dict.fromkeys(
        ("CONFIG_FILE_PATH", "LITELLM_CONFIG_BUCKET_NAME", "STORE_MODEL_IN_DB"),
        "with which LiteLLM would read its configuration elsewhere, where nothing checks it: use "
        "spec.config",
    ),
}
"""Variables that the user's own may not set, and why."""


def shared_texts() -> Sequence[str]:
    """The modules that lie beside the configurations."""
    modules = config.modules(traced=True, tools=True, guarded=True, access=True)
    return tuple(modules.values())


def plan(router: Router) -> Plan:
    """The plan of a router's gateway.

    Raises:
        Refused: a credential could not be kept to its provider, a prompt would go to a host that no
            one chose, or the configuration is broken by its overrides or does not fit into a
            ConfigMap.
    """
    spec = router.spec
    _check_environment(spec)
    applications.check_variables(spec)
    arguments.check(spec.deployment.extra_args)
    entries_ = entries.read(spec)
    generated = config.generate(spec, entries_)
    configuration, overridden = overrides.apply(generated, spec.config)
    applications.check(configuration, spec)
    lost = guardrails.lost(configuration, spec)
    items_ = items.of(configuration[items.MODEL_LIST], (entry.item for entry in entries_))
    unset = exposure.check(configuration, items_, spec, entries_)
    files = config.files(configuration, items_, config.modules_of(spec))
    generated_key = SecretKey(names.generated_key_of(router.name), variables.MASTER_KEY)
    ref = spec.auth.master_key_secret_ref
    master_key = generated_key if ref is None else SecretKey(ref.name, ref.key)
    return Plan(
        router=router,
        container=_container(router, _environment(router, master_key, entries_)),
        config=ConfigFiles(_CONFIG_FOLDER, files, config.digest(files[config.NAME])),
        offers=_offers(entries_),
        guardrails=guardrails.on(spec),
        master_key=master_key,
        generated_key=generated_key,
        keys=_model_keys(spec, entries_),
        own_keys=_own_keys(spec),
        metrics_path=_METRICS,
        results=(*warnings.of(spec, entries_), *overridden, *lost, *unset),
        called=called.of(configuration, items_, spec) if router.platform.policies else None,
    )


def _check_environment(spec: Spec) -> None:
    for i, variable in enumerate(spec.deployment.env):
        if variable.name == variables.LOG_LEVEL and (variable.value or "").upper() == "DEBUG":
            raise Refused(
                names.REASON_INVALID_SPEC,
                f"spec.deployment.env[{i}] sets {variable.name} to DEBUG, with which LiteLLM "
                "prints prompts and answers to the log: use spec.logging.level.",
            )
        if variable.name in _RESERVED:
            raise Refused(
                names.REASON_INVALID_SPEC,
                f"spec.deployment.env[{i}] sets {variable.name}, {_RESERVED[variable.name]}.",
            )


def _container(router: Router, env: list[Manifest]) -> Container:
    wanted = router.spec.deployment
    return Container(
        name="litellm",
        image=wanted.image or router.platform.image or IMAGE,
        args=(
            *("--config", f"{_CONFIG_FOLDER}/{config.NAME}", "--port", str(router.spec.port)),
            *wanted.extra_args,
        ),
        env=env,
        resources=_DEFAULT_RESOURCES if wanted.resources is None else wanted.resources.manifest(),
        user=None if router.platform.assigns_users else _USER,
        scratch=_SCRATCH,
        volumes=(*outbound.volumes(router.spec.outbound), *_access_volumes(router)),
        mounts=(*outbound.mounts(router.spec.outbound), *_access_mounts(router)),
        # Five minutes to start: ten seconds are enough with a whole core, seventy without.
        startup=Probe(_GATE, period_seconds=5, failures=60),
        liveness=Probe(_LIVELINESS, period_seconds=10, failures=6),
        readiness=Probe(_READINESS, period_seconds=5, failures=3),
        pause_seconds=_PAUSE_SECONDS,
        grace_seconds=_grace_seconds(router.spec),
    )


def _access_volumes(router: Router) -> tuple[Manifest, ...]:
    """The volume with the keys of applications, if there are any."""
    if router.spec.wanted_access is None:
        return ()
    return ({"name": _ACCESS_VOLUME, "configMap": {"name": names.access_of(router.name)}},)


def _access_mounts(router: Router) -> tuple[Manifest, ...]:
    """Where they are in the container: as a folder, since a single file would never change."""
    if router.spec.wanted_access is None:
        return ()
    return ({"name": _ACCESS_VOLUME, "mountPath": _ACCESS_FOLDER, "readOnly": True},)


def _grace_seconds(spec: Spec) -> int:
    """How long a pod that stops may take."""
    asked = spec.deployment.termination_grace_period_seconds
    needed = _PAUSE_SECONDS + router_settings.longest_call(spec) + _MARGIN_SECONDS
    return min(needed, _MAX_GRACE_SECONDS) if asked is None else asked


def _environment(
    router: Router, master_key: SecretKey, entries_: Sequence[Entry]
) -> list[Manifest]:
    """The container's variables: the function's own by name, then the user's, which win."""
    spec = router.spec
    settings = {
        **_SETTINGS,
        **_hooks(spec),
        **telemetry.environment(router),
        **applications.environment(router),
    }
    own: dict[str, Manifest] = {name: {"value": value} for name, value in settings.items()}
    # By default, LiteLLM cuts off what takes longer than half a minute.
    finishing = _grace_seconds(spec) - _PAUSE_SECONDS - _CLOSING_SECONDS
    own["GRACEFUL_SHUTDOWN_TIMEOUT"] = {"value": str(finishing)}
    own |= credentials.environment(entries.accesses_of(entries_))
    own |= outbound.environment(spec.outbound)
    own |= mcp.environment(spec)
    own |= guardrails.environment(spec)
    # Not optional: LiteLLM refuses to start without one, and a pod that waits for a Secret says so
    # more clearly than one that crashes.
    own[variables.MASTER_KEY] = {
        "valueFrom": {"secretKeyRef": {"name": master_key.secret, "key": master_key.key}}
    }
    tracing = switched_on(spec.tracing)
    if tracing is not None and (headers := tracing.headers_secret_ref) is not None:
        key = SecretKey(headers.name, headers.key)
        own[variables.TRACING_HEADERS] = credentials.optional_key(key)
    if (redis := spec.shared_redis) is not None and redis.password_secret_ref is not None:
        ref = redis.password_secret_ref
        own[variables.REDIS_PASSWORD] = credentials.optional_key(SecretKey(ref.name, ref.key))
    users = [variable.manifest() for variable in spec.deployment.env]
    for variable in users:
        own.pop(variable["name"], None)
    return [{"name": name, **own[name]} for name in sorted(own)] + users


def _hooks(spec: Spec) -> dict[str, str]:
    """The variables by which LiteLLM starts the modules; a digest of each rolls the pods."""
    modules = config.modules_of(spec)
    stems = {name.removesuffix(".py"): text for name, text in modules.items()}
    return {
        _HOOKS: ",".join(f"{stem}:install" for stem in stems),
        **{f"{stem.upper()}_DIGEST": config.digest(text) for stem, text in stems.items()},
    }


def _offers(entries_: Sequence[Entry]) -> dict[str, tuple[Target, ...]]:
    """What is called for each model name, both in the order of the spec."""
    targets: dict[str, list[Target]] = {}
    for entry in entries_:
        targets.setdefault(entry.group.name, []).append(entry.target)
    return {name: tuple(called) for name, called in targets.items()}


def _own_keys(spec: Spec) -> frozenset[SecretKey]:
    """The keys of users' Secrets without which the gateway does not work as it is asked to."""
    redis, proxy, tracing = (
        spec.shared_redis,
        switched_on(spec.outbound.proxy),
        switched_on(spec.tracing),
    )
    refs = [
        spec.auth.master_key_secret_ref,
        None if redis is None else redis.password_secret_ref,
        None if proxy is None else proxy.url_secret_ref,
        None if tracing is None else tracing.headers_secret_ref,
    ]
    own = frozenset(SecretKey(ref.name, ref.key) for ref in refs if ref is not None)
    return own.union(mcp.keys(spec), guardrails.keys(spec))


def _model_keys(spec: Spec, entries_: Sequence[Entry]) -> frozenset[SecretKey]:
    """The keys of Secrets that the models and the user's own variables take."""
    keys = {key for access in entries.accesses_of(entries_) for key in access.variables.values()}
    for variable in spec.deployment.env:
        if variable.value_from and (ref := variable.value_from.secret_key_ref):
            keys.add(SecretKey(ref.name, ref.key))
    return frozenset(keys)
