"""What to say of models that LiteLLM may not be able to call. They are composed all the same."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from function import names
from function.api import AIModel, Spec
from function.composition import Result
from function.litellm import keys, providers, routing
from function.litellm.routing import Groups
from function.validation import first, shorten

MAX_GUESSES: Final = 50
"""For how many unknown keys a name is guessed."""

_FORMS: Final = {
    "bedrock": (re.compile(r".*[.:/].*"), "bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0"),
    "huggingface": (re.compile(r".+/.+"), "huggingface/together/deepseek-ai/DeepSeek-R1"),
}
"""The form of model ids that LiteLLM can call without a base, and an example of it."""


def of(spec: Spec, found: Groups) -> list[Result]:
    """What to look at in a spec that is composed, and what to know of it."""
    sentences = dict.fromkeys(
        chain(_weights(spec), *map(_of_model, spec.ai_models), _slips(spec.ai_models))
    )
    said = [
        Result(names.EVENT_MODELS, sentence) for sentence in first([*sentences], "And {} more.")
    ]
    if lone := found.lone():
        quoted = [f"'{shorten(name)}'" for name in lone]
        said.append(
            Result(
                names.EVENT_LONE,
                f"{', '.join(first(quoted))}: a single deployment and no fallback, "
                "so calls fail while it does.",
                "Normal",
            )
        )
    return said


def _weights(spec: Spec) -> Iterator[str]:
    weighted = any(model.weight is not None for model in spec.ai_models)
    if weighted and not routing.shuffles(spec.routing):
        yield (
            f"Weights have no effect under the strategy {spec.routing.strategy}: leave them out, "
            "or take simple-shuffle."
        )


def _of_model(model: AIModel) -> Iterator[str]:
    provider, _, model_id = model.name.partition("/")
    if (unknown := providers.unknown(provider)) is not None:
        yield unknown
    form, example = _FORMS.get(provider, (None, ""))
    if form is not None and model.api_base is None and not form.fullmatch(model_id):
        yield (
            f"{model.name}: LiteLLM cannot call a model id of this form; write one like {example}."
        )


def _slips(models: Iterable[AIModel]) -> Iterator[str]:
    """Keys that LiteLLM does not know and that resemble one that it does.

    Providers take more parameters than LiteLLM lists, and `info` may hold anything.
    """
    first_in = dict[tuple[str, str, str], str]()
    for model in models:
        for field, section, given in (
            ("parameters", "litellm_params", model.parameters),
            ("info", "model_info", model.info),
        ):
            for key in keys.unknown(section, given or ()):
                first_in.setdefault((field, section, key), model.offered_as)
    for (field, section, key), name in islice(first_in.items(), MAX_GUESSES):
        if near := keys.near(section, key):
            yield (
                f"{shorten(name)}: {field}.{shorten(key)} is unknown to LiteLLM "
                f"{providers.RELEASE}; did you mean {' or '.join(near)}?"
            )
