"""Holds what a ModelRouter says of its guardrails, whatever LiteLLM does with them.

LiteLLM skips a guardrail that it cannot make and serves without it; and when a guardrail's service
is away, slow or broken, each kind does something else, on each kind of call. So here:

- LiteLLM does not start unless every guardrail of the configuration is there as it should be, and
  no call passes before.
- A guardrail is on for the models that the configuration says, and nothing in a call, a key or a
  team switches it off.
- All that a guardrail asks its service has a timeout; and an error, a status that is none of the
  service's own refusals, or an answer that is not what the service gives, counts as a failure. What
  comes then is the guardrail's `on_failure`: the call is refused, or passes as it was.
- A guardrail is shown every text of a call, whatever the route; LiteLLM by itself leaves out what
  tools answered, what developers instruct and more. A kind of call that cannot be shown is refused
  where a guardrail is on.

What is as a ModelRouter has it is marked by its `guardrail_info`; a guardrail without it was put
into the configuration by hand, and is left as LiteLLM has it.

Like the gate, this file is no module of the function: it lies beside config.yaml of a router that
has guardrails, and LiteLLM calls `install` before it reads its configuration.
"""

# LiteLLM's packages, and the gate as a module by itself, are in LiteLLM's container alone. The
# files are of one version, so this one may look inside the other, as it must inside LiteLLM.
# mypy: disable-error-code="import-not-found"
# ruff: noqa: SLF001, ANN401

import asyncio
import copy
import functools
import json
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterator,
    MutableMapping,
)
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import aiohttp
import gate
import yaml
from fastapi import HTTPException
from litellm._logging import verbose_proxy_logger
from litellm.exceptions import BlockedPiiEntityError
from litellm.integrations.custom_guardrail import CustomGuardrail, is_guardrail_intervention
from litellm.proxy import proxy_server
from litellm.proxy import utils as proxy_utils
from litellm.proxy.common_utils.callback_utils import add_guardrail_to_applied_guardrails_header
from litellm.proxy.guardrails import guardrail_registry
from litellm.proxy.guardrails.guardrail_hooks import presidio
from starlette._utils import get_route_path

_Message: TypeAlias = MutableMapping[str, Any]
_Hook: TypeAlias = Callable[..., Awaitable[Any]]

_CONFIG: Final = Path(__file__).with_name("config.yaml")
_UNAVAILABLE: Final = 503
_FIRST_ERROR: Final = 400
_REFUSALS: Final = frozenset({400, 403, 422})
"""The statuses with which services that this does not know say that they refuse a text."""

_TALKS: Final = frozenset({"/chat/completions", "/completions", "/responses", "/messages"})
_SEEN: Final = {
    "pre_call": _TALKS | {"/embeddings", "/images/generations", "/audio/speech", "/rerank"},
    "during_call": _TALKS | {"/embeddings"},
    "post_call": _TALKS,
}
"""Where LiteLLM shows guardrails the texts of calls, or of answers."""
_HOLDS_NO_TEXT: Final = frozenset(
    (
        *("/embeddings", "/images/generations", "/images/edits", "/audio/speech", "/rerank"),
        "/messages/count_tokens",
    )
)
"""Where an answer has no text of a model's own."""
_STREAMS: Final = frozenset({"/chat/completions", "/messages"})
"""Where LiteLLM shows guardrails streamed answers. It lets others through as they are."""
_SEEN_STREAMS: Final = {"litellm_content_filter": frozenset({"/chat/completions"})}
"""For a kind whose masks LiteLLM drops in other streams."""

_TEXTS: Final = (
    *("messages", "system", "instructions", "prompt", "suffix", "prediction", "input"),
    *("query", "documents", "instruction", "chat_template_kwargs"),
)
"""The parameters of a call that hold its texts."""
_FREE: Final = frozenset({"arguments", "chat_template_kwargs", "env", "input", "variables"})
"""The objects of these whose members have names of the client's own: each may hold a text."""
_NO_TEXTS: Final = frozenset(
    (
        *("type", "role", "id", "call_id", "tool_call_id", "tool_use_id", "item_id", "file_id"),
        *("name", "model", "url", "image_url", "file_url", "data", "file_data", "media_type"),
        *("mime_type", "format", "detail", "status", "signature", "encrypted_content"),
        *("cache_control",),
    )
)
"""The members of all others that hold names, and what is no text."""
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking", "reasoning"})
"""What a model has thought and wants back as it was; it is signed."""


