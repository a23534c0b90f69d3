"""Labels and annotations that people give to pods and objects."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import model_validator

from function.api.fields import Annotations, Labels
from function.api.validation import Model, refuse

_REPLACED: Final = re.compile(
    r"(kubernetes\.io/config\.mirror|scheduler\.alpha\.kubernetes\.io/tolerations|"
    r"(container\.)?(seccomp|apparmor)\.security\.(alpha|beta)\.kubernetes\.io/.*)"
)
_DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_SOURCE_RANGES: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"
_INGRESS_CLASS: Final = "kubernetes.io/ingress.class"
_INT32: Final = re.compile(r"0|-?[1-9][0-9]{0,8}")


class Metadata(Model):
    """Labels and annotations, of the pods at least."""

    labels: Labels = {}
    annotations: Annotations = {}

    @model_validator(mode="after")
    def _known_of_pods(self) -> "Metadata":
        """Rejects annotations that the API server takes for more than notes."""
        if any(_REPLACED.fullmatch(key) for key in self.annotations):
            raise refuse(
                "annotations must not set what Kubernetes has other fields for: seccomp, AppArmor, "
                "tolerations and static pods"
            )
        if not _INT32.fullmatch(self.annotations.get(_DELETION_COST, "0")):
            raise refuse(
                f"the annotation {_DELETION_COST} must be a whole number of at most nine digits"
            )
        return self


class CommonMetadata(Metadata):
    """Labels and annotations of the composed objects and the pods."""

    @model_validator(mode="after")
    def _known_of_services(self) -> "CommonMetadata":
        check_service_annotations(self.annotations)
        check_ingress_annotations(self.annotations)
        return self


def check_service_annotations(annotations: Mapping[str, str]) -> None:
    """Rejects annotations that the API server takes for a part of a Service."""
    if _SOURCE_RANGES in annotations:
        raise refuse(
            f"the annotation {_SOURCE_RANGES} must not be set: limit who may call the gateway "
            "with a NetworkPolicy"
        )


def check_ingress_annotations(annotations: Mapping[str, str]) -> None:
    """Rejects annotations that the API server takes for a part of an Ingress."""
    if _INGRESS_CLASS in annotations:
        raise refuse(
            f"the annotation {_INGRESS_CLASS} must not be set: set spec.ingress.className instead"
        )
