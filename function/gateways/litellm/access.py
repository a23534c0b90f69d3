"""Who may call: the keys of applications, and the gateway's master key.

LiteLLM without a database knows one key, its administrator's. This answers in its place whether a
call is allowed (LiteLLM calls it `custom_auth`). Applications are listed in a file that changes
while the pod runs, ACCESS_FILE: it holds the hashes of their keys, and their limits. A key begins
with the uid of the application that it was made for, which finds the entry; all keys of one
application share its limits.

- A key calls what the gate opens to everyone, and no more: what GATE_OPEN_ROUTES and
  GATE_OPEN_PARAMETERS open beside that is for the master key alone. Of the models and MCP servers
  it may call those that it was granted, and lists no others.
- LiteLLM is told of each call which models it may name: the ones that were judged here. Should it
  understand a call in another way, it refuses it.
- Where a model fails and the router has a fallback for it, the fallback's model answers whether the
  key may call it or not: it is the router that chose it.
- LiteLLM limits requests, tokens and parallel calls, over all pods where they share a Redis.
- Budgets are counted here, in the same Redis, by what LiteLLM says that a call cost: one for the
  application and one for all of its namespace. Both are counted by name, so one that is deleted and
  made again has spent what it had spent. A call is refused once what was spent in the day or month
  (UTC) has reached either budget, so those under way at that moment still go through. While Redis
  is away, each pod goes by what it knows.

Keys, and hashes of them, are never logged, and LiteLLM is never given either: it knows a key by its
application's uid and by its alias.

Like the gate, this file is no module of the function: it lies beside config.yaml, where LiteLLM
calls `install` before it reads its configuration, and does not start if that fails or if the
configuration does not have `custom_auth` and its checks on.
"""

# LiteLLM's packages, and the gate as a module by itself, are in LiteLLM's container alone. The two
# files are of one version, so this one may look inside the other.
# mypy: disable-error-code="import-not-found,import-untyped"
# ruff: noqa: SLF001

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import gate
import litellm
from litellm._logging import verbose_proxy_logger
from litellm.constants import LITELLM_PROXY_MASTER_KEY_ALIAS
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy import proxy_server
from litellm.proxy._experimental.mcp_server.mcp_server_manager import (
    MCPServerManager,
    global_mcp_server_manager,
)
from litellm.proxy._types import (
    LiteLLM_ObjectPermissionTable,
    LitellmUserRoles,
    ProxyException,
    UserAPIKeyAuth,
)
from litellm.proxy.hooks import PROXY_HOOKS
from litellm.proxy.hooks.parallel_request_limiter_v3 import PROXY_MaxParallelRequestsHandler_v3
from starlette._utils import get_route_path

_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]

VERSION: Final = 1
"""The form of the file."""

_PREFIX: Final = "sk-"
_UID: Final = 36
"""How long a uid is."""
_NO_HASH: Final = "0" * 64
"""What the key of an unknown application is compared with."""

_MODELS: Final = ("/models", "/v1/models")
_MODEL: Final = "/v1/models/"
_INFO: Final = ("/model/info", "/v1/model/info")
"""Routes that list models: their answers are reduced to what a key may call."""
_TOOLS: Final = "/mcp"
_SHOWN: Final = ("input_cost_per_", "max_", "mode", "output_cost_per_", "supports_")
"""How the names begin of what an application is told of a model; hosts are not its business."""
_ENDS: Final = {"first_id": 0, "last_id": -1}
_OF_A_MODEL: Final = frozenset({"created", "id", "object", "owned_by"})
_LONGEST_MODEL: Final = 512

_JUDGED, _KEY = "modelrouter.judged", "modelrouter.key"
"""Where a call's scope says what the gate found, and whose key it has."""

