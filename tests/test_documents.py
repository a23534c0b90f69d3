"""Files are read as kubectl reads them, and kubectl and LiteLLM read what is written."""

import base64
import json
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from function.call import Manifest
from function.gateways.litellm import config
from function.gateways.litellm.items import Item
from function.offline import manifests
from function.offline.problems import Problem
from tests.support import kubectl

CASES: list[Manifest] = yaml.safe_load((Path(__file__).parent / "documents.yaml").read_text())


def deep(levels: int) -> list[Manifest]:
    """An object with lists in one another."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return [{"kind": "X", "v": value}]


def content(case: Manifest) -> bytes:
    """A case's file."""
    if "base64" in case:
        return base64.b64decode(case["base64"])
    if "value" in case:
        return f"kind: X\nv: {case['value']}\n".encode()
    if "key" in case:
        return f"kind: X\n{case['key']}: 1\n".encode()
    text: str = case["text"]
    if text.startswith("DEEP"):
        levels = int(text.removeprefix("DEEP"))
        return f"kind: X\nv: {'[' * levels}1{']' * levels}\n".encode()
    return text.encode()


def objects(case: Manifest) -> list[Manifest] | None:
    """What the file of a case holds; None if it is refused."""
    if case.get("is") == "DEEP":
        return deep(99)
    if "is" not in case:
        return None
    if "value" in case:
        return [{"kind": "X", "v": case["is"]}]
    if "key" in case:
        return [{"kind": "X", case["is"]: 1}]
    found: list[Manifest] = case["is"]
    return found


def same(one: object, other: object) -> bool:
    """Whether two values are the same in JSON, where true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class Reader:
    """Reads files as `render` does."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "x.yaml"

    def __call__(self, data: bytes) -> tuple[list[Manifest] | None, str]:
        """The objects in a file, or None and why it is refused."""
        self._file.write_bytes(data)
        found = list(manifests.load([self._file], problems := list[Problem]()))
        if problems:
            return None, str(problems[0]).removeprefix(f"{self._file}, ")
        return [one.manifest for one in found], ""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("documents"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["why"]))
def test_reads_or_refuses(read: Reader, case: Manifest) -> None:
    found, why = read(content(case))
    assert why == case.get("refused", "")
    assert same(found, objects(case))


def test_kubectl_reads_the_same() -> None:
    for case, found in zip(CASES, kubectl.read(map(content, CASES)), strict=True):
        wanted = deep(100) if case.get("kubectl") == "DEEP" else case.get("kubectl", objects(case))
        assert same(found, wanted), case


def disagreements(read: Reader, files: list[bytes]) -> list[object]:
    """The files that we and kubectl read differently, but for what we refuse on purpose."""
    on_purpose = {kind_of(case["refused"]) for case in CASES if "kubectl" in case}
    different: list[object] = []
    for data, theirs in zip(files, kubectl.read(files), strict=True):
        ours, why = read(data)
        if ours is None and theirs is not None and kind_of(why) in on_purpose:
            continue
        if not same(ours, theirs):
            different.append((data, ours, why, theirs))
    return different


def kind_of(refusal: str) -> str:
    """A refusal without the line and what it repeats."""
    return re.sub(r"^line [0-9]+: |(?<=key ').*(?=' is set)", "", refusal)


def of(source: random.Random, pieces: Iterable[str], most: int) -> str:
    pieces = list(pieces)
    return "".join(source.choice(pieces) for _ in range(source.randint(1, most)))


