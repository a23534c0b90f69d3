"""What the table of providers says, held against what LiteLLM reads and sends.

`recorded.json` keeps what was recorded for each provider, each kind of call and each situation
(`python -m tests.record`). Replayed here is what decides a rule, and a random sample of the rest.
"""

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from function.gateways.litellm import providers
from tests import record
from tests.record import NOT_CHOSEN, PROVIDERS, RECORDED, Answer, Question
from tests.support import calls
from tests.support.calls import BASE, KINDS, mark, public, table
from tests.support.recording import PROMPT, Case, Recording, known_providers
from tests.support.recording import record as recorded
from tests.support.sample import SEED

SAMPLE = 60
"""How many situations are in the sample."""

HERE = "base-of-the-spec.invalid"
NAMES = list(table())
LINES: Mapping[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))

ALTERNATIVES = [(name, keys) for name in NAMES for keys in table()[name].keys]
WITH_BASE = [name for name in NAMES if table()[name].base]
WITH_DEFAULT = [name for name in NAMES if table()[name].default_base]
NEEDS_BASE = [name for name in NAMES if table()[name].needs_base]
IGNORES_BASE = [name for name in NAMES if table()[name].ignores_base]

ENVIRONMENT_ONLY = {v for p in table().values() for v in p.variables if v not in p.params}
"""Variables that no parameter can stand for, so that other entries find them."""

UNSEEN = {"AWS_SECRET_ACCESS_KEY", "OCI_KEY"}
"""Variables that never leave as they are: requests are signed with them."""

WITHOUT_PROMPT = {"watsonx_text"}
"""Providers that LiteLLM, through a Router, sends an empty prompt."""

PARAMETER_ONLY = {"text-completion-inception", "infinity"}
"""Providers whose variables LiteLLM does not read on the kind of call that stands for all of them.
The function hands them over as parameters too."""

MODELS: Mapping[str, str] = {
    "bedrock": "anthropic.claude-3-sonnet-20240229-v1:0",
    "vertex_ai": "gemini-2.5-pro",
    "vertex_ai_beta": "gemini-2.5-pro",
}
"""The model that stands for a provider's others."""

SHARED_HOSTS: Mapping[str, str] = {
    "dashscope.aliyuncs.com": "Alibaba Cloud, in China",
    "dashscope-intl.aliyuncs.com": "Alibaba Cloud, elsewhere",
}
"""Hosts of several providers that have no key in common, and whose they are."""


def main_kind(name: str) -> str | None:
    """The first kind of call that the provider's own host serves."""
    line = LINES[name]
    hosts = {**line.get("prompt", {}), **(line.get("key", {}) if name in WITHOUT_PROMPT else {})}
    served = {kind for host, kinds in hosts.items() for kind in kinds.split()}
    return next((k for k in KINDS if k in served and k not in ("moderation", "secret")), None)


CALLED = [name for name in NAMES if main_kind(name)]
KEYED = [(name, keys) for name, keys in ALTERNATIVES if name in CALLED]
PRIVATE = [(name, keys) for name, keys in KEYED if set(keys) <= set(table()[name].params)]


def main_case(name: str, env: Mapping[str, str], params: Mapping[str, Any]) -> Case:
    cases = calls.calls(name, env, params, (str(main_kind(name)),))
    model = f"{name}/{MODELS[name]}" if name in MODELS else cases[0].params["model"]
    (case, *_) = (case for case in cases if case.params["model"] == model)
    return case


def based(name: str) -> dict[str, str]:
    """The base that the function hands over, alone."""
    _, params = calls.handed(name, ())
    return {"api_base": params["api_base"]} if "api_base" in params else {}


def bases(name: str) -> list[str]:
    """The variables that hold a provider's base."""
    provider = table()[name]
    return [v for v in provider.variables if provider.params.get(v) == "api_base"]


def test_the_table_has_the_providers_of_litellm_and_no_others() -> None:
    assert sorted(table()) == known_providers()


def test_every_param_is_of_a_variable_of_the_provider() -> None:
    for name, provider in table().items():
        assert set(provider.params) <= set(provider.variables), name
        assert not set(provider.reads) & set(provider.variables), name


