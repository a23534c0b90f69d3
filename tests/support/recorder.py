"""Records what LiteLLM would send: run by the Python of the environment that LiteLLM is in.

It reads one JSON object a line, as `{"env": {...}, "params": {...}, "kind": "chat", "offered": "m",
"asked": "m"}`, and writes one a line, in the same order: `{"requests": [{"method", "url",
"headers", "body"}], "error": null}`. Each case is one call through a Router with one deployment,
which is the proxy's way, in a process whose environment is `env` and what the recorder was started
with, but for an empty HOME. Neighbouring cases that differ only in their kind share a process.

Nothing leaves the machine: every client library that LiteLLM uses is cut off where it hands a
request to its connection, and answered with `ANSWER`. Whatever gets round that is refused when it
looks up a host or connects, and recorded as a request with the method `CONNECT`. What LiteLLM sends
from its part in Rust, which cannot be switched off for some kinds of call, goes to a proxy.
"""

# LiteLLM's packages are in its own environment alone.
# mypy: disable-error-code="import-not-found,import-untyped"

import asyncio
import base64
import contextlib
import gc
import importlib
import io
import itertools
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import aiohttp
import botocore.awsrequest
import botocore.httpsession
import httpx
import litellm
import requests
import urllib3
import websockets.exceptions
from fastapi import WebSocketDisconnect
from litellm.llms.openai_like import json_loader
from rust_proxy import RustProxy

_INHERITED: Final = dict(os.environ)

SECONDS: Final = 20
"""How long a case may take; what it has sent by then counts."""

PROMPT: Final = "prompt-of-the-recorder"
"""What every call says."""

_SAID = {"role": "assistant", "content": "pong"}
ANSWER: Final[Mapping[str, Any]] = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": _SAID, "text": "pong", "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    "data": [{"index": 0, "embedding": [0.0], "b64_json": "", "url": "https://image.invalid/"}],
    "content": [{"type": "text", "text": "pong"}],
    "file_id": "reducto://file",
    "pages": [],
    "embeddings": [{"values": [0.0]}],
    "results": [{"index": 0, "relevance_score": 0.0}],
    "text": "pong",
    "status": "completed",
    "access_token": "token-of-the-recorder",
    "token": "token-of-the-recorder",
    "token_type": "Bearer",
    "expires_in": 3600,
    "expires_at": 4102444800000,
    "expiration": 4102444800,
    "inferenceProviderMapping": {
        "hf-inference": {"status": "live", "providerId": "org/m", "task": "conversational"}
    },
    "resources": [
        {
            "scenarioId": "orchestration",
            "configurationId": "1",
            "deploymentUrl": "https://deployment.invalid",
            "createdAt": "2026-01-01T00:00:00Z",
        }
    ],
    "executableId": "orchestration",
    "issuer": "https://login.microsoftonline.com/tenant/v2.0",
    "authorization_endpoint": "https://login.microsoftonline.com/tenant/oauth2/v2.0/authorize",
    "token_endpoint": "https://login.microsoftonline.com/tenant/oauth2/v2.0/token",
}
"""Every request's answer: a completion, an embedding, an image, a ranking and a token in one."""

_HEADERS = {"x-goog-upload-url": "https://generativelanguage.googleapis.com/upload"}

_IN_RUST = ("ocr", "transcription")
"""Kinds of call that LiteLLM makes in Rust for some providers."""

_METADATA = {"169.254.169.254", "169.254.170.2", "metadata.google.internal", "metadata"}
"""Hosts of a cloud's metadata service. These, and a model's files, are answered 404."""

_Write = Callable[[dict[str, Any]], None]


def main() -> None:
    """Records all cases, or prints the names of all providers when called with `--providers`."""
    if sys.argv[1:] == ["--providers"]:
        sys.stdout.write(json.dumps(_providers()))
        return
    cases = [json.loads(line) for line in sys.stdin]
    os.nice(10)  # Tests of what takes how long may run beside it.
    _preload()
    with tempfile.TemporaryDirectory() as folder:
        for recording in _record(cases, Path(folder)):
            sys.stdout.write(f"{json.dumps(recording)}\n")


