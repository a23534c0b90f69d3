"""The plan of a LiteLLM gateway: every decision that its composed resources are written from."""

from collections.abc import Sequence
from typing import Final

from function import names
from function.api import Input, Spec
from function.composition import Manifest
from function.litellm import advice, config, credentials, last_word, routing
from function.master_key import MasterKey
from function.plan import Access, Plan
from function.router import Router

IMAGE: Final = "ghcr.io/berriai/litellm:v1.108.11"
"""The image where neither the router nor the platform team names one: LiteLLM's long-term line."""

_DEFAULT_RESOURCES: Final[Manifest] = {
    # 320 MiB idle and up to 540 MiB after use were measured; a limit of 512Mi kills it. Start-up
    # takes a whole core for ten seconds, so there is no small limit on CPU.
    "requests": {"cpu": "250m", "memory": "640Mi"},
    "limits": {"cpu": "2", "memory": "1Gi"},
}

_SETTINGS: Final = {
    "HOME": "/tmp",  # noqa: S108  # The one writable folder on a read-only root.
    # Stops LiteLLM's only fetch from the internet at start.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


def make(
    router: Router,
    settings: Input,
    master_key: MasterKey,
    accesses: Sequence[Access],
    secret_hash: str | None,
) -> Plan:
    """The plan for a router.

    Raises:
        Refused: its configuration is broken by what the router overrides, or does not fit into a
            ConfigMap.
    """
    spec = router.spec
    groups = routing.groups(spec)
    generated = config.make(spec, accesses, groups)
    configuration, overridden = last_word.apply(generated, spec.config)
    text = config.text(configuration)
    wanted = spec.deployment
    return Plan(
        router=router,
        image=wanted.image or settings.image or IMAGE,
        args=("--config", names.CONFIG_PATH, "--port", str(spec.port)),
        env=_environment(spec, master_key, accesses),
        resources=_DEFAULT_RESOURCES if wanted.resources is None else wanted.resources.manifest(),
        config=text,
        config_hash=config.digest(text),
        secret_hash=secret_hash,
        longest_call_seconds=routing.longest_call(spec),
        master_key=master_key,
        results=(*advice.of(spec, groups), *overridden),
    )


def _environment(spec: Spec, master_key: MasterKey, accesses: Sequence[Access]) -> list[Manifest]:
    """The container's variables: the function's own by name, then the user's, which win."""
    own: dict[str, Manifest] = {name: {"value": value} for name, value in _SETTINGS.items()}
    own |= credentials.environment(accesses)
    # Not optional: LiteLLM refuses to start without one, and a pod that waits for a Secret says so
    # more clearly than one that crashes.
    own[names.MASTER_KEY_VARIABLE] = {
        "valueFrom": {"secretKeyRef": {"name": master_key.secret, "key": master_key.key}}
    }
    if (redis := spec.shared_redis) is not None and redis.password_secret_ref is not None:
        ref = redis.password_secret_ref
        own[names.REDIS_PASSWORD_VARIABLE] = credentials.optional_key(ref.name, ref.key)
    users = [variable.manifest() for variable in spec.deployment.env]
    for variable in users:
        own.pop(variable["name"], None)
    return [{"name": name, **own[name]} for name in sorted(own)] + users
