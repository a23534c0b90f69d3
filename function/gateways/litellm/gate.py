"""The gate in front of LiteLLM: clients call the offered models, and nothing else.

LiteLLM has nine hundred routes and reads four hundred parameters from a call's body. Many of them
let a client choose a provider or a host, which is then called with whatever key is at hand. So the
gate passes on what is listed here and refuses everything else, also what LiteLLM learns tomorrow.

This file is no module of the function: it lies beside config.yaml in LiteLLM's container, where
LiteLLM calls `install` in each of its processes before it reads its configuration, and does not
start if that fails (LITELLM_WORKER_STARTUP_HOOKS). Should a LiteLLM not call it at all, nothing
answers the startup probe's PROBE, and the pod never becomes ready.

Two variables open more: GATE_OPEN_ROUTES, paths that are passed on as they come, and
GATE_OPEN_PARAMETERS, names in bodies, queries and headers. Both are lists with commas; in both a
`*` at the end stands for any rest.

A pod that stops first drains: clients are told to close the connections that they keep. LiteLLM
closes them without a word, and a call that is sent just then would be lost.
"""

# LiteLLM's packages are in its own environment alone.
# mypy: disable-error-code="import-not-found"

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias

import orjson
from litellm.proxy.proxy_server import app
from starlette._utils import get_route_path
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request

_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
_App: TypeAlias = Callable[[_Message, _Receive, _Send], Awaitable[None]]

PROBE: Final = "/gate"
"""What the startup probe asks for."""

_READ: Final = frozenset(
    (
        *("/health/liveliness", "/health/liveness", "/health/readiness", "/metrics", "/metrics/"),
        *("/models", "/v1/models", "/model/info", "/v1/model/info"),
    )
)
"""Routes that call no provider. `GET /v1/models/<name>` is another."""
_JSON: Final = frozenset(
    (
        *("/chat/completions", "/completions", "/embeddings", "/images/generations"),
        *("/audio/speech", "/rerank", "/responses"),
        *("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/images/generations"),
        *("/v1/audio/speech", "/v1/rerank", "/v1/responses", "/v2/rerank"),
        *("/v1/messages", "/v1/messages/count_tokens"),
    )
)
"""Routes that call the model which their body, an object in JSON, names."""
_FORM: Final = frozenset(
    (
        *("/audio/transcriptions", "/images/edits"),
        *("/v1/audio/transcriptions", "/v1/images/edits"),
    )
)
"""The same with a form, for a file comes with it."""

_OPENAI: Final = (
    *("access_programs", "audio", "background", "background_options", "best_of"),
    *("chunking_strategy", "complexity", "context_management", "conversation", "dimensions"),
    *("echo", "encoding_format", "file", "frame_count", "frame_duration_ms", "frequency_penalty"),
    *("function_call", "functions", "image", "include", "input", "input_fidelity", "instructions"),
    *("keywords", "known_speaker_names", "known_speaker_references", "language", "languages"),
    *("logit_bias", "logprobs", "markup", "mask", "max_completion_tokens", "max_output_tokens"),
    *("max_tokens", "max_tool_calls", "messages", "metadata", "modalities", "model", "moderation"),
    *("n", "output_compression", "output_format", "parallel_tool_calls", "partial_images"),
    *("prediction", "presence_penalty", "previous_response_id", "prompt", "prompt_cache_key"),
    *("prompt_cache_options", "prompt_cache_retention", "quality", "reasoning", "reasoning_effort"),
    *("response_format", "safety_identifier", "seed", "service_tier", "size", "speed", "stop"),
    *("store", "stream", "stream_format", "stream_options", "style", "suffix", "svg"),
    *("temperature", "text", "timestamp_granularities", "tool_choice", "tools", "top_logprobs"),
    *("top_p", "truncation", "user", "verbosity", "voice", "web_search_options"),
)
"""Parameters of OpenAI's API."""
_ANTHROPIC: Final = (
    *("cache_control", "container", "inference_geo", "output_config", "stop_sequences", "system"),
    *("thinking", "top_k"),
)
"""Of Anthropic's API."""
_RANKING: Final = (
    *("documents", "input_type", "instruction", "max_chunks_per_doc", "max_tokens_per_doc"),
    *("max_tokens_per_query", "query", "rank_fields", "return_documents", "top_n", "truncate"),
    *("truncate_prompt_tokens", "truncation_side"),
)
"""Of Cohere's and Jina's rankings and embeddings."""
_SAMPLING: Final = (
    *("add_generation_prompt", "chat_template_kwargs", "continue_final_message", "enable_thinking"),
    *("guided_choice", "guided_grammar", "guided_json", "guided_regex", "ignore_eos"),
    *("include_reasoning", "include_stop_str_in_output", "length_penalty", "min_p", "min_tokens"),
    *("mm_processor_kwargs", "prompt_logprobs", "reasoning_format", "repetition_penalty"),
    *("safety_settings", "skip_special_tokens", "spaces_between_special_tokens", "stop_token_ids"),
    *("structured_outputs", "thinking_budget", "top_a"),
)
"""How vLLM and others sample and write."""
_LITELLM: Final = (
    *("cache", "drop_params", "litellm_session_id", "litellm_trace_id", "num_retries"),
    *("stream_timeout", "tags", "timeout"),
)
"""LiteLLM's own that choose nothing: how long, how often, under which name in logs."""
_BODY: Final = frozenset((*_OPENAI, *_ANTHROPIC, *_RANKING, *_SAMPLING, *_LITELLM))
"""What a body may say. None of it names a provider, a host, a credential or another model."""
_QUERY: Final = frozenset({"after_id", "before_id", "beta", "limit"})
"""What a query may say: LiteLLM reads most of it as if the body said it."""
_HEADERS: Final = frozenset(
    f"x-litellm-{name}"
    for name in (
        *("api-key", "call-id", "customer-id", "end-user-id", "num-retries", "session-id"),
        *("spend-logs-metadata", "stream-timeout", "tags", "timeout", "trace-id"),
    )
)
"""The headers of LiteLLM's own that a call may have."""
_OTHER_CONFIGURATIONS: Final = (
    *("CONFIG_FILE_PATH", "LITELLM_CONFIG_BUCKET_NAME", "STORE_MODEL_IN_DB"),
)
"""Variables with which LiteLLM reads its configuration elsewhere, where nothing has checked it. A
Secret of which all keys become variables may bring them."""


