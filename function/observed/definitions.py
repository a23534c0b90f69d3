"""Whether the cluster serves a kind that is not Kubernetes' own.

Crossplane fails a reconcile in which an object of an unknown kind is composed, or only looked up.
So before either is asked for, the kind's CustomResourceDefinition is looked up. Once an object of
the kind is there, that is no longer needed: the definition is larger than all else in a request.
"""

from collections.abc import Mapping
from typing import Any, Final

from function import shapes
from function.call import ResourceSelector

_SUFFIX: Final = "Definition"


def requirement(kind: str) -> str:
    """The name of the requirement by which the definition of a composed kind is looked up."""
    return f"{kind}{_SUFFIX}"


def selector(definition: str) -> ResourceSelector:
    """The CustomResourceDefinition of that name, as Crossplane is asked for it."""
    return ResourceSelector("apiextensions.k8s.io/v1", "CustomResourceDefinition", definition)


def serves(definition: Mapping[str, Any] | None, api_version: str) -> bool:
    """Whether a definition, or None if it does not exist, serves the version of an object."""
    version = api_version.rpartition("/")[2]
    return any(
        served.get("name") == version and served.get("served") is True
        for served in shapes.objects_at(definition, "spec", "versions")
    )
