"""The API of ModelAccess on real API servers, the newest and the oldest, and what is composed."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from function import names
from function.access import request
from function.call import Manifest, Request
from function.errors import Refused
from function.grants import listing
from tests.generate import EXAMPLES, ROOT
from tests.support.accesses import access
from tests.support.apiserver import ApiError, Client, crds_of, serve
from tests.test_access import KEY_1, Cluster, rotated
from tests.test_admission import said
from tests.test_oldest import OLDEST

NEWEST = "kube-apiserver"

CASES: list[Manifest] = yaml.safe_load(
    (Path(__file__).parent / "access_admission.yaml").read_text()
)


@pytest.fixture(scope="module", params=[NEWEST, OLDEST])
def server(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def apiserver(server: str) -> Iterator[Client]:
    with serve(server) as client:
        client.namespace("apps")
        yield client


@pytest.fixture(params=["configuration", "claims"])
def api(request: pytest.FixtureRequest, apiserver: Client) -> Iterator[Client]:
    """The API server with the CRDs of one of the two packages."""
    crds = crds_of(ROOT / "package" / request.param / "modelaccess.yaml")
    apiserver.install_crds(crds)
    yield apiserver
    apiserver.uninstall_crds(crds)


def written(**spec: Any) -> Manifest:  # noqa: ANN401
    """A ModelAccess as an application team writes it."""
    manifest = access(**spec)
    for key in ("uid", "creationTimestamp"):
        del manifest["metadata"][key]
    return manifest


def test_the_api_server_takes_and_refuses(api: Client, server: str) -> None:
    """What the newest says, word for word, and what the oldest does."""
    told = {}
    for case in CASES:
        try:
            api.create(written(**case["spec"]), dry_run=True)
        except ApiError as refused:
            told[case["why"]] = said(refused)
    assert "s3cr3t" not in repr(told)
    wanted = {case["why"]: case["admission"] for case in CASES if "admission" in case}
    assert told.keys() == wanted.keys()
    if server == NEWEST:
        assert told == wanted


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_the_function_takes_and_refuses_the_same(case: Manifest) -> None:
    assert ("function" in case) == ("admission" in case or case.get("unseen", False))
    asked = Request(access(**case["spec"]))
    if "function" not in case:
        request.read(asked, {})
        return
    with pytest.raises(Refused) as refused:
        request.read(asked, {})
    assert refused.value.message == case["function"]


CHANGES: list[tuple[Manifest, Manifest, str | None]] = [
    ({}, {"keyGeneration": 2}, None),
    ({"keyGeneration": 2}, {"keyGeneration": 3}, None),
    ({}, {"rpm": 5, "routerRef": {"name": "other"}}, None),
    (
        {"keyGeneration": 2},
        {"keyGeneration": 1},
        "keyGeneration must not be lowered: a key that was replaced does not come back",
    ),
    (
        {"keyGeneration": 2},
        {"keyGeneration": None},
        "keyGeneration must not be lowered: a key that was replaced does not come back",
    ),
    (
        {"secretName": "a"},
        {"secretName": "b"},
        "secretName is immutable: delete the ModelAccess and create it again to have another name",
    ),
    (
        {},
        {"secretName": "b"},
        "secretName is immutable: delete the ModelAccess and create it again to have another name",
    ),
]


def test_what_may_change(api: Client) -> None:
    for i, (before, after, refusal) in enumerate(CHANGES):
        manifest = written(**before)
        manifest["metadata"]["name"] = f"changed-{i}"
        changed = copy.deepcopy(api.create(manifest))
        changed["spec"] |= after
        if refusal is None:
            api.replace(changed, dry_run=True)
        else:
            with pytest.raises(ApiError, match=refusal):
                api.replace(changed, dry_run=True)


def test_the_composed_secrets_are_applied_and_stay_as_they_are(apiserver: Client) -> None:
    for desired in rotated().turn().resources.values():
        first = apiserver.apply(desired.manifest)
        again = apiserver.apply(desired.manifest)
        assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_key_cannot_be_replaced_by_another(apiserver: Client) -> None:
    """What a cache that shows no Secret yet would lead to: a second random key."""
    one, two = (Cluster().turn().resources["key-1"].manifest for _ in range(2))
    for manifest in (one, two):
        manifest["metadata"]["name"] = f"race-{KEY_1}"
    apiserver.apply(one)
    with pytest.raises(ApiError, match="field is immutable when `immutable` is set"):
        apiserver.apply(two)


def test_a_config_map_holds_the_largest_file(apiserver: Client) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "largest", "namespace": "apps"},
        "data": {"access.json": "x" * listing.MAX_BYTES},
    }
    apiserver.create(manifest, dry_run=True)


def test_the_example_is_applied(api: Client) -> None:
    for manifest in yaml.safe_load_all((EXAMPLES / "access.yaml").read_text()):
        if manifest["kind"] != names.KIND:
            manifest["metadata"]["namespace"] = "apps"
            api.apply(manifest, field_manager="kubectl", dry_run=True)


PASTED: list[Manifest] = [
    {"routerRef": {"name": "sk-proj-s3cr3tS3cr3t"}},
    {"routerRef": {"name": "gw", "namespace": "sk-proj-s3cr3tS3cr3t"}},
    {"models": ["s3cr3t\n"]},
    {"models": ["s3cr3t" * 50]},
    {"budget": {"usd": "s3cr3t", "period": "Day"}},
    {"budget": {"usd": "s3cr3ts3cr3ts3cr3t", "period": "Day"}},
    {"expiresAt": "s3cr3t"},
    {"expiresAt": "s3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr3t"},
    {"secretName": "s3cr3t+/= "},
    {"secretName": "s3cr3t" * 50},
]
"""What someone may put into the wrong field."""


def test_a_credential_in_a_field_that_refuses_it_is_not_repeated(api: Client, server: str) -> None:
    for spec in PASTED:
        with pytest.raises(ApiError) as refused:
            api.create(written(**spec), dry_run=True)
        if server == NEWEST:  # The oldest repeats what is too long.
            assert "s3cr3t" not in refused.value.message
        with pytest.raises(Refused) as ours:
            request.read(Request(access(**spec)), {})
        assert "s3cr3t" not in ours.value.message


def test_the_columns_show_what_matters(api: Client) -> None:
    crd = crds_of(ROOT / "package" / "configuration" / "modelaccess.yaml")[0]
    (version,) = crd["spec"]["versions"]
    shown = [column["name"].upper() for column in version["additionalPrinterColumns"]]
    assert {"ACCEPTED", "READY", "ROUTER", "SECRET", "AGE"} <= set(shown)
    assert api.create(written(), dry_run=True)["kind"] == names.ACCESS_KIND
