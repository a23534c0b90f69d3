"""Warnings about entries that LiteLLM may not be able to use. They are composed all the same."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from function import names
from function.api import AIModel, Credentials, Spec
from function.call import Result
from function.gateways.litellm import credentials, known_keys, providers
from function.gateways.litellm import entries as entries_
from function.gateways.litellm.entries import Entry, groups_of
from function.gateways.litellm.known_keys import MAX_GUESSES
from function.text import first, shorten


def of(spec: Spec, entries: Sequence[Entry]) -> list[Result]:
    """What the user should look at in a spec that is composed, or know about it."""
    odd = [entry.model for entry in entries if entry.is_odd]
    sentences = dict.fromkeys(chain(_weights(spec), _of_models(odd), _slips(odd)))
    results = [
        Result(names.EVENT_MODELS, sentence) for sentence in first([*sentences], "And {} more.")
    ]
    about_keys = dict.fromkeys(
        chain(_keyless(spec, entries), _unread(spec), _environment(spec, entries))
    )
    results += [
        Result(names.EVENT_CREDENTIALS, sentence)
        for sentence in first([*about_keys], "And {} more about credentials.")
    ]
    if single := [group.name for group in groups_of(entries) if group.stands_alone]:
        quoted = [f"'{shorten(name)}'" for name in single]
        results.append(
            Result(
                names.EVENT_SINGLE_DEPLOYMENT,
                f"{', '.join(first(quoted))}: a single deployment without a fallback; if it "
                "fails, calls fail.",
                "Normal",
            )
        )
    return results


def _weights(spec: Spec) -> Iterator[str]:
    weighted = any(model.weight for model in spec.ai_models)
    if weighted and not spec.routing.shuffles:
        yield (
            f"Weights have no effect with the strategy {spec.routing.strategy}: remove them, or "
            "use simple-shuffle."
        )


def _of_models(models: Sequence[AIModel]) -> Iterator[str]:
    unknown = dict.fromkeys(
        model.provider for model in models if not providers.is_known(model.provider)
    )
    guessed = set(islice(unknown, MAX_GUESSES))
    for model in models:
        if model.provider in unknown:
            yield providers.unknown(model.provider, guess=model.provider in guessed)
        yield from _model_id(model)


def _model_id(model: AIModel) -> Iterator[str]:
    ids = providers.find(model.provider).model_ids
    if ids is not None and not entries_.has_callable_id(model):
        yield (
            f"{shorten(model.name)}: LiteLLM cannot call a model ID of this form; use one such as "
            f"{ids.example}."
        )


def _keyless(spec: Spec, entries: Sequence[Entry]) -> Iterator[str]:
    """Entries that say that they need no key, though their provider does."""
    given = {variable.name for variable in spec.deployment.env}
    all_keyless = spec.credentials.source == "None"
    saying = [entry.model for entry in entries if all_keyless or entry.model.credentials]
    for model in saying:
        own = model.credentials or spec.credentials
        keys = providers.find(model.provider).keys
        if (
            own.source == "None"
            and model.api_base is None
            and keys
            and not any(given.issuperset(alternative) for alternative in keys)
            and not spec.deployment.env_from
        ):
            yield (
                f"{model.name}: credentials.source is None, but {model.provider} answers no call "
                f"without {' and '.join(keys[0])}."
            )


def _unread(spec: Spec) -> Iterator[str]:
    """Variables that get a key of a Secret, though no model with these credentials has them."""
    left = set(_keys(spec.credentials))
    for model in spec.ai_models if left else [m for m in spec.ai_models if m.credentials]:
        variables = providers.find(model.provider).variables
        if model.credentials is not None and (own := _keys(model.credentials)):
            yield from _unread_in(f"{shorten(model.name)}: ", own.keys() - variables)
        elif left and credentials.source_of(model.credentials, spec) == credentials.shared_source(
            spec
        ):
            left.difference_update(variables)
    yield from _unread_in("", left)


def _keys(said: Credentials) -> Mapping[str, str]:
    return (said.secret_ref and said.secret_ref.keys) or {}


def _unread_in(where: str, variables: Collection[str]) -> Iterator[str]:
    if variables:
        yield (
            f"{where}credentials.secretRef.keys names {', '.join(first(sorted(variables)))}, which "
            "LiteLLM reads for no model with these credentials: fix the spelling, or remove it."
        )


def _environment(spec: Spec, entries: Sequence[Entry]) -> Iterator[str]:
    """Keys in the environment, where LiteLLM may find them for another provider."""
    offered = {entry.model.provider: providers.find(entry.model.provider) for entry in entries}
    for variable in spec.deployment.env:
        if variable.name in providers.key_variables() and not all(
            variable.name in provider.variables for provider in offered.values()
        ):
            yield (
                f"deployment.env sets {variable.name}, which LiteLLM may send to other providers "
                "too: use credentials.secretRef instead."
            )
    for source in spec.deployment.env_from:
        if source.secret_ref is not None:
            yield (
                f"deployment.envFrom hands over the whole Secret '{source.secret_ref.name}', and "
                "LiteLLM may send its keys to providers that they are not for: use "
                "credentials.secretRef instead."
            )


def _slips(models: Iterable[AIModel]) -> Iterator[str]:
    """Unknown keys that resemble a known one.

    Providers accept more parameters than LiteLLM lists, and `info` may hold anything.
    """
    first_in = dict[tuple[str, str, str], str]()
    for model in models:
        for field, section, given in (
            ("parameters", "litellm_params", model.parameters),
            ("info", "model_info", model.info),
        ):
            for key in known_keys.unknown(section, given or ()):
                first_in.setdefault((field, section, key), model.offered_as)
    for (field, section, key), name in islice(first_in.items(), MAX_GUESSES):
        if near := known_keys.near(section, key):
            yield (
                f"{shorten(name)}: {field}.{shorten(key)} is unknown to LiteLLM "
                f"{providers.RELEASE}; did you mean {' or '.join(near)}?"
            )
