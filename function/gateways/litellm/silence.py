"""Keeps calls away from deployments that do not answer, while others of their group do.

LiteLLM only learns from a call's end. A deployment that takes calls and never answers keeps its
share of them until their timeout, and gets it again after that. So this watches how long calls have
been waiting:

- A deployment is silent when a call of it waits for longer than calls of its group do, and nothing
  has come from it since that call began; or when a call of it ended without an answer. New calls
  then go to the others, and the deployment is asked a question of its own, LiteLLM's health check.
- If it answers that, in whatever way, it is merely slow, and gets its share again.
- If it does not, it is set aside: the calls that wait for it are passed on to the others, and it is
  asked again from time to time. An answer brings it back, so no client waits to find that out.

Where no other deployment is left, a call goes to a silent one like to any other: this turns no call
away, and the last that is left has the whole timeout. But no call waits for a deployment twice
while there are others, nor at all once no client would be waiting for it any more.

Each process finds out for itself.

This file is no module of the function: it lies beside gate.py in LiteLLM's container, and LiteLLM
calls `install` in each of its processes in the same way.
"""

# LiteLLM's packages are in its own environment alone.
# mypy: disable-error-code="import-not-found"

import asyncio
import contextlib
import math
import socket
import ssl
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import aiohttp
import httpx
import litellm
import openai
from litellm import Router
from litellm._logging import verbose_proxy_logger
from litellm.proxy.health_check import update_litellm_params_for_health_check

_Method: TypeAlias = Callable[..., Awaitable[Any]]
_Deployment: TypeAlias = Mapping[str, Any]
"""An entry of LiteLLM's model_list; the name of its model is no wildcard any more."""

_SHORTEST_PATIENCE: Final = 1.0
_FIRST_PATIENCE: Final = 30.0
"""How many seconds a call may wait before its deployment is silent: at least, and while nothing is
known of its group."""
_STREAM_PATIENCE: Final = 10.0
"""The same of streams that have begun, at least: models pause to think."""
_QUESTION_SECONDS: Final = 10.0
"""How long the answer to a question may take."""
_PAUSES: Final = (5.0, 10.0, 20.0, 30.0)
"""How many seconds pass between questions; the last pause is repeated."""
_REST_SECONDS: Final = 60.0
"""How long a deployment is set aside that cannot be asked."""
_CALL_SECONDS: Final = 600.0
"""How long the clients of OpenAI and Anthropic wait for a call."""
_GRACE_SECONDS: Final = 1.0
"""LiteLLM's own timeout comes first where it does."""

_MOST_KNOWN: Final = 10000
"""A ModelRouter has a tenth of that; LiteLLM makes up more where clients bring their own keys."""

_NO_ANSWER: Final = "No deployment of the model has answered."

_MODES: Final = {
    "_acompletion": "chat",
    "anthropic_messages": "chat",
    "_atext_completion": "completion",
    "_aembedding": "embedding",
    "aresponses": "responses",
}
"""The health check for each kind of call. Others (images, speech) cost too much for a question."""
_ANSWERS: Final = (httpx.HTTPStatusError, openai.APIStatusError)
_NO_ANSWERS: Final = (
    *(httpx.TransportError, openai.APIConnectionError, aiohttp.ClientConnectionError),
    *(TimeoutError, ConnectionError, socket.gaierror, ssl.SSLError),
)
"""What is behind an error of LiteLLM's when an answer came, and when none did."""


class _Usual:
    """How long the calls of a group take to be answered, as TCP estimates it (RFC 6298)."""

    def __init__(self) -> None:
        self._mean = math.nan
        self._deviation = 0.0

    def add(self, seconds: float) -> None:
        if math.isnan(self._mean):
            self._mean, self._deviation = seconds, seconds / 2
        else:
            self._deviation += (abs(seconds - self._mean) - self._deviation) / 4
            self._mean += (seconds - self._mean) / 8

    @property
    def patience(self) -> float:
        if math.isnan(self._mean):
            return _FIRST_PATIENCE
        return max(self._mean + 4 * self._deviation, _SHORTEST_PATIENCE)


class _Call:
    """A client's call, whatever attempts it takes."""

    def __init__(self) -> None:
        self.started = asyncio.get_running_loop().time()
        self.waited_for: set[str] = set()
        """The deployments that did not answer it."""

    def may_wait_again(self, deployments: Iterable["_Watched"]) -> bool:
        """Whether it may go to one of these once more, none of which has answered it."""
        is_young = asyncio.get_running_loop().time() < self.started + _CALL_SECONDS
        return is_young and not all(deployment.is_aside for deployment in deployments)


