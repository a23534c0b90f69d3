"""The Deployment that runs the gateway."""

import json
from collections.abc import Mapping
from itertools import chain
from typing import Any, ClassVar, Final, NamedTuple

from function import merging, names, shapes
from function.call import Manifest
from function.errors import Refused
from function.gateways.base import Plan
from function.observed import Observed
from function.observed.deployment import ObservedDeployment, Scale
from function.resources import patched_pods, patching, pods
from function.resources.base import ComposedKind, deployment_selector, labels

DEFAULT_REPLICAS: Final = 1

MAX_BYTES: Final = 512 * 1024
"""How large the Deployment may be, in bytes of JSON.

etcd takes 1.5 MiB, and the object's managedFields name all its fields once more.
"""

_MAX_ANNOTATIONS: Final = 256 * 1024
"""How large the annotations of an object may be, in bytes; each of a pod's two sources fits."""

_json: Final = json.JSONEncoder(separators=(",", ":")).encode


class Pods(NamedTuple):
    """What the Deployment takes from the cluster.

    Attributes:
        secret_hash: the digest of the Secrets' values, a change of which rolls the pods.
        scale: how many pods there are; None before there is a Deployment.
    """

    secret_hash: str | None
    scale: Scale | None


class Deployment(ComposedKind[Pods]):
    """The Deployment that runs the gateway."""

    name = names.RESOURCE_DEPLOYMENT
    api_version = "apps/v1"
    kind = "Deployment"
    fixed: ClassVar = {
        "/spec/selector": "by which its pods are known",
        "/spec/replicas": (
            "which has fields of its own, spec.deployment.replicas and spec.autoscaling"
        ),
        **patched_pods.FIXED,
    }

    def is_ready(self, desired: Manifest, observed: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Whether the gateway can be called: while a rotation rolls, it can."""
        return ObservedDeployment(observed).available is True

    def part(self, observed: Observed) -> Pods:
        """What the pods read when they start, and how many there are."""
        return Pods(observed.secret_hash, observed.scale)

    def annotations(self, plan: Plan, part: Pods) -> Mapping[str, str]:
        """What tells that its number of pods is an autoscaler's."""
        return {names.ANNOTATION_AUTOSCALED: "true"} if _is_autoscaled(plan, part.scale) else {}

    def varied(self, generated: Manifest) -> Manifest:
        """With a number of pods and digests that no Deployment has."""
        hashes = dict.fromkeys((names.ANNOTATION_CONFIG_HASH, names.ANNOTATION_SECRET_HASH), "")
        pods_ = {"metadata": {"annotations": hashes}}
        varied: Manifest = merging.merge(
            generated,
            {
                "metadata": {"annotations": {names.ANNOTATION_AUTOSCALED: ""}},
                "spec": {"replicas": -1, "template": pods_},
            },
        )
        return varied

    def check_patched(self, plan: Plan, generated: Manifest, patched: Manifest) -> None:
        """Refuses a patch that changes which pods these are, or what the gateway's container is."""
        for_pods = "/spec/template/metadata"
        patching.check_metadata(generated, patched, self.name, for_pods, labels(plan))
        patched_pods.check(plan, generated, patched, patching.refusal_of(self.name))

    def check(self, plan: Plan, manifest: Manifest) -> None:
        """Refuses what is larger than Kubernetes could keep."""
        _check_annotations(shapes.object_at(manifest, "spec", "template", "metadata"))
        size = len(_json(manifest))
        if size > MAX_BYTES:
            raise Refused(
                names.REASON_DEPLOYMENT_TOO_LARGE,
                f"Deployment '{plan.router.name}' would have {size} bytes, but at most {MAX_BYTES} "
                "are allowed: use shorter values in spec.deployment and spec.patches.deployment, "
                "or take credentials from fewer Secrets.",
            )

    def body(self, plan: Plan, part: Pods) -> Manifest:
        """The pods, and how they are replaced."""
        return {
            "spec": {
                **_replicas(plan, part.scale),
                "selector": {"matchLabels": deployment_selector(plan.router)},
                # Never below the wanted replicas.
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
                },
                "template": {
                    "metadata": _pod_metadata(plan, part.secret_hash),
                    "spec": pods.spec(plan),
                },
            },
        }


def _is_autoscaled(plan: Plan, scale: Scale | None) -> bool:
    """Whether the number of pods is an autoscaler's, or is still the last one's."""
    spec = plan.router.spec
    if spec.deployment.replicas is not None:
        return False
    return spec.wanted_autoscaling is not None or (scale is not None and scale.autoscaled)


def _replicas(plan: Plan, scale: Scale | None) -> Manifest:
    """How many pods are wanted, or nothing where it is another's to say.

    What an autoscaler has decided is never set back: it is repeated until someone else owns the
    field, and left out from then on. Leaving it out earlier would set it to Kubernetes' default.
    """
    spec = plan.router.spec
    if not _is_autoscaled(plan, scale):
        asked = spec.deployment.replicas
        return {"replicas": DEFAULT_REPLICAS if asked is None else asked}
    least = DEFAULT_REPLICAS if (own := spec.wanted_autoscaling) is None else own.least
    if scale is None:
        return {"replicas": least}
    if scale.foreign:
        return {}
    # None at all would switch the autoscaler off.
    return {"replicas": scale.replicas if own is None else scale.replicas or least}


def _pod_metadata(plan: Plan, secret_hash: str | None) -> Manifest:
    """The metadata of the pods: what is for all objects, for pods alone, and the function's own."""
    common, own = plan.router.spec.common_metadata, plan.router.spec.pod_metadata
    # What rolls the pods when it changes, beside their own fields.
    hashes = {names.ANNOTATION_CONFIG_HASH: plan.config.digest}
    if secret_hash is not None:
        hashes[names.ANNOTATION_SECRET_HASH] = secret_hash
    return {
        "labels": {**common.labels, **own.labels, **labels(plan)},
        "annotations": {**common.annotations, **own.annotations, **hashes},
    }


def _check_annotations(metadata: Mapping[str, Any]) -> None:
    """Refuses annotations that are larger than Kubernetes could keep."""
    text = "".join(chain.from_iterable(metadata["annotations"].items()))
    if (size := len(text.encode(errors="surrogatepass"))) > _MAX_ANNOTATIONS:
        raise Refused(
            names.REASON_DEPLOYMENT_TOO_LARGE,
            "spec.commonMetadata, spec.podMetadata and spec.patches.deployment give the pods "
            f"{size} bytes of annotations, but at most {_MAX_ANNOTATIONS} are allowed: use shorter "
            "values.",
        )
