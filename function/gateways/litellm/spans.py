"""What the spans that LiteLLM exports may hold.

Into its spans LiteLLM also writes what is no one's business: the headers and the metadata of a
client's call, what was sent as a key where it does not begin with `sk-`, and what a provider says
of a failure, which may repeat a key or the prompt. That goes on after `message_logging` is switched
off. So only the attributes that are listed here leave the pod.

Like the gate, this file is no module of the function: it lies beside config.yaml, where LiteLLM
calls `install` before it reads its configuration, and does not start if that fails.

The variable SPANS_HOLD_CONTENT, if it is `true`, lets prompts, answers and error messages out too.
"""

# LiteLLM's packages are in its own environment alone.
# mypy: disable-error-code="import-not-found"

import logging
import os
from typing import Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status

_OPEN: Final = frozenset(
    (
        *("call_type", "code.function.name", "error.code", "error.llm_provider", "error.type"),
        *("exception.type", "gen_ai.operation.name", "gen_ai.provider.name"),
        *("gen_ai.request.max_tokens", "gen_ai.request.model", "gen_ai.request.temperature"),
        *("gen_ai.request.top_p", "gen_ai.response.finish_reasons", "gen_ai.response.id"),
        *("gen_ai.response.model", "gen_ai.system", "http.request.method"),
        *("http.response.status_code", "http.route", "litellm.call_id", "litellm.model_group"),
        *("litellm.preprocessing.duration_ms", "litellm.provider.model", "llm.is_streaming"),
        *("llm.request.type", "metadata.user_api_key_alias", "metadata.user_api_key_team_alias"),
        *("network.protocol.version", "server.address", "server.port", "service", "url.path"),
        "url.scheme",
    )
)
"""What a call was, not what was said in it."""
_NUMBERS: Final = ("gen_ai.cost.", "gen_ai.usage.")
"""What begins the names of costs and of numbers of tokens."""
_CONTENT: Final = ("error.message", "gen_ai.", "llm.")
"""What begins the names of prompts, answers and tools, and of what a provider says of a failure."""

_PROBES: Final = ("/gate", "/health/", "/metrics")
"""What the paths begin with that are asked for every few seconds, but not by clients."""
_OF_PROBES: Final = ".health_endpoints."
"""What the names of the functions hold that answer them."""


def install() -> None:
    """Has each span cleaned before it waits to be exported, and those of probes left out."""
    open_ = (*_NUMBERS, *_CONTENT) if os.environ.get("SPANS_HOLD_CONTENT") == "true" else _NUMBERS
    export = BatchSpanProcessor.on_end

    def on_end(processor: BatchSpanProcessor, span: ReadableSpan) -> None:
        if not _is_of_a_probe(span):
            export(processor, _cleaned(span, open_))

    BatchSpanProcessor.on_end = on_end
    # LiteLLM writes to spans that have ended, at each call, and the SDK warns each time.
    logging.getLogger("opentelemetry.sdk.trace").setLevel(logging.ERROR)


def _is_of_a_probe(span: ReadableSpan) -> bool:
    said = span.attributes or {}
    path, function = (str(said.get(name, "")) for name in ("url.path", "code.function.name"))
    return path.startswith(_PROBES) or _OF_PROBES in function


def _cleaned(span: ReadableSpan, open_: tuple[str, ...]) -> ReadableSpan:
    """The same span without what may not leave the pod."""

    def kept(attributes: Any) -> dict[str, Any]:  # noqa: ANN401
        return {
            name: value
            for name, value in (attributes or {}).items()
            if name in _OPEN or name.startswith(open_)
        }

    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept(span.attributes),
        events=[
            Event(event.name, kept(event.attributes), event.timestamp) for event in span.events
        ],
        links=span.links,
        kind=span.kind,
        # A status has a description too.
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