def _record(cases: list[dict[str, Any]], home: Path) -> list[dict[str, Any]]:
    """The recordings of all cases, as many processes at a time as keep the machine busy."""
    together = itertools.groupby(range(len(cases)), lambda i: (cases[i]["env"], cases[i]["params"]))
    waiting = [list(group) for _, group in together][::-1]
    recordings: dict[int, dict[str, Any]] = {}
    running: dict[int, list[int]] = {}
    while waiting or running:
        while waiting and len(running) < 2 * (os.cpu_count() or 1):
            group = waiting.pop()
            running[_fork([cases[i] for i in group], home, home / f"{group[0]}.jsonl")] = group
        pid, _ = os.wait()
        if group := running.pop(pid, []):
            ended = _read(home / f"{group[0]}.jsonl")
            recordings |= zip(group, ended, strict=False)
            if rest := group[len(ended) :]:
                # The process was ended in the midst of the last of these.
                waiting.append(rest)
    return [recordings[i] for i in range(len(cases))]


def _providers() -> list[str]:
    # Those of the registry work as `<name>/<model>` too, though not all are in the enumeration.
    registry = json_loader.JSONProviderRegistry.list_providers()
    return sorted({*registry, *(provider.value for provider in litellm.LlmProviders)})


def _preload() -> None:
    """Loads once what each case would load: whatever a call loads that is made in another process.

    Were the call made here, the cases would inherit its threads' locks and its loops.
    """
    litellm.encoding.encode("")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(Exception), os.fdopen(writer, "w") as file:
            _isolate({}, Path.cwd())
            _intercept(lambda _: None)
            for kind in KINDS:
                for model in ("ai21_chat/m", "anthropic/m", "azure/m", "gemini/m", "openai/m"):
                    with contextlib.suppress(Exception):
                        asyncio.run(_call(kind, {"model": model, "api_key": "k"}))
            file.write("\n".join(sys.modules))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        modules = file.read().split()
    os.waitpid(pid, 0)
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    gc.disable()
    gc.freeze()


def _read(path: Path) -> list[dict[str, Any]]:
    """The recordings of a process; one without an end is its last."""
    recordings: list[dict[str, Any]] = []
    requests: list[dict[str, Any]] = []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in (*lines, {"error": f"No end after {SECONDS} seconds."}):
        if "error" in line:
            recordings.append({"requests": requests, "error": line["error"]})
            requests = []
        else:
            requests.append(line)
    return recordings


def _fork(cases: Sequence[Mapping[str, Any]], home: Path, path: Path) -> int:
    with path.open("w", encoding="utf-8") as file:
        pid = os.fork()
        if pid == 0:
            _child(cases, home, file)
        return pid


def _child(cases: Sequence[Mapping[str, Any]], home: Path, file: IO[str]) -> None:
    def write(line: dict[str, Any]) -> None:
        file.write(json.dumps(line, default=str) + "\n")
        file.flush()

    _isolate(cases[0]["env"], home)
    sent = _intercept(write)
    rust: RustProxy | None = None
    for case in cases:
        signal.alarm(SECONDS)
        if case["kind"] in _IN_RUST:
            rust = rust or RustProxy(home, sent, ANSWER)
            os.environ.update(rust.env)
        elif rust:
            for variable in rust.env:
                os.environ.pop(variable, None)
        litellm.in_memory_llm_clients_cache.flush_cache()
        error = None
        try:
            asyncio.run(_call(case["kind"], case["params"], case["offered"], case["asked"]))
        except BaseException as caught:  # noqa: BLE001 - whatever it was, the parent tells it.
            error = f"{type(caught).__name__}: {caught}"
        write({"error": error})
    os._exit(0)


def _isolate(env: Mapping[str, str], home: Path) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.environ.clear()
    os.environ.update({**_INHERITED, "HOME": str(home), **env})
    os.chdir(home)


