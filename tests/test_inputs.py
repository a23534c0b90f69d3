"""What `modelrouter render` is given: taken as kubectl takes it, with all that is wrong told."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from function.call import Manifest
from function.main import cli
from function.offline import inputs
from function.offline.inputs import Inputs
from function.offline.problems import in_order
from tests.support.processes import modelrouter
from tests.support.world import router, secret
from tests.test_render import objects, render, written

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
KEYS = secret("litellm-secrets", OPENAI_API_KEY="sk-1")


def listed(*items: Any, kind: str = "List", version: str = "v1") -> Manifest:  # noqa: ANN401
    return {"apiVersion": version, "kind": kind, "items": [*items]}


def names_of(found: Inputs) -> list[str]:
    assert not found.problems
    return [f.manifest["metadata"]["name"] for f in found.routers]


def told(path: Path) -> list[str]:
    """What is wrong with a file, without its name."""
    return [str(p).removeprefix(f"{path}, ") for p in in_order(inputs.read([path]).problems)]


# -- What kubectl takes


def test_standard_input_is_read() -> None:
    stream = yaml.safe_dump_all([SERVICE, router(), KEYS])
    result = render("-", "--strict", given=stream)
    assert result.returncode == 0, result.stderr
    assert [document["kind"] for document in objects(result.stdout)] == [
        "ConfigMap",
        "Deployment",
        "Secret",
        "Service",
    ]
    assert result.stderr.splitlines()[0] == (
        "Note: standard input: left aside Service 'web': only ModelRouters, ModelAccess objects "
        "and Secrets are read"
    )


def test_standard_input_holds_required_and_observed_objects_too(tmp_path: Path) -> None:
    path = written(tmp_path, router())
    assert render(path, "--strict", "-e", "-", given=yaml.safe_dump(KEYS)).returncode == 0
    wrong = render(path, "-o", "-", given=yaml.safe_dump(SERVICE))
    assert "\nError: standard input, line 3: Service 'web': an observed object" in wrong.stderr


def test_what_is_wrong_with_standard_input_is_told_by_its_line() -> None:
    result = render("-", given=yaml.safe_dump(router(port=0)))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: standard input, line 10: ModelRouter 'team/gw': spec.port is 0: it must be at "
        "least 1.\n"
    )


def test_standard_input_is_read_only_once() -> None:
    result = render("-", "-e", "-", given=yaml.safe_dump(router()))
    assert result.returncode == 2
    assert result.stderr.endswith("Error: standard input can be read only once: give - once\n")


def test_no_standard_input_at_all_is_said() -> None:
    command = ["sh", "-c", f"exec {modelrouter()} render - <&-"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr == "Error: cannot read 'standard input': Bad file descriptor\n"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl on the PATH")
def test_what_kustomize_builds_is_rendered(tmp_path: Path) -> None:
    written(tmp_path, router(), SERVICE, name="router.yaml")
    kustomization = {
        "resources": ["router.yaml"],
        "namespace": "blue",
        "secretGenerator": [{"name": "litellm-secrets", "literals": ["OPENAI_API_KEY=sk-1"]}],
        "generatorOptions": {"disableNameSuffixHash": True},
    }
    (tmp_path / "kustomization.yaml").write_text(json.dumps(kustomization))
    command = ["kubectl", "kustomize", str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    result = render("-", "--strict", given=built)
    assert result.returncode == 0, result.stderr
    assert {o["metadata"]["namespace"] for o in objects(result.stdout)} == {"blue"}


@pytest.mark.parametrize(
    "document",
    [
        listed(SERVICE, router("one"), router("two"), KEYS),
        listed(listed(SERVICE, router("one")), router("two")),
        listed(
            *({k: v for k, v in router(name).items() if k != "kind"} for name in ("one", "two")),
            kind="ModelRouterList",
            version=router()["apiVersion"],
        ),
    ],
    ids=["mixed", "in one another", "of one kind"],
)
def test_the_items_of_a_list_are_objects(tmp_path: Path, document: Manifest) -> None:
    assert names_of(inputs.read([written(tmp_path, document)])) == ["one", "two"]


def test_an_empty_list_holds_nothing(tmp_path: Path) -> None:
    assert names_of(inputs.read([written(tmp_path, listed(), router("one"))])) == ["one"]


def test_a_list_of_secrets_is_required(tmp_path: Path) -> None:
    path = written(tmp_path, listed(KEYS), name="keys.yaml")
    found = inputs.read([written(tmp_path, router())], required=[path])
    assert found.required == [KEYS]


def test_secrets_beside_routers_are_required(tmp_path: Path) -> None:
    path = written(tmp_path, KEYS, router())
    other = {**KEYS, "data": {}}
    found = inputs.read([path], required=[written(tmp_path, other, name="other.yaml")])
    assert found.required == [KEYS, other]
    assert not found.notes
    assert render(path, "--strict").returncode == 0


def test_a_secret_without_a_namespace_is_in_that_of_kubectl(tmp_path: Path) -> None:
    keys = {**KEYS, "metadata": {"name": "litellm-secrets"}}
    path = written(tmp_path, router(namespace="default"), keys)
    assert render(path, "--strict").returncode == 0
    assert render(written(tmp_path, router(), keys), "--strict").returncode == 1


def test_other_objects_are_left_aside_with_one_note_for_each_file(tmp_path: Path) -> None:
    many = [{**SERVICE, "metadata": {"name": f"s{i}", "namespace": "team"}} for i in range(7)]
    one = written(tmp_path, *many, router("one"), name="1.yaml")
    two = written(tmp_path, {"apiVersion": "v1", "kind": "Odd"}, router("two"), name="2.yaml")
    found = inputs.read([one, two])
    assert names_of(found) == ["one", "two"]
    assert found.notes == [
        f"{one}: left aside Service 'team/s0', Service 'team/s1', Service 'team/s2', "
        "Service 'team/s3', Service 'team/s4', and 2 more: only ModelRouters, ModelAccess objects "
        "and Secrets are read",
        f"{two}: left aside Odd without a name: only ModelRouters, ModelAccess objects and Secrets "
        "are read",
    ]


@pytest.mark.parametrize(
    "kind",
    ["ModelRoute", "Router", "CompositeResourceDefinition", "ModelRouterPolicy"],
)
def test_kinds_of_other_groups_are_not_taken_for_routers(tmp_path: Path, kind: str) -> None:
    other = {**router(), "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind}
    found = inputs.read([written(tmp_path, other, router("one"))])
    assert names_of(found) == ["one"]
    assert f"left aside {kind} 'team/gw'" in found.notes[0]


def test_only_other_objects_are_nothing_to_render(tmp_path: Path) -> None:
    result = render(written(tmp_path, SERVICE))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"Note: {tmp_path}/in.yaml: left aside Service 'web': only ModelRouters, ModelAccess "
        "objects and Secrets are read",
        "Error: no ModelRouter or ModelAccess in the files: nothing to render",
    ]


def test_a_folder_is_read_as_kubectl_reads_it(tmp_path: Path) -> None:
    """All files with the endings of YAML and JSON, in the order of their names, no folders."""
    (tmp_path / "c.json").write_text(json.dumps(router("c")))
    written(tmp_path, router("b"), name="b.yml")
    written(tmp_path, router("a"), KEYS, name="a.yaml")
    (tmp_path / "notes.txt").write_text("[")
    (tmp_path / "values.yaml.bak").write_text("[")
    (tmp_path / "below.yaml").mkdir()
    written(tmp_path / "below.yaml", router("below"))
    found = inputs.read([tmp_path])
    assert names_of(found) == ["a", "b", "c"]
    assert found.required == [KEYS]


def test_a_file_is_read_whatever_its_ending(tmp_path: Path) -> None:
    assert names_of(inputs.read([written(tmp_path, router("a"), name="router.txt")])) == ["a"]


def test_a_file_that_cannot_be_there_is_said() -> None:
    (found,) = inputs.read([Path("x" * 5000)]).problems
    assert str(found) == f"cannot read '{'x' * 5000}': File name too long"


def test_a_file_that_may_not_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, router(port=0))
    found = [str(p) for p in inputs.read([tmp_path / "none.yaml", path]).problems]
    assert found[0] == f"cannot read '{tmp_path}/none.yaml': No such file or directory"
    assert len(found) == 2


# -- All errors at once


BAD = """\
# A file in which much is wrong.
apiVersion: gateway.agentic-layer.ai/v1alpha1
kind: ModelRouter
metadata:
  name: gw
  namespace: team
  lables: {a: b}
  annotations: {a/b: 5}