def test_every_kind_of_call_of_every_provider_has_a_recording() -> None:
    assert [name for name in LINES if name] == sorted(table())
    for name in NAMES:
        said = [*LINES[name].get("prompt", {}).values(), *LINES[name].get("silent", {}).values()]
        assert {kind for kinds in said for kind in kinds.split()} == set(KINDS), name


def test_the_table_says_what_follows_from_the_recordings() -> None:
    rows = json.loads(PROVIDERS.read_text(encoding="utf-8"))
    for name, row in rows.items():
        assert record.derived(name, row, LINES[name]) == row, "run: python -m tests.record"


def test_an_unknown_provider_counts_as_not_recorded() -> None:
    assert not providers.find("nobody").recorded
    assert {name for name in NAMES if not table()[name].recorded} >= set(NAMES) - set(CALLED)


def test_a_host_belongs_to_providers_with_a_key_in_common() -> None:
    owners: dict[str, set[str]] = {}
    for name in NAMES:
        for kinds in ("prompt", "key"):
            for host, which in LINES[name].get(kinds, {}).items():
                if host != HERE and not set(which.split()) <= set(table()[name].astray):
                    owners.setdefault(host, set()).add(name)
    for host, names in owners.items():
        keys = [set(table()[name].variables) for name in names]
        assert set.intersection(*keys) or host in SHARED_HOSTS, (host, names)


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], Answer]:
    """What decides a rule, recorded again for every provider and every kind of call."""
    questions = [question for name in NAMES for question in (*own_beside(name), beside(name))]
    return record.ask(questions)


def environment_only(name: str) -> tuple[str, ...]:
    return tuple(sorted(ENVIRONMENT_ONLY - set(table()[name].variables)))


def own_beside(name: str) -> list[Question]:
    """With its own keys, beside what the function would set for others at the same time."""
    allowed = public(v for v in environment_only(name) if v not in table()[name].reads)
    found = []
    for question in record.own(name):
        cases = [Case({**c.env, **allowed}, c.params, c.kind) for c in question.cases]
        variables = (*question.variables, *allowed)
        found.append(Question(name, "own", tuple(cases), variables))
    return found


def beside(name: str) -> Question:
    """Without a key, beside all variables that only the environment can hold."""
    env, params = calls.handed(name, ())
    variables = environment_only(name)
    cases = calls.calls(name, {**env, **public(variables)}, params)
    return Question(name, "beside", tuple(cases), variables)


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_call_goes_where_it_was_recorded_with_the_key_of_the_provider_alone(
    name: str, answers: dict[tuple[str, str], Answer]
) -> None:
    answer = answers[name, "own"]
    assert set(answer.variables) <= set(table()[name].variables)
    assert record.by_name(answer.prompt) == LINES[name].get("prompt", {})
    assert record.by_name(answer.key) == LINES[name].get("key", LINES[name].get("prompt", {}))


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_without_a_param_is_read_by_those_that_the_table_names(
    name: str, answers: dict[tuple[str, str], Answer]
) -> None:
    assert set(answers[name, "beside"].variables) <= set(table()[name].reads)


@pytest.fixture(scope="module")
def recordings() -> dict[tuple[str, str, tuple[str, ...]], Recording]:
    """One call of each alternative of keys, and of each way to a base."""
    cases: dict[tuple[str, str, tuple[str, ...]], Case] = {}
    for name, keys in KEYED:
        cases["own", name, keys] = main_case(name, public(keys), based(name))
    for name, keys in PRIVATE:
        cases["private", name, keys] = main_case(name, *calls.handed(name, keys))
    for name in set(NEEDS_BASE) & set(CALLED):
        keys = next(iter(table()[name].keys), ())
        for base in bases(name):
            cases["based", name, (base,)] = main_case(name, public((*keys, base)), {})
    for name in IGNORES_BASE:
        keys = table()[name].keys[0]
        cases["ignored", name, keys] = main_case(name, public(keys), {"api_base": BASE})
    return dict(zip(cases, recorded(list(cases.values())), strict=True))


def leaving(recording: Recording, variables: set[str]) -> set[str]:
    return {variable for variable in variables if recording.holds(mark(variable))}


def prompted(recording: Recording) -> set[str]:
    """The hosts that the prompt went to."""
    return {host for host, _ in recording.holds(PROMPT)}


