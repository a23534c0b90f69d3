"""The entries of a router's `aiModels`, each with all that is known of it."""

from collections.abc import Iterable
from typing import NamedTuple

from function.api import AIModel, Spec
from function.call import Manifest
from function.gateways.base import Target
from function.gateways.litellm import credentials, groups, known_keys, providers
from function.gateways.litellm.credentials import Access
from function.gateways.litellm.groups import Group
from function.gateways.litellm.items import Item


class Entry(NamedTuple):
    """One entry of `aiModels`: a deployment of a model at a provider.

    Attributes:
        model: what the spec says.
        access: how its credentials reach its provider.
        group: the deployments that share its model name.
        item: what stands for it in LiteLLM's `model_list`.
        target: what is called.
        is_odd: whether there is something in it that LiteLLM does not know, or cannot call.
    """

    model: AIModel
    access: Access
    group: Group
    item: Item
    target: Target
    is_odd: bool


def read(spec: Spec) -> list[Entry]:
    """The entries of a spec that take calls, in its order.

    Raises:
        Refused: a credential could not be kept to its provider, or LiteLLM would send prompts to a
            host that no one chose.
    """
    grouped = groups.read(spec)
    retries_are_set = spec.routing.retries is not None
    return [
        _entry(model, access, grouped[model.offered_as], retries_are_set=retries_are_set)
        for model, access in credentials.read(spec)
    ]


def _entry(model: AIModel, access: Access, group: Group, *, retries_are_set: bool) -> Entry:
    # The model keeps what is made of it, but not the entry: that would keep the model in turn, and
    # both would stay in memory until Python looks for such circles.
    made = model.once(
        "entry",
        (access, group, retries_are_set),
        lambda: (
            Item(_item(model, access, group, retries_are_set)),
            Target(model.name, access.needs),
            _is_odd(model),
        ),
    )
    return Entry(model, access, group, *made)


def _is_odd(model: AIModel) -> bool:
    return bool(
        not providers.is_known(model.provider)
        or not has_callable_id(model)
        or known_keys.unknown("litellm_params", model.parameters or ())
        or known_keys.unknown("model_info", model.info or ())
    )


def _item(model: AIModel, access: Access, group: Group, retries_are_set: bool) -> Manifest:  # noqa: FBT001
    params: Manifest = dict(model.stated_params)
    if group.size > 1:
        # `rpm` and `tpm` would weigh otherwise. With 0, LiteLLM only asks it after the others.
        params.setdefault("weight", 0 if model.standby else 1)
    elif group.has_fallback and not retries_are_set:
        params.setdefault("num_retries", 0)
    if groups.is_limited(model):
        params.setdefault("max_parallel_requests", 0)
    if group.never_cools_down:
        params["cooldown_time"] = 0
    item: Manifest = {
        "model_name": group.name,
        "litellm_params": {**params, **access.params, **(model.parameters or {})},
    }
    if model.info:
        item["model_info"] = model.info
    return item


def has_callable_id(model: AIModel) -> bool:
    """Whether LiteLLM can call a model ID of this form."""
    ids = providers.find(model.provider).model_ids
    if ids is None or model.api_base is not None:
        return True
    return ids.pattern.fullmatch(model.name.partition("/")[2]) is not None


def groups_of(entries: Iterable[Entry]) -> list[Group]:
    """The groups of entries, each once, in their order."""
    return list({entry.group.name: entry.group for entry in entries}.values())


def accesses_of(entries: Iterable[Entry]) -> list[Access]:
    """The accesses of entries, each once."""
    return list({id(entry.access): entry.access for entry in entries}.values())