class _Failed(BaseException):
    """A guardrail's service did not answer as it does.

    It is no Exception, since many a guardrail goes on after any of those.
    """


class _Guard:
    """What the configuration says of one guardrail."""

    def __init__(self, item: dict[str, Any]) -> None:
        params, info = item["litellm_params"], item["guardrail_info"]
        self.name: str = item["guardrail_name"]
        self.kind: str = params["guardrail"]
        mode = params["mode"]
        self.modes: frozenset[str] = frozenset([mode] if isinstance(mode, str) else mode)
        if params.get("presidio_filter_scope") == "both":
            self.modes |= {"post_call"}
        self.allows: bool = info["on_failure"] == "Allow"
        self.seconds: float = info["timeout_seconds"]
        self.may_be_asked_for: bool = info.get("on_request", False)
        models = info.get("models")
        self._models = None if models is None else [_pattern(model) for model in models]
        self.wanted: dict[str, Any] = params

    def is_on(self, model: object, asked: object) -> bool:
        """Whether it is on for a call.

        Args:
            model: what the call asks for; what is not the name of one model counts as each model.
            asked: the guardrails that the call asks for.
        """
        if self._models is None or not isinstance(model, str) or _is_no_name(model):
            return True
        if any(pattern.fullmatch(model) for pattern in self._models):
            return True
        return self.may_be_asked_for and isinstance(asked, list) and self.name in asked

    def unseen(self, path: str, *, streams: bool) -> str | None:
        """What of a kind of call it would not see."""
        kind = re.sub(r"\A/v[12]/", "/", path)
        for mode in sorted(self.modes):
            if mode == "post_call" and kind in _HOLDS_NO_TEXT:
                continue
            if kind not in _SEEN[mode]:
                return "an answer of" if mode == "post_call" else "the text of"
            seen = _SEEN_STREAMS.get(self.kind, _STREAMS)
            if mode == "post_call" and streams and kind not in seen:
                return "a streamed answer of"
        return None

    def failed(self, error: BaseException, *, may_pass: bool = True) -> None:
        """Says that it failed, and refuses the call if that is its rule.

        Args:
            error: how.
            may_pass: whether the call can still pass as it was.

        Raises:
            HTTPException: the rule is to block, or it cannot.
        """
        cause = type(error.__cause__ or error).__name__
        passes = self.allows and may_pass
        verbose_proxy_logger.error(
            "Guardrail %s failed (%s): the call %s.",
            self.name,
            cause,
            "passes without it" if passes else "is refused",
        )
        if not passes:
            raise HTTPException(
                _UNAVAILABLE,
                {
                    "error": f"The guardrail {self.name} did not answer, and no call passes "
                    "without it; try again later."
                },
            ) from None

    def intervened(self, error: BaseException) -> bool:
        """Whether an error is what a guardrail says of a text, and no failure."""
        if self.kind == "presidio":
            return isinstance(error, BlockedPiiEntityError)
        return isinstance(error, Exception) and is_guardrail_intervention(error)


def _is_no_name(model: str) -> bool:
    """Whether LiteLLM may find models by a text that is not the name of one.

    It also takes several names with commas, the ID of a deployment, the provider's name for its
    model, and an alias of LiteLLM's own.
    """
    router = proxy_server.llm_router
    return "," in model or (
        model not in router.model_names
        and (router.is_recognized_model(model) or model in router.deployment_names)
    )


def _pattern(model: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, model.split("*"))), re.DOTALL | re.IGNORECASE)