async def _call(kind: str, params: dict[str, Any], offered: str = "m", asked: str = "m") -> None:
    litellm.drop_params = True
    deployment = {"model_name": offered, "litellm_params": params}
    router = litellm.Router(model_list=[deployment], num_retries=0)
    answer = await KINDS[kind](router, asked)
    if hasattr(answer, "__aiter__"):
        # Some providers are called only when the first piece is asked for.
        await anext(aiter(answer))


def _file(form: str) -> IO[bytes]:
    file = io.BytesIO(PROMPT.encode())
    file.name = f"prompt.{form}"
    return file


def _lines() -> tuple[str, bytes]:
    body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return "prompt.jsonl", json.dumps(line).encode()


def _document() -> dict[str, str]:
    data = base64.b64encode(PROMPT.encode()).decode()
    return {"type": "image_url", "image_url": f"data:image/png;base64,{data}"}


def _said() -> list[dict[str, str]]:
    return [{"role": "user", "content": PROMPT}]


def _questions() -> dict[str, dict[str, str]]:
    return {"question": {"type": "noul", "instructions": PROMPT}}


def _gemini() -> list[dict[str, Any]]:
    return [{"role": "user", "parts": [{"text": PROMPT}]}]


class _Client:
    """The client's end of a WebSocket, as far as LiteLLM looks at it."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {"headers": []}
        self.headers: dict[str, str] = {}
        self.query_params: dict[str, str] = {}
        self._says = [json.dumps({"type": "response.create", "model": "m", "input": PROMPT})]

    async def accept(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Nothing to do."""

    send_text = send_json = close = accept

    async def receive_text(self) -> str:
        if not self._says:
            raise WebSocketDisconnect
        return self._says.pop()


KINDS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "chat": lambda router, model: router.acompletion(model=model, messages=_said()),
    "stream": lambda router, model: router.acompletion(model=model, messages=_said(), stream=True),
    "text": lambda router, model: router.atext_completion(model=model, prompt=PROMPT),
    "messages": lambda router, model: router.aanthropic_messages(
        model=model, messages=_said(), max_tokens=9
    ),
    "responses": lambda router, model: router.aresponses(model=model, input=PROMPT),
    "socket": lambda router, model: router._aresponses_websocket(model=model, websocket=_Client()),  # noqa: SLF001
    "generate": lambda router, model: router.agenerate_content(model=model, contents=_gemini()),
    "embedding": lambda router, model: router.aembedding(model=model, input=[PROMPT]),
    "rerank": lambda router, model: router.arerank(model=model, query=PROMPT, documents=[PROMPT]),
    "moderation": lambda router, model: router.amoderation(model=model, input=PROMPT),
    "image": lambda router, model: router.aimage_generation(model=model, prompt=PROMPT),
    "edit": lambda router, model: router.aimage_edit(
        model=model, image=[_file("png")], prompt=PROMPT
    ),
    "video": lambda router, model: router.avideo_generation(model=model, prompt=PROMPT),
    "ocr": lambda router, model: router.aocr(model=model, document=_document()),
    "speech": lambda router, model: router.aspeech(model=model, input=PROMPT, voice="alloy"),
    "transcription": lambda router, model: router.atranscription(model=model, file=_file("wav")),
    "realtime": lambda router, model: router._arealtime(model=model, websocket=_Client()),  # noqa: SLF001
    "secret": lambda router, model: router.acreate_realtime_client_secret(
        model=model, session={"type": "realtime", "model": model, "instructions": PROMPT}
    ),
    "file": lambda router, model: router.acreate_file(model=model, file=_lines(), purpose="batch"),
    "batch": lambda router, model: router.acreate_batch(
        model=model,
        input_file_id=f"file-{PROMPT}",
        endpoint="/v1/chat/completions",
        completion_window="24h",
    ),
    "decision": lambda router, model: router.asystemone(
        model=model, state=PROMPT, questions=_questions()
    ),
    "store": lambda router, model: router.avector_store_search(
        model=model, vector_store_id="bucket:index", query=PROMPT
    ),
    "container": lambda router, model: router.acreate_container(model=model, name=PROMPT),
    "tuning": lambda router, model: router.acreate_fine_tuning_job(
        model=model, training_file=PROMPT
    ),
}
"""All kinds of call that a Router sends to the deployments of a model."""


