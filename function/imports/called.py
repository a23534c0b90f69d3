"""Which provider LiteLLM calls for a model's name, where the name does not say it.

The table is data, `models.json`, made from LiteLLM's own; a test makes it again.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

from function.gateways.litellm import providers


def name_of(model: str, provider: str | None) -> str | None:
    """A model as provider/model-name; None if LiteLLM knows no provider for it.

    Args:
        model: the `model` of an entry.
        provider: its `custom_llm_provider`.
    """
    head, slash, rest = model.partition("/")
    if provider and head != provider:
        return f"{provider}/{model}"
    if slash and rest and providers.is_known(head):
        return model
    found = _table().get(model)
    return None if found is None else f"{found}/{model}"


@cache
def _table() -> Mapping[str, str]:
    text = resources.files(__package__).joinpath("models.json").read_text(encoding="utf-8")
    return {model: provider for provider, known in json.loads(text).items() for model in known}