class _Guards:
    """The guardrails of the configuration, and which of them are there."""

    def __init__(self, guards: list[_Guard]) -> None:
        self.all = guards
        self.by_name = {guard.name: guard for guard in guards}
        self.there: set[str] = set()

    def check(self, path: str, said: list[tuple[str, Any]]) -> None:
        """Checks a call whose body says this.

        Raises:
            _Refused: a guardrail is not there or would not see the call, or the call asks for one
                that it may not ask for.
        """
        if missing := self.by_name.keys() - self.there:
            raise gate._Refused(_UNAVAILABLE, f"The guardrail {min(missing)} is not there.")
        asked: list[Any] = []
        for name, value in said:
            if name == "guardrails":
                names = value if isinstance(value, list) else [value]
                for one in names:
                    guard = self.by_name.get(one) if isinstance(one, str) else None
                    if guard is None or not guard.may_be_asked_for:
                        raise gate._Refused(
                            400,
                            "guardrails may only name guardrails of this gateway that calls may "
                            "ask for.",
                        )
                asked += names
        streams = any(name == "stream" and value for name, value in said)
        for model in [value for name, value in said if name == "model"]:
            for guard in self.all:
                if guard.is_on(model, asked) and (what := guard.unseen(path, streams=streams)):
                    raise gate._Refused(
                        400,
                        f"{path} is not open for this model on this gateway, for its guardrail "
                        f"{guard.name} would not see {what} such a call.",
                    )


def install() -> None:
    """Watches what LiteLLM makes of the configuration's guardrails.

    Raises:
        RuntimeError: the configuration is not what this module is for.
    """
    config = yaml.safe_load(_CONFIG.read_text(encoding="utf-8"))
    items = [item for item in config.get("guardrails") or [] if _is_ours(item)]
    guards = _Guards([_Guard(item) for item in items])
    _wrap_initializer(guards)
    _check_answers_of_presidio()
    _show_all_texts()
    _pass_through(guards)


def _is_ours(item: Any) -> bool:
    return isinstance(item, dict) and "on_failure" in (item.get("guardrail_info") or {})


def _wrap_initializer(guards: _Guards) -> None:
    """Has LiteLLM end if it cannot make a guardrail, and wraps each that it has made."""
    handler = guardrail_registry.IN_MEMORY_GUARDRAIL_HANDLER
    initialize = handler.initialize_guardrail
    tracked = handler._tracked_callbacks

    @functools.wraps(initialize)
    def initialized(guardrail: Any, *args: Any, **kwargs: Any) -> Any:
        guard = guards.by_name.get(guardrail.get("guardrail_name"))
        if guard is None or not _is_ours(guardrail):
            return initialize(guardrail, *args, **kwargs)
        try:
            made = initialize(guardrail, *args, **kwargs)
            callbacks = tracked(guardrail["guardrail_id"])
            for callback in callbacks:
                _wrap(callback, guard)
        except Exception as error:
            # LiteLLM would go on after some.
            raise RuntimeError(f"The guardrail {guard.name} cannot be made: {error}") from error
        if callbacks:
            guards.there.add(guard.name)
        return made

    handler.initialize_guardrail = initialized


def _check_answers_of_presidio() -> None:
    """Has Presidio's guardrail fail with an answer that is none, of which it would skip parts."""
    read = presidio._json_body

    async def checked(response: Any) -> Any:
        found = await read(response)
        if not (isinstance(found, list) and all(map(_is_finding, found))):
            raise ValueError("no list of findings")
        return found

    presidio._json_body = checked


def _is_finding(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("entity_type"), str)
        and all(type(value.get(key)) is int for key in ("start", "end"))
        and 0 <= value["start"] <= value["end"]
        and isinstance(value.get("score"), int | float)
    )


def _show_all_texts() -> None:
    """Has guardrails be shown the texts of calls by this module rather than by LiteLLM."""
    unified = proxy_utils.unified_guardrail
    before, beside = unified.async_pre_call_hook, unified.async_moderation_hook

    async def before_call(*, data: dict[str, Any], **kwargs: Any) -> Any:
        callback: Any = data.get("guardrail_to_apply")
        if not isinstance(getattr(callback, "guard", None), _Guard):
            return await before(data=data, **kwargs)
        del data["guardrail_to_apply"]
        for (holder, key), text in await _shown(callback, data):
            holder[key] = text
        add_guardrail_to_applied_guardrails_header(data, callback.guardrail_name)
        return data

    async def beside_call(*, data: dict[str, Any], **kwargs: Any) -> Any:
        callback: Any = data.get("guardrail_to_apply")
        if not isinstance(getattr(callback, "guard", None), _Guard):
            return await beside(data=data, **kwargs)
        del data["guardrail_to_apply"]
        if any(holder[key] != text for (holder, key), text in await _shown(callback, data)):
            raise HTTPException(
                400,
                {
                    "error": f"The guardrail {callback.guardrail_name} does not let this text pass "
                    "as it is, and can change none during a call."
                },
            )
        return data

    unified.async_pre_call_hook = before_call
    unified.async_moderation_hook = beside_call


