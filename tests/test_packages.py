"""The packages, the generated files, and the typed models against the definition of the API."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from function import names, recognition
from function.__version__ import __version__
from function.api import Input, Spec
from function.api.model_access import AccessSpec
from function.call import Manifest
from function.offline import inputs, render
from function.resources import KINDS
from tests import generate
from tests.generate import REFERENCE, ROOT, SOURCE

PACKAGE = ROOT / "package"
ROOTS = {
    "function": ("Function", "function-modelrouter", ["CustomResourceDefinition"]),
    "configuration": (
        "Configuration",
        "configuration-modelrouter",
        ["CompositeResourceDefinition", "Composition"] * 2,
    ),
    "claims": (
        "Configuration",
        "configuration-modelrouter-claims",
        ["CompositeResourceDefinition", "Composition"] * 2,
    ),
}


def documents(folder: Path) -> list[Manifest]:
    return [d for path in folder.rglob("*.yaml") for d in yaml.safe_load_all(path.read_text()) if d]


KINDS_OF_API = {
    "ModelRouter": ("definition", "composition"),
    "ModelAccess": ("modelaccess", "modelaccess-composition"),
}
"""The files of the definition and the Composition of each kind, in both configurations."""


def document(root: str, name: str) -> Manifest:
    loaded: Manifest = yaml.safe_load((PACKAGE / root / f"{name}.yaml").read_text())
    return loaded


def one(folder: Path, kind: str) -> Manifest:
    (document,) = (d for d in documents(folder) if d["kind"] == kind)
    return document


@pytest.mark.parametrize("path", generate.FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_files_are_up_to_date(path: Path) -> None:
    """Else run: python -m tests.generate."""
    assert path.read_text() == generate.FILES[path]()


@pytest.mark.parametrize("root", ROOTS)
def test_a_package_holds_its_metadata_and_its_objects(root: str) -> None:
    kind, name, others = ROOTS[root]
    found = documents(PACKAGE / root)
    metas = [d for d in found if d["apiVersion"].startswith("meta.pkg.crossplane.io/")]
    assert [(d["kind"], d["metadata"]["name"]) for d in metas] == [(kind, name)]
    assert sorted(d["kind"] for d in found if d not in metas) == sorted(others)


def test_beside_what_is_packaged_there_is_only_documentation() -> None:
    """Crossplane packages `.yaml` and `.yml` and passes over the rest."""
    files = [path for root in ROOTS for path in (PACKAGE / root).rglob("*") if path.is_file()]
    assert {path.name for path in files if path.suffix != ".yaml"} == {"README.md"}


@pytest.mark.crossplane
@pytest.mark.parametrize("root", ROOTS)
def test_crossplane_builds_the_package(root: str, tmp_path: Path) -> None:
    """Where the crossplane CLI is on the PATH; it comes from no package registry."""
    cli = shutil.which("crossplane")
    if cli is None:
        pytest.skip("needs the crossplane CLI on the PATH")
    package = tmp_path / f"{root}.xpkg"
    command = [cli, "xpkg", "build", "--package-root", str(PACKAGE / root), "-o", str(package)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert package.stat().st_size > 0


def test_the_wheel_holds_its_data_and_says_that_it_is_typed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {"function/py.typed", "function/offline/modelrouter.schema.json"} <= set(
            archive.namelist()
        )


def installed_as(package: str) -> str:
    """What Crossplane's package manager calls a dependency: a DNS label of its repository."""
    _registry, _, repository = package.partition("/")
    return re.sub(r"[^a-z0-9]+", "-", repository.partition(":")[0])


@pytest.mark.parametrize("kind", KINDS_OF_API)
@pytest.mark.parametrize("root", ["configuration", "claims"])
def test_a_configuration_calls_the_function_that_it_depends_on(root: str, kind: str) -> None:
    """By the name that it gets as a dependency, so that nothing else has to be installed."""
    meta, function = one(PACKAGE / root, "Configuration"), one(PACKAGE / "function", "Function")
    definition, composition = (document(root, name)["spec"] for name in KINDS_OF_API[kind])
    (step,) = composition["pipeline"]
    (dependency,) = meta["spec"]["dependsOn"]
    assert step["functionRef"]["name"] == installed_as(dependency["package"])
    assert dependency["package"].endswith(f"/{function['metadata']['name']}")
    assert dependency["version"] == f">=v{__version__}"
    assert composition["compositeTypeRef"] == {
        "apiVersion": names.API_VERSION,
        "kind": definition["names"]["kind"],
    }


