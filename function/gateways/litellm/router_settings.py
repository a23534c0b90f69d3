"""How LiteLLM routes: `router_settings`, and what each entry of `model_list` says of its limits.

LiteLLM's own defaults cost clients calls while a healthy deployment is there. Each choice here is
one that a running proxy was seen to need; tests/test_routing.py shows them at work:

- A retry draws again, and may draw the deployment that has just failed. So under simple-shuffle a
  call goes on to the other deployments of its group, each once (weighted failover). None rests: a
  few failures of a busy and healthy group would be enough to make all of them rest at once, and
  clients would get 429 for that time. Rests are there for those who ask for them.
- The other strategies know no such failover. There a deployment rests after its first failure, and
  a group is its own first fallback: asked again, LiteLLM chooses among those that do not rest.
  Where two fail at once a call may still be lost before both rest.
- A call that LiteLLM itself turns away, over a limit or because all deployments rest, may count as
  a failure of the deployment that the call then goes on to. So groups with limits do not rest for
  failures, nor do groups with a fallback, nor under simple-shuffle those that are one.
- With a single deployment a retry waits for some seconds. Where there is a fallback, the call goes
  on to it at once, unless the router says how often to retry.
- `rpm` and `tpm` by themselves only weigh. An explicit weight takes that from them, and a check
  before each call makes limits of them. LiteLLM also derives a limit of calls at once from them,
  which a 0 in its place undoes.
"""

from collections.abc import Collection, Sequence
from typing import Final

from function.api import Redis, Routing, Spec
from function.api.routing import limits
from function.call import Manifest
from function.gateways.litellm import groups, variables
from function.gateways.litellm.groups import Group
from function.gateways.litellm.variables import reference

LITELLMS_ALLOWED_FAILURES: Final = 3
"""Given as such, LiteLLM takes it for not given."""
_LITELLMS_MAX_FALLBACKS: Final = 5
"""How often LiteLLM goes on to another deployment or model if it is not told."""
_MOST_FALLBACKS: Final = 32
"""Each is a call within the one before it, and Python ends what is nested too deeply."""
_TLS: Final = {"ssl": True}
_BACKOFF_SECONDS: Final = 8
"""How long LiteLLM waits before it tries again, at most."""


def generate(spec: Spec, found: Sequence[Group]) -> Manifest:
    """The `router_settings` of a spec with these groups."""
    routing = spec.routing
    settings: Manifest = {
        "routing_strategy": routing.strategy or groups.SIMPLE_SHUFFLE,
        "num_retries": routing.call_retries,
    }
    if (cooldown := groups.cooldown(routing)) is None:
        settings["disable_cooldowns"] = True
    else:
        settings["allowed_fails"] = cooldown.allowed_failures
        settings["cooldown_time"] = cooldown.seconds
    again: list[str] = []
    if groups.shuffles(routing):
        settings["enable_weighted_failover"] = True
    else:
        # LiteLLM would take '*' for what any model falls back to.
        again = [group.name for group in found if group.size > 1 and "*" not in group.name]
    if fallbacks := _fallbacks(routing, again):
        settings["fallbacks"] = fallbacks
    if (most := max(group.size for group in found)) > _LITELLMS_MAX_FALLBACKS:
        settings["max_fallbacks"] = min(most, _MOST_FALLBACKS)
    if any(group.is_limited for group in found):
        settings["optional_pre_call_checks"] = ["enforce_model_rate_limits"]
    if (redis := spec.shared_redis) is not None:
        settings |= {f"redis_{key}": value for key, value in _server(redis).items()}
        if redis.tls:
            settings["cache_kwargs"] = _TLS
    return settings


def longest_call(spec: Spec) -> int:
    """How many seconds a call may last at one model, with all its retries."""
    return max(
        seconds * (retries + 1) + _BACKOFF_SECONDS * retries
        for seconds, retries, _ in limits(spec.routing, spec.ai_models)
    )


def redis_cache(redis: Redis) -> Manifest:
    """What the `cache_params` say of a Redis server."""
    return {"type": "redis", **_server(redis), **(_TLS if redis.tls else {})}


def _server(redis: Redis) -> Manifest:
    """Where a Redis server is, and its password."""
    said: Manifest = {"host": redis.host, "port": 6379 if redis.port is None else redis.port}
    if redis.password_secret_ref is not None:
        said["password"] = reference(variables.REDIS_PASSWORD)
    return said


def _fallbacks(routing: Routing, again: Collection[str]) -> list[Manifest]:
    """What is asked after a model has failed, by model; the order of the models has no meaning."""
    wanted: dict[str, list[str | Manifest]] = {
        # With a parameter beside it LiteLLM does not take it for the group that has just failed.
        name: [{"model": name, "num_retries": routing.call_retries}]
        for name in again
    }
    for fallback in routing.fallbacks:
        wanted.setdefault(fallback.model, []).extend(fallback.to)
    return [{name: wanted[name]} for name in sorted(wanted)]
