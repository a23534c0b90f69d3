"""What the platform team sets for all routers.

It stands in the input of a Composition's step, and also in a file of the function's server, which
holds whichever Composition a router uses. The input's defaults lie over those of the file. Both
policies hold, so that an input can only tighten what the file allows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import Field

from function import names
from function.api import defaults, paths
from function.api.fields import Image
from function.api.policy import Policy
from function.api.validation import Model, broken_rules
from function.call import Manifest
from function.errors import Refused
from function.text import first, shorten

DEFAULT_TTL_SECONDS: Final = 60

_json: Final = json.JSONEncoder(sort_keys=True).encode


class Input(Model):
    """The input of a Composition's step, or the same in a file."""

    api_version: str = names.INPUT_API_VERSION
    kind: str = names.INPUT_KIND
    metadata: dict[str, Any] = {}
    image: Image | None = None
    ttl_seconds: Annotated[int, Field(ge=1, le=86400)] | None = None
    open_shift: bool | None = None
    defaults: dict[str, Any] = {}
    policy: Policy | None = None


@dataclass(frozen=True)
class Platform:
    """What holds for the routers of a Composition.

    Attributes:
        image: the image where a router names none; None if the platform team names none either.
        ttl_seconds: how many seconds Crossplane may wait before it calls again.
        assigns_users: whether the cluster assigns each pod its user and groups, as OpenShift does.
        defaults: what lies under the spec of each router.
        policies: what is allowed; all of them hold.
    """

    image: str | None = None
    ttl_seconds: int = DEFAULT_TTL_SECONDS
    assigns_users: bool = False
    defaults: Manifest = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()

    @property
    def judges_secrets(self) -> bool:
        """Whether a policy looks into Secrets."""
        return any(
            policy.hosts is not None
            or (policy.secrets is not None and policy.secrets.match_labels is not None)
            for policy in self.policies
        )


def of(file: Mapping[str, Any], step: Mapping[str, Any]) -> Platform:
    """What the file of the server and the input of a step say together.

    Args:
        file: the file, in which nothing is wrong; empty if there is none.
        step: the input; empty if there is none.

    Raises:
        Refused: the input breaks a rule.
    """
    return _of(_json(file), _json(step))


@lru_cache(maxsize=16)  # All routers of a Composition share it.
def _of(file: str, step: str) -> Platform:
    given = json.loads(step)
    if wrong := mistakes(given, "input"):
        raise Refused(
            names.REASON_INVALID_INPUT,
            f"The Composition's input is wrong, not this {names.KIND}: {summary(wrong)}",
        )
    below, above = Input.model_validate(json.loads(file)), Input.model_validate(given)
    ttl = below.ttl_seconds if above.ttl_seconds is None else above.ttl_seconds
    on_open_shift = below.open_shift if above.open_shift is None else above.open_shift
    merged = defaults.under(above.defaults, below.defaults)
    return Platform(
        image=above.image or below.image,
        ttl_seconds=DEFAULT_TTL_SECONDS if ttl is None else ttl,
        assigns_users=on_open_shift is True,
        defaults=merged if isinstance(merged, dict) else {},
        policies=tuple(policy for policy in (below.policy, above.policy) if policy is not None),
    )


def mistakes(given: Mapping[str, Any], path: str) -> list[str]:
    """What is wrong with an input, a sentence for each.

    Args:
        given: the input.
        path: what it is called in the sentences.
    """
    fixed = {"apiVersion": names.INPUT_API_VERSION, "kind": names.INPUT_KIND}
    wrong = [
        f"{path}.{name} must be {value}."
        for name, value in fixed.items()
        if given.get(name, value) != value
    ]
    wrong += [
        f"unknown field {shorten(name)}: remove it or fix the spelling."
        for name in paths.unknown(Input, given, path)
    ]
    wrong += broken_rules(Input, given, path)
    if isinstance(part := given.get("defaults"), dict):
        wrong += defaults.check(part, f"{path}.defaults")
    return list(dict.fromkeys(wrong))


def summary(mistakes: list[str]) -> str:
    """The first of several mistakes, and how many more there are."""
    return " ".join(first(mistakes, "(And {} more.)", most=1))
