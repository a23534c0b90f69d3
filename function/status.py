"""The status of a router: its fields and its conditions, pure functions of what is observed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from function import names
from function.api import AIModel
from function.composition import Condition, Manifest, Result, conditions_of
from function.plan import Plan
from function.preflight import Finding
from function.resources import deployment, service
from function.validation import first

MAX_MODELS: Final = 50
"""How many models the status lists; modelCount counts all."""
MAX_TARGETS: Final = 8
"""How many targets or keys of a model the status lists, before the entry that counts the rest."""


def fields(plan: Plan, observed: Mapping[str, Any] | None, keys: Mapping[str, Finding]) -> Manifest:
    """The status fields.

    Args:
        plan: what is composed.
        observed: the observed Deployment, if there is one.
        keys: what was found out about the keys of each model name.
    """
    groups = _groups(plan.router.spec.ai_models)
    counts = (observed or {}).get("status") or {}
    return {
        "url": service.url(plan.router),
        "masterKeySecretRef": {"name": plan.master_key.secret, "key": plan.master_key.key},
        "modelCount": len(groups),
        "models": [
            _model(name, targets, keys[name]) for name, targets in list(groups.items())[:MAX_MODELS]
        ],
        "configHash": plan.config_hash,
        "replicas": counts.get("replicas", 0),
        "readyReplicas": counts.get("readyReplicas", 0),
    }


def _model(name: str, targets: list[str], keys: Finding) -> Manifest:
    model: Manifest = {
        "name": name,
        "targets": first(targets, most=MAX_TARGETS),
        "credentials": keys.state,
    }
    if keys.missing:
        model["missing"] = first(
            [f"{secret}/{key}" for secret, key in keys.missing], most=MAX_TARGETS
        )
    return model


def secret_hash(observed: Mapping[str, Any] | None) -> str | None:
    """The secret hash that the observed Deployment's pods have."""
    return _annotations(_template(observed)).get(names.ANNOTATION_SECRET_HASH)


def configured(results: Sequence[Result]) -> Condition:
    """The condition of a router whose desired state was generated, with what to look at in it."""
    message = " ".join(["The gateway's objects are composed.", *(r.message for r in results)])
    return Condition(names.CONFIGURED, "True", names.REASON_CONFIGURED, message)


def of_deployment(wanted: Manifest, observed: Mapping[str, Any] | None) -> tuple[Condition, ...]:
    """The conditions that say how the gateway runs.

    Args:
        wanted: the Deployment as it is composed.
        observed: the observed Deployment, if there is one.
    """
    return _available(observed), _rolled_out(wanted, observed)


def while_refused(observed: Mapping[str, Any] | None) -> tuple[Condition, ...]:
    """The same, while the present spec is refused and the state before it runs on."""
    if observed is None:
        return ()
    message = "The present spec is refused, see Configured; the state before it runs on."
    stale = Condition(names.ROLLED_OUT, "False", names.REASON_REFUSED, message)
    return _available(observed), stale


def repeated(kind: str, composite: Mapping[str, Any]) -> tuple[Condition, ...]:
    """A condition as the composite resource shows it, if it does."""
    return tuple(
        Condition(kind, c.get("status", "Unknown"), c.get("reason", ""), c.get("message", ""))
        for c in conditions_of(composite)
        if c.get("type") == kind
    )


def _available(observed: Mapping[str, Any] | None) -> Condition:
    match deployment.available(observed):
        case None:
            return Condition(
                names.AVAILABLE,
                "False",
                names.REASON_WAITING,
                "The Deployment has not reported whether it is available.",
            )
        case True:
            return Condition(
                names.AVAILABLE, "True", names.REASON_AVAILABLE, "The gateway can be called."
            )
        case False:
            return Condition(
                names.AVAILABLE,
                "False",
                names.REASON_UNAVAILABLE,
                "Too few of the gateway's pods are ready: look at the Deployment's pods and logs.",
            )


def _rolled_out(wanted: Manifest, observed: Mapping[str, Any] | None) -> Condition:
    if observed is None:
        return Condition(
            names.ROLLED_OUT, "False", names.REASON_WAITING, "The Deployment is not there yet."
        )
    if _is_rolled_out(wanted, observed):
        return Condition(
            names.ROLLED_OUT, "True", names.REASON_ROLLED_OUT, "All pods run the present state."
        )
    progressing = deployment.condition_of(observed, "Progressing") or {}
    if progressing.get("reason") == names.REASON_ROLLOUT_STUCK:
        return Condition(
            names.ROLLED_OUT,
            "False",
            names.REASON_ROLLOUT_STUCK,
            "The new pods do not become ready: look at their events and logs; the old ones serve.",
        )
    return Condition(
        names.ROLLED_OUT, "False", names.REASON_ROLLING, "Not all pods run the present state yet."
    )


def _is_rolled_out(wanted: Manifest, observed: Mapping[str, Any]) -> bool:
    """Whether the wanted pods have reached the Deployment, it has seen that, and all are up."""
    status = observed.get("status") or {}
    generation = (observed.get("metadata") or {}).get("generation", 0)
    replicas = wanted["spec"]["replicas"]
    return (
        _runs(_template(observed)) == _runs(_template(wanted))
        and status.get("observedGeneration", -1) >= generation
        and all(status.get(count, 0) == replicas for count in _COUNTS)
    )


_COUNTS: Final = ("replicas", "updatedReplicas", "availableReplicas")


def _template(deployment: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return ((deployment or {}).get("spec") or {}).get("template") or {}


def _annotations(template: Mapping[str, Any]) -> Mapping[str, Any]:
    return (template.get("metadata") or {}).get("annotations") or {}


def _runs(template: Mapping[str, Any]) -> tuple[object, ...]:
    """What tells one state of the pods from the next, in values the API server leaves as they are.

    Between a change and Crossplane's apply the observed Deployment is still the old one.
    """
    annotations = _annotations(template)
    containers = (template.get("spec") or {}).get("containers") or [{}]
    hashes = [
        annotations.get(key) for key in (names.ANNOTATION_CONFIG_HASH, names.ANNOTATION_SECRET_HASH)
    ]
    return *hashes, containers[0].get("image")


def _groups(models: list[AIModel]) -> dict[str, list[str]]:
    """What LiteLLM calls for each model name that clients can ask for, both in their order."""
    groups: dict[str, list[str]] = {}
    for model in models:
        groups.setdefault(model.offered_as, []).append(model.name)
    return groups
