"""Records what LiteLLM sends for each provider and each kind of call: `python -m tests.record`.

It takes a quarter of an hour on two idle cores. The recordings become `recorded.json`, a line for
each provider; what follows from them for the function goes into its table of providers.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from function.gateways.litellm import providers
from tests.support import calls
from tests.support.calls import BASE, KINDS, mark, table, value
from tests.support.recording import PROMPT, Case, Recording, record

RECORDED = Path(__file__).with_name("recorded.json")
PROVIDERS = Path(providers.__file__).with_name("providers.json")

OPENAI = {"api.openai.com"}
POD = {"localhost", "127.0.0.1", "0.0.0.0"}
NOT_CHOSEN = OPENAI | POD
"""Where LiteLLM sends what it has no base for: to OpenAI, or to the gateway's own pod."""

TOKEN = "token-of-the-recorder"
"""What a provider's login gives in exchange for a key, and is as secret as the key."""

OPENAIS_OWN = {"openai", "text-completion-openai", "aiohttp_openai", "custom_openai"}

_ANYWHERE = {"moderation", "secret"}
"""Kinds of call that LiteLLM sends to OpenAI, or whatever base there is, for any provider."""

OUT_OF_REACH = ("rust", "package", "login", "timeout")
"""Why a kind of call cannot be recorded, though LiteLLM may make it elsewhere."""

AMBIENT = {"azure", "azure_ai", "azure_text", "bedrock", "bedrock_mantle"}
"""Providers that have credentials without any key: those of the pod, which a key would beat."""

FIELDS = (
    *("keys", "settings", "params", "base", "defaultBase", "needsBase", "ignoresBase", "reads"),
    *("astray", "dummyKey", "recorded", "unrecorded", "modelIds"),
)
"""The fields of the table of providers, in their order."""

_DERIVED = {"reads", "astray", "dummyKey", "recorded", "unrecorded"}
"""Those that follow from the recordings."""

Hosts = dict[str, set[str]]
"""Hosts, each with the kinds of call that reach it."""


@dataclass(frozen=True)
class Question:
    """A provider in a situation: the calls that show what LiteLLM does then, and whose marks to
    look for."""

    name: str
    situation: str
    cases: tuple[Case, ...]
    variables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What all calls of a question sent.

    Attributes:
        prompt: where the prompt went.
        key: where the variables' values went, or a token that a login gave for them.
        variables: the variables that left, each with the kinds of call.
        silent: the kinds of call that sent no prompt, each with its error.
    """

    prompt: Hosts
    key: Hosts
    variables: dict[str, set[str]]
    silent: dict[str, str]


def ask(questions: Iterable[Question]) -> dict[tuple[str, str], Answer]:
    """The answers by provider and situation, recorded together."""
    asked = list(questions)
    recordings = iter(record([case for question in asked for case in question.cases]))
    answers: dict[tuple[str, str], Answer] = {}
    for question in asked:
        answer = answers.setdefault((question.name, question.situation), Answer({}, {}, {}, {}))
        for case in question.cases:
            _add(answer, case.kind, next(recordings), question.variables)
    return answers


def _add(answer: Answer, kind: str, recording: Recording, variables: Iterable[str]) -> None:
    prompted = {host for host, _ in recording.holds(PROMPT)} - {""}
    for host in prompted:
        answer.prompt.setdefault(_named(host), set()).add(kind)
    wanted = {mark(variable): variable for variable in variables}
    for request in recording.requests:
        text = "\n".join(request.places.values())
        held = {wanted[found] for found in _MARK.findall(text) if found in wanted}
        for variable in held:
            answer.variables.setdefault(variable, set()).add(kind)
        if request.host and (held or TOKEN in text):
            answer.key.setdefault(_named(request.host), set()).add(kind)
    if not prompted:
        answer.silent.setdefault(kind, recording.error or "")


def _named(host: str) -> str:
    """A host with the variables by name that have a part of it as their value."""
    return _MARK.sub(lambda found: f"<{_MARKED.get(found[0], found[0])}>", host)


_MARK = re.compile(r"k[0-9a-f]{16}")
VARIABLES = sorted({variable for provider in table().values() for variable in provider.variables})
_MARKED = {mark(variable): variable for variable in VARIABLES}


def alternatives(name: str) -> tuple[tuple[str, ...], ...]:
    """The keys of a provider, or what it has instead where it needs none."""
    provider = table()[name]
    return provider.keys or (tuple(v for v in provider.variables if v.endswith("KEY")),)


def own(name: str) -> list[Question]:
    """With its own keys, as the function hands them over."""
    return [
        Question(name, "own", tuple(calls.calls(name, *calls.handed(name, keys))), keys)
        for keys in alternatives(name)
    ]


def none(name: str) -> list[Question]:
    """Without any key."""
    return [Question(name, "none", tuple(calls.calls(name, *calls.handed(name, ()))))]


def plain(name: str) -> list[Question]:
    """With its own keys under LiteLLM's own names, as where all entries are of one family."""
    _, params = calls.handed(name, ())
    base = {"api_base": params["api_base"]} if "api_base" in params else {}
    return [
        Question(name, "plain", tuple(calls.calls(name, calls.public(keys), base)), keys)
        for keys in alternatives(name)[:1]
    ]


