"""How LiteLLM routes calls: its `router_settings`.

LiteLLM's defaults lose calls even while a healthy deployment is available. Each choice here was
made after a running proxy needed it; tests/test_routing.py shows them at work:

- A retry picks a deployment anew, and may pick the one that has just failed. So with simple-shuffle
  a call moves on to the other deployments of its group, each once (weighted failover). None of them
  cools down: a few failures in a busy, healthy group would be enough to take all of them out at
  once, and clients would get 429 for that time. Cooldowns are there for those who ask for them.
- A deployment that takes calls and does not answer is not for settings to find out: LiteLLM's
  cooldowns begin with the first timeout, and its background health checks call every model all the
  time. silence.py does it, beside the gate.
- The other strategies have no such failover. There a deployment cools down after its first failure,
  and a group is its own first fallback: asked again, LiteLLM picks among the deployments that are
  not cooling down. If two fail at the same time, a call may still be lost before both are out.
- A call that LiteLLM itself rejects, because it exceeds a limit or because all deployments are
  cooling down, may count as a failure of the deployment that the call then moves on to. So groups
  with limits do not cool down after failures, nor do groups with a fallback, nor, with
  simple-shuffle, groups that are one.
- With a single deployment, a retry waits for some seconds. If there is a fallback, the call moves
  on to it at once, unless the router sets the number of retries.
- `rpm` and `tpm` by themselves act as weights. An explicit weight overrides that, and a check
  before each call turns them into limits. LiteLLM also derives a limit of parallel calls from them,
  which an explicit 0 undoes.
- As soon as one model has fallbacks for a prompt that is too long (or that a content policy
  rejects), LiteLLM no longer uses the general ones of any other model then. So they are repeated.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from function.api import Redis, Routing, Spec
from function.api.routing import ALL_OTHERS, SIMPLE_SHUFFLE, When, limits
from function.call import Manifest
from function.gateways.litellm import groups, variables
from function.gateways.litellm.groups import Group
from function.gateways.litellm.variables import reference

LITELLMS_ALLOWED_FAILURES: Final = 3
"""LiteLLM's default: if it is set to this, LiteLLM treats it as not set."""
_LITELLMS_MAX_FALLBACKS: Final = 5
"""How many other deployments or models LiteLLM tries by default."""
_MOST_FALLBACKS: Final = 32
"""Each is a call nested in the one before it, and Python limits the depth of that."""
_TLS: Final = {"ssl": True}
_SPECIAL: Final[Mapping[When, str]] = {
    "ContextWindow": "context_window_fallbacks",
    "ContentPolicy": "content_policy_fallbacks",
}
"""The settings of fallbacks for failures of one kind."""
_BACKOFF_SECONDS: Final = 8
"""The longest that LiteLLM waits before a retry."""


def generate(spec: Spec, found: Sequence[Group]) -> Manifest:
    """The `router_settings` of a spec with these groups."""
    routing = spec.routing
    settings: Manifest = {
        "routing_strategy": routing.strategy or SIMPLE_SHUFFLE,
        "num_retries": routing.call_retries,
    }
    if (cooldown := groups.cooldown(routing)) is None:
        settings["disable_cooldowns"] = True
    else:
        settings["allowed_fails"] = cooldown.allowed_failures
        settings["cooldown_time"] = cooldown.seconds
    again: list[str] = []
    if routing.shuffles:
        settings["enable_weighted_failover"] = True
    else:
        # LiteLLM would take '*' as the fallback of every model.
        again = [group.name for group in found if group.size > 1 and "*" not in group.name]
    settings |= _fallbacks(routing, again)
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
    """How many seconds a call may take at one model, including its retries."""
    return max(
        seconds * (retries + 1) + _BACKOFF_SECONDS * retries
        for seconds, retries, _ in limits(spec.routing, spec.called_models)
    )


def redis_cache(redis: Redis) -> Manifest:
    """The `cache_params` for a Redis server."""
    return {"type": "redis", **coordination(redis)}


def coordination(redis: Redis) -> Manifest:
    """The `coordination_redis` for a Redis server: where pods share what keys have used."""
    return {**_server(redis), **(_TLS if redis.tls else {})}


def _server(redis: Redis) -> Manifest:
    """The address of a Redis server, and its password."""
    said: Manifest = {"host": redis.host, "port": 6379 if redis.port is None else redis.port}
    if redis.password_secret_ref is not None:
        said["password"] = reference(variables.REDIS_PASSWORD)
    return said


def _fallbacks(routing: Routing, again: Collection[str]) -> Manifest:
    """The settings of the models to try after a model has failed.

    Args:
        routing: what the router asks for.
        again: the groups that are asked again before another model is.
    """
    general = routing.fallbacks_when("Failure")
    first: dict[str, list[str | Manifest]] = {
        # Without a parameter, LiteLLM would skip it as the group that has just failed.
        name: [
            {"model": name, "num_retries": routing.call_retries},
            *general.get(name, general.get(ALL_OTHERS, [])),
        ]
        for name in again
    }
    wanted: dict[str, Mapping[str, Sequence[str | Manifest]]] = {"fallbacks": {**general, **first}}
    for when, setting in _SPECIAL.items():
        if special := routing.fallbacks_when(when):
            wanted[setting] = special if ALL_OTHERS in special else {**general, **special}
    return {
        setting: [{name: list(chains[name])} for name in sorted(chains)]
        for setting, chains in wanted.items()
        if chains
    }
