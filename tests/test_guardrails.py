"""Guardrails: what is composed of them, and what becomes of calls through a gateway that runs.

The proxy is the real one. Presidio, OpenAI's moderation, Bedrock and the provider are stand-ins,
which record what they get: see tests/support/guardrail_services.py.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from function import names
from function.call import Manifest
from tests.support import gateway as support
from tests.support.gateway import KEYS, Gateway
from tests.support.guardrail_services import BAD, NAME, Services, State
from tests.support.kubelet import NotReady
from tests.support.processes import free_port
from tests.support.upstream import Upstream
from tests.support.world import World, router, secret

OPEN, REFUSED, FAILED = 200, 400, 503
MODERATION_KEY = "sk-of-the-moderation"
WORD: Manifest = {"name": "word", "modes": ["PreCall"]} | {
    "contentFilter": {"blockedWords": [{"word": "zebra", "action": "Mask"}]}
}
KEY: Manifest = {"name": "moderation", "key": "key"}


# -- What is composed


def composed(**spec: Any) -> tuple[Manifest, Manifest, Manifest]:  # noqa: ANN401
    """The configuration, the container's variables by name, and the status."""
    answer = World(router(**spec)).reconcile()
    assert answer.refusal is None, answer.refusal
    config = answer.resources[names.RESOURCE_CONFIG_MAP].manifest["data"]["config.yaml"]
    (container,) = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]["spec"][
        "containers"
    ]
    env = {variable["name"]: variable for variable in container["env"]}
    return yaml.safe_load(config), env, answer.status


def test_nothing_is_there_without_guardrails() -> None:
    for guardrails in ([], [{**WORD, "enabled": False}]):
        config, env, status = composed(guardrails=guardrails)
        assert "guardrails" not in config
        assert "guards" not in env["LITELLM_WORKER_STARTUP_HOOKS"]["value"]
        assert "guardrails" not in status["models"][0]


def test_the_status_says_what_is_on_and_fallbacks_are_guarded_too() -> None:
    models = [{"name": f"openai/{name}", "alias": name} for name in ("a", "b", "c")]
    models[2]["guardrails"] = ["asked"]  # type: ignore[assignment]
    spec: Manifest = {
        "aiModels": models,
        "guardrails": [
            {**WORD, "name": "all"},
            {**WORD, "name": "one", "models": ["c"]},
            {**WORD, "name": "asked", "default": False},
        ],
        "routing": {
            "fallbacks": [{"model": "b", "to": ["c"]}, {"model": "a", "to": ["b"]}],
        },
    }
    config, _, status = composed(**spec)
    on = {model["name"]: model["guardrails"] for model in status["models"]}
    assert on == {name: ["all", "one", "asked"] for name in ("a", "b", "c")}
    assert config["guardrails"][1]["guardrail_info"]["models"] == ["c", "b", "a"]
    del spec["routing"]
    on = {model["name"]: model["guardrails"] for model in composed(**spec)[2]["models"]}
    assert on == {"a": ["all"], "b": ["all"], "c": ["all", "one", "asked"]}


def test_keys_come_in_variables_that_nothing_else_reads_and_are_awaited() -> None:
    guardrails = [
        {"name": "a", "modes": ["PreCall"], "openaiModeration": {}},
        {"name": "b", "modes": ["PreCall"]}
        | {"bedrock": {"guardrailId": "x", "version": "1", "region": "eu-central-1"}},
    ]
    config, env, _ = composed(aiModels=[{"name": "mistral/m"}], guardrails=guardrails)
    key = "GUARDRAIL__litellm_dsecrets__OPENAI_uAPI_uKEY"
    assert config["guardrails"][0]["litellm_params"]["api_key"] == f"os.environ/text__{key}"
    assert env[key]["valueFrom"]["secretKeyRef"]["key"] == "OPENAI_API_KEY"
    assert env[f"text__{key}"]["value"] == f"$({key})"
    assert not env.keys() & {"OPENAI_API_KEY", "AWS_ACCESS_KEY_ID"}
    world = World(router(guardrails=guardrails))
    world.add(secret("litellm-secrets", OPENAI_API_KEY="k"))
    (said,) = (c for c in world.reconcile().conditions if c.type == names.CREDENTIALS_PRESENT)
    assert said.message == (
        "Missing: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in Secret 'litellm-secrets'."
    )
    hashes = set()
    for value in ("one", "two"):
        world.add(secret("litellm-secrets", AWS_ACCESS_KEY_ID=value))
        template = (
            world.reconcile().resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]["template"]
        )
        hashes.add(template["metadata"]["annotations"][names.ANNOTATION_SECRET_HASH])
    assert len(hashes) == 2