async def _shown(callback: Any, data: dict[str, Any]) -> list[tuple[tuple[Any, Any], str]]:
    """The places of a call's texts, each with what a guardrail makes of its text."""
    places = [place for key in _TEXTS for place in _places(data, key)]
    texts = [holder[key] for holder, key in places]

    async def show(*some: str) -> list[str]:
        after = await callback.apply_guardrail(
            inputs={"texts": list(some)},
            request_data=data,
            input_type="request",
            logging_obj=data.get("litellm_logging_obj"),
        )
        shown: list[str] = after.get("texts") or list(some)
        return shown

    if callback.guard.kind == "presidio":
        # It is asked about each text by itself, which LiteLLM would do one after the other.
        found = [text for (text,) in await asyncio.gather(*map(show, texts))]
    else:
        found = await show(*texts) if texts else []
    return list(zip(places, found, strict=True))


def _places(
    holder: Any, key: Any, listed_in: Any = None, *, free: bool = False
) -> Iterator[tuple[Any, Any]]:
    """Where the texts are in a member of an object or list: holders and keys.

    Args:
        holder: the object or list.
        key: which member.
        listed_in: the key of the holder, if that is a list.
        free: whether it is in an object whose members have names of the client's own.

    Raises:
        HTTPException: it is a text in numbers, which no guardrail can read.
    """
    value = holder.get(key) if isinstance(holder, dict) else holder[key]
    match value:
        case str() if value.strip():
            yield holder, key
        case int() if isinstance(holder, list) and not free:
            raise HTTPException(
                400, {"error": "Send text rather than token IDs, which guardrails cannot read."}
            )
        case list():
            for i in range(len(value)):
                yield from _places(value, i, key, free=free)
        case dict() if free or key in _FREE:
            for name in value:
                yield from _places(value, name, free=True)
        case dict() if value.get("type") not in _THOUGHTS:
            for name, member in value.items():
                # A document to be ranked may have a text under any name.
                is_plain = (name == "data" and value.get("type") == "text") or (
                    listed_in == "documents" and isinstance(member, str)
                )
                if name not in _NO_TEXTS or is_plain:
                    yield from _places(value, name)


def _pass_through(guards: _Guards) -> None:
    """Has the gate check calls against the guardrails, and open what they may ask for."""
    read_object, read_form = gate._object, gate._form
    if any(guard.may_be_asked_for for guard in guards.all):
        gate._BODY |= {"guardrails"}

    def object_(scope: _Message, body: bytes) -> list[tuple[str, Any]]:
        said: list[tuple[str, Any]] = read_object(scope, body)
        guards.check(get_route_path(scope), said)
        return said

    async def form(scope: _Message, body: bytes) -> list[tuple[str, Any]]:
        said: list[tuple[str, Any]] = await read_form(scope, body)
        guards.check(get_route_path(scope), said)
        return said

    gate._object, gate._form = object_, form


# -- One guardrail


