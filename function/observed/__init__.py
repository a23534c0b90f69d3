"""What the cluster holds of a router: its own objects, the users' Secrets, its master key.

Nothing is composed before all that it depends on has been looked up: what is missing is required
from Crossplane, which looks it up and calls again before it changes anything.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from function import names
from function.api import Router
from function.call import Objects, Request, ResourceSelector
from function.gateways.base import Plan, SecretKey
from function.grants import Listing
from function.observed import accesses, definitions, master_key, ownership, secret_values
from function.observed.deployment import ObservedDeployment, Scale
from function.observed.master_key import GeneratedKey
from function.observed.secret_values import SecretValues


@dataclass(frozen=True)
class Seen:
    """What a request shows, before it is known whether that is enough.

    Attributes:
        own: the observed composed resources that are the router's own, by name.
        secrets: the users' Secrets.
    """

    own: Objects
    secrets: SecretValues


@dataclass(frozen=True)
class Incomplete:
    """Not all that the gateway depends on has been looked up yet.

    Attributes:
        requirements: what Crossplane is to look up, by the name of the requirement.
    """

    requirements: Mapping[str, ResourceSelector]


@dataclass(frozen=True)
class Observed(Seen):
    """All that the cluster holds of a router.

    Attributes:
        wanted: the names of the composed resources that the router wants and the cluster serves.
        unserved: the kinds that the router wants and the cluster does not serve.
        own_keys: the keys of users' Secrets that the gateway itself needs.
        generated_key: the master key that is generated for the router; None if it wants none.
        secret_hash: a digest of all keys and values of Secrets that the gateway uses; None while
            they have never been read.
        scale: how many pods the Deployment asks for; None if there is no Deployment.
        accesses: the keys of applications that are accepted; None if they have none.
        requirements: what Crossplane is to look up, by the name of the requirement.
    """

    wanted: tuple[str, ...]
    unserved: tuple["Kind", ...]
    own_keys: frozenset[SecretKey]
    generated_key: GeneratedKey | None
    secret_hash: str | None
    scale: Scale | None
    accesses: Listing | None
    requirements: Mapping[str, ResourceSelector]

    @property
    def deployment(self) -> ObservedDeployment | None:
        """The router's own Deployment, if it is there."""
        return _deployment(self.own)


class Kind(Protocol):
    """A composed kind, as far as it decides what is looked up."""

    @property
    def name(self) -> str:
        """Its name among the composed resources."""

    @property
    def field(self) -> str:
        """Where the router asks for it, below spec."""

    @property
    def api_version(self) -> str:
        """The version of its object."""

    @property
    def kind(self) -> str:
        """The kind of its object."""

    @property
    def definition(self) -> str | None:
        """The name of its CustomResourceDefinition; None if it is Kubernetes' own."""

    @property
    def adopts(self) -> bool:
        """Whether an object that no one controls may be taken over."""

    def selector(self, router: Router) -> ResourceSelector:
        """What its object is called."""

    def is_wanted(self, plan: Plan, seen: Seen) -> bool:
        """Whether the router wants it."""


def observe(request: Request, plan: Plan, kinds: Collection[Kind]) -> Observed | Incomplete:
    """What the cluster holds of a router, or what must be looked up to know.

    Args:
        request: what Crossplane shows.
        plan: the plan of the router's gateway.
        kinds: all composed kinds.

    Raises:
        Refused: a name that the router wants is taken, a generated master key is unusable, or there
            are too many Secrets.
    """
    router = plan.router
    selectors = {kind.name: kind.selector(router) for kind in kinds}
    seen = Seen(_own(request.observed, router, selectors), secret_values.read(request.required))
    asked = [kind for kind in kinds if kind.is_wanted(plan, seen)]
    new = [kind for kind in asked if kind.name not in seen.own]
    served = {kind.name: _is_served(kind, request) for kind in new}
    unseen = {kind.name: selectors[kind.name] for kind in new if served[kind.name]}
    # Never an empty list for want of looking: that would revoke every key.
    lookups = _definitions(new) | unseen | accesses.requirements(router)
    own_keys = _own_keys(plan, seen)
    keys = plan.keys | own_keys
    secrets = secret_values.requirements(keys, router.namespace)
    requirements = lookups | secrets
    needed = requirements if router.platform.judges_secrets else lookups
    if not needed.keys() <= request.required.keys():
        return Incomplete(requirements)
    unserved = tuple(kind for kind in new if served[kind.name] is False)
    wanted = [kind for kind in asked if kind not in unserved]
    for kind in wanted:
        if kind.name in unseen:
            found = request.required[kind.name]
            ownership.check_free(found, router, unseen[kind.name], adopt=kind.adopts)

    deployment = _deployment(seen.own)
    generated: GeneratedKey | None = None
    if any(kind.name == names.RESOURCE_MASTER_KEY for kind in wanted):
        generated = master_key.read(
            plan.generated_key,
            seen.own.get(names.RESOURCE_MASTER_KEY),
            request.required.get(names.RESOURCE_MASTER_KEY),
            deployed=deployment is not None,
        )
    digest = None
    if generated is None or generated.settled:
        digest = seen.secrets.digest(keys, salt=router.uid, more=generated.id if generated else "")
    if digest is None and deployment is not None:
        # The last digest stays while a Secret cannot be read, which must not restart a gateway, and
        # while a new master key is not in its Secret, without which no new pod could start.
        digest = deployment.secret_hash
    return Observed(
        own=seen.own,
        secrets=seen.secrets,
        wanted=tuple(kind.name for kind in wanted),
        unserved=unserved,
        own_keys=own_keys,
        generated_key=generated,
        secret_hash=digest,
        scale=_scale(deployment, request.required.get(names.RESOURCE_DEPLOYMENT)),
        accesses=accesses.read(request, plan),
        requirements=requirements,
    )


def _own(observed: Objects, router: Router, selectors: Mapping[str, ResourceSelector]) -> Objects:
    """The observed composed resources that are what this router composes."""
    return {
        name: observed[name]
        for name, selector in selectors.items()
        if name in observed and ownership.is_own(observed[name], router, selector)
    }


def _definitions(kinds: Iterable[Kind]) -> dict[str, ResourceSelector]:
    """The definitions of kinds that are not Kubernetes' own."""
    return {
        definitions.requirement(kind.name): definitions.selector(kind.definition)
        for kind in kinds
        if kind.definition is not None
    }


def _is_served(kind: Kind, request: Request) -> bool | None:
    """Whether the cluster serves a kind; None while that is not known."""
    if kind.definition is None:
        return True
    name = definitions.requirement(kind.name)
    if name not in request.required:
        return None
    return definitions.serves(request.required[name], kind.api_version)


def _own_keys(plan: Plan, seen: Seen) -> frozenset[SecretKey]:
    """The keys of users' Secrets that the gateway itself needs: not one that is generated."""
    if names.RESOURCE_MASTER_KEY in seen.own:
        return plan.own_keys - {plan.generated_key}
    return plan.own_keys


def _scale(own: ObservedDeployment | None, found: Mapping[str, Any] | None) -> Scale | None:
    """How many pods the Deployment asks for, even if it is not shown as observed yet."""
    deployment = ObservedDeployment(found) if own is None and found is not None else own
    return None if deployment is None else deployment.scale


def _deployment(own: Objects) -> ObservedDeployment | None:
    manifest = own.get(names.RESOURCE_DEPLOYMENT)
    return None if manifest is None else ObservedDeployment(manifest)