def bare(name: str) -> list[Question]:
    """With its own keys, and without a base that the function would give."""
    provider = table()[name]
    if provider.default_base is None and not provider.base and not provider.needs_base:
        return []
    keys = alternatives(name)[0]
    return [Question(name, "bare", tuple(calls.calls(name, *calls.private(name, keys))), keys)]


def foreign(name: str, present: tuple[str, ...], but: set[str]) -> Question:
    """Beside all variables of all other providers but these."""
    others = tuple(v for v in VARIABLES if v not in table()[name].variables and v not in but)
    env, params = calls.handed(name, present)
    env |= {variable: value(variable) for variable in others}
    return Question(name, _beside(present), tuple(calls.calls(name, env, params)), others)


def _beside(keys: tuple[str, ...]) -> str:
    return "beside its key" if keys else "beside no key"


def keyless(name: str) -> list[Question]:
    """With a base and no key at all, and with one that says nothing."""
    situations = {"no key": {}, "dummy": {"api_key": "none"}}
    return [
        Question(name, title, tuple(calls.calls(name, {}, {"api_base": BASE, **params}, _MAIN)))
        for title, params in situations.items()
    ]


_MAIN = ("chat", "responses", "embedding", "image", "speech", "transcription", "rerank")


def read(names: Iterable[str]) -> dict[str, dict[str, set[str]]]:
    """The variables of others that a provider reads, each with the kinds of call.

    One that is read hides those that would be read in its stead: so the calls are repeated without
    those found until nothing more leaves.
    """
    found: dict[str, dict[str, set[str]]] = {name: {} for name in names}
    rest = {(name, keys): set[str]() for name in found for keys in {(), alternatives(name)[0]}}
    while rest:
        _say(f"Beside the variables of others, without those found: {len(rest)} providers.")
        answers = ask(foreign(name, keys, left) for (name, keys), left in rest.items())
        again = {}
        for (name, keys), left in rest.items():
            variables = answers[name, _beside(keys)].variables
            for variable, kinds in variables.items():
                found[name].setdefault(variable, set()).update(kinds)
            if variables:
                again[name, keys] = left | set(variables)
        rest = again
    return found


def main() -> None:
    """Records everything and writes both files."""
    names = sys.argv[1:] or list(table())
    _say(f"{len(names)} providers, each with the variables of its own.")
    situations = (own, none, plain, bare, keyless)
    answers = ask(q for name in names for situation in situations for q in situation(name))
    reads = read(names)
    before = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    lines = {name: before[name] for name in table() if name in before} | {
        name: line(name, answers, reads[name]) for name in names
    }
    write(RECORDED, {"": __doc__.partition("\n")[0], **{n: lines[n] for n in sorted(lines)}})
    rows = json.loads(PROVIDERS.read_text(encoding="utf-8"))
    for name in names:
        rows[name] = derived(name, rows[name], lines[name])
    write(PROVIDERS, rows)