PREFIXES = ["", "+", "-", "0x", "0o", "0b", "-0", "0B", "+0X", "."]
TAGS = ["!!int", "!!float", "!!str", "!!bool", "!!null", "!!timestamp", "!!binary", "!a", "!"]
PIECES = [
    *("a", "b", "c: ", "a: ", "b: ", "'a': ", '"b": ', "- ", "? ", ": ", "?", ":", "-", "a?b"),
    *("\n", "\n", "\n", "\n  ", "\n    ", "\n\n", "\n\t", "\t", " ", "  ", "\r\n", "\r", "\\\n"),
    *("[", "]", "{", "}", ",", "[a, b]", "{a: 1}", "{}", "[]", "{a: 1, b: [c]}", "- a", "- - "),
    *(
        "'",
        '"',
        "''",
        '""',
        "|",
        "|\n",
        ">\n",
        "|-\n",
        "|+\n",
        ">-\n ",
        "|2\n",
        "\\",
        "\\n",
        "\\x41",
    ),
    *("\\/", "\\\\", "\\ud800", "\\u00e9", "\\'", "&a ", "&b ", "*a", "*b", "*a ", "*a : ", "<<: "),
    *("<<: *a\n", "<<: [*a, *b]\n", "<<", "!!str ", "!!int ", "!!set ", "!x ", "! ", "!<x> "),
    *(
        "#",
        "# c\n",
        " # c\n",
        "a #b",
        "---\n",
        "--- # c\n",
        "--- ",
        "---",
        "...\n",
        "...",
        "%a b\n",
    ),
    *("\x85", "\u2028", "\u2029", "\ufeff", "\x7f", "\0", "\u00e9", "\U0001f600", "\u00a0"),
    *(
        "1",
        "0x1",
        "1e3",
        "1:2",
        "~",
        "null",
        "yes",
        "=",
        "@",
        "`",
        "%",
        "http://x:80/",
        "a b",
        "x:y",
    ),
]
JSON = [
    *('{"kind":"X","v":', "1", "1e3", "1.0", "-0", "1e400", "12345678901234567890", "NaN", "1e19"),
    *('"a"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\/"', "true", "null", "}", "}", "}\n", "\n", " "),
    *('{"kind":"Z"}', "{kind: Z}", "---\n", "{}", ",", "[", "]", "[1,2]", ',"w":', "'a'", '"a\tb"'),
]


def scalar(source: random.Random) -> str:
    return source.choice(PREFIXES) + of(source, "001234567_89abe.EfxonyNY+-:~ ", 9)


def value(source: random.Random, anchors: list[str], depth: int) -> str:
    """A value in brackets with anchors, aliases and merges."""
    if anchors and source.random() < 0.25:
        return f"*{source.choice(anchors)} "
    name = source.choice("abc") if source.random() < 0.3 else ""
    kind = source.random() if depth else 0
    if kind < 0.3:
        text = source.choice(["1", "x", "null", "'y'", "1.5", "{}", "[]"])
    elif kind < 0.5:
        items = [value(source, anchors, depth - 1) for _ in range(source.randint(0, 3))]
        text = f"[{', '.join(items)}]"
    else:
        keys = source.sample(["k", "l", "m", "<<", "<<"], source.randint(0, 4))
        pairs = [f"{key}: {value(source, anchors, depth - 1)}" for key in keys]
        text = f"{{{', '.join(pairs)}}}"
    if name:
        anchors.append(name)
    return f"&{name} {text}" if name else text


def with_aliases(source: random.Random) -> str:
    anchors: list[str] = []
    return "".join(f"{key}: {value(source, anchors, 3)}\n" for key in "uvw")


ROUTER = """\
kind: X
names: {name: gw, labels: {a: b}}
spec:
  aiModels:
    - name: openai/gpt-4o
      apiBase: "https://x:80/v1"
      weight: 1
    - &m
      name: 'a b'
  text: |
    one
      two

    three
  fold: >-
    a
    b
  other: *m
"""


def damaged(source: random.Random) -> str:
    text = ROUTER
    for _ in range(source.randint(1, 3)):
        i = source.randrange(len("kind: X\n"), len(text))
        text = text[:i] + source.choice([*PIECES, ""]) + text[i + source.randint(0, 3) :]
    return text