_DRAIN_SECONDS: Final = 6
"""How long clients are told to close their connections before the server does so itself.

OpenAI's library does not use a connection again that was idle for five seconds.
"""


def install() -> None:
    """Puts the gate in front of LiteLLM's app, all of its middleware included.

    Raises:
        RuntimeError: the app is not one that can be wrapped, or LiteLLM would not read the
            configuration that lies beside this file.
    """
    for name in _OTHER_CONFIGURATIONS:
        if name in os.environ:
            raise RuntimeError(
                f"{name} is set, with which LiteLLM would read its configuration elsewhere, where "
                "nothing checks it: remove it from the gateway's environment."
            )
    inside = getattr(app, "middleware_stack", None)
    if not callable(inside):
        raise RuntimeError("The gate needs LiteLLM's app with its middleware built.")  # noqa: TRY004
    gate = Gate(
        inside,
        open_routes=os.environ.get("GATE_OPEN_ROUTES", ""),
        open_parameters=os.environ.get("GATE_OPEN_PARAMETERS", ""),
    )
    _drain_first(gate)
    app.middleware_stack = gate


def _drain_first(gate: "Gate") -> None:
    """Drains for some seconds before a SIGTERM reaches the server."""
    end = signal.getsignal(signal.SIGTERM)
    state = getattr(getattr(end, "__self__", None), "server_state", None)
    if not callable(end) or state is None:
        return  # A server that handles signals in another way serves clients nonetheless.
    loop = asyncio.get_running_loop()

    async def drain(*signalled: Any) -> None:  # noqa: ANN401  # What a signal handler gets.
        gate.drains = True
        last = loop.time() + _DRAIN_SECONDS
        while state.connections and loop.time() < last:  # noqa: ASYNC110  # No event tells it.
            await asyncio.sleep(0.1)
        end(*signalled)

    def handle(*signalled: Any) -> None:  # noqa: ANN401
        asyncio.run_coroutine_threadsafe(drain(*signalled), loop)

    signal.signal(signal.SIGTERM, handle)


