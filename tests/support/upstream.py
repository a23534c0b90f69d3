"""A stand-in for the model providers: it answers like them, and records.

Any path that ends in `/chat/completions` is a chat completion (so Azure's `/openai/deployments/…`
too), and so it is for the OpenAI API's other kinds of call. The paths of Anthropic, Gemini, Bedrock
and ollama are known too, and that of AWS, which gives a role's key for a service account's token.
Everything else is recorded as well and answered 404. A chat completion is streamed where the call
asks for it. Models can be made to fail and to be slow.
"""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.served import Served

ANSWER = "pong"
"""What every model says."""
STREAMED = ("p", "o", "n", "g")
"""The same, word by word."""

SPOKEN = b"pong, spoken"
"""What every speech is."""
ROLE_KEY = "ASIAOFTHETEST"
"""The access key that the role of a service account gets."""

_WHEN = "2026-01-01T00:00:00Z"
_ROLE = f"""\
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Credentials>
      <AccessKeyId>{ROLE_KEY}</AccessKeyId>
      <SecretAccessKey>secret-of-the-role</SecretAccessKey>
      <SessionToken>session-of-the-role</SessionToken>
      <Expiration>2100-01-01T00:00:00Z</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>
""".encode()


@dataclass(frozen=True)
class Call:
    """One request as it came in: header names in lower case, the body as JSON or else as text."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def is_models(self) -> bool:
        """Whether it asks a model for something, and does not only look around."""
        return self.method == "POST" and self.path != "/api/show"


class Upstream(Served):
    """A server on a free port of 127.0.0.1 for the length of a `with` block."""

    def __init__(self) -> None:
        self.status: int = HTTPStatus.OK
        """What a model's call is answered with, from now on; other calls are not concerned."""
        self.error: str | None = None
        """What a failing model says of it, from now on; by default the status and the path."""
        self.failures = 0
        """How many of the next models' calls fail, whatever the status is."""
        self.delay = 0.0
        """For how many seconds a model's call is kept waiting, from now on."""
        self.pause = 0.0
        """For how many seconds a stream halts before each of its words, from now on."""
        self.halt = 0.0
        """For how many seconds a stream halts in its middle, from now on."""
        self.says = ANSWER
        """What chat models say, from now on."""
        self.tokens = 2
        """How many tokens a chat completion says that it used."""
        self.counts_streams = False
        """Whether a streamed chat completion says it too, where it is asked to."""
        self.calls: list[Call] = []
        """All requests so far, in the order of their arrival.

        Not only a test's: while it starts, LiteLLM asks the base of an OpenAI model for `/models`.
        """
        self.busiest = 0
        """How many of models' calls were at work at once, at most."""
        self._released = threading.Event()
        self._server = _Server(self)
        super().__init__(self._server)

    @property
    def asked(self) -> int:
        """How many of models' calls came in so far."""
        return sum(call.is_models for call in self.calls)

    def reset(self) -> None:
        """Makes it as it was at first; calls that a gateway no longer waits for are over then."""
        self._released.set()
        self._server.wait_until_idle()
        self._released.clear()
        self.status, self.failures, self.tokens, self.busiest = HTTPStatus.OK, 0, 2, 0
        self.error, self.says, self.counts_streams = None, ANSWER, False
        self.delay = self.pause = self.halt = 0.0

    def wait(self, seconds: float) -> None:
        """Keeps a call waiting, until it is reset at the latest."""
        self._released.wait(seconds)

    def release(self) -> None:
        """Lets go of the calls that are kept waiting."""
        self._released.set()


