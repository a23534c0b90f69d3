"""The core: from a composite resource and what is observed to what is wanted.

It knows no protobuf and does no input or output. The way of the data is the way down this page:
request, router, plan, resources, answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import api, litellm, master_key, names, ownership, resources, router, status
from function.composition import Advice, Composed, Composition, Condition, Selector
from function.refusal import Refused
from function.router import Router
from function.validation import parse

Objects = Mapping[str, Mapping[str, Any]]

ROUTERS: Final = {"litellm": litellm.plan}
"""The kinds of router by spec.type: each makes a plan."""


@dataclass(frozen=True)
class Request:
    """What the core is asked with; plain values all.

    Attributes:
        composite: the observed composite resource.
        observed: the observed composed resources by name.
        fetched: for each requirement that Crossplane has looked up, the object or None. One that
            has not been looked up yet is not in it.
        settings: the input of the Composition's step.
    """

    composite: Mapping[str, Any]
    observed: Objects
    fetched: Mapping[str, Mapping[str, Any] | None]
    settings: Mapping[str, Any]


def compose(request: Request) -> Composition:
    """Composes a router, or says in one sentence why not."""
    try:
        return _compose(request)
    except Refused as refusal:
        return Composition.refused(refusal)


def _compose(request: Request) -> Composition:
    settings = parse(api.Input, request.settings, "input", names.REASON_INVALID_INPUT)
    asked = router.read(request.composite)
    if asked.spec.type not in ROUTERS:
        return _unsupported(asked, settings)

    selectors = {name: kind.selector(asked) for name, kind in resources.KINDS.items()}
    own = _own(request.observed, asked, selectors)
    wanted = _wanted(asked, own)
    requirements = {name: selectors[name] for name in wanted if name not in own}
    if not requirements.keys() <= request.fetched.keys():
        # Crossplane looks them up and calls again before it does anything else.
        return Composition(requirements=requirements, ttl_seconds=settings.ttl_seconds)
    found = {name: request.fetched[name] for name in requirements}
    for name, selector in requirements.items():
        ownership.check_free(found[name], asked, selector, adopt=name == names.MASTER_KEY)

    key = master_key.decide(
        asked,
        own.get(names.MASTER_KEY) or found.get(names.MASTER_KEY),
        composed=names.MASTER_KEY in wanted,
    )
    plan = ROUTERS[asked.spec.type](asked, settings, key)
    manifests = {name: resources.KINDS[name].build(plan) for name in wanted}
    return Composition(
        resources={
            name: Composed(manifest, name in own and resources.KINDS[name].ready(own[name]))
            for name, manifest in manifests.items()
        },
        status=status.fields(plan, own.get(names.DEPLOYMENT)),
        conditions=status.conditions(manifests[names.DEPLOYMENT], own.get(names.DEPLOYMENT)),
        requirements=requirements,
        ttl_seconds=settings.ttl_seconds,
    )


def _unsupported(asked: Router, settings: api.Input) -> Composition:
    message = (
        f"spec.type is '{asked.spec.type}': only {' and '.join(ROUTERS)} is implemented, so "
        "nothing is composed."
    )
    return Composition(
        conditions=(Condition(names.CONFIGURED, "False", names.REASON_UNSUPPORTED_TYPE, message),),
        warnings=(Advice(names.REASON_UNSUPPORTED_TYPE, message),),
        unready=True,
        ttl_seconds=settings.ttl_seconds,
    )


def _own(observed: Objects, asked: Router, selectors: Mapping[str, Selector]) -> Objects:
    """The observed composed resources that are what this router composes."""
    return {
        name: observed[name]
        for name, selector in selectors.items()
        if name in observed and ownership.is_own(observed[name], asked, selector)
    }


def _wanted(asked: Router, own: Objects) -> list[str]:
    """Which composed resources the router has; all but the master key always."""
    has_key = master_key.is_composed(asked, observed=names.MASTER_KEY in own)
    return [name for name in resources.KINDS if name != names.MASTER_KEY or has_key]