@pytest.mark.parametrize(
    "config",
    [
        {"merge": {"guardrails": [{"guardrail_name": "own"}]}},
        {"merge": {"guardrails": None}},
        {"remove": ["/guardrails"]},
        {"remove": ["/guardrails/0"]},
        {"remove": ["/guardrails/0/litellm_params/default_on"]},
    ],
)
def test_a_guardrail_that_is_merged_away_is_named(config: Manifest) -> None:
    answer = World(router(guardrails=[WORD], config=config)).reconcile()
    assert answer.refusal is None, answer.refusal
    told = "config removes or changes the guardrail word, which is not on as spec.guardrails says."
    assert told in [result.message for result in answer.results]


def test_a_guardrail_keeps_its_key_where_another_is_removed() -> None:
    moderation = {"name": "a", "modes": ["PreCall"], "openaiModeration": {}}
    config, _, _ = composed(guardrails=[WORD, moderation], config={"remove": ["/guardrails/0"]})
    (left,) = config["guardrails"]
    assert left["litellm_params"]["api_key"].startswith("os.environ/text__GUARDRAIL__")


def test_a_section_that_litellm_cannot_use_is_refused() -> None:
    answer = World(router(config={"merge": {"guardrails": {"a": {}}}})).reconcile()
    assert answer.refusal is not None
    assert answer.refusal.reason == names.REASON_CONFIG_BROKEN


# -- On a proxy that runs


@dataclass
class Running:
    """A gateway, the services of its guardrails, and its provider."""

    gateway: Gateway
    services: Services
    provider: Upstream

    def ask(
        self,
        model: str,
        text: object = "hello",
        *,
        path: str = "/v1/chat/completions",
        **more: Any,  # noqa: ANN401
    ) -> tuple[int, str, str]:
        """Status and body of an answer, and what the provider was sent of the call."""
        if path.endswith(("/chat/completions", "/messages")) and isinstance(text, str):
            more = {"messages": [{"role": "user", "content": text}], "max_tokens": 9, **more}
        elif isinstance(text, str):
            more = {"input": text, **more}
        before = len(self.provider.calls)
        key = {"Authorization": f"Bearer {self.gateway.key}"}
        status, said = self.gateway.text(path, key, {"model": model, **more})
        sent = [call.body for call in self.provider.calls[before:]]
        return status, said, json.dumps(sent) if sent else ""