def _wrap(callback: CustomGuardrail, guard: _Guard) -> None:
    """Has a guardrail of LiteLLM's keep its rule.

    Raises:
        RuntimeError: it is not what the configuration asks for.
    """
    _check_made(callback, guard)
    _watch_service(callback, guard)

    def should_run(data: Any, event_type: Any) -> bool:
        if not callback._event_hook_is_event_type(event_type):
            return False
        model = data.get("model") if isinstance(data, dict) else None
        return guard.is_on(model, callback.get_guardrail_from_metadata(data))

    callback.guard = guard
    callback.should_run_guardrail = should_run
    callback.apply_guardrail = _applied(callback.apply_guardrail, guard)
    if "async_post_call_streaming_iterator_hook" in type(callback).__dict__:
        streamed = callback.async_post_call_streaming_iterator_hook
        callback.async_post_call_streaming_iterator_hook = _streamed(streamed, guard)
    # Some would look at less of a call beside it than before it.
    callback.use_native_during_call_hook = False
    # Where LiteLLM looks at a stream as it comes, nothing of it passes before it is looked at.
    callback.streaming_buffer_until_moderated = True


def _check_made(callback: CustomGuardrail, guard: _Guard) -> None:
    if "apply_guardrail" not in type(callback).__dict__ or callback.use_native_lifecycle_hooks:
        raise RuntimeError("LiteLLM does not show it every kind of call")
    if guard.kind == "litellm_content_filter":
        wanted = {one["category"] for one in guard.wanted.get("categories", ())}
        made: Any = callback
        if wanted - made.loaded_categories.keys():
            raise RuntimeError("LiteLLM has not loaded all of its categories")
        if len(made.compiled_patterns) < len(guard.wanted.get("patterns", ())):
            raise RuntimeError("LiteLLM has not compiled all of its patterns")


def _watch_service(callback: Any, guard: _Guard) -> None:
    """Has all that a guardrail asks its service end in time, and in a failure or an answer."""
    if guard.kind == "presidio":
        callback.analyze_text = _in_time(callback.analyze_text, guard)
        callback._post_presidio_anonymize = _in_time(callback._post_presidio_anonymize, guard)
        callback._get_session_iterator = _sessions()
        callback._finalize_presidio_anonymize_numbered_tokens = _numbered
    elif guard.kind != "litellm_content_filter":
        if not hasattr(callback, "async_handler"):
            raise RuntimeError("LiteLLM calls its service in a way that cannot be watched")
        callback.async_handler = _Service(callback.async_handler, guard)


def _in_time(ask: _Hook, guard: _Guard) -> _Hook:
    """What asks a service, every error of which is a failure."""

    @functools.wraps(ask)
    async def asked(*args: Any, **kwargs: Any) -> Any:
        try:
            async with asyncio.timeout(guard.seconds):
                return await ask(*args, **kwargs)
        except Exception as error:
            raise _Failed from error

    return asked


def _sessions() -> Callable[[], Any]:
    """Connections to Presidio that calls share; LiteLLM would let one call at a time ask it."""
    opened: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

    @asynccontextmanager
    async def session() -> AsyncGenerator[aiohttp.ClientSession, None]:
        loop = asyncio.get_running_loop()
        if loop not in opened:
            opened[loop] = aiohttp.ClientSession()
        yield opened[loop]

    return session


def _numbered(text: str, found: list[Any], data: dict[str, Any], counts: dict[str, int]) -> str:
    """A text in which each finding is a token, and the tokens of a call stand for one text each.

    LiteLLM would count anew in each message, and put the first one's name back everywhere.
    """
    metadata = data.get("metadata") or {}
    data["metadata"] = metadata
    tokens: dict[str, str] = metadata.setdefault("pii_tokens", {})
    parts: list[str] = []
    end = 0
    for one in sorted(found, key=lambda one: (one["start"], -one["end"])):
        if one["start"] < end:
            continue  # It is in another one.
        kind, hidden = one["entity_type"], text[one["start"] : one["end"]]
        token = next((t for t, of in tokens.items() if of == hidden), None)
        if token is None:
            token = f"<{kind}_{len(tokens) + 1}>"
            tokens[token] = hidden
        parts += text[end : one["start"]], token
        end = one["end"]
        counts[kind] = counts.get(kind, 0) + 1
    return "".join((*parts, text[end:]))


