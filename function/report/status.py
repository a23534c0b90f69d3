"""The fields of a router's status, a pure function of plan and observed."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from function import names
from function.call import Manifest
from function.gateways.base import Needs, Plan, Target
from function.observed import Observed
from function.report import access
from function.report.presence import Finding
from function.resources import http_route, ingress, service
from function.text import first

MAX_MODELS: Final = 50
"""How many models the status lists; modelCount counts all."""
MAX_TEXT: Final = 64 * 1024
"""How long the names in that list may be together: etcd keeps 1.5 MiB of spec and status."""
MAX_TARGETS: Final = 8
"""How many targets or keys of a model the status lists, before the entry that counts the rest."""


def fields(
    plan: Plan, observed: Observed, models: Mapping[tuple[Needs | None, ...], Finding]
) -> Manifest:
    """The status fields.

    Args:
        plan: the plan of the gateway.
        observed: what the cluster holds of it.
        models: what was found out about the keys of each combination of needs.
    """
    deployment = observed.deployment
    outside = external_url(plan, observed)
    return {
        "url": service.url(plan.router),
        **({} if outside is None else {"externalUrl": outside}),
        **access.fields(observed.accesses),
        "masterKeySecretRef": {"name": plan.master_key.secret, "key": plan.master_key.key},
        "modelCount": len(plan.offers),
        "models": _within(
            MAX_TEXT,
            (
                _model(
                    name,
                    targets,
                    models[tuple(target.needs for target in targets)],
                    plan.guardrails.get(name, ()),
                )
                for name, targets in islice(plan.offers.items(), MAX_MODELS)
            ),
        ),
        "configHash": plan.config.digest,
        "replicas": deployment.count("replicas") if deployment else 0,
        "readyReplicas": deployment.count("readyReplicas") if deployment else 0,
    }


def external_url(plan: Plan, observed: Observed) -> str | None:
    """The gateway's base URL from outside the cluster, as far as there is one and it is known."""
    router = plan.router
    routed = names.RESOURCE_HTTP_ROUTE in observed.wanted
    by_route = http_route.url(router) if routed else None
    return (
        ingress.url(router)
        or by_route
        or service.external_url(router, observed.own.get(names.RESOURCE_SERVICE, {}))
    )


def _within(most: int, models: Iterable[Manifest]) -> list[Manifest]:
    """The first of the models: as many as have so many characters together."""
    shown = []
    for model in models:
        most -= len(model["name"])
        most -= sum(
            map(len, (*model["targets"], *model.get("missing", ()), *model.get("guardrails", ())))
        )
        if most < 0:
            break
        shown.append(model)
    return shown


def _model(
    name: str, targets: Sequence[Target], finding: Finding, guardrails: Sequence[str]
) -> Manifest:
    model: Manifest = {
        "name": name,
        "targets": first([target.name for target in targets], most=MAX_TARGETS),
        "credentials": finding.state,
    }
    if finding.missing:
        model["missing"] = first(
            [f"{key.secret}/{key.key}" for key in finding.missing], most=MAX_TARGETS
        )
    if guardrails:
        model["guardrails"] = list(guardrails)
    return model