def guardrails_of(services: Services) -> list[Manifest]:
    """Guardrails of all forms; each is on for models of its own."""
    presidio = {
        "analyzerUrl": services.url,
        "anonymizerUrl": services.url,
        "entities": [{"type": "PERSON", "action": "Mask", "thresholdPercent": 50}],
    }
    moderation = {
        "apiBase": services.url,
        "apiKeySecretRef": {"name": "moderation", "key": "key"},
    }
    bedrock = {
        "guardrailId": "abc",
        "version": "1",
        "region": "eu-central-1",
        "endpoint": services.url,
        "credentials": {"secretRef": {"name": "aws"}},
    }
    forms: dict[str, tuple[list[str], Manifest]] = {
        "presidio": (["PreCall"], {"presidio": presidio}),
        "presidio-post": (["PostCall"], {"presidio": presidio}),
        "moderation": (["PreCall"], {"openaiModeration": moderation}),
        "moderation-during": (["DuringCall"], {"openaiModeration": moderation}),
        "moderation-post": (["PostCall"], {"openaiModeration": moderation}),
        "bedrock": (["PreCall"], {"bedrock": bedrock}),
        "bedrock-during": (["DuringCall"], {"bedrock": bedrock}),
        "bedrock-post": (["PostCall"], {"bedrock": bedrock}),
        "generic": (
            ["PreCall", "PostCall"],
            {"generic": {"type": "straiker", "apiBase": services.url, "apiKeySecretRef": KEY}},
        ),
    }
    failing = [
        {"name": f"{name}-{rule.lower()}", "modes": modes, "onFailure": rule, "timeoutSeconds": 1}
        | {"models": [f"{name}-{rule.lower()}"], **form}
        for name, (modes, form) in forms.items()
        for rule in ("Block", "Allow")
    ]
    words = [
        {"word": "zebra", "action": "Mask"},
        {"word": "yeti", "action": "Block"},
        {"word": NAME, "action": "Block"},
    ]
    patterns = [
        {"name": "email", "action": "Mask"},
        {"name": "ticket", "regexp": "T-[0-9]{1,4}", "action": "Mask"},
    ]
    return [
        *failing,
        {"name": "unmask", "modes": ["PreCall"], "models": ["unmask", "ordered"]}
        | {"presidio": {**presidio, "unmask": True}},
        {"name": "words", "modes": ["PreCall", "PostCall"], "models": ["words", "ordered"]}
        | {"contentFilter": {"blockedWords": words, "patterns": patterns}},
        {"name": "entry", "modes": ["PreCall"], "default": False}
        | {"contentFilter": {"blockedWords": [{"word": "panda", "action": "Mask"}]}},
    ]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with Services() as services, Upstream() as provider:
        guardrails = guardrails_of(services)
        aliases = {alias for guardrail in guardrails for alias in guardrail.get("models", ())}
        base = {"apiBase": f"{provider.url}/v1"}
        models: list[Manifest] = [
            {"name": "hosted_vllm/m", "alias": alias, **base, "credentials": {"source": "None"}}
            for alias in sorted({*aliases, "free"})
        ]
        models += [
            {"name": "hosted_vllm/m", "alias": "named", "guardrails": ["entry"]}
            | {**base, "credentials": {"source": "None"}},
            {"name": "hosted_vllm/gone", "alias": "falling", "credentials": {"source": "None"}}
            | {"apiBase": f"http://127.0.0.1:{free_port()}/v1"},
        ]
        world = World(
            router(
                port=free_port(),
                aiModels=models,
                guardrails=guardrails,
                routing={"fallbacks": [{"model": "falling", "to": ["words"]}]},
                # Overrides in other places leave guardrails alone.
                config={"merge": {"litellm_settings": {"request_timeout": 50}}},
            )
        )
        with support.running(
            world,
            secret("litellm-secrets", **KEYS),
            secret("moderation", key=MODERATION_KEY),
            secret("aws", AWS_ACCESS_KEY_ID="AKIAOFTHETEST", AWS_SECRET_ACCESS_KEY="aws-of-it"),
        ) as gateway:
            yield Running(gateway, services, provider)


@pytest.fixture(autouse=True)
def well(request: pytest.FixtureRequest) -> None:
    """Each test begins with services and a provider that answer as they do."""
    if "running" in request.fixturenames:
        running: Running = request.getfixturevalue("running")
        running.services.state = "well"
        running.services.asked.clear()
        running.provider.reset()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
def test_presidio_masks_what_the_provider_gets(
    running: Running, path: str, *, stream: bool
) -> None:
    status, _, sent = running.ask("presidio-block", f"I am {NAME}", path=path, stream=stream)
    assert status == OPEN
    assert "I am <PERSON>" in sent
    assert NAME not in sent
    assert NAME in running.services.texts("/analyze")[0]


