"""`modelrouter render` of ModelAccess objects, offline."""

import base64
from pathlib import Path
from typing import Any

import yaml

from function import names
from function.call import Manifest
from function.offline import inputs, render
from tests.generate import EXAMPLES
from tests.support.accesses import access, hash_of, with_key
from tests.support.world import router, secret

KEY = "sk-00000001-0000-4000-8000-000000000002-random"


def rendered(tmp_path: Path, *documents: Manifest, **given: Any) -> list[render.Rendered]:  # noqa: ANN401
    found, problems = render.render(read(tmp_path, *documents, **given))
    assert problems == []
    return found


def read(tmp_path: Path, *documents: Manifest, **given: list[Manifest]) -> inputs.Inputs:
    def file(name: str, content: list[Manifest]) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump_all(content))
        return path

    others = {name: [file(name, content)] for name, content in given.items()}
    return inputs.read([file("in", list(documents))], **others)  # type: ignore[arg-type]


def listed(*keys: str) -> Manifest:
    """A ModelRouter whose gateway accepts these keys."""
    told = {
        "access": {"keys": [hash_of(key)[:8] for key in keys]},
        "url": "http://gw.team.svc:4000",
    }
    return {**router(access={"grants": [{"namespace": "apps"}]}), "status": told}


def key_secret() -> Manifest:
    """The Secret with the key, as it is on a cluster."""
    found = secret("app-key-1-00000", "apps", OPENAI_API_KEY=KEY)
    annotations = {"crossplane.io/composition-resource-name": "key-1"}
    return {**found, "metadata": {**found["metadata"], "annotations": annotations}}


def test_a_random_key_is_a_placeholder(tmp_path: Path) -> None:
    (one,) = rendered(tmp_path, access(), required=[listed()])
    (composed,) = one.composed
    assert composed["metadata"]["name"] == "app-key-1-00000"
    text = base64.b64decode(composed["data"]["OPENAI_API_KEY"]).decode()
    assert text == "placeholder: a random key is made on the cluster"


def test_with_its_router_and_its_key_it_renders_to_the_whole_secret(tmp_path: Path) -> None:
    (one,) = rendered(tmp_path, access(), required=[listed(KEY)], observed=[key_secret()])
    by_name = {composed["metadata"]["name"]: composed for composed in one.composed}
    assert by_name.keys() == {"app", "app-key-1-00000"}
    data = {k: base64.b64decode(v).decode() for k, v in by_name["app"]["data"].items()}
    assert data == {"OPENAI_BASE_URL": "http://gw.team.svc:4000/v1", "OPENAI_API_KEY": KEY}
    (condition,) = one.xr["status"]["conditions"]
    assert (condition["type"], condition["status"]) == (names.ACCEPTED, "True")
    # As it is in the end: there are no pods that have yet to learn of it, and no date to write.
    assert condition["message"] == "The gateway accepts the key of generation 1."
    annotations = by_name["app-key-1-00000"]["metadata"]["annotations"]
    assert names.ANNOTATION_LISTED_AT not in annotations


def test_a_router_lists_those_that_are_given(tmp_path: Path) -> None:
    gateway = router(access={"grants": [{"namespace": "apps"}]})
    for given in ({"required": [with_key(access())]}, {}):
        files = [gateway] if given else [gateway, with_key(access())]
        one = rendered(tmp_path, *files, **given)[0]
        assert one.xr["status"]["access"]["accepted"] == 1


def test_its_mistakes_are_told_all_at_once(tmp_path: Path) -> None:
    wrong = access(modelz=["x"], rpm=0)
    wrong["spec"]["routerRef"]["nam"] = "x"
    wrong["more"] = {}
    found = read(tmp_path, wrong)
    assert sorted(problem.message for problem in found.problems) == [
        "ModelAccess 'apps/app': spec.rpm is 0: it must be at least 1.",
        "ModelAccess 'apps/app': unknown field more: remove it or fix the spelling",
        "ModelAccess 'apps/app': unknown field spec.modelz: remove it or fix the spelling",
        "ModelAccess 'apps/app': unknown field spec.routerRef.nam: remove it or fix the spelling",
    ]


def test_a_misspelt_kind_is_told(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, {**access(), "kind": "Modelaccess"}).problems
    assert problem.message == (
        "Modelaccess 'apps/app': kind is 'Modelaccess': it must be ModelAccess"
    )


def test_the_example_renders_to_no_warning_about_keys() -> None:
    found, problems = render.render(inputs.read([EXAMPLES / "access.yaml"]))
    assert problems == []
    assert [one.xr["kind"] for one in found] == ["ModelRouter", "ModelAccess", "ModelAccess"]
    reasons = [one.xr["status"]["conditions"][0]["reason"] for one in found[1:]]
    assert reasons == [names.REASON_KEY_WAITING] * 2
