"""The composed kinds, one module each.

A module says what its object is called (`selector`), writes it (`build`), and says from the
observed one whether it is ready (`ready`). Adding a kind is one such module and one line here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from function import names
from function.composition import Manifest, Selector
from function.plan import Plan
from function.resources import config_map, deployment, master_key, service
from function.router import Router


@dataclass(frozen=True)
class Kind:
    """A composed kind: the functions of its module."""

    selector: Callable[[Router], Selector]
    build: Callable[[Plan], Manifest]
    ready: Callable[[Mapping[str, Any]], bool]


def _exists(_: Mapping[str, Any]) -> bool:
    """Objects without a controller of their own are ready when they are there."""
    return True


KINDS: Final[Mapping[str, Kind]] = {
    names.CONFIG_MAP: Kind(config_map.selector, config_map.build, _exists),
    names.DEPLOYMENT: Kind(deployment.selector, deployment.build, deployment.ready),
    names.MASTER_KEY: Kind(master_key.selector, master_key.build, _exists),
    names.SERVICE: Kind(service.selector, service.build, _exists),
}
