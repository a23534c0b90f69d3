"""Stand-ins for the services of guardrails, which answer like them, and record.

Presidio's analyzer and anonymizer, OpenAI's moderation and Bedrock's guardrails are each a path of
one plain HTTP server. Texts are found by what the tests put in them: NAME is a person, BAD is
harmful. The server can be made to be away, to fail, to answer with something else, and to hang.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from tests.support.served import Served

NAME = "Ada Lovelace"
BAD = "harmful words"

State = Literal["well", "refusing", "failing", "babbling", "wrong", "empty", "hanging"]


class Services(Served):
    """The services on a free port of 127.0.0.1 for the length of a `with` block."""

    def __init__(self) -> None:
        self.state: State = "well"
        """How they answer, from now on."""
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        """The path, the headers in lower case, and the body of all that they were asked."""
        self.released = threading.Event()
        super().__init__(_Server(self))

    def texts(self, end: str) -> list[str]:
        """What was asked on paths that end so, as text."""
        return [json.dumps(body) for path, _, body in self.asked if path.endswith(end)]

    def release(self) -> None:
        """Lets go of the calls that hang."""
        self.released.set()


class _Server(ThreadingHTTPServer):
    def __init__(self, services: Services) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.services = services


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Answers as the service at the path does, or as the state says."""
        services = self.server.services
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        services.asked.append((self.path, headers, body))
        status, kind, text = 200, "application/json", json.dumps(_answer(self.path, body))
        match services.state:
            case "refusing":
                self.close_connection = True
                return
            case "failing":
                status = 500
            case "babbling":
                text = "<html>"
            case "wrong":
                text = json.dumps([{"entity_type": "PERSON"}, "x"])
            case "empty":
                text = "{}"
            case "hanging":
                services.released.wait(20)
        try:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The base's name.
        """Says nothing: what is asked is recorded."""


def _answer(path: str, body: Any) -> object:  # noqa: ANN401  # JSON is anything.
    if path.endswith("/analyze"):
        return list(_found(body["text"]))
    if path.endswith("/anonymize"):
        text = body["text"]
        for one in sorted(body["analyzer_results"], key=lambda one: -one["start"]):
            text = f"{text[: one['start']]}<{one['entity_type']}>{text[one['end'] :]}"
        return {"text": text, "items": []}
    if path.endswith("/moderations"):
        flagged = BAD in json.dumps(body["input"])
        result = {
            "flagged": flagged,
            "categories": {"violence": flagged},
            "category_scores": {"violence": 0.5},
            "category_applied_input_types": {"violence": ["text"]},
        }
        return {"id": "modr-1", "model": body["model"], "results": [result]}
    texts = [item["text"]["text"] for item in body["content"]]
    if any(BAD in text for text in texts):
        topics = {"topics": [{"name": "harm", "type": "DENY", "action": "BLOCKED"}]}
        return {
            "action": "GUARDRAIL_INTERVENED",
            "outputs": [{"text": "No."}],
            "assessments": [{"topicPolicy": topics}],
        }
    return {"action": "NONE", "outputs": [], "assessments": [], "usage": {}}


def _found(text: str) -> Any:  # noqa: ANN401
    start = text.find(NAME)
    while start >= 0:
        yield {"entity_type": "PERSON", "start": start, "end": start + len(NAME), "score": 0.85}
        start = text.find(NAME, start + 1)
