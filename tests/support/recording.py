"""What LiteLLM sends, recorded by `recorder.py` in LiteLLM's own environment."""

import base64
import binascii
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.tools import CACHE, absent

_PYTHON = CACHE / "litellm" / "bin" / "python"
_RECORDER = Path(__file__).with_name("recorder.py")
_ENV = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # Its list of prices would come from the internet.
    "LITELLM_RUST": "False",  # What it sends from Rust would not be recorded.
    "DEFER_PYDANTIC_BUILD": "False",  # Once for all cases, and not in each.
}

PROMPT = "prompt-of-the-recorder"
"""What every call says; the recorder's own word, which has no import for these tests."""
BROKEN_OFF = "No end after"
"""What the error of a call begins with that took too long or whose process ended; its words too."""


@dataclass(frozen=True)
class Case:
    """One call.

    Attributes:
        env: the whole environment.
        params: the `litellm_params`.
        kind: the kind of call.
        offered: the model name of the entry.
        asked: the model name that the client asks for.
    """

    env: Mapping[str, str]
    params: Mapping[str, Any]
    kind: str = "chat"
    offered: str = "m"
    asked: str = "m"


@dataclass(frozen=True)
class Request:
    """A request that would have left the machine; header names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @cached_property
    def places(self) -> Mapping[str, str]:
        """The parts of a request, base64 also decoded: `url`, `body`, and headers by their names.

        With `authorization` goes its scheme: a key that signs is not the same as one that is sent.
        """
        parts = {**self.headers, "url": self.url, "body": self.body}
        if "authorization" in parts:
            said = parts.pop("authorization")
            parts[f"authorization {said.partition(' ')[0]}"] = said
        return {name: f"{part}\n{_decoded(part)}" for name, part in parts.items()}

    def holds(self, text: str) -> Iterator[str]:
        """The places of a text."""
        return (name for name, part in self.places.items() if text in part)


@dataclass(frozen=True)
class Recording:
    """What a case sent, in order, and the error that it ended in."""

    requests: Sequence[Request] = field(default_factory=list)
    error: str | None = None

    def holds(self, text: str) -> set[tuple[str, str]]:
        """The hosts that a text went to, each with where the request has it."""
        return {(request.host, place) for request in self.requests for place in request.holds(text)}

    def __str__(self) -> str:
        sent = [f"{request.method} {request.url}" for request in self.requests]
        return "\n".join([*(sent or ["nothing sent"]), f"error: {(self.error or 'none')[:500]}"])


def record(cases: Sequence[Case]) -> list[Recording]:
    """The recordings of all cases, in order; all in one process that has LiteLLM loaded."""
    answers = _run("\n".join(json.dumps(asdict(case)) for case in cases)).splitlines()
    return [_recording(json.loads(answer)) for answer in answers]


def known_providers() -> list[str]:
    """The providers that this LiteLLM knows by name."""
    providers: list[str] = json.loads(_run("", "--providers"))
    return providers


def _recording(answer: Mapping[str, Any]) -> Recording:
    return Recording([Request(**request) for request in answer["requests"]], answer["error"])


def _run(text: str, *flags: str) -> str:
    if not _PYTHON.exists():
        absent("LiteLLM", "run .ci/build-litellm")
    done = subprocess.run(
        [str(_PYTHON), str(_RECORDER), *flags],
        input=text,
        env=_ENV,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"The recorder failed.\n{done.stderr[-5000:]}")
    return done.stdout


def _decoded(text: str) -> str:
    """What the pieces of a text that may be base64 say: a password, a part of a JWT."""
    found = []
    for piece in re.findall(r"[A-Za-z0-9+/_-]{16,}", text):
        padded = piece.translate(str.maketrans("-_", "+/")) + "=" * (-len(piece) % 4)
        try:
            found.append(base64.b64decode(padded).decode("utf-8", "replace"))
        except binascii.Error:
            continue
    return "\n".join(found)