@pytest.mark.parametrize(("name", "keys"), KEYED)
def test_each_alternative_of_keys_authenticates_under_litellms_own_names(
    name: str,
    keys: tuple[str, ...],
    recordings: dict[tuple[str, str, tuple[str, ...]], Recording],
) -> None:
    recording = recordings["own", name, keys]
    if name in PARAMETER_ONLY:
        assert not leaving(recording, set(keys)), recording
        return
    assert leaving(recording, set(keys)) == set(keys) - UNSEEN, recording
    assert prompted(recording) or name in WITHOUT_PROMPT, recording


@pytest.mark.parametrize(("name", "keys"), PRIVATE)
def test_each_alternative_of_keys_authenticates_the_same_way_through_params(
    name: str,
    keys: tuple[str, ...],
    recordings: dict[tuple[str, str, tuple[str, ...]], Recording],
) -> None:
    own, other = recordings["own", name, keys], recordings["private", name, keys]
    assert leaving(other, set(keys)) == set(keys) - UNSEEN, other
    if name in PARAMETER_ONLY:
        return
    for variable in keys:
        assert other.holds(mark(variable)) <= own.holds(mark(variable)), (variable, other)
    assert prompted(other) == prompted(own), other


@pytest.mark.parametrize("name", [*WITH_BASE, *WITH_DEFAULT])
def test_a_base_is_handed_over_only_where_litellm_would_else_choose_a_host(name: str) -> None:
    assert LINES[name]["baseless"]
    assert set(LINES[name]["baseless"]) <= NOT_CHOSEN


@pytest.mark.parametrize("name", sorted(set(NEEDS_BASE) & set(CALLED)))
def test_a_provider_that_needs_a_base_takes_it_from_a_variable(
    name: str, recordings: dict[tuple[str, str, tuple[str, ...]], Recording]
) -> None:
    assert bases(name)
    for base in bases(name):
        recording = recordings["based", name, (base,)]
        if name in PARAMETER_ONLY:
            assert not prompted(recording), recording
            continue
        sent = prompted(recording) or {host for host, _ in recording.holds(mark(base))}
        assert any(mark(base) in host for host in sent), recording


@pytest.mark.parametrize("name", IGNORES_BASE)
def test_a_provider_that_ignores_its_base_is_called_at_its_own_host(
    name: str, recordings: dict[tuple[str, str, tuple[str, ...]], Recording]
) -> None:
    keys = table()[name].keys[0]
    hosts = prompted(recordings["ignored", name, keys])
    assert hosts == prompted(recordings["own", name, keys])
    assert HERE not in hosts


def sample() -> list[Question]:
    """Some of the situations that decide no rule, others each day."""
    every = [
        [question]
        for name in NAMES
        for situation in (record.none, record.plain, record.bare)
        for question in situation(name)
    ]
    every += [record.keyless(name) for name in NAMES]
    for name in NAMES:
        for keys in {(), record.alternatives(name)[0]}:
            every.append([record.foreign(name, keys, set(table()[name].reads))])
    chosen = random.Random(SEED).sample(every, SAMPLE)
    return [question for questions in chosen for question in questions]


def test_a_random_sample_of_the_other_situations_is_as_it_was_recorded() -> None:
    for (name, situation), answer in record.ask(sample()).items():
        line = LINES[name]
        prompt, key = record.by_name(answer.prompt), record.by_name(answer.key)
        mine = {"prompt": line.get("prompt", {}), "key": line.get("key", line.get("prompt", {}))}
        where = f"{name} {situation}, SAMPLE_SEED={SEED}"
        match situation:
            case "none":
                assert prompt == line.get("keyless", {}), where
            case "plain":
                assert {"prompt": prompt, "key": key} == line.get("plain", mine), where
            case "bare":
                astray = {host: kinds for host, kinds in prompt.items() if host in NOT_CHOSEN}
                assert astray == line.get("baseless", {}), where
            case "no key":
                found = set(prompt.get(HERE, "").split()) & set(line.get("needsDummy", "").split())
                assert not found, where
            case "dummy":
                assert set(line.get("needsDummy", "").split()) <= set(
                    prompt.get(HERE, "").split()
                ), where
            case _:
                assert not answer.variables, where
