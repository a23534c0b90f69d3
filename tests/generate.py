"""Writes the files that are generated from others.

    python -m tests.generate

From the composite resource definition: the claims' definition, and the reference of fields in
README.md. From the function's table: the providers in README.md. The copies in `examples/` of files
in `package/`. The golden files: what each example renders to. A test fails while one is stale.
"""

import copy
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from function import documents, render
from function.litellm import providers

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "package" / "configuration" / "definition.yaml"
CLAIMS = ROOT / "package" / "claims" / "definition.yaml"
README = ROOT / "README.md"
EXAMPLES = ROOT / "examples"
GOLDEN = ROOT / "tests" / "golden"

COPIES = {
    EXAMPLES / "composition.yaml": ROOT / "package" / "configuration" / "composition.yaml",
    EXAMPLES / "install" / "3-rbac.yaml": ROOT / "package" / "rbac.yaml",
}
ROUTERS = ("modelrouter", "enterprise", "resilient", "self-hosted", "two-accounts", "claim")
"""The examples that are ModelRouters; each renders to a golden file."""

HEADER = "# Generated from package/configuration/definition.yaml by: python -m tests.generate\n"


def claims_file() -> str:
    """The file of the claims' definition."""
    definition = claims(yaml.safe_load(SOURCE.read_text()))
    return HEADER + yaml.dump(definition, Dumper=_Dumper, sort_keys=False, width=100)


def readme() -> str:
    """README.md with its tables as they should be."""
    fields = reference(yaml.safe_load(SOURCE.read_text()))
    text = _between_marks(README.read_text(), "fields", fields)
    return _between_marks(text, "providers", provider_table())


def copy_of(original: Path) -> str:
    """A copy that says of which file it is one."""
    note = f"# A copy of {original.relative_to(ROOT)}, made by: python -m tests.generate\n"
    return note + original.read_text()


def golden(example: Path) -> str:
    """What an example renders to, its composite resource first."""
    (rendered,) = render.render([example])
    shown = rendered.documents(xr=True, results=True)
    return "".join(f"---\n{documents.to_yaml(document)}" for document in shown)


def claims(xrd: dict[str, Any]) -> dict[str, Any]:
    """The claims' definition: the same versions, for a claim and the legacy kind behind it."""
    xrd = copy.deepcopy(xrd)
    names, group = xrd["spec"]["names"], xrd["spec"]["group"]
    legacy = {
        "kind": f"X{names['kind']}",
        "plural": f"x{names['plural']}",
        "singular": f"x{names['singular']}",
    }
    return {
        "apiVersion": "apiextensions.crossplane.io/v1",
        "kind": xrd["kind"],
        "metadata": {"name": f"{legacy['plural']}.{group}"},
        "spec": {
            "scope": "LegacyCluster",
            "group": group,
            "names": legacy,
            "claimNames": names,
            "versions": xrd["spec"]["versions"],
        },
    }


def reference(xrd: dict[str, Any]) -> str:
    """The fields of spec and status as Markdown tables."""
    schema = xrd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    parts = []
    for part in ("spec", "status"):
        rows = [f"| `{path}` | {kind} | {text} |" for path, kind, text in _fields(schema[part], "")]
        parts.append("\n".join([f"| {part} field | type | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


MAJOR = (
    *(
        "anthropic",
        "azure",
        "azure_ai",
        "bedrock",
        "cerebras",
        "cloudflare",
        "cohere",
        "databricks",
    ),
    *("deepseek", "fireworks_ai", "gemini", "groq", "hosted_vllm", "huggingface", "mistral"),
    *("nvidia_nim", "ollama", "openai", "openrouter", "perplexity", "sagemaker", "together_ai"),
    *("vertex_ai", "watsonx", "xai"),
)


def provider_table() -> str:
    """What the major providers need, as a Markdown table."""
    rows = []
    for name in MAJOR:
        provider = providers.find(name)
        needs = " or ".join(" and ".join(f"`{v}`" for v in keys) for keys in provider.keys)
        also = ", ".join(f"`{variable}`" for variable in provider.settings)
        base = " and `apiBase` in the ModelRouter" if provider.base else ""
        if provider.needs_base:
            variable = next(v for v in provider.variables if provider.params.get(v) == "api_base")
            base = f"; and `apiBase` in the ModelRouter or `{variable}`"
        rows.append(f"| `{name}` | {needs or 'no key'}{base} | {also} |")
    return "\n".join(["| provider | needs | also taken, if there |", "|---|---|---|", *rows])


def _fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        required = ", required" if name in schema.get("required", []) else ""
        yield (
            here,
            _type(field) + required,
            field["description"].replace("|", "\\|").replace("<", "&lt;"),
        )
        if field["type"] == "array":
            yield from _fields(field["items"], f"{here}[]")
        else:
            yield from _fields(field, here)


def _type(field: dict[str, Any]) -> str:
    kind: str = field["type"]
    if kind == "array":
        kind = f"list of {field['items']['type']}s"
    elif "additionalProperties" in field:
        kind = "map"
    if "minimum" in field and "maximum" in field:
        kind = f"{kind} {field['minimum']} to {field['maximum']}"
    if "default" in field:
        kind = f"{kind}, `{field['default']}`"
    return kind


def _between_marks(text: str, name: str, table: str) -> str:
    begin, end = f"<!-- {name}: python -m tests.generate -->", f"<!-- end of {name} -->"
    pattern = re.compile(re.escape(begin) + ".*" + re.escape(end), re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n{table}\n{end}", text)


FILES: dict[Path, Callable[[], str]] = {
    CLAIMS: claims_file,
    README: readme,
    **{copied: partial(copy_of, original) for copied, original in COPIES.items()},
    **{GOLDEN / f"{name}.yaml": partial(golden, EXAMPLES / f"{name}.yaml") for name in ROUTERS},
}
"""The generated files, and what makes the whole text of each."""


class _Dumper(yaml.SafeDumper):
    """Writes everything out: no anchors."""

    def ignore_aliases(self, _: object) -> bool:
        return True


if __name__ == "__main__":
    for path, text in FILES.items():
        path.write_text(text())