spec:
  port: 0
  replicas: 2
  aiModels:
    - name: openai/gpt-4o
      apibase: https://example.com
      weight: heavy
      weight: 2
    - &second
      name: 5
  podMetadata:
    labels: {"example.com/a": [1]}
---
apiVersion: v1
kind: List
items:
  - apiVersion: gateway.agentic-layer.ai/v1
    kind: ModelRouters
    metadata: {name: gw}
    spec: {aiModels: [{name: openai/a}]}
  - apiVersion: gateway.agentic-layer.ai/v1alpha1
    kind: ModelRouter
    metadata: {name: local}
    spec:
      aiModels:
        - name: openai/gpt-4o
          alias: one
        - name: ollama/x
  - 3
---
a: [
---
{"apiVersion": "gateway.agentic-layer.ai/v1alpha1", "kind": "ModelRouter",
 "metadata": {"name": "flow"},
 "spec": {"aiModels":
   [{"name": "openai/gpt-4o", "rpm": 0}]}}
"""


def test_all_errors_of_a_file_are_told_in_order_each_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    result = render(path)
    assert (result.returncode, result.stdout) == (1, "")
    gw = "ModelRouter 'team/gw': "
    assert [line.removeprefix(f"Error: {path}, line ") for line in result.stderr.splitlines()] == [
        f"7: {gw}unknown field metadata.lables; did you mean metadata.labels?",
        f"8: {gw}metadata.annotations.a/b is not a string: quote it",
        f"10: {gw}spec.port is 0: it must be at least 1.",
        f"11: {gw}unknown field spec.replicas; did you mean spec.deployment.replicas?",
        f"14: {gw}unknown field spec.aiModels[0].apibase; did you mean spec.aiModels.apiBase?",
        f"15: {gw}spec.aiModels[0].weight is a string: it must be a whole number.",
        "16: the key 'weight' is set twice in one object: remove one of them",
        f"18: {gw}spec.aiModels[1].name is 5: it must be a string.",
        f"20: {gw}spec.podMetadata.labels.example.com/a is a list: it must be a string.",
        "25: ModelRouters 'gw': apiVersion is 'gateway.agentic-layer.ai/v1': it must be "
        "gateway.agentic-layer.ai/v1alpha1",
        "26: ModelRouters 'gw': kind is 'ModelRouters': it must be ModelRouter",
        "36: ModelRouter 'local': spec.aiModels[1].apiBase is missing: 'ollama/x' is self-hosted, "
        "and LiteLLM would send its prompts to a host that you did not choose; set the URL of "
        "your server.",
        "37: an item of a list is not an object of Kubernetes: write apiVersion, kind, …",
        "40: not valid YAML: did not find expected node content",
        "44: ModelRouter 'flow': spec.aiModels[0].rpm is 0: it must be at least 1.",
    ]


def test_errors_of_several_files_follow_the_files(tmp_path: Path) -> None:
    one = written(tmp_path, router(port=0), router("b", prot=1), name="1.yaml")
    two = written(tmp_path, router("c", port=0), name="2.yaml")
    places = [str(p).partition(": ")[0] for p in in_order(inputs.read([two, one]).problems)]
    assert places == [f"{two}, line 10", f"{one}, line 10", f"{one}, line 21"]


def test_what_the_function_refuses_hides_no_other_router(tmp_path: Path) -> None:
    refused = [router(f"r{i}", aiModels=[{"name": "ollama/x"}]) for i in range(2)]
    result = render(written(tmp_path, *refused, router("good")))
    assert (result.returncode, result.stdout) == (1, "")
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert [error.split(": ")[2] for error in errors] == [
        "ModelRouter 'team/r0'",
        "ModelRouter 'team/r1'",
    ]
    assert "Warning: ModelRouter 'team/good': Missing: " in result.stderr


def test_lines_are_told_of_json_with_tabs(tmp_path: Path) -> None:
    path = tmp_path / "router.json"
    bad = {**router(prot=1), "metadata": {"name": "gw"}}
    path.write_text(json.dumps(bad, indent="\t"))
    assert told(path) == [
        "line 13: ModelRouter 'gw': unknown field spec.prot; did you mean spec.port?"
    ]


def test_a_key_that_is_set_twice_in_json_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "router.json"
    path.write_text('{"kind": "X",\n "a": {"b": 1,\n  "b": 2}}\n')
    assert told(path) == ["line 3: the key 'b' is set twice in one object: remove one of them"]


def test_a_line_that_is_no_separator_is_told_alone(tmp_path: Path) -> None:
    """What stands on either side of it is not what its author meant."""
    path = tmp_path / "x.yaml"
    path.write_text("a: [\n--- b\nc: ]\n---\nd: [\n")
    assert told(path) == [
        "line 2: only a comment may follow --- on its line: begin a new line after it",
        "line 6: not valid YAML: did not find expected node content",
    ]


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        (
            "models",
            "did you mean spec.aiModels or spec.guardrails.models or spec.access.grants.models?",
        ),
        ("AIMODELS", "did you mean spec.aiModels?"),
        ("image", "did you mean spec.deployment.image?"),
        ("timeoutSeconds", "spec.guardrails.timeoutSeconds or spec.routing.timeoutSeconds?"),
        ("namespace", "did you mean metadata.namespace or "),
        ("rpm", "did you mean spec.aiModels.rpm or spec.access.grants.rpm?"),
        ("xyzzy", "remove it or fix the spelling"),
    ],
)
def test_an_unknown_field_is_told_with_the_nearest_one(
    tmp_path: Path, field: str, sentence: str
) -> None:
    document = router()
    document["spec"][field] = "x"
    (found,) = told(written(tmp_path, document))
    assert f"unknown field spec.{field}" in found
    assert sentence in found


def test_no_field_of_another_list_is_suggested(tmp_path: Path) -> None:
    """`model` is a field of fallbacks, but whoever writes it here means none of these."""
    models = [{"name": "openai/gpt-4o", "model": "x", "retries": 1}]
    found = told(written(tmp_path, router(aiModels=models)))
    assert [message.partition("unknown field ")[2] for message in found] == [
        "spec.aiModels[0].model: remove it or fix the spelling",
        "spec.aiModels[0].retries; did you mean spec.aiModels.maxRetries or spec.routing.retries?",
    ]


@pytest.mark.parametrize("field", ["specs", "staus"])
def test_fields_of_the_whole_object_are_known(tmp_path: Path, field: str) -> None:
    (found,) = told(written(tmp_path, {**router(), field: {}}))
    assert f"unknown field {field}; did you mean s" in found


def test_what_a_cluster_adds_is_known(tmp_path: Path) -> None:
    xr = router(crossplane={"compositionRef": {"name": "mine"}})
    xr["metadata"] |= {"managedFields": [{}], "resourceVersion": "1", "creationTimestamp": None}
    xr["status"] = {"conditions": [], "claimConditionTypes": [], "url": "http://x"}
    assert names_of(inputs.read([written(tmp_path, xr)])) == ["gw"]


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ([], "line 3: ModelRouter without a name: metadata is not an object: write name and "),
        ({"name": 5}, "line 4: ModelRouter without a name: metadata.name is not a string: quote"),
        ({"name": "a", "labels": "b"}, "line 4: ModelRouter 'a': metadata.labels is not an object"),
        ({"name": "a", "namespace": "../b"}, "line 5: ModelRouter '../b/a': metadata.namespace is"),
    ],
)
def test_metadata_is_checked(tmp_path: Path, metadata: object, sentence: str) -> None:
    (found,) = told(written(tmp_path, {**router(), "metadata": metadata}))
    assert found.startswith(sentence)


def test_a_router_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, router(), router("b"), router())
    assert told(path) == [
        f"line 21: ModelRouter 'team/gw': it is given twice, first in {path}, line 1: remove one "
        "of them"
    ]


KEY = "sk-proj-abcdefghijklmnop1234567890"


def with_credentials() -> Iterator[Manifest]:
    yield {**router(), "apiVersion": f"gateway.agentic-layer.ai/{KEY}"}
    yield {**router(), "metadata": {"name": KEY, "namespace": KEY, "labels": {KEY: 5}}}
    yield {**router(), KEY: 1}
    yield router(port=KEY, credentials={KEY: KEY})
    yield router(aiModels=[{"name": KEY, "apiBase": KEY, "parameters": {"api_key": KEY}}])
    yield {**router(), "kind": KEY}
    yield {"apiVersion": "v1", "kind": "Odd", "metadata": {"name": KEY}}


def test_no_credential_is_repeated(tmp_path: Path) -> None:
    for document in with_credentials():
        result = CliRunner().invoke(cli, ["render", str(written(tmp_path, document))])
        assert result.exit_code == 1
        assert KEY not in result.output
    twice = tmp_path / "twice.yaml"
    twice.write_text(f"kind: X\n{KEY}: 1\n{KEY}: 2\n")
    assert KEY not in "".join(told(twice))


def test_a_disk_that_is_full_is_said() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, of Linux")
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [modelrouter(), "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr == "Error: cannot write the output: No space left on device\n"


def test_the_output_is_utf_8_in_any_terminal(tmp_path: Path) -> None:
    path = written(tmp_path, router(commonMetadata={"annotations": {"a": "é"}}))
    result = subprocess.run(
        [modelrouter(), "render", path],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0
    assert "é" in result.stdout.decode()


# -- What the platform team sets


EXAMPLES = Path(__file__).parent.parent / "examples"


def rendered(*arguments: str) -> tuple[int, str, str]:
    """What rendering the first example gives: exit status, output and messages."""
    result = CliRunner().invoke(
        cli, ["render", str(EXAMPLES / "modelrouter.yaml"), *arguments], catch_exceptions=False
    )
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("flag", ["--input", "--platform"])
def test_the_input_is_tried_before_it_is_installed(flag: str, tmp_path: Path) -> None:
    file = tmp_path / "input.yaml"
    file.write_text("kind: Input\ndefaults:\n  deployment: {replicas: 7}\n")
    status, output, _ = rendered(flag, str(file))
    assert (status, output.count("replicas: 7")) == (0, 1)
    file.write_text("kind: Input\npolicy:\n  providers: {denied: [openai]}\n")
    status, output, said = rendered(flag, str(file))
    assert (status, output) == (1, "")
    assert "spec.aiModels[0] calls openai/gpt-4o" in said


def test_the_example_of_a_platform_takes_the_first_example() -> None:
    status, output, said = rendered("--platform", str(EXAMPLES / "platform.yaml"))
    assert status == 0, said
    assert "image: registry.example.com/litellm:v1.108.11" in output


def test_a_compositions_input_is_found_in_it(tmp_path: Path) -> None:
    step = {"kind": "Input", "defaults": {"deployment": {"replicas": 7}}}
    steps = [{"step": "other", "input": {"kind": "Other"}}, {"step": "gateway", "input": step}]
    composition = {"kind": "Composition", "spec": {"pipeline": steps}}
    file = tmp_path / "composition.yaml"
    file.write_text(yaml.safe_dump(composition))
    assert "replicas: 7" in rendered("--input", str(file))[1]
    step["defaults"] = {"port": 1}
    file.write_text(yaml.safe_dump(composition))
    line = 1 + file.read_text().splitlines().index("        port: 1")
    assert rendered("--input", str(file))[2].splitlines()[-1] == (
        f"Error: {file}, line {line}: input.defaults.port has no effect, since every router has "
        "its own: remove it."
    )


@pytest.mark.parametrize(
    ("text", "count"), [("kind: Other\n", 0), ("kind: Input\n---\nkind: Input\n", 2)]
)
def test_a_file_has_one_input(text: str, count: int, tmp_path: Path) -> None:
    file = tmp_path / "input.yaml"
    file.write_text(text)
    assert rendered("--input", str(file))[2].splitlines()[-1] == (
        f"Error: {file}: has {count} objects of kind Input: it must be one, or a Composition with "
        "one in its steps"
    )
