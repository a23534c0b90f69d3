"""The documentation: its links, its ModelRouters, and that nothing stands twice."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import jsonschema
import pytest
import yaml

from function import names
from function.call import Manifest
from tests.generate import EXAMPLES, REFERENCE, ROOT, ROUTERS, SCHEMA
from tests.support.world import router

README = ROOT / "README.md"
GUIDE = ROOT / "package" / "README.md"
RECIPES = EXAMPLES / "README.md"
IMPORT = EXAMPLES / "import" / "README.md"
DOCUMENTS = (README, GUIDE, REFERENCE, RECIPES, IMPORT)


def anchors(document: Path) -> set[str]:
    """What a link can lead to in a document, as GitHub names its headings."""
    headings = re.findall(r"^#+ (.+)$", without_code(document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def blocks(document: Path, language: str) -> list[str]:
    """The blocks of code in a language."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, document.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", without_code(document.read_text())):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_document_is_linked_from_the_readme() -> None:
    text = README.read_text()
    for document in (GUIDE, REFERENCE, RECIPES, IMPORT):
        assert f"]({document.relative_to(ROOT)})" in text


def test_every_router_is_among_the_recipes() -> None:
    text = RECIPES.read_text()
    assert [name for name in ROUTERS if f"]({name}.yaml)" not in text] == []


def test_no_paragraph_stands_twice() -> None:
    paragraphs = Counter(
        " ".join(paragraph.split())
        for document in DOCUMENTS
        for paragraph in without_code(document.read_text()).split("\n\n")
    )
    assert [text for text, times in paragraphs.items() if times > 1 and len(text) > 40] == []


SCHEMA_OF_ROUTERS = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))


def routers(document: Path) -> list[Manifest]:
    """The ModelRouters in a document; one that shows only its spec is made whole."""
    found = [d for text in blocks(document, "yaml") for d in yaml.safe_load_all(text) if d]
    whole = [d for d in found if isinstance(d, dict) and d.get("kind") == names.KIND]
    parts = [d["spec"] for d in found if isinstance(d, dict) and set(d) == {"spec"}]
    return [*whole, *(router(**{**router()["spec"], **part}) for part in parts)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_router_in_the_text_is_valid(document: Path) -> None:
    for shown in routers(document):
        assert [e.message for e in SCHEMA_OF_ROUTERS.iter_errors(shown)] == [], shown


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_the_text_can_be_parsed(document: Path) -> None:
    for text in blocks(document, "sh"):
        checked = re.sub(r"<(\w+)>", r"\1", text)
        subprocess.run(["bash", "-n"], input=checked, text=True, check=True)


def test_the_readme_has_the_two_commands() -> None:
    """The one that renders the example, and the one by which tests are run."""
    commands = blocks(README, "sh")
    assert any("modelrouter render examples/modelrouter.yaml" in text for text in commands)
    assert any(".venv/bin/pytest" in text for text in commands)
