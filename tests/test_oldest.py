"""The API on the oldest Kubernetes that is supported: what it takes, and what it makes of it.

What the newest says to each case, word for word, is in test_admission.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from function.call import Manifest
from tests.generate import EXAMPLES, ROOT, ROUTERS
from tests.support import tools
from tests.support.apiserver import ApiError, Client, crds_of, pod_of, serve
from tests.support.world import World
from tests.test_admission import CASES, ROUTERS_TO_COMPOSE, case_router

OLDEST = "kube-apiserver-oldest"


@pytest.fixture(scope="module")
def oldest() -> Iterator[Client]:
    """Its API server, with what belongs to the Gateway API and to Prometheus."""
    kinds = ("gateway.networking.k8s.io_httproutes", "monitoring.coreos.com_servicemonitors")
    with serve(OLDEST) as client:
        client.install_crds([yaml.safe_load(tools.definition(k).read_text()) for k in kinds])
        client.namespace("team")
        yield client


@pytest.fixture(scope="module", params=["configuration", "claims"])
def api(request: pytest.FixtureRequest, oldest: Client) -> Iterator[Client]:
    """With the CRDs of one of the two packages."""
    crds = crds_of(ROOT / "package" / request.param / "definition.yaml")
    oldest.install_crds(crds)
    yield oldest
    oldest.uninstall_crds(crds)


def takes(api: Client, manifest: Manifest) -> bool:
    try:
        api.create(manifest, dry_run=True)
    except ApiError:
        return False
    return True


def test_takes_and_refuses_the_same(api: Client) -> None:
    wanted = {case["why"]: "admission" not in case for case in CASES}
    assert {case["why"]: takes(api, case_router(case)) for case in CASES} == wanted


def test_takes_every_example(api: Client) -> None:
    for name in ROUTERS:
        api.apply(yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text()), field_manager="kubectl")


@pytest.mark.parametrize("name", ROUTERS_TO_COMPOSE)
def test_takes_what_is_composed(oldest: Client, name: str) -> None:
    """Strictly, and the pods in a namespace that enforces the restricted standard."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = oldest.namespace(f"run-{name}", labels)
    xr = copy.deepcopy(ROUTERS_TO_COMPOSE[name])
    where: Any = xr["spec"]["claimRef"] if "claimRef" in xr["spec"] else xr["metadata"]
    where["namespace"] = namespace
    answer = World(xr).reconcile()
    assert answer.refusal is None, answer.refusal
    for resource in answer.resources.values():
        oldest.apply(resource.manifest)
    oldest.create(pod_of(answer.resources["deployment"].manifest), dry_run=True)