def line(
    name: str, answers: Mapping[tuple[str, str], Answer], reads: Mapping[str, set[str]]
) -> dict[str, Any]:
    """What is kept of a provider's recordings."""
    mine, nothing = answers[name, "own"], Answer({}, {}, {}, {})
    kept: dict[str, Any] = {"prompt": by_name(mine.prompt)}
    if mine.key != mine.prompt:
        kept["key"] = by_name(mine.key)
    silent: dict[str, set[str]] = {}
    said = {kind for kinds in mine.prompt.values() for kind in kinds}
    for kind, error in mine.silent.items():
        if kind not in said:
            silent.setdefault(why(error), set()).add(kind)
    kept["silent"] = by_name(silent)
    kept["keyless"] = by_name(answers[name, "none"].prompt)
    ours = answers[name, "plain"]
    if (ours.prompt, ours.key) != (mine.prompt, mine.key):
        kept["plain"] = {"prompt": by_name(ours.prompt), "key": by_name(ours.key)}
    bare_ = answers.get((name, "bare"), nothing)
    kept["baseless"] = by_name({h: k for h, k in bare_.prompt.items() if h in NOT_CHOSEN})
    kept["reads"] = by_name(reads)
    dummy, keyless_ = answers[name, "dummy"], answers[name, "no key"]
    here = "base-of-the-spec.invalid"
    more = dummy.prompt.get(here, set()) - keyless_.prompt.get(here, set())
    kept["needsDummy"] = " ".join(kind for kind in KINDS if kind in more)
    return {field: content for field, content in kept.items() if content or field == "key"}


_WHY = {
    "rust": "credential acquisition failed",
    "package": "pip install|no module named|vertexai import",
    "unsupported": "not support|n't support|unsupported|unmapped|unknown|unable to map"
    "|only support|invalid provider|invalid model|not a valid llmproviders|not implemented",
    "base": "api.base|base.url|api base",
    "key": "api.key|credentials|missing|is not set",
    "login": "device|oauth",
    "timeout": "no end after",
}


def why(error: str) -> str:
    """In a word, why a kind of call sends nothing."""
    words = (word for word, signs in _WHY.items() if re.search(signs, error.lower()))
    return next(words, "other" if error else "nothing")


def derived(name: str, row: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """A provider's row in the function's table, with what follows from its recordings."""
    said = {**kept.get("prompt", {}), **kept.get("key", {})}
    astray = {
        kind
        for host, kinds in said.items()
        for kind in kinds.split()
        if host in (POD if name in OPENAIS_OWN else NOT_CHOSEN)
    }
    needs = kept.get("needsDummy")
    own_host = {kind for kinds in said.values() for kind in kinds.split()} - _ANYWHERE
    hidden = {k for why in OUT_OF_REACH for k in kept.get("silent", {}).get(why, "").split()}
    fields = {
        "unrecorded": [kind for kind in KINDS if kind in hidden],
        "reads": sorted(kept.get("reads", {})),
        "astray": [kind for kind in KINDS if kind in astray],
        "dummyKey": bool(needs) and name not in AMBIENT,
        "recorded": bool(own_host),
    }
    if fields["recorded"]:
        del fields["recorded"]
    # What is not said is false or empty.
    kept_fields = {f: v for f, v in row.items() if f not in _DERIVED}
    kept_fields |= {f: v for f, v in fields.items() if v or f == "recorded"}
    return {field: kept_fields[field] for field in FIELDS if field in kept_fields}


def by_name(groups: Mapping[str, set[str]]) -> dict[str, str]:
    """Groups of kinds of call, as they are kept."""
    return {
        name: " ".join(kind for kind in KINDS if kind in groups[name]) for name in sorted(groups)
    }


def write(path: Path, rows: Mapping[str, Any]) -> None:
    """Writes an object with one line for each of its fields."""
    lines = (f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