RANDOM = {
    "scalars": lambda source: f"kind: X\nv: {scalar(source)}\n",
    "scalars in a list": lambda source: f"kind: X\nv: [{scalar(source)}]\n",
    "keys": lambda source: f"kind: X\n{scalar(source)}: 1\n",
    "tags": lambda source: f"kind: X\nv: {source.choice(TAGS)} {scalar(source)}\n",
    "tags of quoted texts": lambda source: (
        f"kind: X\nv: {source.choice(TAGS)} '{scalar(source)}'\n"
    ),
    "documents": lambda source: f"kind: X\n{of(source, PIECES, 10)}",
    "values": lambda source: f"kind: X\nv: {of(source, PIECES, 8)}\n",
    "lists": lambda source: f"kind: X\nv: [{of(source, PIECES, 8)}]\n",
    "quoted texts": lambda source: f'kind: X\nv: "{of(source, PIECES, 5)}"\n',
    "aliases": lambda source: f"kind: X\n{with_aliases(source)}",
    "laughs": lambda source: "kind: X\na: &a [{}]\nb: &b [{}]\nc: [{}]\n".format(
        *(", ".join([x] * source.choice([1, 9, 30, 90, 400])) for x in ("x", "*a", "*b"))
    ),
    "JSON": lambda source: '{"kind":"X","v":' + of(source, JSON, 6),
    "a router": damaged,
}


@pytest.mark.parametrize("kind", RANDOM)
def test_kubectl_reads_the_same_of_random_files(read: Reader, kind: str) -> None:
    source = random.Random(kind)
    count = 50 if kind == "laughs" else 500
    files = [RANDOM[kind](source).encode() for _ in range(count)]
    assert not disagreements(read, files)


# -- Writing

MANY = settings(max_examples=300)

TEXTS = st.one_of(
    st.text(max_size=8),
    st.text("ab01_:-?#,[]{}&*!|>'\"%@`~=<. \n\t\\\r\x85\u2028\u2029\ufeff\0\x7f\xa0", max_size=8),
    st.sampled_from([str(case["value"]) for case in CASES if "value" in case]),
    st.sampled_from(["1e3", "1:30", "0o7", "y", "n", "=", "<<", "---", "...", "- a", "a: b", "#"]),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda n: not n.is_integer())
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.fixed_dictionaries(
    {"kind": st.just("X"), "v": VALUES, "w": st.dictionaries(TEXTS, VALUES, max_size=3)}
)


@MANY
@given(found=OBJECTS)
def test_what_is_written_is_read_again(read: Reader, found: Manifest) -> None:
    assert same(read(manifests.to_yaml(found).encode())[0], [found])


def test_kubectl_reads_what_is_written() -> None:
    written: list[Manifest] = []

    @MANY
    @given(found=OBJECTS)
    def draw(found: Manifest) -> None:
        written.append(found)

    draw()
    texts = [manifests.to_yaml(document).encode() for document in written]
    for document, text, theirs in zip(written, texts, kubectl.read(texts), strict=True):
        assert same(theirs, [document]), text


def test_what_aliases_stand_for_is_written_out(read: Reader) -> None:
    found, _ = read(b"kind: X\na: &a {b: 1}\nc: *a\n")
    assert found is not None
    assert manifests.to_yaml(found[0]) == "a:\n  b: 1\nc:\n  b: 1\nkind: X\n"


@MANY
@given(found=OBJECTS)
def test_litellm_reads_what_is_configured(found: Manifest) -> None:
    params = {**found, "model": "openai/a"}
    items = [Item({"model_name": "a", "litellm_params": params, "model_info": found})]
    text = config.files({**found, "model_list": []}, items, config.modules())["config.yaml"]
    assert same(yaml.safe_load(text), {**found, "model_list": [items[0].manifest]})


def test_no_half_of_a_surrogate_pair_reaches_a_configuration() -> None:
    """Nor can YAML hold one."""
    with pytest.raises(UnicodeEncodeError):
        struct_pb2.Struct().update({"a": "\ud800"})