class _Server(ThreadingHTTPServer):
    # Closing the server then waits for the handlers, so that none outlives its test.
    daemon_threads = False

    def __init__(self, upstream: Upstream) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.at_work = 0
        self.lock = threading.Condition()

    def record(self, call: Call) -> None:
        with self.lock:
            self.upstream.calls.append(call)
            self.at_work += call.is_models
            self.upstream.busiest = max(self.upstream.busiest, self.at_work)

    def next_status(self) -> int:
        with self.lock:
            if self.upstream.failures:
                self.upstream.failures -= 1
                return HTTPStatus.INTERNAL_SERVER_ERROR
            return self.upstream.status

    def done(self, call: Call) -> None:
        with self.lock:
            self.at_work -= call.is_models
            self.lock.notify_all()

    def wait_until_idle(self) -> None:
        with self.lock:
            assert self.lock.wait_for(lambda: not self.at_work, timeout=20), "calls that do not end"


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    # A client that connects and says nothing must not hold up the end of a test.
    timeout = 10

    def _handle(self) -> None:
        address = urlsplit(self.path)
        call = Call(
            method=self.command,
            path=address.path,
            query=dict(parse_qsl(address.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=_decoded(self.rfile.read(int(self.headers.get("content-length", 0)))),
        )
        self.server.record(call)
        try:
            self._answer(call)
        except OSError:  # A gateway that has run out of patience has hung up.
            self.close_connection = True
        finally:
            self.server.done(call)

    def _answer(self, call: Call) -> None:
        upstream = self.server.upstream
        status: int = HTTPStatus.OK
        if call.is_models:
            upstream.wait(upstream.delay)
            status = self.server.next_status()
        if status == HTTPStatus.OK and _streams(call):
            self._stream(call)
            return
        answer = _answer(call, upstream) if status == HTTPStatus.OK else None
        if answer is None and status == HTTPStatus.OK:
            status = HTTPStatus.NOT_FOUND
        said = upstream.error or f"{status} on {call.path}"
        answer = answer or {"error": {"message": said}}
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        kind = {SPOKEN: "audio/mpeg", _ROLE: "text/xml"}.get(text, "application/json")
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, call: Call) -> None:
        upstream = self.server.upstream
        self.send_response(HTTPStatus.OK)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        if call.path.endswith("/responses"):
            self._stream_response(upstream.tokens)
            return
        words = STREAMED if upstream.says == ANSWER else re.findall(r"\S+\s*", upstream.says)
        for i, word in enumerate(words):
            upstream.wait(upstream.pause + (upstream.halt if i == len(words) // 2 else 0))
            reason = "stop" if i == len(words) - 1 else None
            chunk: dict[str, object] = {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1767225600,
                "model": call.body["model"],
                "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": reason}],
            }
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()
        if upstream.counts_streams and (call.body.get("stream_options") or {}).get("include_usage"):
            chunk |= {"choices": [], "usage": _usage(upstream.tokens)}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def _stream_response(self, tokens: int) -> None:
        used = {"input_tokens": tokens - 1, "output_tokens": 1, "total_tokens": tokens}
        events: list[dict[str, object]] = [
            {"type": "response.created", "response": {**_RESPONSE, "status": "in_progress"}},
            *(
                {
                    "type": "response.output_text.delta",
                    "item_id": "msg_1",
                    "output_index": 0,
                    "content_index": 0,
                    "delta": word,
                }
                for word in STREAMED
            ),
            {"type": "response.completed", "response": {**_RESPONSE, "usage": used}},
        ]
        for i, event in enumerate(events):
            said = json.dumps({**event, "sequence_number": i})
            self.wfile.write(f"event: {event['type']}\ndata: {said}\n\n".encode())

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815  # http.server names them.

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The base's name.
        """Says nothing: the calls are recorded."""


def _usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens}


def _streams(call: Call) -> bool:
    streams = call.path.endswith(("/chat/completions", "/responses"))
    return streams and isinstance(call.body, dict) and call.body.get("stream") is True


def _decoded(raw: bytes) -> Any:  # noqa: ANN401  # JSON is anything.
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def _answer(call: Call, upstream: Upstream) -> Mapping[str, object] | bytes | None:
    if call.method != "POST":
        return None
    if call.path == "/" and "AssumeRoleWithWebIdentity" in str(call.body):
        return _ROLE
    same = next((answer for end, answer in _SAME.items() if call.path.endswith(end)), None)
    if same is not None or not isinstance(call.body, dict):
        return same
    deployment = re.search(r"/openai/deployments/([^/]+)/", call.path)
    model = deployment[1] if deployment else call.body.get("model")
    message = {"role": "assistant", "content": upstream.says}
    tokens = upstream.tokens
    if call.path.endswith("/chat/completions"):
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1767225600,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": _usage(tokens),
        }
    done = {
        "model": model,
        "created_at": _WHEN,
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 1,
        "eval_count": 1,
    }
    ollama: Mapping[str, Mapping[str, object]] = {
        "/api/chat": {**done, "message": message},
        "/api/generate": {**done, "response": ANSWER},
        "/api/show": {"template": "", "details": {}, "model_info": {}, "capabilities": []},
    }
    return ollama.get(call.path)


_USED = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
_RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1767225600,
    "status": "completed",
    "model": "m",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": ANSWER, "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": _USED,
}
_PICTURE = {
    "created": 1767225600,
    "data": [{"b64_json": "cG9uZw=="}],
    "usage": {**_USED, "input_tokens_details": {"text_tokens": 1, "image_tokens": 0}},
}
_SAME: Mapping[str, Mapping[str, object] | bytes] = {
    "/audio/speech": SPOKEN,
    "/audio/transcriptions": {"text": ANSWER},
    "/embeddings": {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
    "/images/edits": _PICTURE,
    "/images/generations": _PICTURE,
    "/rerank": {
        "id": "rerank-1",
        "results": [{"index": 0, "relevance_score": 0.5}],
        "meta": {"billed_units": {"search_units": 1}},
    },
    "/responses": _RESPONSE,
    # Anthropic's
    "/v1/messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    # Gemini's
    ":generateContent": {
        "candidates": [
            {
                "index": 0,
                "content": {"role": "model", "parts": [{"text": ANSWER}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 1,
            "candidatesTokenCount": 1,
            "totalTokenCount": 2,
        },
    },
    # Bedrock's
    "/converse": {
        "output": {"message": {"role": "assistant", "content": [{"text": ANSWER}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
    },
}
"""Answers that are the same for every model, by the end of the path."""