_REDIS_SECONDS: Final = 1.0
"""How long Redis may take to answer."""
_REDIS_PAUSE: Final = 5.0
"""How long it is left alone after it did not, and how often it is looked after."""
_KEPT_SECONDS: Final = {"Day": 2 * 86400, "Month": 40 * 86400}
_MOST_AMOUNTS: Final = 10_000
"""How many amounts a pod remembers: more than the keys of one file can need at once."""

_NEEDED: Final = (
    *("allowed_routes", "api_key", "expires", "key_alias", "max_parallel_requests"),
    *("models", "object_permission", "rpm_limit", "tpm_limit", "user_id", "user_role"),
)
"""What LiteLLM's object of a key must have."""


# -- The file


@dataclass(frozen=True)
class Budget:
    """What may be spent in a `Day` or a `Month`."""

    usd: float
    period: str


@dataclass(frozen=True)
class Key:
    """An application, as the file lists it."""

    uid: str
    alias: str
    hashes: tuple[str, ...]
    models: tuple[str, ...]
    mcp_servers: tuple[str, ...]
    rpm: int | None
    tpm: int | None
    max_parallel_requests: int | None
    budget: Budget | None
    """Its own."""
    namespace_budget: Budget | None
    """That of all applications of its namespace together."""
    expires: datetime | None

    @property
    def namespace(self) -> str:
        """Its namespace, with which its alias begins."""
        return _namespace(self.alias)

    def may_call(self, model: str) -> bool:
        """Whether it may call a model of that name.

        With a comma in it, LiteLLM would call several.
        """
        names = {model, *(part.strip() for part in model.split(","))}
        return len(model) <= _LONGEST_MODEL and all(
            any(_matches(pattern, name) for pattern in self.models) for name in names
        )

    def may_use(self, server: str) -> bool:
        """Whether it may use an MCP server of that name."""
        return any(_matches(pattern, server) for pattern in self.mcp_servers)


_NO_KEYS: Final[Mapping[str, Key]] = {}


def read(text: bytes) -> dict[str, Key]:
    """The applications of a file, by their uids.

    Raises:
        ValueError: the file does not have the form that this version knows.
    """
    try:
        said = json.loads(text)
        if said["version"] != VERSION:
            raise ValueError(f"its version is not {VERSION}")
        return {uid: _key(uid, entry) for uid, entry in said["keys"].items()}
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it does not have the expected form: {type(error).__name__}") from error