@pytest.mark.parametrize("stream", [False, True])
def test_presidio_puts_names_back_into_answers(running: Running, *, stream: bool) -> None:
    """Also where several messages have names, which LiteLLM would confuse."""
    running.provider.says = "Dear <PERSON_1>, hello"
    history = [
        {"role": "user", "content": f"I am {NAME}"},
        {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": f"Write to {NAME}, {NAME}"},
    ]
    status, said, sent = running.ask("unmask", history, messages=history, stream=stream)
    assert status == OPEN
    assert NAME not in sent
    assert "Write to <PERSON_1>, <PERSON_1>" in sent
    assert f"Dear {NAME}, hello" in said


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
def test_presidio_masks_answers(running: Running, path: str, *, stream: bool) -> None:
    running.provider.says = f"I am {NAME} indeed"
    status, said, _ = running.ask("presidio-post-block", path=path, stream=stream)
    assert status == OPEN
    assert "I am <PERSON> indeed" in said
    assert NAME not in said


@pytest.mark.parametrize("form", ["moderation", "bedrock"])
@pytest.mark.parametrize("stream", [False, True])
def test_services_refuse_calls_and_answers(running: Running, form: str, *, stream: bool) -> None:
    for mode in ("", "-during"):
        status, said, _ = running.ask(f"{form}{mode}-allow", BAD, stream=stream)
        assert (status, "pong" in said) == (REFUSED, False), said
        assert running.ask(f"{form}{mode}-allow", stream=stream)[0] == OPEN
    assert not running.ask(f"{form}-allow", BAD)[2]
    for path in ("/v1/chat/completions", "/v1/messages"):
        running.provider.says = f"some {BAD} here"
        status, said, _ = running.ask(f"{form}-post-block", path=path, stream=stream)
        assert (status, BAD in said) == (REFUSED, False)


def test_each_service_is_shown_its_own_key(running: Running) -> None:
    for model in ("moderation-block", "bedrock-block", "generic-block"):
        running.ask(model)
    keys = {path: repr(headers) for path, headers, _ in running.services.asked}
    moderation = keys.pop("/moderations")
    assert f"Bearer {MODERATION_KEY}" in moderation
    bedrock = keys.pop("/guardrail/abc/version/1/apply")
    assert "AKIAOFTHETEST" in bedrock
    assert MODERATION_KEY not in bedrock
    (generic,) = keys.values()
    assert MODERATION_KEY in generic
    shown = moderation + bedrock + generic
    assert not [key for key in (*KEYS.values(), running.gateway.key) if key in shown]
    assert MODERATION_KEY not in repr(running.provider.calls)


FORMS = (
    *("presidio", "presidio-post", "moderation", "moderation-during", "moderation-post"),
    *("bedrock", "bedrock-during", "bedrock-post", "generic"),
)
FAILURES: dict[State, tuple[str, ...]] = {
    "refusing": FORMS,
    "failing": FORMS,
    "babbling": FORMS,
    "empty": FORMS[:-1],  # Of a service that is not known, no answer in JSON looks wrong.
    "wrong": FORMS[:-1],
    "hanging": FORMS,
}


@pytest.mark.parametrize("state", FAILURES)
def test_a_service_that_fails_is_as_chosen(running: Running, state: State) -> None:
    running.services.state = state
    for form in FAILURES[state]:
        for stream in (False, True):
            status, said, sent = running.ask(f"{form}-block", "hello", stream=stream)
            assert (status, "pong" in said.replace('"', "")) == (FAILED, False), (form, said)
            assert not sent or form.endswith(("-during", "-post")), form
            if state != "hanging" or not stream:
                status, said, sent = running.ask(f"{form}-allow", "hello", stream=stream)
                assert (status, "hello" in sent) == (OPEN, True), (form, said)
                content = "".join(re.findall(r'"content": ?"([^"]*)"', said))
                assert "pong" in content, (form, said)


@pytest.mark.parametrize("stream", [False, True])
def test_the_content_filter_blocks_masks_and_lets_pass(running: Running, *, stream: bool) -> None:
    status, _, sent = running.ask("words", "no YETI here", stream=stream)
    assert (status, sent) == (REFUSED, "")
    status, _, sent = running.ask("words", "a zebra T-12 of a@example.com", stream=stream)
    assert status == OPEN
    assert "a [KEYWORD_REDACTED] [TICKET_REDACTED] of [EMAIL_REDACTED]" in sent
    status, _, sent = running.ask("words", "nothing", stream=stream)
    assert (status, "nothing" in sent) == (OPEN, True)
    running.provider.says = "one zebra more"
    status, said, _ = running.ask("words", stream=stream)
    assert (status, "zebra" in said, "REDACTED" in said) == (OPEN, False, True)
    status, _, sent = running.ask("free", "no yeti but a zebra", stream=stream)
    assert (status, "no yeti but a zebra" in sent) == (OPEN, True)


def test_guardrails_are_in_order(running: Running) -> None:
    """The name that the second one would block is masked by the first."""
    status, _, sent = running.ask("ordered", f"{NAME} and a zebra")
    assert status == OPEN
    assert "<PERSON_1> and a [KEYWORD_REDACTED]" in sent
    assert running.ask("words", NAME)[0] == REFUSED


def test_retries_and_fallbacks_get_what_is_masked(running: Running) -> None:
    running.provider.failures = 1
    status, _, sent = running.ask("words", "a zebra")
    assert (status, sent.count("a [KEYWORD_REDACTED]"), "zebra" in sent) == (OPEN, 2, False)
    status, _, sent = running.ask("falling", "a zebra")
    assert (status, "a [KEYWORD_REDACTED]" in sent, "zebra" in sent) == (OPEN, True, False)
    assert running.ask("falling", "a yeti")[0] == REFUSED


def test_every_text_of_a_call_is_shown(running: Running) -> None:
    """Also those that LiteLLM leaves out."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "zebra"}'}}
    messages = [
        {"role": "system", "content": "zebra"},
        {"role": "user", "content": [{"type": "text", "text": "zebra"}]},
        {"role": "assistant", "content": "x", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "zebra"}]},
    ]
    prediction = {"type": "content", "content": "zebra"}
    status, _, sent = running.ask("words", None, messages=messages, prediction=prediction)
    assert (status, "zebra" in sent, sent.count("REDACTED")) == (OPEN, False, 5)
    items = [
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "zebra"},
        {"type": "function_call_output", "call_id": "1", "output": "zebra"},
        {"role": "developer", "content": "zebra"},
    ]
    _, _, sent = running.ask("words", None, path="/v1/responses", input=items, instructions="zebra")
    assert ("zebra" in sent, sent.count("REDACTED")) == (False, 4)
    document = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "zebra"},
    }
    content = [document, {"type": "text", "text": "zebra"}]
    _, _, sent = running.ask(
        "words",
        None,
        path="/v1/messages",
        max_tokens=9,
        system="zebra",
        messages=[{"role": "user", "content": content}],
    )
    assert "zebra" not in sent
    status, _, sent = running.ask("words", path="/v1/embeddings", input=["zebra", "b"])
    assert (status, "zebra" in sent, "REDACTED" in sent) == (OPEN, False, True)
    assert running.ask("words", None, path="/v1/embeddings", input=[[1, 2], [3]])[0] == REFUSED
    for path, body in (
        ("/v1/images/generations", {"prompt": "a yeti"}),
        ("/v1/audio/speech", {"input": "a yeti", "voice": "alloy"}),
        ("/v1/rerank", {"query": "q", "documents": ["a yeti", {"text": "b"}]}),
        ("/v1/completions", {"prompt": ["a yeti"]}),
        ("/v1/completions", {"prompt": "b", "suffix": "a yeti"}),
    ):
        status, said, sent = running.ask("words", None, path=path, **body)
        assert (status, sent) == (REFUSED, ""), (path, said)
        assert "yeti" in said, path


def test_texts_are_shown_under_whatever_name_a_client_gives_them(running: Running) -> None:
    """Under some, such as `name` and `url`, there is otherwise no text."""
    named = {"name": "zebra", "type": "thinking", "at": [{"url": "zebra", "size": [1, 2]}]}
    use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": named}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "zebra"}
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    more: Manifest = {"messages": messages, "max_tokens": 9}
    _, _, sent = running.ask("words", None, path="/v1/messages", **more)
    assert ("zebra" in sent, sent.count("REDACTED"), "[1, 2]" in sent) == (False, 3, True)
    for path, body in (
        ("/v1/chat/completions", {"chat_template_kwargs": {"name": "zebra"}}),
        ("/v1/responses", {"prompt": {"id": "p", "variables": {"name": "zebra"}}}),
        ("/v1/rerank", {"query": "q", "documents": [{"name": "zebra"}], "rank_fields": ["name"]}),
        ("/v1/rerank", {"query": "q", "documents": ["b"], "instruction": "zebra"}),
    ):
        status, said, sent = running.ask("words", path=path, **body)
        assert (status, "zebra" in sent, sent.count("REDACTED")) == (OPEN, False, 1), (path, said)


@pytest.mark.parametrize(
    ("model", "path", "more"),
    [
        ("words", "/v1/messages/count_tokens", {"messages": []}),
        ("words", "/v1/messages", {"messages": [], "stream": True}),
        ("words", "/v1/responses", {"input": "x", "stream": True}),
        ("presidio-post-allow", "/v1/completions", {"prompt": "x", "stream": True}),
        ("moderation-during-allow", "/v1/rerank", {"query": "x", "documents": []}),
    ],
)
def test_a_kind_of_call_that_is_not_seen_is_refused(
    running: Running, model: str, path: str, more: Manifest
) -> None:
    status, said, sent = running.ask(model, None, path=path, **more)
    assert (status, sent) == (REFUSED, "")
    assert "would not see" in said


SWITCHES: list[Manifest] = [
    {"guardrails": []},
    {"guardrails": {"words": False}},
    {"guardrails": ["entry"]},
    {"guardrails": [{"words": {"extra_body": {}}}]},
    {"disable_global_guardrails": True},
    {"disable_global_guardrail": True},
    {"opted_out_global_guardrails": ["words"]},
    {"policies": ["none"]},
    {"guardrail_config": {"language": "xx"}},
    {"metadata": {"guardrails": []}},
    {"metadata": {"guardrails": ["entry"]}},
    {"metadata": {"disable_global_guardrails": True}},
    {"metadata": {"opted_out_global_guardrails": ["words"]}},
    {"metadata": {"guardrail_config": "x"}},
    {"metadata": {"user_api_key_metadata": {"disable_global_guardrails": True}}},
    {"metadata": {"_pipeline_managed_guardrails": ["words"]}},
    {"litellm_metadata": {"guardrails": [], "disable_global_guardrails": True}},
    {"tags": ["words"], "user": "words"},
    {"model_info": {"id": "x"}},
    {"mock_response": "zebra"},
]


@pytest.mark.parametrize("said", SWITCHES, ids=json.dumps)
def test_no_call_switches_a_guardrail_off(running: Running, said: Manifest) -> None:
    status, _, sent = running.ask("words", "a zebra", **said)
    assert (status == REFUSED) if not sent else ("zebra" not in sent), said


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_no_other_name_of_a_model_leads_past_its_guardrails(running: Running, path: str) -> None:
    """LiteLLM also takes a deployment's ID, the provider's name, and several names at once."""
    key = {"Authorization": f"Bearer {running.gateway.key}"}
    _, listed = running.gateway.text("/v1/model/info", key)
    (own_id,) = (
        model["model_info"]["id"]
        for model in json.loads(listed)["data"]
        if model["model_name"] == "words"
    )
    for model in (own_id, "hosted_vllm/m", "words,free", "free, words"):
        status, said, sent = running.ask(model, "no yeti here", path=path)
        assert (status in (REFUSED, FAILED), sent) == (True, ""), (model, said)


def test_no_header_or_query_switches_a_guardrail_off(running: Running) -> None:
    before = len(running.provider.calls)
    body = {"model": "words", "messages": [{"role": "user", "content": "a zebra"}]}
    key = {"Authorization": f"Bearer {running.gateway.key}"}
    for name in ("guardrails", "disable-global-guardrails", "tags", "spend-logs-metadata"):
        for value in ("[]", '{"disable_global_guardrails": true, "guardrails": []}'):
            running.gateway.text("/v1/chat/completions", {f"x-litellm-{name}": value, **key}, body)
    for query in ("guardrails=", "disable_global_guardrails=true", "metadata={}"):
        running.gateway.text(f"/v1/chat/completions?{query}", key, body)
    sent = repr(running.provider.calls[before:])
    assert "REDACTED" in sent
    assert "zebra" not in sent


def test_an_entry_names_a_guardrail_and_a_call_adds_one(running: Running) -> None:
    assert "REDACTED" in running.ask("named", "a panda")[2]
    assert "a panda" in running.ask("free", "a panda")[2]
    assert "REDACTED" in running.ask("free", "a panda", guardrails=["entry"])[2]
    assert "guardrails" not in running.ask("free", "a panda", guardrails=["entry"])[2]
    both = running.ask("words", "panda zebra", guardrails=["entry"])[2]
    assert "[KEYWORD_REDACTED] [KEYWORD_REDACTED]" in both
    unasked: list[Any] = [["words"], ["none"], "words", [{"entry": {}}]]
    for others in unasked:
        assert running.ask("free", "a zebra", guardrails=others)[0] == REFUSED


def test_a_guardrail_that_litellm_cannot_make_keeps_it_from_starting() -> None:
    """LiteLLM would serve without it, and say that it is ready."""
    generic = {"type": "generic_guardrail_api", "apiBase": "http://127.0.0.1:9"}
    broken = {**generic, "parameters": {"additional_provider_specific_params": "text"}}
    guardrails = [{"name": "broken", "modes": ["PreCall"], "generic": broken}]
    world = World(router(port=free_port(), guardrails=guardrails))
    with (
        pytest.raises(NotReady, match="The guardrail broken cannot be made"),
        support.running(world, secret("litellm-secrets", **KEYS)),
    ):
        pass