class _Refused(Exception):  # noqa: N818  # It is an answer.
    """The call is not passed on; the text is what the client is told."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        # As OpenAI's API words it.
        self.error = {
            "error": {"message": message, "type": "invalid_request_error", "code": status}
        }


class Gate:
    """An ASGI app that passes on to another one what is allowed."""

    def __init__(self, inside: _App, *, open_routes: str, open_parameters: str) -> None:
        """Takes the app that calls are passed on to, and the two lists of what else is open."""
        self.drains = False
        """Whether an answer is the last one on its connection."""
        self._inside = inside
        self._opens_route = _matcher(open_routes)
        self._opens_parameter = _matcher(open_parameters)

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answers one call, or passes it on."""
        if scope["type"] == "lifespan":
            await self._inside(scope, receive, send)
            return
        send = self._last(send)
        if get_route_path(scope) == PROBE:
            await _answer(scope, send, 200, {"status": "ok"})
        else:
            try:
                receive = await self._judged(scope, receive)
            except _Refused as refusal:
                await _answer(scope, send, refusal.status, refusal.error)
            else:
                await self._inside(scope, receive, send)

    def _last(self, send: _Send) -> _Send:
        """What an answer is sent with: while the gate drains, the client is told to close."""

        async def last(message: _Message) -> None:
            if self.drains and message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        return last

    async def _judged(self, scope: _Message, receive: _Receive) -> _Receive:
        """What the inner app reads the body of an allowed call from.

        Raises:
            _Refused: the call is not allowed.
        """
        path: str = get_route_path(scope)
        method: str = scope.get("method", scope["type"])
        calls = path in _JSON or path in _FORM
        reads = path in _READ or path.startswith("/v1/models/")
        if (method == "POST" and calls) or (method == "GET" and reads):
            self._check_names(scope)
            if method == "GET":
                return receive
            body = await _whole(receive)
            self._check(await _form(scope, body) if path in _FORM else _object(scope, body))
            return _again(body, receive)
        if (method == "OPTIONS" and (calls or reads)) or self._opens_route(path):
            return receive
        raise _Refused(
            403,
            f"{method} {path} is not open on this gateway, which only offers the models of its "
            "ModelRouter, at /v1/chat/completions, /v1/responses, /v1/messages and the like; "
            "GATE_OPEN_ROUTES in its environment opens others.",
        )

    def _check_names(self, scope: _Message) -> None:
        """Checks the names of query and headers."""
        headers = (name.decode("latin-1").lower() for name, _ in scope["headers"])
        self._check_allowed((name for name in headers if name.startswith("x-litellm-")), _HEADERS)
        self._check_allowed(QueryParams(scope["query_string"]), _QUERY)

    def _check(self, said: list[tuple[str, Any]]) -> None:
        """Checks the parameters of a body."""
        self._check_allowed((name for name, _ in said), _BODY)
        models = [value for name, value in said if name == "model"]
        if not models or not all(model and isinstance(model, str) for model in models):
            raise _Refused(400, "model must name a model that this gateway offers.")
        for name, value in said:
            if name == "metadata" and not (_is_flat(value) or self._opens_parameter(name)):
                raise _Refused(
                    400,
                    "metadata may only hold texts, numbers and lists of them on this gateway; "
                    "metadata in GATE_OPEN_PARAMETERS in its environment opens it.",
                )
            if name == "tools" and _calls_a_server(value) and not self._opens_parameter("mcp"):
                raise _Refused(
                    400,
                    "Tools of type mcp are not open on this gateway, for a call may not choose "
                    "whom its provider calls; mcp in GATE_OPEN_PARAMETERS in its environment "
                    "opens them.",
                )

    def _check_allowed(self, names: Iterable[str], allowed: frozenset[str]) -> None:
        for name in names:
            if name not in allowed and not self._opens_parameter(name):
                raise _Refused(
                    400,
                    f"{name[:100]} is not open on this gateway, which only passes parameters on "
                    "that choose no provider, host, credential or other model; "
                    "GATE_OPEN_PARAMETERS in its environment opens others.",
                )


def _matcher(patterns: str) -> Callable[[str], bool]:
    """Whether a text is one of a list with commas, where a `*` at the end stands for any rest."""
    listed = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    exact = frozenset(pattern for pattern in listed if not pattern.endswith("*"))
    starts = tuple(pattern[:-1] for pattern in listed if pattern.endswith("*"))
    return lambda text: text in exact or text.startswith(starts)


async def _whole(receive: _Receive) -> bytes:
    """The whole body of a call."""
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _Refused(400, "The call ended before its body did.")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: _Receive) -> _Receive:
    """A body as if it came in only now, and after it what comes next."""
    waiting: list[_Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> _Message:
        return waiting.pop() if waiting else await receive()

    return read


async def _form(scope: _Message, body: bytes) -> list[tuple[str, Any]]:
    """The fields of a form, read as LiteLLM reads them."""
    if _media_type(scope) != "multipart/form-data":
        raise _Refused(400, "The body must be a form, sent as multipart/form-data.")
    try:
        async with Request(dict(scope), _again(body, _nothing)).form() as fields:
            # Clients write lists as `include[]`.
            return [(name.removesuffix("[]"), value) for name, value in fields.multi_items()]
    except Exception as error:  # Whatever its reader stumbles over is not passed on.
        raise _Refused(400, "The body cannot be read as a form.") from error


def _object(scope: _Message, body: bytes) -> list[tuple[str, Any]]:
    """The members of an object in JSON, read as LiteLLM reads them."""
    if _media_type(scope) != "application/json":
        raise _Refused(400, "The body must be JSON, sent as application/json.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _Refused(400, "The body cannot be read as JSON.") from error
    if not isinstance(value, dict):
        raise _Refused(400, "The body must be an object.")
    return list(value.items())


def _media_type(scope: _Message) -> str:
    said: str = Headers(scope=scope).get("content-type", "")
    return said.partition(";")[0].strip().lower()


async def _nothing() -> _Message:
    return {"type": "http.disconnect"}


def _is_flat(metadata: object) -> bool:
    """Whether it holds nothing in which LiteLLM would look for settings."""

    def plain(value: object) -> bool:
        return value is None or isinstance(value, str | int | float)

    return metadata is None or (
        isinstance(metadata, dict)
        and all(
            plain(value) or (isinstance(value, list) and all(map(plain, value)))
            for value in metadata.values()
        )
    )


def _calls_a_server(tools: object) -> bool:
    """Whether one of the tools is a server that the client chose."""
    return isinstance(tools, list) and any(
        isinstance(tool, dict) and str(tool.get("type")).startswith("mcp") for tool in tools
    )


async def _answer(scope: _Message, send: _Send, status: int, said: object) -> None:
    """Answers a call; one that wants to be a WebSocket is closed before it opens, with a 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps(said).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