def test_examples_install_the_version_of_this_tree() -> None:
    installed = documents(ROOT / "examples" / "install")
    installed.append(yaml.safe_load((ROOT / "examples" / "functions.yaml").read_text()))
    packages = [d["spec"]["package"] for d in installed if "package" in d.get("spec", {})]
    assert len(packages) == 3
    assert {package.rpartition(":")[2] for package in packages} == {f"v{__version__}"}


def test_the_example_functions_are_the_one_that_the_configurations_depend_on() -> None:
    """So the manifests may be applied in any order, and `crossplane render` finds the function."""
    installed = documents(ROOT / "examples" / "install")
    runtime, function = (
        one(ROOT / "examples" / "install", kind) for kind in ("DeploymentRuntimeConfig", "Function")
    )
    assert function["spec"]["runtimeConfigRef"]["name"] == runtime["metadata"]["name"]
    for rendering in (function, yaml.safe_load((ROOT / "examples/functions.yaml").read_text())):
        assert rendering["metadata"]["name"] == installed_as(rendering["spec"]["package"])
    assert {d["kind"] for d in installed} == {
        *("ClusterRole", "Configuration", "DeploymentRuntimeConfig", "Function"),
        "PodDisruptionBudget",
    }
    (budget,) = (d for d in installed if d["kind"] == "PodDisruptionBudget")
    template = runtime["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]
    (spread,) = template["topologySpreadConstraints"]
    selected = {"matchLabels": {"pkg.crossplane.io/function": function["metadata"]["name"]}}
    assert budget["spec"]["selector"] == spread["labelSelector"] == selected


CROSSPLANES_OWN = {"ConfigMap", "Deployment", "Secret", "Service", "ServiceAccount"}
"""The kinds that Crossplane's own role lets it compose."""


VERBS = {"get", "list", "watch", "create", "update", "patch", "delete"}
"""What Crossplane does with a composed object."""


def test_the_role_grants_what_is_composed_and_nothing_more() -> None:
    role = yaml.safe_load((PACKAGE / "rbac.yaml").read_text())
    granted = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    composed = [kind for kind in KINDS.values() if kind.kind not in CROSSPLANES_OWN]
    assert granted == {
        (kind.api_version.rpartition("/")[0], plural(kind.kind)): VERBS for kind in composed
    }


def plural(kind: str) -> str:
    """What Kubernetes calls the objects of a kind in a path and in a role."""
    name = re.sub(r"y$", "ie", kind.lower())
    return f"{name}es" if name.endswith("s") else f"{name}s"


def test_the_names_in_the_code_are_those_of_the_packages() -> None:
    for kind, legacy in (
        (names.KIND, names.LEGACY_KIND),
        (names.ACCESS_KIND, names.LEGACY_ACCESS_KIND),
    ):
        file, _ = KINDS_OF_API[kind]
        xrd, claims = (document(root, file)["spec"] for root in ("configuration", "claims"))
        version = xrd["versions"][0]["name"]
        assert f"{xrd['group']}/{version}" == names.API_VERSION
        assert (xrd["names"]["kind"], claims["names"]["kind"]) == (kind, legacy)
        assert claims["claimNames"]["kind"] == kind
    crd = one(PACKAGE / "function", "CustomResourceDefinition")["spec"]
    assert f"{crd['group']}/{crd['versions'][0]['name']}" == names.INPUT_API_VERSION
    assert crd["names"]["kind"] == names.INPUT_KIND


# -- One truth: what the typed models take is what the definition takes


@pytest.fixture(scope="module")
def definition() -> Manifest:
    """The schema of the composite resource definition."""
    return schema_of(yaml.safe_load(SOURCE.read_text()))


def schema_of(document: Manifest) -> Manifest:
    """The schema of a definition's only version."""
    (version,) = document["spec"]["versions"]
    schema: Manifest = version["schema"]["openAPIV3Schema"]
    return schema


OPEN = {"additionalProperties", "x-kubernetes-preserve-unknown-fields"}
SAME = {
    *("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "maxProperties"),
    *("type", "enum"),
}


def of_definition(schema: Manifest) -> Manifest:
    """A schema of the definition, brought down to what a model can say too."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"quantity": True}
    wanted = in_both(schema)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        wanted["open"] = True
    if "pattern" in schema:
        wanted["rule"] = schema["pattern"].removeprefix("^").removesuffix("$")
    if "items" in schema:
        wanted["items"] = of_definition(schema["items"])
    if "additionalProperties" in schema:
        wanted["values"] = of_definition(schema["additionalProperties"])
    if "properties" in schema:
        wanted["properties"] = {k: of_definition(v) for k, v in schema["properties"].items()}
        wanted["required"] = sorted(schema.get("required", []))
    for rule in schema.get("x-kubernetes-validations", []):
        add_rule(wanted, rule)
    return wanted


def add_rule(wanted: Manifest, rule: Manifest) -> None:
    """Adds what a CEL rule of an object says of its strings to what is known of them.

    It stands on the object, since the API server would repeat the string otherwise.
    """
    # `namespace` is a word of CEL's own, so that the field is written otherwise there.
    text, strings = rule["rule"].replace("__namespace__", "namespace"), wanted
    if "fieldPath" in rule:
        name = rule["fieldPath"].removeprefix(".")
        strings = wanted["properties"].get(name, {})
        strings = strings.get("items", strings)
        text = text.removeprefix(f"!has(self.{name}) || ").replace(f"self.{name}", "self")
        text = re.sub(r"self\.all\((\w+), \1\.(.*)\)", r"self.\2", text)
    elif "self[key]" in text:
        strings = wanted.get("values", {})
        text = re.sub(r"self\.all\(key, self\[key\]\.(.*)\)", r"self.\1", text)
    else:
        is_of_keys = text.startswith("self.all(key, ") and "key.matches" in text
        strings = wanted.setdefault("keys", {}) if is_of_keys else {}
        text = re.sub(r"self\.all\(key, .*key\.(matches.*)\)", r"self.\1", text)
    if matches := re.fullmatch(r"""self\.matches\((["'])\^(.*)\$\1\)""", text):
        # CEL's string has its backslashes doubled.
        strings["rule"] = matches[2].replace("\\\\", "\\")
        strings["sentence"] = rule["message"]
    elif choice := re.fullmatch(r"self in \[(.*)\]", text):
        del strings["maxLength"]
        strings["enum"] = re.findall(r"'([^']*)'", choice[1])
    if not wanted.get("keys", True):
        del wanted["keys"]  # It was another rule, which is the function's own.


def in_both(schema: Manifest) -> Manifest:
    """What both kinds of schema say in the same way."""
    said: Manifest = {key: schema[key] for key in SAME & schema.keys()}
    if isinstance(schema.get("default"), str | int):
        said["default"] = schema["default"]
    return said


def of_model(schema: Manifest, definitions: Manifest) -> Manifest:
    """A model's JSON schema, in the same words."""
    if "anyOf" in schema:
        (schema,) = (option for option in schema["anyOf"] if option != {"type": "null"})
    if "$ref" in schema:
        default = {k: v for k, v in schema.items() if k == "default"}
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **default}
    if schema.get("x-quantity"):
        return {"quantity": True}
    wanted = in_both(schema)
    if schema.get("additionalProperties") is True:
        wanted["open"] = True
    if "x-rule" in schema:
        wanted["rule"] = schema["x-rule"]["pattern"]
        wanted["sentence"] = schema["x-rule"]["message"]
    if "items" in schema:
        wanted["items"] = of_model(schema["items"], definitions)
    if isinstance(schema.get("additionalProperties"), dict):
        wanted["values"] = of_model(schema["additionalProperties"], definitions)
    if "propertyNames" in schema:
        wanted["keys"] = of_model(schema["propertyNames"], definitions)
    if "properties" in schema:
        wanted["properties"] = {
            k: of_model(v, definitions) for k, v in schema["properties"].items()
        }
        wanted["required"] = sorted(schema.get("required", []))
    return wanted


def bounded(schema: Manifest, path: str) -> Iterator[str]:
    """Paths of strings, lists and maps of the spec that have no bound."""
    unbounded = {
        "string": "maxLength" not in schema and "enum" not in schema,
        "array": "maxItems" not in schema,
        "object": schema.keys() & OPEN and "maxProperties" not in schema,
    }
    if unbounded.get(schema.get("type", "")):
        yield path
    for name, field in schema.get("properties", {}).items():
        yield from bounded(field, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if part in schema:
            yield from bounded(schema[part], f"{path}[]")


def described(schema: Manifest, path: str) -> Iterator[str]:
    """Paths of fields without a description."""
    for name, field in schema.get("properties", {}).items():
        if not field.get("description"):
            yield f"{path}.{name}"
        yield from described(field.get("items", field), f"{path}.{name}")


def test_the_models_take_what_the_definition_takes(definition: Manifest) -> None:
    ours = Spec.model_json_schema(by_alias=True)
    wanted = of_definition(definition["properties"]["spec"])
    drop_bounds_of_sources(wanted)
    models = of_model(ours, ours["$defs"])
    servers = models["properties"]["mcpServers"]["items"]["properties"]
    grant = models["properties"]["access"]["properties"]["grants"]["items"]["properties"]
    header = servers["headers"]["items"]["properties"]
    for field in (
        *(servers[name]["items"] for name in ("allowedTools", "disallowedTools")),
        *(header["value"], *header["valueSecretRef"]["properties"].values()),
        *(grant["namespace"], grant["budget"]["properties"]["usd"]),
        *(grant["models"]["items"], grant["mcpServers"]["items"]),
    ):
        # CEL could not afford them all on the oldest Kubernetes.
        del field["rule"], field["sentence"]
    drop_rules(models["properties"]["guardrails"])
    drop_rules(models["properties"]["aiModels"]["items"]["properties"]["guardrails"])
    assert models == wanted


def test_the_model_of_a_model_access_takes_what_its_definition_takes() -> None:
    ours = AccessSpec.model_json_schema(by_alias=True)
    wanted = of_definition(
        schema_of(document("configuration", "modelaccess"))["properties"]["spec"]
    )
    assert of_model(ours, ours["$defs"]) == wanted


def drop_rules(schema: Manifest) -> None:
    """Drops the patterns from what a model says of a field and of all below it."""
    for key in ("rule", "sentence", "keys"):
        schema.pop(key, None)
    for part in ("items", "values"):
        if part in schema:
            drop_rules(schema[part])
    for field in schema.get("properties", {}).values():
        drop_rules(field)


def drop_bounds_of_sources(spec: Manifest) -> None:
    """A variable's source has exactly one member: for the model that is a rule of its own."""
    env: Any = spec["properties"]["deployment"]["properties"]["env"]
    assert env["items"]["properties"]["valueFrom"].pop("maxProperties") == 1


def test_the_model_of_the_input_takes_what_its_crd_takes() -> None:
    schema = Input.model_json_schema(by_alias=True)
    ours = of_model(schema, schema["$defs"])
    wanted = of_definition(schema_of(one(PACKAGE / "function", "CustomResourceDefinition")))
    for envelope in ("apiVersion", "kind", "metadata"):
        del ours["properties"][envelope], wanted["properties"][envelope]
    assert without(ours, "sentence", "keys") == wanted


def without(value: Any, *names: str) -> Any:  # noqa: ANN401  # Any JSON value.
    """A schema without what only CEL could say: no API server reads the input."""
    if not isinstance(value, dict):
        return value
    return {key: without(member, *names) for key, member in value.items() if key not in names}


def test_the_definition_knows_the_same_names_of_credentials(definition: Manifest) -> None:
    rules = {rule["rule"] for rule in all_rules(definition)}
    for pattern in (recognition.NAME, recognition.HARMLESS_NAME):
        assert any(f"self.name.matches('^(?:{pattern})$')" in rule for rule in rules)


def test_everything_in_the_spec_is_bounded(definition: Manifest) -> None:
    assert not list(bounded(definition["properties"]["spec"], "spec"))


def test_every_field_is_described(definition: Manifest) -> None:
    assert not list(described(definition, ""))


def test_every_rule_has_a_message_beside_its_expression(definition: Manifest) -> None:
    """A result of the expression that has a newline is dropped, and then the message is shown."""
    text = SOURCE.read_text()
    rules = list(all_rules(definition))
    assert len(rules) > 20
    assert all(rule.get("message") for rule in rules)
    assert "\n" not in "".join(rule.get("messageExpression", "") for rule in rules)
    assert not [rule for rule in rules if rule["rule"].startswith("self.matches")]
    assert text.startswith("# The source of the API.")


def all_rules(schema: Any) -> Iterator[Manifest]:  # noqa: ANN401
    """All CEL rules in a schema."""
    if isinstance(schema, dict):
        yield from schema.get("x-kubernetes-validations", [])
        for value in schema.values():
            yield from all_rules(value)


def test_every_status_field_that_is_written_is_in_the_definition(definition: Manifest) -> None:
    examples = [ROOT / "examples" / f"{name}.yaml" for name in ("enterprise", "access")]
    rendered, _ = render.render(inputs.read(examples))
    routers = [one.xr for one in rendered if one.xr["kind"] == names.KIND]
    written = {key for xr in routers for key in xr["status"] if key != "conditions"}
    assert written == set(definition["properties"]["status"]["properties"])


def test_the_reference_explains_every_reason() -> None:
    text = REFERENCE.read_text()
    reasons = {v for k, v in vars(names).items() if k.startswith("REASON_")}
    explained = {row[1] for row in re.findall(r"^\| `(\w+)=\w+`, `(\w+)` \|", text, re.MULTILINE)}
    assert explained == reasons
