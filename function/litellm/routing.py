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

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from function import names
from function.api import AIModel, Redis, Routing, Spec
from function.api.routing import limits
from function.composition import Manifest

_SHUFFLE: Final = "simple-shuffle"
_COOLDOWN_SECONDS: Final = 5
"""How long a deployment rests, where the router says that it rests and not how long; LiteLLM's."""
LITELLMS_ALLOWED_FAILURES: Final = 3
"""Given as such, LiteLLM takes it for not given."""
_LITELLMS_MAX_FALLBACKS: Final = 5
"""How often LiteLLM goes on to another deployment or model if it is not told."""
_MOST_FALLBACKS: Final = 32
"""Each is a call within the one before it, and Python ends what is nested too deeply."""
_TLS: Final = {"ssl": True}
_BACKOFF_SECONDS: Final = 8
"""How long LiteLLM waits before it tries again, at most."""


@dataclass(frozen=True)
class Groups:
    """The deployments by the model name that they share.

    Attributes:
        sizes: how many deployments each model name has.
        backed: model names that have a fallback.
        limited: model names of which a deployment has a limit of calls or tokens a minute.
        restless: model names whose deployments do not rest, while others do.
    """

    sizes: Counter[str]
    backed: frozenset[str]
    limited: frozenset[str]
    restless: frozenset[str]

    def lone(self) -> list[str]:
        """The model names that nothing stands in for, in their order."""
        return [name for name, n in self.sizes.items() if n == 1 and name not in self.backed]


def groups(spec: Spec) -> Groups:
    """The groups of a spec."""
    fallbacks = spec.routing.fallbacks
    backed = frozenset(fallback.model for fallback in fallbacks)
    limited = frozenset(model.offered_as for model in spec.ai_models if _limited(model))
    restless = backed | limited if _rests(spec.routing) else frozenset[str]()
    if restless and shuffles(spec.routing):
        restless = restless.union(*(fallback.to for fallback in fallbacks))
    sizes = Counter(model.offered_as for model in spec.ai_models)
    return Groups(sizes, backed, limited, restless)


def params(model: AIModel, routing: Routing, found: Groups) -> Manifest:
    """What the `litellm_params` of a model say of its share and its limits."""
    group = model.offered_as
    given = {
        "rpm": model.rpm,
        "tpm": model.tpm,
        "max_parallel_requests": model.max_parallel_requests,
        "weight": model.weight,
        "timeout": model.timeout_seconds,
        "num_retries": model.max_retries,
    }
    said: Manifest = {key: value for key, value in given.items() if value is not None}
    if found.sizes[group] > 1:
        said.setdefault("weight", 1)
    elif group in found.backed and routing.retries is None:
        said.setdefault("num_retries", 0)
    if _limited(model):
        said.setdefault("max_parallel_requests", 0)
    if group in found.restless:
        said["cooldown_time"] = 0
    return said


def settings(spec: Spec, found: Groups) -> Manifest:
    """The `router_settings` of a spec."""
    routing = spec.routing
    said: Manifest = {
        "routing_strategy": routing.strategy or _SHUFFLE,
        "num_retries": routing.call_retries,
        **(_rests(routing) or {"disable_cooldowns": True}),
    }
    again: list[str] = []
    if shuffles(routing):
        said["enable_weighted_failover"] = True
    else:
        # LiteLLM would take '*' for what any model falls back to.
        again = [name for name, n in found.sizes.items() if n > 1 and "*" not in name]
    if fallbacks := _fallbacks(routing, again):
        said["fallbacks"] = fallbacks
    if (most := max(found.sizes.values())) > _LITELLMS_MAX_FALLBACKS:
        said["max_fallbacks"] = min(most, _MOST_FALLBACKS)
    if found.limited:
        said["optional_pre_call_checks"] = ["enforce_model_rate_limits"]
    if (redis := spec.shared_redis) is not None:
        said |= {f"redis_{key}": value for key, value in server(redis).items()}
        if redis.tls:
            said["cache_kwargs"] = _TLS
    return said


def shuffles(routing: Routing) -> bool:
    """Whether deployments are drawn by their weights."""
    return routing.strategy in (None, _SHUFFLE)


def longest_call(spec: Spec) -> int:
    """How many seconds a call may last at one model, with all its retries."""
    return max(
        seconds * (retries + 1) + _BACKOFF_SECONDS * retries
        for seconds, retries, _ in limits(spec.routing, spec.ai_models)
    )


def cache(redis: Redis) -> Manifest:
    """What the `cache_params` say of a Redis server."""
    return {"type": "redis", **server(redis), **(_TLS if redis.tls else {})}


def server(redis: Redis) -> Manifest:
    """Where a Redis server is, and its password."""
    said: Manifest = {"host": redis.host, "port": 6379 if redis.port is None else redis.port}
    if redis.password_secret_ref is not None:
        said["password"] = f"os.environ/{names.REDIS_PASSWORD_VARIABLE}"
    return said


def _limited(model: AIModel) -> bool:
    return model.rpm is not None or model.tpm is not None


def _rests(routing: Routing) -> Manifest:
    """When a deployment rests that fails, and how long; empty where none does."""
    failures, seconds = routing.allowed_failures, routing.cooldown_seconds
    asked_for = (failures, seconds) != (None, None) or not shuffles(routing)
    if not asked_for or seconds == 0:
        return {}
    return {"allowed_fails": failures or 0, "cooldown_time": seconds or _COOLDOWN_SECONDS}


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