class _Attempt:
    """An attempt of a call at one deployment, until the deployment has answered it."""

    def __init__(self, call: _Call, mode: str | None, arguments: Mapping[str, Any]) -> None:
        self.call = call
        self.mode = mode
        self.streams = bool(arguments.get("stream"))
        self.scope = asyncio.timeout(None)
        self.group: frozenset[str] = frozenset()
        """The deployments of its group."""
        self.choice: frozenset[str] = frozenset()
        """Those of them that its call has not tried."""
        self.watched: _Watched | None = None
        self.started = 0.0
        self.passed_on = False
        self.flows = False
        """Whether it is a stream that has begun."""
        self._own_limit = arguments.get("timeout")
        self._limit: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def has_company(self) -> bool:
        """Whether its deployment is one of several."""
        return len(self.group) > 1

    def begin(self, deployment: _Deployment) -> None:
        """The deployment is called now."""
        loop = asyncio.get_running_loop()
        self.started = loop.time()
        self.watched = watched = _watched(deployment)
        watched.deployment, watched.mode = deployment, self.mode
        watched.calls(self.streams)[self] = None
        # LiteLLM's timeout is for each part of an answer, and so never ends one that drips.
        limit = self._own_limit or _limit(deployment)
        if isinstance(limit, int | float):
            self._limit = limit + _GRACE_SECONDS
        limit = self._limit
        if watched.is_aside and _any_answers(self.group - {watched.key}):
            # The others did answer this call, if only with an error: it may well be the call's.
            patience = max(watched.patience(self.streams), _QUESTION_SECONDS)
            limit = min(patience, math.inf if limit is None else limit)
        if limit is not None:
            self.scope.reschedule(self.started + limit)
        if self.has_company:
            self._look(watched)

    def is_late(self, error: BaseException) -> bool:
        """Whether it ended here, since it was passed on or its time was over."""
        return self.scope.expired() and isinstance(error, TimeoutError)

    def failed(self, error: BaseException, earlier: BaseException | None) -> None:
        """It ended with an error, while another one may have been handled since before it began."""
        if self.watched is None:
            return
        if self.is_late(error) or _is_no_answer(error, earlier):
            self.call.waited_for.add(self.watched.key)
            if self.has_company and not self.passed_on:
                self.watched.failed(self)
        elif not isinstance(error, litellm.RateLimitError):  # That may be LiteLLM's own.
            self.watched.answered(self, well=False)

    def flow(self, stream: Any) -> None:  # noqa: ANN401
        """Its stream has begun, and is watched whenever the client waits for the next part."""
        parts = getattr(stream, "_async_generator", None)
        if self.watched is not None and self.has_company and parts is not None:
            stream._async_generator = self._parts(self.watched, parts)  # noqa: SLF001

    async def _parts(
        self, watched: "_Watched", parts: AsyncGenerator[Any, None]
    ) -> AsyncGenerator[Any, None]:
        self.flows, self.choice = True, frozenset()
        waiting = watched.calls(self.streams)
        self._look(watched)
        try:
            while True:
                self.started = asyncio.get_running_loop().time()
                waiting[self] = None
                try:
                    async with asyncio.timeout(self._limit):
                        part = await anext(parts)
                except StopAsyncIteration:
                    return
                finally:
                    waiting.pop(self)
                watched.hear()
                yield part
        except TimeoutError as error:
            watched.failed(self)
            raise _timeout(watched) from error
        except Exception as error:
            if _is_no_answer(error):
                watched.failed(self)
            raise
        finally:
            self.end()
            await parts.aclose()

    def end(self) -> None:
        """It waits no longer."""
        if self._timer is not None:
            self._timer.cancel()
        if self.watched is not None:
            self.watched.calls(self.streams).pop(self, None)

    def pass_on(self) -> None:
        """Ends the wait for this deployment, if there is another one to go to."""
        if self.watched is None or self.passed_on:
            return
        if _any_answers(self.choice - {self.watched.key}):
            self.passed_on = True
            with contextlib.suppress(RuntimeError):  # It is ending by itself.
                self.scope.reschedule(asyncio.get_running_loop().time())

    def _look(self, watched: "_Watched") -> None:
        left = watched.silent_from(self) - asyncio.get_running_loop().time()
        if left <= 0:
            if self in watched.calls(self.streams):
                watched.ask()
            left = watched.patience(self.streams)
        # What is usual may be learned meanwhile.
        left = min(left, _SHORTEST_PATIENCE)
        self._timer = asyncio.get_running_loop().call_later(left, self._look, watched)


