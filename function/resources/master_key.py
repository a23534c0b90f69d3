"""The Secret that holds a master key that was made for the router."""

from function import names
from function.composition import Manifest, Selector
from function.plan import Plan
from function.resources import metadata
from function.router import Router


def selector(router: Router) -> Selector:
    """What it is called."""
    return Selector("v1", "Secret", names.master_key(router.name), router.namespace)


def build(plan: Plan) -> Manifest:
    """The object. Immutable, so that no stale cache can ever replace the key by another."""
    described = metadata.object_metadata(plan.router, selector(plan.router))
    if plan.master_key.id:
        own = {names.ANNOTATION_KEY_ID: plan.master_key.id}
        described["annotations"] = {**described.get("annotations", {}), **own}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": described,
        "data": {names.MASTER_KEY_VARIABLE: plan.master_key.data},
        "immutable": True,
    }
