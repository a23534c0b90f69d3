"""`modelrouter render` as a user runs it, and held against `crossplane composition render`."""

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from function import names
from function.gateways.litellm.variables import MASTER_KEY
from tests.generate import EXAMPLES, ROOT, ROUTERS
from tests.support.processes import modelrouter, running
from tests.support.world import behind_claim, router

Object = dict[str, Any]


def render(
    *arguments: str | Path, cwd: Path = ROOT, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs the command, with nothing of the cluster's in its environment.

    Args:
        arguments: its arguments.
        cwd: where it runs.
        given: its standard input.
    """
    return subprocess.run(
        [modelrouter(), "render", *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
    )


def objects(text: str) -> list[Object]:
    return [document for document in yaml.safe_load_all(text) if document]


def written(folder: Path, *documents: Object, name: str = "in.yaml") -> Path:
    """A file of these documents."""
    path = folder / name
    path.write_text(yaml.safe_dump_all(documents))
    return path


def test_prints_the_composed_objects_of_a_smallest_router() -> None:
    result = render("examples/modelrouter.yaml")
    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        "Note: ModelRouter 'gateway': 'openai/gpt-4o': a single deployment without a fallback; if "
        "it fails, calls fail.",
        "Warning: ModelRouter 'gateway': Missing: OPENAI_API_KEY in Secret 'litellm-secrets'.",
    ]
    assert [document["kind"] for document in objects(result.stdout)] == [
        "ConfigMap",
        "Deployment",
        "Secret",
        "Service",
    ]
    assert render("examples/modelrouter.yaml").stdout == result.stdout


def test_shows_a_placeholder_for_a_master_key_that_would_be_random() -> None:
    (secret,) = (
        o for o in objects(render("examples/modelrouter.yaml").stdout) if o["kind"] == "Secret"
    )
    shown = base64.b64decode(secret["data"][MASTER_KEY]).decode()
    assert shown == "placeholder: a random master key is made on the cluster"


@pytest.mark.parametrize("how", ["data", "stringData"])
def test_shows_a_master_key_that_is_already_there(tmp_path: Path, how: str) -> None:
    value = base64.b64encode(b"sk-kept").decode() if how == "data" else "sk-kept"
    existing = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "gateway-master-key", "namespace": "default"},
        how: {MASTER_KEY: value},
    }
    result = render("examples/modelrouter.yaml", "--required", written(tmp_path, existing))
    (secret,) = (o for o in objects(result.stdout) if o["kind"] == "Secret")
    assert base64.b64decode(secret["data"][MASTER_KEY]) == b"sk-kept"


def test_the_whole_of_a_folder_is_rendered_and_written(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    written(source, router("one"), name="1.yaml")
    written(source, router("two"), router("three"), name="2.yml")
    result = render(source, "--output-dir", tmp_path / "out", "--include-xr")
    assert (result.returncode, result.stdout) == (0, "")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {
        f"{kind}-{name}.yaml"
        for router_ in ("one", "two", "three")
        for kind, name in [
            ("modelrouter", router_),
            ("configmap", f"{router_}-config"),
            ("deployment", router_),
            ("secret", f"{router_}-master-key"),
            ("service", router_),
        ]
    }
    (service,) = objects((tmp_path / "out" / "service-two.yaml").read_text())
    assert service["metadata"]["name"] == "two"


def test_routers_of_one_name_in_two_namespaces_are_written_side_by_side(tmp_path: Path) -> None:
    path = written(tmp_path, router(namespace="blue"), router(namespace="green"))
    assert render(path, "--output-dir", tmp_path / "out", "-x").returncode == 0
    for namespace in ("blue", "green"):
        for kind in ("modelrouter", "deployment", "service"):
            (found,) = objects((tmp_path / "out" / f"{kind}-gw.{namespace}.yaml").read_text())
            assert (found["metadata"]["namespace"], found["kind"].lower()) == (namespace, kind)
    assert len(list((tmp_path / "out").iterdir())) == 10


def test_each_result_is_written_into_a_file_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, router("one", type="kong"), router("two", type="kong"))
    assert render(path, "--output-dir", tmp_path / "out", "-r").returncode == 0
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["result-UnsupportedType-2.yaml", "result-UnsupportedType.yaml"]


def test_a_folder_with_other_files_is_written_into_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    command = ("examples/modelrouter.yaml", "--output-dir", out)
    refused = render(*command)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        f"Error: '{out}' holds other files (mine.txt): name an empty folder, or add to this one "
        "with --force"
    )
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert render(*command, "--force").returncode == 0
    assert len(list(out.iterdir())) == 5
    assert (out / "mine.txt").read_text() == "mine"


def test_a_folder_is_written_again_without_force(tmp_path: Path) -> None:
    command = ("examples/modelrouter.yaml", "--output-dir", tmp_path / "out")
    assert render(*command).returncode == 0
    assert render(*command).returncode == 0


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    xr = behind_claim()
    xr["metadata"]["name"] = "../../gw"
    assert render(written(tmp_path, xr), "-x", "--output-dir", tmp_path / "out").returncode == 0
    names_ = {path.name for path in (tmp_path / "out").iterdir()}
    assert "xmodelrouter-.._.._gw.yaml" in names_
    assert {path.name for path in tmp_path.iterdir()} == {"in.yaml", "out"}


def test_warnings_are_errors_if_they_must_not_be(tmp_path: Path) -> None:
    result = render("examples/modelrouter.yaml", "--strict", "--output-dir", tmp_path / "out")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[1:] == [
        "Warning: ModelRouter 'gateway': Missing: OPENAI_API_KEY in Secret 'litellm-secrets'.",
        "Error: --strict allows no warnings, and there are 1",
    ]
    assert not (tmp_path / "out").exists()


def test_without_warnings_a_strict_rendering_succeeds() -> None:
    result = render("examples/modelrouter.yaml", "-e", "examples/secret.yaml", "--strict")
    assert result.returncode == 0
    assert "Warning" not in result.stderr
    assert len(objects(result.stdout)) == 4


def test_a_router_without_a_namespace_is_in_the_default_one_as_with_kubectl(tmp_path: Path) -> None:
    xr = router()
    del xr["metadata"]["namespace"]
    result = render(written(tmp_path, xr))
    assert {o["metadata"]["namespace"] for o in objects(result.stdout)} == {"default"}


def test_yaml_is_read_as_kubectl_reads_it(tmp_path: Path) -> None:
    """A date is a text, and a key that looks like a number is one too."""
    path = tmp_path / "router.yaml"
    path.write_text("""
apiVersion: gateway.agentic-layer.ai/v1alpha1
kind: ModelRouter
metadata: {name: gw, annotations: null, labels: null}
spec:
  aiModels: [{name: azure/gpt-4o, apiVersion: 2024-10-21}]
  podMetadata: {labels: {1: one}}
""")
    result = render(path)
    assert result.returncode == 0, result.stderr
    config, deployment = objects(result.stdout)[:2]
    assert "api_version: '2024-10-21'" in config["data"]["config.yaml"]
    assert deployment["spec"]["template"]["metadata"]["labels"]["1"] == "one"


def test_integers_are_as_exact_as_on_a_cluster(tmp_path: Path) -> None:
    """The API keeps 64 bits, but Crossplane sends all numbers in floating point."""
    seed = 2**53 + 1
    model = {"name": "openai/gpt-4o", "parameters": {"seed": seed}}
    result = render(written(tmp_path, router(aiModels=[model])), "--include-xr")
    assert result.returncode == 0, result.stderr
    xr, config = objects(result.stdout)[:2]
    assert xr["spec"]["aiModels"][0]["parameters"]["seed"] == seed
    assert f"seed: {seed - 1}\n" in config["data"]["config.yaml"]


@pytest.mark.parametrize(
    ("stop", "sentence"),
    [
        (f"{'[' * 60}{']' * 60}", "the ModelRouter cannot be read, most likely because spec is "),
        ("x" * 5 * 1024 * 1024, "Crossplane could not call "),
    ],
    ids=["nested too deep", "too large"],
)
def test_what_cannot_be_sent_to_the_function_is_said(
    tmp_path: Path, stop: str, sentence: str
) -> None:
    """Nor could Crossplane send it."""
    path = tmp_path / "router.yaml"
    path.write_text(f"""
apiVersion: gateway.agentic-layer.ai/v1alpha1
kind: ModelRouter
metadata: {{name: gw}}
spec: {{aiModels: [{{name: openai/gpt-4o, parameters: {{stop: {stop}}}}}]}}
""")
    result = render(path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {path}, line 2: ModelRouter 'gw': {sentence}")
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = render("examples/modelrouter.yaml", "--output-dir", tmp_path / "file" / "out")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "cannot write" in result.stderr


def test_crossplanes_own_fields_are_taken(tmp_path: Path) -> None:
    xr = router(crossplane={"compositionRef": {"name": "mine"}})
    assert render(written(tmp_path, xr)).returncode == 0


def test_of_an_unsupported_type_it_is_said_that_nothing_is_composed(tmp_path: Path) -> None:
    result = render(written(tmp_path, router(type="kong")), "-r")
    assert result.returncode == 0
    assert result.stderr == (
        "Warning: ModelRouter 'team/gw': spec.type is 'kong': only litellm is implemented, so "
        "nothing is composed.\n"
    )
    (note,) = objects(result.stdout)
    assert (note["kind"], note["severity"]) == ("Result", "Warning")


SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "gw", "namespace": "team"}}

REFUSED: list[tuple[str, list[Object], str]] = [
    (
        "a spec that the API refuses",
        [router(port=0)],
        "FILE, line 10: ModelRouter 'team/gw': spec.port is 0: it must be at least 1.",
    ),
    (
        "a composition that the function refuses",
        [router(aiModels=[{"name": "ollama/x"}])],
        "FILE, line 9: ModelRouter 'team/gw': spec.aiModels[0].apiBase is missing: 'ollama/x' is "
        "self-hosted, and LiteLLM would send its prompts to a host that you did not choose; set "
        "the URL of your server.",
    ),
    (
        "a field that the API does not have, as kubectl refuses it",
        [router(prot=1)],
        "FILE, line 10: ModelRouter 'team/gw': unknown field spec.prot; did you mean spec.port?",
    ),
    (
        "a field deep inside that the API does not have",
        [router(aiModels=[{"name": "a/b", "apibase": "x"}])],
        "FILE, line 9: ModelRouter 'team/gw': unknown field spec.aiModels[0].apibase; did you "
        "mean spec.aiModels.apiBase?",
    ),
    (
        "a router without a name",
        [{**router(), "metadata": {}}],
        "FILE, line 3: ModelRouter without a name: metadata.name is missing: give the ModelRouter "
        "a name",
    ),
    (
        "another version",
        [{**router(), "apiVersion": "gateway.agentic-layer.ai/v1"}],
        "FILE, line 1: ModelRouter 'team/gw': apiVersion is 'gateway.agentic-layer.ai/v1': it must "
        "be gateway.agentic-layer.ai/v1alpha1",
    ),
    (
        "another group",
        [{**router(), "apiVersion": "v1"}],
        "FILE, line 1: ModelRouter 'team/gw': apiVersion is 'v1': it must be "
        "gateway.agentic-layer.ai/v1alpha1",
    ),
    (
        "no version",
        [{key: value for key, value in router().items() if key != "apiVersion"}],
        "FILE, line 1: ModelRouter 'team/gw': apiVersion is missing: it must be "
        "gateway.agentic-layer.ai/v1alpha1",
    ),
    (
        "another kind",
        [{**router(), "kind": "Modelrouter"}],
        "FILE, line 2: Modelrouter 'team/gw': kind is 'Modelrouter': it must be ModelRouter",
    ),
    (
        "no kind",
        [{key: value for key, value in router().items() if key != "kind"}],
        "FILE, line 1: kind is missing: it must be ModelRouter",
    ),
    ("nothing at all", [], "no ModelRouter or ModelAccess in the files: nothing to render"),
]


@pytest.mark.parametrize(
    ("documents", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_bad_input_is_refused_in_one_line(
    tmp_path: Path, documents: list[Object], message: str
) -> None:
    path = written(tmp_path, *documents)
    result = render(path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"Error: {message.replace('FILE', str(path))}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", ", line 2: not valid YAML: "),
        ("- 1\n", ", line 1: a document is not an object of Kubernetes: "),
    ],
)
def test_a_file_that_holds_no_objects_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    result = render(path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: {path}{message}")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    result = render(tmp_path / "none.yaml")
    assert result.returncode == 1
    assert (
        result.stderr == f"Error: cannot read '{tmp_path}/none.yaml': No such file or directory\n"
    )


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    result = render(written(tmp_path, router()), "-e", written(tmp_path, SERVICE, name="s.yaml"))
    assert result.returncode == 1
    assert "Service 'gw' already exists in namespace 'team'" in result.stderr


def test_an_observed_object_must_say_which_composed_resource_it_is(tmp_path: Path) -> None:
    result = render(written(tmp_path, router()), "-o", written(tmp_path, SERVICE, name="s.yaml"))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"Error: {tmp_path}/s.yaml, line 3: Service 'team/gw': an observed object needs the "
        "annotation crossplane.io/composition-resource-name: add it, with the name of the composed "
        "resource, such as deployment"
    )


# -- Crossplane's own render, where its two programs can be had


@pytest.fixture(scope="module")
def crossplane() -> Iterator[list[str]]:
    """The command line of `crossplane composition render`, with our server running.

    Crossplane's programs come from no package registry, so this is a check for machines that have
    them: the CLI as `crossplane` on the PATH, its core as the file that CROSSPLANE_CORE names.
    """
    cli, core = shutil.which("crossplane"), os.environ.get("CROSSPLANE_CORE")
    if cli is None or core is None:
        pytest.skip("needs the crossplane CLI on the PATH and its core's path in CROSSPLANE_CORE")
    with running("--insecure") as (_, address):
        target = f"render.crossplane.io/runtime-development-target={address}"
        yield [cli, "composition", "render", f"--crossplane-binary={core}", "-a", target]


def by_crossplane(
    command: list[str], xr: Path, *flags: str | Path, package: str = "configuration"
) -> list[Object]:
    """What Crossplane renders, with its XRD, in the order of our command."""
    folder = ROOT / "package" / package
    files = [xr, folder / "composition.yaml", EXAMPLES / "functions.yaml"]
    arguments = [*files, "--xrd", folder / "definition.yaml", *flags]
    result = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return objects(result.stdout)


def comparable(documents: list[Object]) -> list[Object]:
    """Without what is random, the input, and Crossplane's own references, conditions and events."""
    return [
        _comparable(document)
        for document in documents
        if document["kind"] != "Result" or document["message"].startswith("Pipeline step")
    ]


def _comparable(document: Object) -> Object:
    if document["kind"] == "Secret":
        return {**document, "data": sorted(document["data"])}
    if document["kind"] not in (names.KIND, names.LEGACY_KIND):
        return document
    status = {k: v for k, v in document["status"].items() if k != "claimConditionTypes"}
    ours = {names.CONFIGURED, names.CREDENTIALS_PRESENT, names.AVAILABLE, names.ROLLED_OUT}
    status["conditions"] = [c for c in status["conditions"] if c["type"] in ours]
    own = {key: document[key] for key in ("apiVersion", "kind")}
    named = {key: document["metadata"].get(key) for key in ("name", "namespace")}
    return {**own, "metadata": named, "status": status}


@pytest.mark.crossplane
@pytest.mark.parametrize("example", ROUTERS)
def test_agrees_with_crossplane_for_every_example(crossplane: list[str], example: str) -> None:
    path = EXAMPLES / f"{example}.yaml"
    theirs = by_crossplane(crossplane, path, "-r")
    assert comparable(objects(render(path, "-x", "-r").stdout)) == comparable(theirs)


@pytest.mark.crossplane
def test_agrees_with_crossplane_behind_a_claim(crossplane: list[str], tmp_path: Path) -> None:
    path = written(tmp_path, behind_claim("shop", "web"))
    theirs = by_crossplane(crossplane, path, package="claims")
    assert comparable(objects(render(path, "-x").stdout)) == comparable(theirs)


@pytest.mark.crossplane
def test_agrees_with_crossplane_over_observed_and_required_objects(
    crossplane: list[str], tmp_path: Path
) -> None:
    """A gateway that runs, whose Service was deleted, beside a Secret of the user's."""
    path = EXAMPLES / "modelrouter.yaml"
    secrets: list[str | Path] = ["-e", EXAMPLES / "secret.yaml"]
    printed = render(path, *secrets).stdout
    running_ = [o for o in objects(printed) if o["kind"] != "Service"]
    for document in running_:
        if document["kind"] == "Deployment":
            document["metadata"]["generation"] = 1
            document["status"] = {
                "observedGeneration": 1,
                "replicas": 1,
                "updatedReplicas": 1,
                "readyReplicas": 1,
                "availableReplicas": 1,
                "conditions": [{"type": "Available", "status": "True"}],
            }
    flags: list[str | Path] = [
        "-o",
        written(tmp_path, *running_, name="observed.yaml"),
        *secrets,
    ]
    theirs = by_crossplane(crossplane, path, *flags, "-r")
    ours = objects(render(path, "-x", "-r", *flags).stdout)
    assert comparable(ours) == comparable(theirs)
    conditions = {c["type"]: c["status"] for c in ours[0]["status"]["conditions"]}
    assert conditions == {
        "Configured": "True",
        "CredentialsPresent": "True",
        "Available": "True",
        "RolledOut": "True",
    }


@pytest.mark.crossplane
def test_agrees_with_crossplane_on_an_unsupported_type(
    crossplane: list[str], tmp_path: Path
) -> None:
    path = written(tmp_path, router(type="kong"))
    theirs = by_crossplane(crossplane, path, "-r")
    assert comparable(objects(render(path, "-x", "-r").stdout)) == comparable(theirs)


@pytest.mark.crossplane
def test_crossplane_reports_the_sentence_of_a_refusal(
    crossplane: list[str], tmp_path: Path
) -> None:
    files = [
        written(tmp_path, router(port=0)),
        EXAMPLES / "composition.yaml",
        EXAMPLES / "functions.yaml",
    ]
    result = subprocess.run(
        [*crossplane, *map(str, files)], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode != 0
    assert "spec.port is 0: it must be at least 1." in result.stderr
