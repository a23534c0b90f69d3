"""The ConfigMap that holds config.yaml."""

from function import names
from function.composition import Manifest, Selector
from function.plan import Plan
from function.resources import metadata
from function.router import Router


def selector(router: Router) -> Selector:
    """What it is called."""
    return Selector("v1", "ConfigMap", names.config_map(router.name), router.namespace)


def build(plan: Plan) -> Manifest:
    """The object."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata.object_metadata(plan.router, selector(plan.router)),
        "data": {names.CONFIG_KEY: plan.config},
    }
