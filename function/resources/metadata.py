"""Labels and annotations of composed objects."""

from collections.abc import Mapping

from function import names
from function.composition import Manifest, Selector
from function.router import Router


def object_metadata(router: Router, selector: Selector) -> Manifest:
    """The metadata of a composed object: the user's common ones under the function's own."""
    common = router.spec.common_metadata
    metadata: Manifest = {
        "name": selector.name,
        "namespace": selector.namespace,
        "labels": {**common.labels, **labels(router)},
    }
    if common.annotations:
        metadata["annotations"] = dict(common.annotations)
    return metadata


def pod_metadata(router: Router, annotations: Mapping[str, str]) -> Manifest:
    """The metadata of the pods: the user's own for pods under the function's own."""
    users = router.spec.pod_metadata
    return {
        "labels": {**users.labels, **labels(router)},
        "annotations": {**users.annotations, **annotations},
    }


def labels(router: Router) -> dict[str, str]:
    """The function's own labels, on every composed object and pod."""
    return {
        **service_selector(router),
        "app.kubernetes.io/name": names.CONTAINER,
        "app.kubernetes.io/instance": router.name,
        "app.kubernetes.io/component": "gateway",
        "app.kubernetes.io/part-of": "modelrouter",
        "app.kubernetes.io/managed-by": "crossplane",
    }


def deployment_selector(router: Router) -> dict[str, str]:
    """What the Deployment knows its pods by. It is immutable: never change it."""
    return {names.LABEL_APP: router.name}


def service_selector(router: Router) -> dict[str, str]:
    """What the Service knows the pods by: narrower, so that no foreign pod receives prompts."""
    return {**deployment_selector(router), names.LABEL_ROUTER: router.name}
