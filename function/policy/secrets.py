"""Which Secrets are used, wherever an object names one."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from function import globs
from function.api.policy import Policy, Secrets
from function.call import Manifest
from function.gateways.base import Plan
from function.observed import Observed
from function.policy.violation import Violation
from function.text import shorten

_NAMES: Final = ("name", "secretName")


def seen(plan: Plan, observed: Observed) -> str:
    """A digest of all that policies see of Secrets."""
    keys = plan.keys | observed.own_keys
    labels = {name: observed.secrets.labels(name) for name in {key.secret for key in keys}}
    values = observed.secrets.digest(keys, salt=plan.router.uid, more="policy")
    text = json.dumps([values, sorted(map(repr, labels.items()))])
    return hashlib.sha256(text.encode()).hexdigest()


def violations(
    policy: Policy, plan: Plan, observed: Observed, manifests: list[Manifest]
) -> Iterator[Violation]:
    """The Secrets that may not be used."""
    if (rule := policy.secrets) is None:
        return
    used = {name for manifest in manifests for name in _secrets_in(manifest.get("spec"))}
    for name in sorted(used - {plan.generated_key.secret}):
        if (wrong := _wrong(rule, name, observed)) is not None:
            member, what = wrong
            yield Violation(f"policy.secrets.{member}", f"The Secret {shorten(name)}", what)


def _wrong(rule: Secrets, name: str, observed: Observed) -> tuple[str, str] | None:
    """The rule that is against a Secret, and what is wrong."""
    if rule.allowed is not None and globs.match(rule.allowed, name):
        return None
    if (wanted := rule.match_labels) is None:
        if rule.allowed is None:
            return None
        return "allowed", "must not be used: choose another"
    labels = observed.secrets.labels(name)
    if labels is None:
        return "matchLabels", "is not there, or not read, so its labels are not known: create it"
    if any(labels.get(key) != value for key, value in wanted.items()):
        return "matchLabels", "does not have the labels that it must have: choose another"
    return None


def _secrets_in(value: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401  # Any JSON value.
    """The names of Secrets, under whatever key that says that it is one."""
    match value:
        case dict():
            if "secret" in key.lower():
                yield from (v for k in _NAMES if isinstance(v := value.get(k), str))
            for name, member in value.items():
                yield from _secrets_in(member, name)
        case list():
            for member in value:
                yield from _secrets_in(member, key)
        case str() if key == "secretName":
            yield value