class _Watched:
    """What is known of a deployment."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.deployment: _Deployment = {}
        self.mode: str | None = None
        self.is_suspected = False
        """Whether a call ended without an answer, and the deployment is yet to be asked."""
        self.is_aside = False
        self.heard = -math.inf
        """When something came from it last."""
        self._failed_to_stream = False
        self._lenience = 1
        self._plain: dict[_Attempt, None] = {}
        self._streams: dict[_Attempt, None] = {}
        self._asking: asyncio.Task[None] | None = None

    def calls(self, streams: bool) -> dict[_Attempt, None]:  # noqa: FBT001
        """The calls that wait, in the order of their beginning."""
        return self._streams if streams else self._plain

    def patience(self, streams: bool) -> float:  # noqa: FBT001
        return self._lenience * _usual(self.deployment, streams).patience

    def silent_from(self, attempt: _Attempt) -> float:
        """When it is silent, if it answers nothing until then."""
        patience = self.patience(attempt.streams)
        if attempt.flows:
            patience = max(patience, _STREAM_PATIENCE)
        return max(attempt.started, self.heard) + patience

    @property
    def is_silent(self) -> bool:
        now = asyncio.get_running_loop().time()
        oldest = (next(iter(calls), None) for calls in (self._plain, self._streams))
        return self.is_suspected or any(
            attempt is not None and self.silent_from(attempt) <= now for attempt in oldest
        )

    def answered(self, attempt: _Attempt, *, well: bool) -> None:
        """It answered a call, if only with an error."""
        self._lenience = 1
        self.hear()
        if well:
            seconds = asyncio.get_running_loop().time() - attempt.started
            _usual(self.deployment, attempt.streams).add(seconds)

    def failed(self, attempt: _Attempt) -> None:
        """A call ended without an answer."""
        if self.heard > attempt.started:
            return
        self.is_suspected = True
        self._failed_to_stream = attempt.streams
        if self._may_be_asked:
            self.ask()
        elif not self.is_aside:
            self._set_aside()
            asyncio.get_running_loop().call_later(_REST_SECONDS, self.hear)

    def ask(self) -> None:
        """Finds out whether it answers, if that is not being found out already."""
        if self._may_be_asked and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask())

    def hear(self) -> None:
        """Something came from it."""
        self.heard = asyncio.get_running_loop().time()
        self.is_suspected = False
        if self.is_aside:
            self.is_aside = False
            verbose_proxy_logger.warning("%s is called again.", self)

    async def _ask(self) -> None:
        pauses = iter(_PAUSES)
        pause = 0.0
        while True:
            begun = asyncio.get_running_loop().time()
            answers = await self._answers()
            if self.heard >= begun:
                return
            if answers:
                self._lenience *= 2
                self.hear()
                return
            if not self.is_aside:
                self._set_aside()
            for attempt in [*self._plain, *self._streams]:
                attempt.pass_on()
            pause = next(pauses, pause)
            await asyncio.sleep(pause)
            if not self.is_aside:
                return

    def _set_aside(self) -> None:
        self.is_aside, self.is_suspected = True, False
        verbose_proxy_logger.warning("%s does not answer: set aside.", self)

    @property
    def _may_be_asked(self) -> bool:
        # Whoever limits the calls at once has a server that makes a question wait for its turn.
        params, info = (self.deployment.get(key) or {} for key in ("litellm_params", "model_info"))
        return (
            self.mode is not None
            and not params.get("max_parallel_requests")
            and not info.get("disable_background_health_check")
        )

    async def _answers(self) -> bool:
        """Asks a question, and tells whether any answer comes."""
        limit = _limit(self.deployment)
        seconds = min(_QUESTION_SECONDS, limit if isinstance(limit, int | float) else math.inf)
        params = update_litellm_params_for_health_check(
            {**self.deployment.get("model_info", {}), "mode": self.mode},
            {
                **self.deployment["litellm_params"],
                "timeout": seconds,
                "max_retries": 0,
                "num_retries": 0,
            },
        )
        try:
            async with asyncio.timeout(seconds):
                if self.mode == "chat" and (self._streams or self._failed_to_stream):
                    params |= {"stream": True, "cache": {"no-cache": True}}
                    async for _ in await litellm.acompletion(**params):
                        pass
                    return True
                said = await litellm.ahealth_check(
                    params, mode=self.mode, prompt="ping", input=["ping"]
                )
        except TimeoutError:
            return False
        except Exception as error:  # noqa: BLE001  # Also an error is an answer.
            return not _is_no_answer(error)
        return "exception" not in said or not _is_no_answer(said["exception"])

    def __str__(self) -> str:
        params = self.deployment.get("litellm_params", {})
        return f"{self.deployment.get('model_name')}: {params.get('model')} ({self.key})"


# By task: LiteLLM makes all attempts of a call in one. A context variable would do, but timers keep
# their context in turn, and under load Python 3.11 crashed where it keeps context variables.
_calls: Final[WeakKeyDictionary["asyncio.Task[Any]", _Call]] = WeakKeyDictionary()
_attempts: Final[WeakKeyDictionary["asyncio.Task[Any]", _Attempt]] = WeakKeyDictionary()
_known: Final[dict[str, _Watched]] = {}
_usuals: Final[dict[tuple[str, bool], _Usual]] = {}
"""Of deployments by their IDs, and of groups."""


def install() -> None:
    """Watches the calls of all routers; a gateway of another LiteLLM does without."""
    wraps = {
        "make_call": _make_call,
        "async_callback_filter_deployments": _filter,
        "async_routing_strategy_pre_call_checks": _begin,
    }
    if missing := [name for name in wraps if not hasattr(Router, name)]:
        verbose_proxy_logger.warning(
            "This LiteLLM has no %s: deployments that hang are not found out.", ", ".join(missing)
        )
        return
    for name, wrap in wraps.items():
        setattr(Router, name, wrap(getattr(Router, name)))


def _make_call(inside: _Method) -> _Method:
    """The method of LiteLLM's router that makes each attempt of a call."""

    async def make_call(router: object, function: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if (task := asyncio.current_task()) is None:
            return await inside(router, function, *args, **kwargs)
        if (call := _calls.get(task)) is None:
            call = _calls[task] = _Call()
        attempt = _Attempt(call, _mode(function, kwargs), kwargs)
        earlier = sys.exception()
        around, _attempts[task] = _attempts.get(task), attempt
        try:
            async with attempt.scope:
                answer = await inside(router, function, *args, **kwargs)
        except Exception as error:
            attempt.failed(error, earlier)
            if (watched := attempt.watched) is None:
                raise
            if attempt.is_late(error):
                late = _timeout(watched)
                await _log(late, kwargs)
                raise late from error
            _mark(error, watched.key)
            raise
        else:
            if attempt.watched is not None and not _is_kept(answer):
                attempt.watched.answered(attempt, well=True)
                attempt.flow(answer)
            return answer
        finally:
            attempt.end()
            if around is None:
                del _attempts[task]
            else:
                _attempts[task] = around

    return make_call


def _filter(inside: _Method) -> _Method:
    """The method that lets callbacks choose among the deployments of a group."""

    async def async_callback_filter_deployments(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        found = await inside(*args, **kwargs)
        attempt = _current()
        if attempt is None or not isinstance(found, list):
            return found
        request = kwargs.get("request_kwargs") or {}
        gone = {
            *(request.get("_excluded_deployment_ids") or ()),
            *(request.get("_retry_skipped_deployment_ids") or ()),
        }
        order = request.get("_target_order")
        left = [
            deployment
            for deployment in found
            if _key(deployment) not in gone and order in (None, _order(deployment))
        ]
        call = attempt.call
        fresh = [deployment for deployment in left if _key(deployment) not in call.waited_for]
        if left and not fresh and not call.may_wait_again(map(_watched, left)):
            raise litellm.Timeout(
                message=_NO_ANSWER, model=kwargs.get("model", ""), llm_provider=""
            )
        attempt.group = frozenset(map(_key, found))
        attempt.choice = frozenset(map(_key, fresh))
        dropped = {*map(_key, left)} - {*map(_key, _liveliest(fresh or left))}
        return [deployment for deployment in found if _key(deployment) not in dropped]

    return async_callback_filter_deployments


def _begin(inside: _Method) -> _Method:
    """The method that checks limits right before a deployment is called."""

    async def async_routing_strategy_pre_call_checks(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        deployment = kwargs.get("deployment")
        try:
            checked = await inside(*args, **kwargs)
        except Exception as error:
            if deployment is not None:
                _mark(error, _key(deployment))
            raise
        attempt = _current()
        if attempt is not None and attempt.watched is None and deployment is not None:
            attempt.begin(deployment)
        return checked

    return async_routing_strategy_pre_call_checks


def _current() -> _Attempt | None:
    """The attempt that this task makes."""
    task = asyncio.current_task()
    return None if task is None else _attempts.get(task)


def _liveliest(deployments: list[_Deployment]) -> list[_Deployment]:
    """Those that answer; all, if none does.

    One that is silent, but has not failed a call yet, has its calls taken over by its equals only.
    """
    here = [d for d in deployments if not _watched(d).is_aside]
    here = [d for d in here if not _watched(d).is_suspected] or here or deployments
    silent = [d for d in here if _watched(d).is_silent]
    for deployment in silent:
        _watched(deployment).ask()
    lively = [d for d in here if d not in silent]
    first = min(map(_rank, here), default=None)
    return lively if any(_rank(d) == first for d in lively) else here


def _rank(deployment: _Deployment) -> tuple[float, bool]:
    """Deployments of the lowest rank are called first."""
    return _order(deployment) or 0, deployment["litellm_params"].get("weight") == 0


def _order(deployment: _Deployment) -> float | None:
    order: float | None = deployment["litellm_params"].get("order")
    return order


def _key(deployment: _Deployment) -> str:
    return str(deployment["model_info"]["id"])


def _watched(deployment: _Deployment) -> _Watched:
    return _of_key(_key(deployment))


def _of_key(key: str) -> _Watched:
    if key not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = _Watched(key)
    return _known[key]


def _any_answers(keys: Iterable[str]) -> bool:
    return any(not _of_key(key).is_aside for key in keys)


def _usual(deployment: _Deployment, streams: bool) -> _Usual:  # noqa: FBT001
    key = str(deployment.get("model_name")), streams
    if key not in _usuals:
        _usuals[key] = _Usual()
    return _usuals[key]


def _limit(deployment: _Deployment) -> object:
    return deployment["litellm_params"].get("timeout") or litellm.request_timeout


def _mode(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str | None:
    generic = arguments.get("original_generic_function")
    return _MODES.get(getattr(generic or function, "__name__", ""))


def _is_kept(answer: object) -> bool:
    """Whether an answer comes from a cache."""
    hidden = getattr(answer, "_hidden_params", None)
    return isinstance(hidden, dict) and bool(hidden.get("cache_hit"))


def _is_no_answer(error: BaseException, earlier: BaseException | None = None) -> bool:
    """Whether an error means that no answer came.

    Args:
        error: LiteLLM's; what was behind it is told by its causes.
        earlier: what was being handled before, and is no cause of it.
    """
    for cause in _causes(error, earlier):
        if isinstance(cause, _ANSWERS):
            return False
        if isinstance(cause, _NO_ANSWERS):
            return True
    return isinstance(error, litellm.Timeout)


def _causes(error: BaseException, earlier: BaseException | None) -> Iterator[BaseException]:
    cause: BaseException | None = error
    seen = {id(earlier)}
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        # LiteLLM's own errors are OpenAI's too, and tell nothing.
        if not (isinstance(cause, openai.OpenAIError) and _is_litellms(cause)):
            yield cause
        cause = cause.__cause__ or cause.__context__


def _is_litellms(error: BaseException) -> bool:
    return type(error).__module__.startswith("litellm")


def _timeout(watched: _Watched) -> Exception:
    """The error of a call that waits no longer, as LiteLLM words and marks it."""
    params = watched.deployment["litellm_params"]
    error: Exception = litellm.Timeout(
        message=_NO_ANSWER,
        model=params.get("model", ""),
        llm_provider=params.get("custom_llm_provider") or "",
    )
    _mark(error, watched.key)
    with contextlib.suppress(KeyError, TypeError, ValueError):
        error.num_retries = int(params["num_retries"])  # type: ignore[attr-defined]
    return error


def _mark(error: Exception, key: str) -> None:
    """Says whose error it is: by that the call goes on to another deployment.

    LiteLLM says so of chats, and not of embeddings, text completions, images and speech.
    """
    if not hasattr(error, "failed_deployment_id"):
        error.failed_deployment_id = key  # type: ignore[attr-defined]


async def _log(error: Exception, arguments: Mapping[str, Any]) -> None:
    """Tells an error to all who count LiteLLM's errors."""
    log = arguments.get("litellm_logging_obj")
    if log is not None:
        await log.dispatch_failure_handlers(
            exception=error, traceback_exception="", prefer_async_handlers=True
        )