def _key(uid: str, entry: Mapping[str, Any]) -> Key:
    expires = entry.get("expiresAt")
    return Key(
        uid=uid,
        alias=_text(entry["alias"]),
        hashes=tuple(map(_text, entry["hashes"])),
        models=tuple(map(_text, entry["models"])),
        mcp_servers=tuple(map(_text, entry["mcpServers"])),
        rpm=_number(entry.get("rpm")),
        tpm=_number(entry.get("tpm")),
        max_parallel_requests=_number(entry.get("maxParallelRequests")),
        budget=_budget(entry.get("budget")),
        namespace_budget=_budget(entry.get("namespaceBudget")),
        expires=None if expires is None else _time(_text(expires)),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError
    return value


def _budget(said: Mapping[str, Any] | None) -> Budget | None:
    if said is None:
        return None
    budget = Budget(float(said["usd"]), said["period"])
    if budget.period not in _KEPT_SECONDS or not budget.usd >= 0:
        raise ValueError("a budget is neither by the day nor by the month")
    return budget


def _namespace(alias: str) -> str:
    return alias.partition("/")[0]


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _matches(pattern: str, name: str) -> bool:
    """Whether a name is what a pattern says, in which `*` stands for any text."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if not (name.startswith(first) and name.endswith(last)):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end


class File:
    """The file of applications, read again when it changes."""

    def __init__(self, path: str, shown: "Shown") -> None:
        """Takes where it is, and where it is shown whether it can be read."""
        self._path, self._shown = path, shown
        self._seen: tuple[int, ...] | None = None
        self._keys: Mapping[str, Key] = _NO_KEYS

    @property
    def keys(self) -> Mapping[str, Key]:
        """The applications by their uids: if the file is broken, those that were read last."""
        try:
            status = os.stat(self._path)  # noqa: PTH116  # For each call; this is the cheapest.
            seen: tuple[int, ...] = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            seen = ()
        if seen != self._seen:
            self._seen = seen
            self._read()
        return self._keys

    def _read(self) -> None:
        try:
            # The kubelet replaces the whole folder: what is open is of one version.
            with open(self._path, "rb") as file:  # noqa: PTH123
                self._keys = read(file.read())
        except (OSError, ValueError) as error:
            self._shown.broken(self._path, error)
        else:
            self._shown.read(len(self._keys))


# -- What is shown of it


class Shown:
    """What the log and, where there are any, the metrics say."""

    def __init__(self) -> None:
        """Makes the metrics, which LiteLLM's endpoint serves with its own."""
        self._is_broken = self._redis_is_away = False
        self._gauges: dict[str, Any] = {}
        self._refusals: Any = None
        with contextlib.suppress(ImportError):
            from prometheus_client import Counter, Gauge  # noqa: PLC0415

            for name, what in (
                ("keys", "How many applications have keys."),
                ("file_broken", "Whether the list of keys cannot be read, and an old one holds."),
                ("redis_away", "Whether each pod limits for itself, as Redis does not answer."),
            ):
                self._gauges[name] = Gauge(f"modelrouter_access_{name}", what)
            self._refusals = Counter(
                "modelrouter_access_refusals", "Calls that were refused.", ["reason"]
            )

    def read(self, keys: int) -> None:
        """The file was read."""
        self._set("keys", keys)
        self._set("file_broken", 0)
        if self._is_broken:
            verbose_proxy_logger.warning("The list of keys can be read again.")
        self._is_broken = False

    def broken(self, path: str, error: Exception) -> None:
        """It could not be read."""
        self._set("file_broken", 1)
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        verbose_proxy_logger.error(
            "The list of keys in %s cannot be read (%s): the keys that were read before hold.",
            *(path, why),
        )
        self._is_broken = True

    def redis(self, *, answers: bool) -> None:
        """Redis answered, or did not."""
        self._set("redis_away", int(not answers))
        if answers is self._redis_is_away:
            verbose_proxy_logger.warning(
                "Redis answers again: limits and budgets hold over all pods."
                if answers
                else "Redis does not answer: limits and budgets hold for each pod by itself."
            )
        self._redis_is_away = not answers

    def refused(self, reason: str) -> None:
        """A call was refused."""
        if self._refusals is not None:
            self._refusals.labels(reason).inc()

    def _set(self, name: str, value: float) -> None:
        if name in self._gauges:
            self._gauges[name].set(value)


# -- What was spent


class Spending:
    """What applications and their namespaces have spent, in Redis and, while that is away, here.

    Each is counted under its name: `namespace/name` or, of a namespace, `namespace`.
    """

    def __init__(self, router: str, shown: Shown) -> None:
        """Takes the router's name, since several may share a Redis."""
        self._router, self._shown = router, shown
        self._client: Any = None
        self._away_until = 0.0
        self._known: dict[str, float] = {}
        """What Redis said last."""
        self._unsent: dict[str, float] = {}
        """What it has not been told yet."""

    async def of(self, budgets: Iterable[tuple[str, Budget]]) -> list[float]:
        """What each has spent in the period of its budget."""
        names = [self._name(who, budget.period) for who, budget in budgets]
        with contextlib.suppress(_AwayError):
            said = await self._ask(lambda redis: redis.mget(names))
            for name, amount in zip(names, said, strict=True):
                _remember(self._known, name, float(amount or 0))
        return [self._known.get(name, 0.0) + self._unsent.get(name, 0.0) for name in names]

    async def add(self, alias: str, usd: float) -> None:
        """An application has spent more, and so has its namespace."""
        if proxy_server.redis_usage_cache is None:
            return  # There is no budget without one.
        for who in (alias, _namespace(alias)):
            # In both, so that nothing is forgotten when the period of the budget is changed.
            for period in _KEPT_SECONDS:
                self._add(self._name(who, period), usd)
        await self.send()

    def _add(self, name: str, usd: float) -> None:
        _remember(self._unsent, name, self._unsent.get(name, 0.0) + usd)

    async def send(self) -> None:
        """Tells Redis what it has not been told yet."""
        sent, self._unsent = self._unsent, {}
        try:
            await self._ask(lambda redis: self._sent(redis, sent))
        except BaseException as error:
            for name, usd in sent.items():
                self._add(name, usd)
            if not isinstance(error, _AwayError):
                raise

    async def watch(self) -> None:
        """Looks after Redis for ever."""
        while True:
            await self.send()
            self._forget()
            await asyncio.sleep(_REDIS_PAUSE)

    @staticmethod
    async def _sent(redis: Any, sent: Mapping[str, float]) -> None:  # noqa: ANN401
        if not sent:
            await redis.ping()
            return
        async with redis.pipeline(transaction=True) as pipeline:
            for name, usd in sent.items():
                pipeline.incrbyfloat(name, usd)
                pipeline.expire(name, _KEPT_SECONDS[name.split(":")[-2]])
            await pipeline.execute()

    async def _ask(self, ask: Callable[[Any], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """What Redis answers.

        Raises:
            _AwayError: it does not.
        """
        loop = asyncio.get_running_loop()
        cache = proxy_server.redis_usage_cache
        if cache is None or loop.time() < self._away_until:
            raise _AwayError
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                if self._client is None:
                    self._client = cache.init_async_client()
                answer = await ask(self._client)
        except Exception as error:  # Whatever the client's library raises.
            self._away_until = loop.time() + _REDIS_PAUSE / 2
            self._shown.redis(answers=False)
            raise _AwayError from error
        self._shown.redis(answers=True)
        return answer

    def _forget(self) -> None:
        """Forgets past days and months."""
        now = {_period(period) for period in _KEPT_SECONDS}
        for amounts in (self._known, self._unsent):
            for name in [name for name in amounts if name.split(":")[-1] not in now]:
                del amounts[name]

    def _name(self, who: str, period: str) -> str:
        # The braces keep what is sent together on one node of a cluster.
        return f"modelrouter:{{{self._router}}}:spent:{who}:{period}:{_period(period)}"


class _AwayError(Exception):
    """Redis does not answer, or there is none."""


def _remember(amounts: dict[str, float], name: str, usd: float) -> None:
    """Notes an amount; if there are too many, forgets the one that was noted longest ago.

    A namespace that makes more and more applications has its own amount noted with each of them.
    """
    amounts.pop(name, None)
    amounts[name] = usd
    if len(amounts) > _MOST_AMOUNTS:
        del amounts[next(iter(amounts))]


def _period(period: str) -> str:
    return datetime.now(UTC).strftime("%Y%m%d" if period == "Day" else "%Y%m")


class Costs(CustomLogger):  # type: ignore[misc]  # LiteLLM's classes are not known here.
    """Counts what calls cost, when LiteLLM says that they have ended, streams too."""

    def __init__(self, door: "Door") -> None:
        """Takes who knows the applications and what they have spent."""
        super().__init__()
        self._door = door

    async def async_pre_call_hook(
        self,
        user_api_key_dict: object,
        cache: object,  # noqa: ARG002  # LiteLLM's signature.
        data: dict[str, Any],
        call_type: str,
    ) -> dict[str, Any]:
        """A call is about to be made."""
        # LiteLLM asks for what chats have used, and counts the words where no one says it. Of other
        # texts it does so only if the call has this, and takes their streams for free otherwise.
        is_text = call_type in ("text_completion", "atext_completion")
        if is_text and data.get("stream") and self._door.key_of(user_api_key_dict) is not None:
            data["stream_options"] = data.get("stream_options") or {"include_usage": True}
        return data

    async def async_log_success_event(
        self,
        kwargs: Mapping[str, Any],
        response_obj: object,  # noqa: ARG002  # LiteLLM's signature.
        start_time: object,  # noqa: ARG002
        end_time: object,  # noqa: ARG002
    ) -> None:
        """A call has ended well."""
        standard = kwargs.get("standard_logging_object") or {}
        cost = kwargs.get("response_cost") or standard.get("response_cost")
        auth = _auth_of(kwargs)
        # Also one whose key is no longer listed: it may be listed again.
        is_application = getattr(auth, "user_role", None) == LitellmUserRoles.INTERNAL_USER
        alias = getattr(auth, "key_alias", None)
        if is_application and alias and isinstance(cost, int | float) and cost > 0:
            await self._door.spending.add(alias, float(cost))


def _auth_of(kwargs: Mapping[str, Any]) -> object:
    """What LiteLLM noted of the caller: an object, which no client can write into a body."""
    params = kwargs.get("litellm_params") or {}
    for holder in (params, kwargs):
        for name in ("metadata", "litellm_metadata"):
            auth = (holder.get(name) or {}).get("user_api_key_auth")
            if isinstance(auth, UserAPIKeyAuth):
                return auth
    return kwargs.get("user_api_key_auth")


# -- Who may call


@dataclass(frozen=True)
class _Judged:
    """What the gate found in a call."""

    models: tuple[str, ...]
    """The models that its body names."""
    refusal: Any
    """Why it is none of those that are open to everyone; None if it is one."""


class _Refused(ProxyException):  # type: ignore[misc]  # LiteLLM's classes are not known here.
    """A call is refused, in the way of OpenAI's API."""

    def __init__(self, status: int, reason: str, message: str, code: str) -> None:
        # OpenAI's libraries would wait for a second and try again, which does not help.
        headers = {"x-should-retry": "false"}
        kind = "insufficient_quota" if code == "insufficient_quota" else "invalid_request_error"
        super().__init__(
            message=message, type=kind, param=None, code=status, headers=headers, openai_code=code
        )
        self.reason = reason


class Door:
    """Lets calls in by their keys."""

    def __init__(self, path: str, router: str) -> None:
        """Takes where the file is, and the router's name."""
        self.shown = Shown()
        self.spending = Spending(router, self.shown)
        self.background: asyncio.Task[None] | None = None
        self._file = File(path, self.shown)

    def key_of(self, auth: object) -> Key | None:
        """The application that LiteLLM speaks of; None if it is not one, or one no more."""
        return self._file.keys.get(getattr(auth, "api_key", None) or "")

    async def admit(self, scope: _Message, presented: object) -> UserAPIKeyAuth:
        """Who calls.

        Raises:
            ProxyException: the call is not allowed.
        """
        try:
            given = presented if isinstance(presented, str) else ""
            if _is_master_key(given):
                return _administrator()
            key = self._find(given)
            models = _judge(key, scope)
            if scope["method"] != "GET":
                await self._check_budgets(key)
        except _Refused as refusal:
            self.shown.refused(refusal.reason)
            raise
        scope[_KEY] = key
        return _caller(key, models)

    async def _check_budgets(self, key: Key) -> None:
        budgets = [
            (what, who, budget)
            for what, who, budget in (
                ("this key", key.alias, key.budget),
                ("this key's namespace", key.namespace, key.namespace_budget),
            )
            if budget is not None
        ]
        if not budgets:
            return
        spent = await self.spending.of([(who, budget) for _, who, budget in budgets])
        for (what, who, budget), usd in zip(budgets, spent, strict=True):
            if usd >= budget.usd:
                raise _Refused(
                    *(429, "budget" if who == key.alias else "namespace_budget"),
                    f"The budget of {what} for the {budget.period.lower()} is spent.",
                    "insufficient_quota",
                )

    def _find(self, given: str) -> Key:
        uid, dash = given[len(_PREFIX) :][:_UID], given[len(_PREFIX) + _UID :][:1]
        key = self._file.keys.get(uid) if given.startswith(_PREFIX) and dash == "-" else None
        digest = hashlib.sha256(given.encode(errors="replace")).hexdigest()
        # All of them, and one where there is none: the time tells nothing of what is listed.
        hashes = (_NO_HASH,) if key is None else key.hashes
        same = [hmac.compare_digest(digest.encode(), listed.encode()) for listed in hashes]
        if key is None or not any(same):
            raise _Refused(
                *(401, "key"),
                "No key, or one that this gateway does not know, or no more.",
                "invalid_api_key",
            )
        if key.expires is not None and key.expires <= datetime.now(UTC):
            raise _Refused(401, "expired", "This key has expired.", "invalid_api_key")
        return key


def _is_master_key(given: str) -> bool:
    master = proxy_server.master_key
    if not isinstance(master, str) or not master:
        return False
    # Of their digests, since the comparison would tell how long the key is.
    mine, theirs = (hashlib.sha256(text.encode(errors="replace")) for text in (master, given))
    return hmac.compare_digest(mine.digest(), theirs.digest())


def _administrator() -> UserAPIKeyAuth:
    """What LiteLLM itself makes of the master key."""
    auth = UserAPIKeyAuth(
        api_key=LITELLM_PROXY_MASTER_KEY_ALIAS,
        user_id=proxy_server.litellm_proxy_admin_name,
        user_role=LitellmUserRoles.PROXY_ADMIN,
    )
    auth.via_virtual_key = True
    return auth


def _judge(key: Key, scope: _Message) -> tuple[str, ...]:
    """The models that a call names.

    Raises:
        _Refused: a key may not make it.
    """
    judged = scope.get(_JUDGED)
    path, method = get_route_path(scope), scope.get("method")
    if not isinstance(judged, _Judged):
        raise _not_open()
    if judged.refusal is not None:
        raise _Refused(judged.refusal.status, "route", str(judged.refusal), "not_open")
    if method == "POST" and (path in gate._JSON or path in gate._FORM):
        if not judged.models or not all(map(key.may_call, judged.models)):
            raise _Refused(
                *(403, "model"),
                "This key may not call that model; GET /v1/models lists those that it may call.",
                "model_not_found",
            )
        return judged.models
    if method == "GET" and path.startswith(_MODEL):
        if not key.may_call(path.removeprefix(_MODEL)):
            raise _Refused(404, "model", "This key may call no such model.", "model_not_found")
        return ()
    if method == "GET" and (path in _MODELS or path in _INFO):
        return ()
    if path == _TOOLS and key.mcp_servers:
        return ()
    raise _not_open()


def _not_open() -> _Refused:
    return _Refused(
        *(403, "route"),
        "This call is not open to the key of an application, which calls models and, where they "
        "are granted, MCP servers.",
        "not_open",
    )


def _caller(key: Key, models: tuple[str, ...]) -> UserAPIKeyAuth:
    """An application, as LiteLLM checks it once more."""
    names = [name for model in models for name in (model, *map(str.strip, model.split(",")))]
    return UserAPIKeyAuth(
        api_key=key.uid,
        key_alias=key.alias,
        # With it, LiteLLM keeps the stored responses of applications apart.
        user_id=key.uid,
        user_role=LitellmUserRoles.INTERNAL_USER,
        models=list(dict.fromkeys(names)),
        rpm_limit=key.rpm,
        tpm_limit=key.tpm,
        max_parallel_requests=key.max_parallel_requests,
        expires=key.expires,
        allowed_routes=[*gate._JSON, *gate._FORM, *_MODELS, f"{_MODEL}*", *_INFO, _TOOLS],
        object_permission=LiteLLM_ObjectPermissionTable(
            object_permission_id=key.uid,
            mcp_servers=[server.server_id for server in _servers(key, global_mcp_server_manager)],
        ),
    )


def _servers(key: Key, manager: Any) -> Iterator[Any]:  # noqa: ANN401
    """The MCP servers that an application was granted."""
    if key.mcp_servers:
        for server in manager.get_registry().values():
            if key.may_use(server.server_name or server.name):
                yield server


async def user_api_key_auth(request: Any, api_key: str) -> UserAPIKeyAuth:  # noqa: ANN401
    """What LiteLLM calls for each call that needs a key.

    Raises:
        ProxyException: the call is not allowed.
    """
    # LiteLLM loads this file once more to find this function: what it needs was installed before.
    import access  # noqa: PLC0415

    caller: UserAPIKeyAuth = await access.door().admit(request.scope, api_key)
    # The span of the call, of which those that follow are parts.
    caller.parent_otel_span = getattr(request.state, "parent_otel_span", None)
    return caller


# -- The lists of models


class _List:
    """Reduces an answer that lists models to what a key may call."""

    def __init__(self, scope: _Message, send: _Send) -> None:
        self._scope, self._send = scope, send
        self._start: _Message = {}
        self._parts: list[bytes] = []

    async def __call__(self, message: _Message) -> None:
        key = self._scope.get(_KEY)
        if not isinstance(key, Key):
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(key)

    async def _finish(self, key: Key) -> None:
        body = b"".join(self._parts)
        if self._start["status"] == 200:  # noqa: PLR2004
            body = json.dumps(_reduced(json.loads(body), key)).encode()
        changed = (b"content-length", b"content-encoding")
        headers = [item for item in self._start["headers"] if item[0].lower() not in changed]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _reduced(said: dict[str, Any], key: Key) -> dict[str, Any]:
    if "data" not in said:  # One model, which was judged before.
        return {name: value for name, value in said.items() if name in _OF_A_MODEL}
    models: list[dict[str, Any]] = [item for item in said["data"] if key.may_call(_name(item))]
    if models and "model_name" in models[0]:
        return {"data": list(map(_public, models))}
    listed = {_name(item) for item in models}
    offered = list(proxy_server.llm_router.model_names) if proxy_server.llm_router else []
    models += [
        {"id": name, "object": "model", "created": 0, "owned_by": "openai"}
        for name in key.models
        # LiteLLM does not list all that a wildcard offers.
        if "*" not in name and name not in listed and any(_matches(o, name) for o in offered)
    ]
    reduced = {**said, "data": models}
    for end, i in _ENDS.items():
        if end in reduced:
            reduced[end] = models[i]["id"] if models else None
    return reduced


def _name(item: Mapping[str, Any]) -> str:
    return str(item["model_name"] if "model_name" in item else item["id"])


def _public(item: Mapping[str, Any]) -> dict[str, Any]:
    info = item.get("model_info") or {}
    shown = {
        name: value for name, value in info.items() if value is not None and name.startswith(_SHOWN)
    }
    return {"model_name": item["model_name"], "model_info": shown}


# -- How it is put in place

_door: Door | None = None


def door() -> Door:
    """The door that was installed.

    Raises:
        RuntimeError: there is none.
    """
    if _door is None:
        raise RuntimeError("LiteLLM did not install access.py.")
    return _door


def install() -> None:
    """Puts the door in place.

    Raises:
        RuntimeError: LiteLLM is not as it must be for that.
    """
    global _door  # noqa: PLW0603  # One for a process, as LiteLLM has one app.
    missing = sorted(set(_NEEDED) - set(UserAPIKeyAuth.model_fields))
    if missing:
        raise RuntimeError(f"LiteLLM's keys have no {', '.join(missing)}.")
    _door = Door(os.environ["ACCESS_FILE"], os.environ["ACCESS_ROUTER"])
    _note_what_the_gate_finds()
    _reduce_lists()
    _restrict_servers(_door)
    _check_configuration(_door)


def _note_what_the_gate_finds() -> None:
    """Has the gate note of each call which models it names, and whether it is open to everyone."""
    read_object, read_form, judge = gate._object, gate._form, gate.Gate._judged
    closed = gate.Gate(gate._nothing, open_routes="", open_parameters="")

    def note(scope: _Message, said: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        models = tuple(value for name, value in said if name == "model" and isinstance(value, str))
        scope[_JUDGED] = _Judged(models, None)
        return said

    def object_(scope: _Message, body: bytes) -> list[tuple[str, Any]]:
        return note(scope, read_object(scope, body))

    async def form(scope: _Message, body: bytes) -> list[tuple[str, Any]]:
        return note(scope, await read_form(scope, body))

    async def judged(door: Any, scope: _Message, receive: _Receive) -> _Receive:  # noqa: ANN401
        received: list[_Message] = []

        async def recorded() -> _Message:
            received.append(await receive())
            return received[-1]

        async def again() -> _Message:
            return received.pop(0) if received else await receive()

        scope[_JUDGED] = _Judged((), None)
        try:
            passed: _Receive = await judge(closed, scope, recorded)
        except gate._Refused as refusal:
            passed = await judge(door, scope, again)
            scope[_JUDGED] = _Judged((), refusal)
        return passed

    gate._object, gate._form, gate.Gate._judged = object_, form, judged


def _reduce_lists() -> None:
    answer = gate.Gate.__call__

    async def call(door: Any, scope: _Message, receive: _Receive, send: _Send) -> None:  # noqa: ANN401
        if scope["type"] == "http" and scope["method"] == "GET":
            path = get_route_path(scope)
            if path in _MODELS or path in _INFO or path.startswith(_MODEL):
                send = _List(scope, send)
        await answer(door, scope, receive, send)

    gate.Gate.__call__ = call


def _restrict_servers(door: Door) -> None:
    """Leaves an application the MCP servers that it was granted, whatever else LiteLLM allows."""
    allowed = MCPServerManager.get_allowed_mcp_servers

    async def restricted(
        manager: Any,  # noqa: ANN401
        user_api_key_auth: Any = None,  # noqa: ANN401
        *rest: Any,  # noqa: ANN401
        **more: Any,  # noqa: ANN401
    ) -> list[str]:
        ids: Iterable[str] = await allowed(manager, user_api_key_auth, *rest, **more)
        if getattr(user_api_key_auth, "user_role", None) == LitellmUserRoles.PROXY_ADMIN:
            return list(ids)
        key = door.key_of(user_api_key_auth)
        granted = [] if key is None else [server.server_id for server in _servers(key, manager)]
        return [server for server in ids if server in granted]

    MCPServerManager.get_allowed_mcp_servers = restricted


def _check_configuration(door: Door) -> None:
    """Has the configuration checked once it is read, where an error ends the start."""
    load = proxy_server.ProxyConfig.load_config

    async def loaded(*args: Any, **more: Any) -> Any:  # noqa: ANN401
        result = await load(*args, **more)
        settings = proxy_server.general_settings
        limiter = PROXY_HOOKS.get("parallel_request_limiter")
        needed = {
            "custom_auth": getattr(proxy_server.user_custom_auth, "__module__", "") == "access",
            "custom_auth_run_common_checks": settings.get("custom_auth_run_common_checks") is True,
            "enable_post_custom_auth_checks": (
                getattr(litellm, "enable_post_custom_auth_checks", None) is True
            ),
            "its limits": limiter is PROXY_MaxParallelRequestsHandler_v3,
        }
        absent = [name for name, there in needed.items() if not there]
        if absent:
            raise RuntimeError(
                f"LiteLLM would not check keys: it does not have {', '.join(absent)}."
            )
        litellm.logging_callback_manager.add_litellm_callback(Costs(door))
        if proxy_server.redis_usage_cache is not None and door.background is None:
            door.background = asyncio.create_task(door.spending.watch())
        return result

    proxy_server.ProxyConfig.load_config = loaded
