"""`modelrouter explain` and `schema`, and the schema in editors."""

import json
import os
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from function import names
from function.call import Manifest
from function.errors import UnknownField
from function.main import cli
from function.offline import fields
from tests.generate import EXAMPLES, ROUTERS, SCHEMA, SOURCE
from tests.support import json_schema
from tests.support.processes import modelrouter, running
from tests.support.world import router


def run(*arguments: str) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(cli, arguments)


# -- modelrouter explain


def test_explains_a_field_as_kubectl_does() -> None:
    result = run("explain", "spec.port")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "KIND:     ModelRouter\n"
        "VERSION:  gateway.agentic-layer.ai/v1alpha1\n"
        "\n"
        "FIELD: spec.port <integer>\n"
        "\n"
        "DEFAULT:\n"
        "    4000\n"
        "\n"
        "BOUNDS:\n"
        "    1 to 65535\n"
        "\n"
        "DESCRIPTION:\n"
        "    The port of the gateway's container and of its Service.\n"
    )


def test_explains_the_whole_without_a_field() -> None:
    shown = run("explain").stdout
    assert "A ModelRouter is a gateway" in shown
    assert "  spec\t<Object> -required-\n    What the gateway offers and how it runs.\n" in shown


def test_explains_the_fields_inside_a_list() -> None:
    shown = run("explain", "spec.aiModels").stdout
    assert "FIELD: spec.aiModels <[]Object> -required-\n" in shown
    assert "    1 to 1000 entries\n" in shown
    assert "    Each entry: One deployment of a model at a provider.\n" in shown
    assert "  name\t<string> -required-\n    What LiteLLM calls, as provider/model-name" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("spec.routing.strategy", "    latency-based-routing"),
        ("spec.aiModels.name", "    3 to 256 characters"),
        ("spec.deployment.env.valueFrom", "    exactly 1 of the fields"),
        ("spec.config.merge", "    at most 32 fields"),
        ("spec.commonMetadata.labels", "FIELD: spec.commonMetadata.labels <map[string]string>"),
        (
            "spec.deployment.resources.limits",
            "FIELD: spec.deployment.resources.limits <map[string]integer or string>",
        ),
        ("spec.config.remove", "FIELD: spec.config.remove <[]string>"),
        ("status.url", "FIELD: status.url <string>"),
        ("metadata.name", "    at most 63 characters"),
        ("spec.crossplane", "FIELD: spec.crossplane <Object>"),
    ],
)
def test_shows_types_and_bounds(path: str, line: str) -> None:
    assert line in run("explain", path).stdout.splitlines()


@pytest.mark.parametrize(
    "path", ["modelrouter.spec.aiModels.weight", "ModelRouters.spec.aiModels[0].weight"]
)
def test_takes_the_paths_of_kubectl_and_of_messages(path: str) -> None:
    assert fields.find(path).name == "spec.aiModels.weight"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("spec.aiModels.wieght", "has no field spec.aiModels.wieght; did you mean "),
        ("spec.aiModels.wieght", "did you mean spec.aiModels.weight?"),
        ("aiModels.wieght", "did you mean spec.aiModels.weight?"),
        ("spec.aimodels.apibase", "did you mean spec.aiModels.apiBase?"),
        ("routing.retries", "did you mean spec.routing.retries?"),
        ("spec.xyzzy", "has no field spec.xyzzy: run modelrouter explain spec to see which "),
        ("xyzzy", "has no field xyzzy: run modelrouter explain to see which there are"),
        ("spec.port.x", "spec.port has no fields of its own: run modelrouter explain spec.port"),
        ("spec.aiModels.parameters.x", "spec.aiModels.parameters has no fields of its own"),
    ],
)
def test_of_an_unknown_field_the_nearest_is_told(path: str, sentence: str) -> None:
    with pytest.raises(UnknownField) as error:
        fields.find(path)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_field_is_an_error() -> None:
    result = run("explain", "spec.prot")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == ("Error: ModelRouter has no field spec.prot; did you mean spec.port?\n")


def test_every_field_of_the_definition_is_explained() -> None:
    (version,) = yaml.safe_load(SOURCE.read_text())["spec"]["versions"]
    pending = [("", version["schema"]["openAPIV3Schema"])]
    seen = 0
    while pending:
        path, schema = pending.pop()
        if path:
            assert fields.find(path).schema["description"] == schema["description"]
            seen += 1
        inner = schema.get("items", schema).get("properties", {})
        pending += [(f"{path}.{name}".removeprefix("."), field) for name, field in inner.items()]
    assert seen > 100


# -- modelrouter schema