class _Service:
    """LiteLLM's HTTP client for a guardrail's service."""

    def __init__(self, client: Any, guard: _Guard) -> None:
        self._client = client
        self._guard = guard

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if name not in ("get", "post", "put", "patch", "delete", "request"):
            return attribute

        async def asked(*args: Any, **kwargs: Any) -> Any:
            try:
                async with asyncio.timeout(self._guard.seconds):
                    response = await attribute(*args, **kwargs)
            except Exception as error:
                answer = getattr(error, "response", None)
                if self._refuses(getattr(answer, "status_code", None)):
                    raise
                raise _Failed from error
            if not self._is_answer(response):
                raise _Failed
            return response

        return asked

    def _refuses(self, status: object) -> bool:
        """Whether a status may be what a service says of a text."""
        return self._guard.kind not in _ANSWERS and status in _REFUSALS

    def _is_answer(self, response: Any) -> bool:
        if response.status_code >= _FIRST_ERROR:
            return self._refuses(response.status_code)
        try:
            said = response.json()
        except ValueError:
            return False
        is_answer = _ANSWERS.get(self._guard.kind)
        return isinstance(said, dict | list) if is_answer is None else is_answer(said)


def _is_moderation(said: Any) -> bool:
    results = said.get("results") if isinstance(said, dict) else None
    return (
        isinstance(results, list)
        and bool(results)
        and all(isinstance(one, dict) and type(one.get("flagged")) is bool for one in results)
    )


def _is_of_bedrock(said: Any) -> bool:
    if not isinstance(said, dict) or "Exception" in json.dumps(said.get("Output", "")):
        return False
    action = said.get("action")
    return action == "NONE" or (
        action == "GUARDRAIL_INTERVENED" and bool(said.get("assessments") and said.get("outputs"))
    )


_ANSWERS: Final = {"openai_moderation": _is_moderation, "bedrock": _is_of_bedrock}
"""What an answer of these services looks like; none of them refuses a text with a status."""


def _applied(apply: _Hook, guard: _Guard) -> _Hook:
    """What shows a guardrail the texts of a call or an answer."""

    @functools.wraps(apply)
    async def applied(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        before = {key: copy.copy(value) for key, value in inputs.items()}
        failure: BaseException
        try:
            async with asyncio.timeout(guard.seconds):
                after = await apply(inputs, *args, **kwargs)
            if _fits(before, after):
                return after
            failure = ValueError("other texts than those that it was shown")
        except (_Failed, Exception) as error:
            if guard.intervened(error):
                raise
            failure = error
        guard.failed(failure)
        return before

    return applied


def _fits(before: Any, after: Any) -> bool:
    """Whether there is a text for each that was shown."""
    if not isinstance(after, dict):
        return False
    shown, returned = before.get("texts"), after.get("texts")
    if not shown or returned is None:
        return True
    return len(returned) == len(shown) and all(isinstance(text, str) for text in returned)


def _streamed(stream: Callable[..., AsyncIterable[Any]], guard: _Guard) -> Callable[..., Any]:
    """What an answer streams through."""

    @functools.wraps(stream)
    async def streamed(*, response: AsyncIterable[Any], **kwargs: Any) -> AsyncGenerator[Any, None]:
        source = _Source(response, keeps=guard.allows)
        failure: BaseException | None = None
        try:
            async for chunk in stream(response=source, **kwargs):
                source.keep_no_more()
                yield chunk
        except (_Failed, Exception) as error:
            passed_on = error is source.error or isinstance(error, HTTPException)
            if passed_on or guard.intervened(error):
                raise
            failure = error
        if failure is not None:
            guard.failed(failure, may_pass=source.keeps)
            for chunk in source.kept:
                yield chunk
            async for chunk in response:
                yield chunk

    return streamed


class _Source:
    """An answer that a guardrail reads, of which what it has read is kept as it was."""

    def __init__(self, response: AsyncIterable[Any], *, keeps: bool) -> None:
        self.keeps = keeps
        self.kept: list[Any] = []
        self.error: Exception | None = None
        self._response = response

    def keep_no_more(self) -> None:
        """Once something of it has been sent, it cannot be sent as it was any more."""
        self.keeps = False
        self.kept.clear()

    async def __aiter__(self) -> AsyncGenerator[Any, None]:
        try:
            async for chunk in self._response:
                if self.keeps:
                    self.kept.append(copy.deepcopy(chunk))
                yield chunk
        except Exception as error:
            self.error = error
            raise
