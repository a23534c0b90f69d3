"""What to say of models that LiteLLM may not be able to call. They are composed all the same."""

import re
from typing import Final

from function.api import AIModel, Spec
from function.litellm import providers

_MAX: Final = 5
"""How many sentences are said; the rest is counted."""

_FORMS: Final = {
    "bedrock": (re.compile(r".*[.:/].*"), "bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0"),
    "huggingface": (re.compile(r".+/.+"), "huggingface/together/deepseek-ai/DeepSeek-R1"),
}
"""The form of model ids that LiteLLM can call without a base, and an example of it."""


def advice(spec: Spec) -> list[str]:
    """Sentences on unknown providers and on model ids of a form that cannot be called."""
    found = dict.fromkeys(filter(None, map(_of, spec.ai_models)))
    rest = len(found) - _MAX
    return [*list(found)[:_MAX], *([f"And {rest} more."] if rest > 0 else [])]


def _of(model: AIModel) -> str | None:
    provider, _, model_id = model.name.partition("/")
    if (unknown := providers.unknown(provider)) is not None:
        return unknown
    form, example = _FORMS.get(provider, (None, ""))
    if form is None or model.api_base is not None or form.fullmatch(model_id):
        return None
    return f"{model.name}: LiteLLM cannot call a model id of this form; write one like {example}."
