"""The core: from a composite resource and what is observed to what is wanted.

It knows no protobuf and does no input or output. The way of the data is the way down this page:
request, router, plan, resources, answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from function import (
    api,
    litellm,
    master_key,
    names,
    ownership,
    preflight,
    resources,
    router,
    secrets,
    status,
)
from function.composition import Composed, Composition, Condition, Result, Selector, conditions_of
from function.plan import Access
from function.refusal import Refused
from function.router import Router
from function.secrets import Key, Secrets
from function.validation import parse

Objects = Mapping[str, Mapping[str, Any]]

ROUTERS: Final = {"litellm": litellm}
"""The kinds of router by spec.type: each says how its models get at their providers, and plans."""


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
        return refused(request, refusal)


def refused(request: Request, refusal: Refused) -> Composition:
    """Composes nothing, so that the last good state stays, and says how that runs on.

    Crossplane takes a condition that does not come with a fatal result for unknown.
    """
    conditions = (
        Condition(names.CONFIGURED, "False", refusal.reason, refusal.message),
        *status.repeated(names.CREDENTIALS_PRESENT, request.composite),
        *status.while_refused(request.observed.get(names.DEPLOYMENT)),
    )
    return Composition(refusal=refusal, conditions=conditions)


def _compose(request: Request) -> Composition:
    settings = parse(api.Input, request.settings, "input", names.REASON_INVALID_INPUT)
    asked = router.read(request.composite)
    if asked.spec.type not in ROUTERS:
        return _unsupported(asked, request, settings)
    kind = ROUTERS[asked.spec.type]

    selectors = {name: composed.selector(asked) for name, composed in resources.KINDS.items()}
    own = _own(request.observed, asked, selectors)
    readable = secrets.of(request.fetched)
    wanted = _wanted(asked, own, readable)
    unseen = {name: selectors[name] for name in wanted if name not in own}
    accesses = kind.access(asked.spec)
    required = _required(asked, own)
    keys = _keys(asked, accesses) | required
    requirements = unseen | secrets.requirements(keys, asked.namespace)
    if not unseen.keys() <= request.fetched.keys():
        # Crossplane looks them up and calls again before it does anything else.
        return Composition(requirements=requirements, ttl_seconds=settings.ttl_seconds)
    found = {name: request.fetched[name] for name in unseen}
    for name, selector in unseen.items():
        ownership.check_free(found[name], asked, selector, adopt=name == names.MASTER_KEY)

    deployment = own.get(names.DEPLOYMENT)
    key = master_key.decide(
        asked,
        own.get(names.MASTER_KEY),
        found.get(names.MASTER_KEY),
        composed=names.MASTER_KEY in wanted,
        deployed=deployment is not None,
    )
    # Where a Secret cannot be read the last digest stays: that must not restart a gateway.
    digest = readable.digest(keys, salt=asked.uid, more=key.id) or status.secret_hash(deployment)
    plan = kind.plan(asked, settings, key, accesses, digest)
    manifests = {name: resources.KINDS[name].build(plan) for name in wanted}
    found_keys = preflight.examine(asked.spec, accesses, required, readable)
    conditions = (
        status.configured(plan.results),
        preflight.condition(found_keys.whole),
        *status.of_deployment(manifests[names.DEPLOYMENT], deployment),
    )
    return Composition(
        resources={
            name: Composed(manifest, name in own and resources.KINDS[name].ready(own[name]))
            for name, manifest in manifests.items()
        },
        status=status.fields(plan, deployment, found_keys.models),
        conditions=conditions,
        requirements=requirements,
        results=_unsaid(conditions, request.composite, plan.results),
        ttl_seconds=settings.ttl_seconds,
    )


def _unsupported(asked: Router, request: Request, settings: api.Input) -> Composition:
    message = (
        f"spec.type is '{asked.spec.type}': only {' and '.join(ROUTERS)} is implemented, so "
        "nothing is composed."
    )
    condition = Condition(names.CONFIGURED, "False", names.REASON_UNSUPPORTED_TYPE, message)
    return Composition(
        conditions=(condition,),
        unready=True,
        results=_unsaid((condition,), request.composite),
        ttl_seconds=settings.ttl_seconds,
    )


def _unsaid(
    conditions: Iterable[Condition], composite: Mapping[str, Any], results: Sequence[Result] = ()
) -> tuple[Result, ...]:
    """Results of what is new in the conditions: an event each time that it changes, not each call.

    What belongs to the Deployment is no warning here: Kubernetes has its own events of that.
    """
    said = {(shown.get("type"), shown.get("message")) for shown in conditions_of(composite)}
    new = [c for c in conditions if (c.type, c.message) not in said]
    unsaid = [
        Result(c.reason, c.message)
        for c in new
        if c.status == "False" and c.type in (names.CONFIGURED, names.CREDENTIALS_PRESENT)
    ]
    if any(c.type == names.CONFIGURED for c in new):
        unsaid += results
    return tuple(unsaid)


def _keys(asked: Router, accesses: Iterable[Access]) -> set[Key]:
    """All keys of Secrets that the gateway's models and its environment use."""
    keys = {key for access in accesses for key in access.variables.values()}
    for variable in asked.spec.deployment.env:
        if variable.value_from and (ref := variable.value_from.secret_key_ref):
            keys.add((ref.name, ref.key))
    return keys


def _required(asked: Router, own: Objects) -> set[Key]:
    """The keys of Secrets that the gateway itself needs, whichever models it offers.

    The master key is one of them, unless it is in the Secret made for it.
    """
    made = names.master_key(asked.name) if names.MASTER_KEY in own else None
    master, redis = asked.spec.auth.master_key_secret_ref, asked.spec.shared_redis
    refs = [
        None if master is None or master.name == made else master,
        None if redis is None else redis.password_secret_ref,
    ]
    return {(ref.name, ref.key) for ref in refs if ref is not None}


def _own(observed: Objects, asked: Router, selectors: Mapping[str, Selector]) -> Objects:
    """The observed composed resources that are what this router composes."""
    return {
        name: observed[name]
        for name, selector in selectors.items()
        if name in observed and ownership.is_own(observed[name], asked, selector)
    }


def _wanted(asked: Router, own: Objects, readable: Secrets) -> list[str]:
    """Which composed resources the router has; all but the master key always."""
    has_key = master_key.is_composed(asked, readable, observed=names.MASTER_KEY in own)
    return [name for name in resources.KINDS if name != names.MASTER_KEY or has_key]