def _intercept(write: _Write) -> "_Sent":
    """Cuts off the client libraries, and sockets below them; gives what records a request."""

    def sent(method: str, url: str, headers: Mapping[Any, Any], body: object) -> int:
        """Records a request; the status of its answer."""
        names = {_text(name).lower(): _text(value) for name, value in headers.items()}
        write({"method": method, "url": url, "headers": names, "body": _text(body)})
        to = urlsplit(url)
        return 404 if to.hostname in _METADATA or "/raw/main/" in to.path else 200

    _intercept_httpx(sent)
    _intercept_sockets(sent)
    _intercept_others(sent)

    def refuse(event: str, args: tuple[Any, ...]) -> None:
        match event, args:
            case "socket.connect", (_, (str(host), port, *_)):
                pass
            case "socket.getaddrinfo", (host, port, *_):
                pass
            case _:
                return
        write(
            {"method": "CONNECT", "url": f"tcp://{_text(host)}:{port}", "headers": {}, "body": ""}
        )
        raise ConnectionRefusedError("Nothing leaves the recorder.")

    sys.addaudithook(refuse)
    return sent


_Sent = Callable[[str, str, Mapping[Any, Any], object], int]


def _intercept_httpx(sent: _Sent) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        status = sent(request.method, str(request.url), request.headers, request.content)
        return httpx.Response(status, headers=_HEADERS, json=ANSWER, request=request)

    def send(_self: httpx.Client, request: httpx.Request) -> httpx.Response:
        request.read()
        return answer(request)

    async def asend(_self: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return answer(request)

    httpx.Client._send_single_request = send  # noqa: SLF001
    httpx.AsyncClient._send_single_request = asend  # noqa: SLF001


def _intercept_sockets(sent: _Sent) -> None:
    def connect(url: str, **options: Any) -> None:  # noqa: ANN401
        # What the client says next would go there.
        sent("WEBSOCKET", url, options.get("additional_headers") or {}, PROMPT)
        raise ConnectionRefusedError("Nothing leaves the recorder.")

    websockets.connect = connect


def _intercept_others(sent: _Sent) -> None:
    raw = json.dumps(ANSWER).encode()
    plain = {"content-type": "application/json", **_HEADERS}

    def send(_self: object, request: Any, **_: Any) -> requests.Response:  # noqa: ANN401
        response = requests.Response()
        response.status_code = sent(request.method, request.url, request.headers, request.body)
        response.raw = io.BytesIO(raw)
        response.headers.update(plain)
        response.request, response.url = request, request.url
        return response

    def sign(_self: object, request: Any) -> botocore.awsrequest.AWSResponse:  # noqa: ANN401
        status = sent(request.method, request.url, request.headers, request.body)
        body = urllib3.HTTPResponse(io.BytesIO(raw), preload_content=False)
        return botocore.awsrequest.AWSResponse(request.url, status, plain, body)

    class Answer:
        """What of aiohttp's response LiteLLM uses."""

        def __init__(self, status: int) -> None:
            self.status, self.headers, self.ok = status, plain, status < 400

        async def json(self) -> Mapping[str, Any]:
            return ANSWER

        async def text(self) -> str:
            return raw.decode()

    async def request(_self: object, method: str, url: object, **options: Any) -> Answer:  # noqa: ANN401
        body = options.get("json") or options.get("data")
        return Answer(sent(method, str(url), options.get("headers") or {}, body))

    requests.adapters.HTTPAdapter.send = send
    botocore.httpsession.URLLib3Session.send = sign
    aiohttp.ClientSession._request = request  # noqa: SLF001


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else json.dumps(value, default=str)


if __name__ == "__main__":
    main()
