"""The writer of YAML, compared with PyYAML's."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from function.gateways.litellm import yaml_text

_odd = st.sampled_from("ab1:-? #'\"\n\t\\.,[]{}&*!|>%@`~=<é\x85\r\u2027\ufeff😀\x00\xa0\x1b0eE+_")
_words = st.sampled_from(
    [
        *("yes", "On", "y", "null", "1", "1e3", "0x1", "1:30", ".5", "=", "<<", "2020-01-01"),
        *("a: b", "a:", "a #b", "- x", "a\nb\n", "---", "... a"),
        *("x" * 128, "x" * 129, "é" * 64, "é" * 65),
    ]
)
# PyYAML writes these two line breaks as they are.
_texts = (
    st.text(st.characters(exclude_characters="\u2028\u2029", exclude_categories=["Cs"]))
    | st.text(_odd, max_size=8)
    | _words
)
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=20,
)
_objects = st.dictionaries(_texts, _json, max_size=5)


def pyyaml(value: object) -> str:
    class Dumper(yaml.CSafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
            return True

    return str(yaml.dump(value, Dumper=Dumper, allow_unicode=True, width=2**31 - 1))


@settings(max_examples=2000)
@given(_objects)
def test_the_text_is_pyyamls(value: dict[str, Any]) -> None:
    assert yaml_text.dump(value, most=2**31) == pyyaml(value)


@given(_objects)
def test_it_is_written_up_to_the_limit_and_no_further(value: dict[str, Any]) -> None:
    size = len(pyyaml(value).encode())
    assert yaml_text.dump(value, most=size) is not None
    assert yaml_text.dump(value, most=size - 1) is None
    assert yaml_text.dump(value, most=0) is None


@pytest.mark.parametrize("text", ["\u2028", "a\u2029b", "a\n\u2028b "])
def test_other_line_breaks_are_kept(text: str) -> None:
    written = yaml_text.dump({text: text}, most=100)
    assert written is not None
    assert yaml.safe_load(written) == {text: text}
