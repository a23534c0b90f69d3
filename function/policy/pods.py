"""The pods among the composed objects."""

from collections.abc import Iterable, Mapping
from typing import Any

from function import shapes
from function.call import Manifest


def containers(manifests: Iterable[Manifest]) -> list[Mapping[str, Any]]:
    """All containers of the pods that objects make, those that run first last."""
    pods = [shapes.object_at(manifest, "spec", "template", "spec") for manifest in manifests]
    return [
        container
        for kind in ("containers", "initContainers")
        for pod in pods
        for container in shapes.objects_at(pod, kind)
    ]
