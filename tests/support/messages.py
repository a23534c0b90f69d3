"""All sentences that users may be shown, to be read side by side.

They are gathered from the source: every text of several words except docstrings, and the messages
of the rules in the composite resource definition.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_SENTENCE = re.compile(r"[\w'}.:)]+,? [\w'({$][^ ]* ")
"""At least three words in a row: no pattern, path or name looks like that."""


def of_code(folder: Path) -> Iterator[tuple[str, str]]:
    """Each text of several words in a folder of Python files, with the module that says it."""
    for file in sorted(folder.rglob("*.py")):
        module = ".".join(file.relative_to(folder.parent).with_suffix("").parts)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for text in _texts(tree):
            if _SENTENCE.search(f"{text} "):
                yield module, text


def of_definition(file: Path) -> Iterator[tuple[str, str]]:
    """Each message of a rule in a composite resource definition, with the path of its schema."""
    definition = yaml.safe_load(file.read_text(encoding="utf-8"))
    yield from _rules(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "")


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts below a node in their order, docstrings left out; a placeholder is `{…}`."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else f"{{{_placeholder(part)}}}"
                for part in parts
            )
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _texts(child)


def _placeholder(part: ast.expr) -> str:
    return ast.unparse(part.value) if isinstance(part, ast.FormattedValue) else ast.unparse(part)


def _rules(schema: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # Any schema.
    for rule in schema.get("x-kubernetes-validations", ()):
        shown = rule.get("messageExpression")
        yield path, " ".join(rule["message"].split())
        if shown is not None:
            yield path, " ".join(shown.split())
    for name, field in schema.get("properties", {}).items():
        yield from _rules(field, f"{path}.{name}" if path else name)
    for nested, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(nested), dict):
            yield from _rules(schema[nested], path + mark)
