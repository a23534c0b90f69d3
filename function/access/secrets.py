"""The Secrets of a ModelAccess: one for each generation's key, and the one applications take."""

import base64
from collections.abc import Mapping

from function import names
from function.access.acceptance import Accepted
from function.access.keys import Chosen
from function.access.observed import BASE_URL, KEY, KeySecret, Observed
from function.access.request import Application
from function.api.model_access import stamp
from function.call import DesiredResource, Manifest


def build(observed: Observed, chosen: Chosen, accepted: Accepted) -> dict[str, DesiredResource]:
    """The composed resources, by name.

    The Secret that applications take is never taken away: without a router it stays as it is.
    """
    application, before = observed.application, observed.secret
    resources = {
        # No one waits for a key, least of all those who have an older one.
        f"{names.RESOURCE_KEY}{generation}": DesiredResource(_key(application, key), ready=True)
        for generation, key in chosen.keys.items()
    }
    handed = chosen.handed_key
    url = f"{accepted.url}/v1" if accepted.url else "" if before is None else before.url
    if handed is not None and (url or before is not None):
        resources[names.RESOURCE_SECRET] = DesiredResource(
            _handed_out(application, handed, url), before is not None
        )
    return resources


def _key(application: Application, key: KeySecret) -> Manifest:
    """The Secret with one generation's key: immutable, so that no stale cache replaces the key."""
    annotations = {names.ANNOTATION_KEY_GENERATION: str(key.generation)}
    if key.replaced_at is not None:
        annotations[names.ANNOTATION_REPLACED_AT] = stamp(key.replaced_at)
    if key.listed_at is not None:
        annotations[names.ANNOTATION_LISTED_AT] = stamp(key.listed_at)
    name = application.key(key.generation).name or ""
    return {
        **_secret(application, name, annotations, {KEY: key.key}),
        "immutable": True,
    }


def _handed_out(application: Application, key: KeySecret, url: str) -> Manifest:
    annotations = {names.ANNOTATION_KEY_GENERATION: str(key.generation)}
    data = {BASE_URL: url, KEY: key.key}
    return _secret(application, application.secret_name, annotations, data)


def _secret(
    application: Application,
    name: str,
    annotations: Mapping[str, str],
    values: Mapping[str, str],
) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": application.namespace,
            "labels": {
                names.LABEL_ACCESS: application.name,
                "app.kubernetes.io/component": "key",
                "app.kubernetes.io/part-of": "modelrouter",
                "app.kubernetes.io/managed-by": "crossplane",
            },
            "annotations": dict(annotations),
        },
        "data": {name_: base64.b64encode(text.encode()).decode() for name_, text in values.items()},
    }