@pytest.fixture(scope="module")
def schema() -> Manifest:
    """What the command prints."""
    result = run("schema")
    assert (result.exit_code, result.stderr) == (0, "")
    found: Manifest = json.loads(result.stdout)
    return found


def errors(schema: Manifest, document: object) -> list[str]:
    validator = jsonschema.Draft7Validator(schema)
    return [error.json_path for error in validator.iter_errors(document)]


def test_the_schema_is_a_valid_one_without_what_kubernetes_adds(schema: Manifest) -> None:
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["properties"]["apiVersion"]["const"] == names.API_VERSION
    assert schema["properties"]["kind"]["const"] == names.KIND
    assert "x-kubernetes" not in json.dumps(schema)


@pytest.mark.parametrize("example", ROUTERS)
def test_the_schema_accepts_every_example(schema: Manifest, example: str) -> None:
    assert not errors(schema, yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text()))


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({**router(), "apiVersion": "v1"}, "$.apiVersion"),
        ({**router(), "kind": "Modelrouter"}, "$.kind"),
        ({**router(), "specs": {}}, "$"),
        ({**router(), "metadata": {"name": "gw", "lables": {}}}, "$.metadata"),
        ({**router(), "metadata": {"name": "1gw"}}, "$.metadata.name"),
        ({**router(), "metadata": {}}, "$.metadata"),
        (router(prot=1), "$.spec"),
        (router(port=0), "$.spec.port"),
        (router(port="1"), "$.spec.port"),
        (router(aiModels=[]), "$.spec.aiModels"),
        (router(aiModels=[{"name": "a/b", "apibase": "x"}]), "$.spec.aiModels[0]"),
        (router(aiModels=[{"alias": "a"}]), "$.spec.aiModels[0]"),
        (router(routing={"strategy": "best"}), "$.spec.routing.strategy"),
        (router(podMetadata={"labels": {"a": 1}}), "$.spec.podMetadata.labels.a"),
    ],
)
def test_the_schema_refuses_what_the_api_refuses(
    schema: Manifest, document: Manifest, where: str
) -> None:
    assert errors(schema, document) == [where]


@pytest.mark.parametrize(
    "spec",
    [
        {"aiModels": [{"name": "a/b", "parameters": {"any": {"thing": 1}}}]},
        {"deployment": {"resources": {"limits": {"cpu": 2, "memory": "1Gi"}}}},
        {"crossplane": {"compositionRef": {"name": "mine"}}},
        {"config": {"merge": {"litellm_settings": {"drop_params": True}}}},
    ],
)
def test_the_schema_accepts_what_the_api_accepts(schema: Manifest, spec: Manifest) -> None:
    assert not errors(schema, router(**spec))


def test_the_schema_knows_what_crossplane_keeps_under_spec(schema: Manifest) -> None:
    whole = yaml.safe_load(SOURCE.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    own = whole["properties"]["spec"]["properties"].keys()
    assert schema["properties"]["spec"]["properties"].keys() - own == names.MACHINERY


def test_the_command_prints_the_file_that_is_generated() -> None:
    assert fields.text() == SCHEMA.read_text()
    assert fields.text() == json_schema.text(yaml.safe_load(SOURCE.read_text()))


# -- Editors


def test_every_example_of_a_router_names_its_schema() -> None:
    for path in EXAMPLES.glob("**/*.yaml"):
        first = path.read_text().splitlines()[0]
        # A file with other kinds too cannot be held against it.
        kinds = [d["kind"] for d in yaml.safe_load_all(path.read_text())]
        is_router = kinds == [names.KIND]
        named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert bool(named) == is_router, path
        if named:
            assert (path.parent / named[1]).resolve() == SCHEMA.resolve()


# -- modelrouter serve


def test_the_help_of_serve_names_its_environment_variables() -> None:
    shown = " ".join(run("serve", "--help").stdout.split())
    for variable in (
        *("TLS_SERVER_CERTS_DIR", "INSECURE", "ADDRESS", "DEBUG", "MAX_SEND_MESSAGE_SIZE"),
        "MAX_RECV_MESSAGE_SIZE, MAX_GRPC_MESSAGE_SIZE",
    ):
        assert f"[env var: {variable}" in shown


def test_the_variables_of_serve_are_read(tmp_path: Path) -> None:
    with running(env={"INSECURE": "true"}) as (process, _):
        assert process.poll() is None
    result = subprocess.run(
        [modelrouter(), "serve"],
        env={**os.environ, "TLS_SERVER_CERTS_DIR": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert f"cannot read '{tmp_path}/none/tls.key'" in result.stderr
