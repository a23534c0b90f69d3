"""An import as text: ModelRouters with comments, and the Secret of their credentials."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import yaml

from function.call import Manifest
from function.imports.router import Imported
from function.offline import scalars
from function.text import one_line

_WIDTH: Final = 100


def router(imported: Imported, lost: Sequence[str], told: Sequence[str]) -> str:
    """A ModelRouter in YAML, with what the user is told as comments at its head.

    Args:
        imported: the router.
        lost: what of the input is not in it.
        told: what else is to be known.
    """
    lines = [f"# Imported from {imported.source.kind}."]
    for title, said in (("Not carried over:", lost), ("To know:", told)):
        if said:
            lines += ["#", f"# {title}", *_comments(said)]
    return "\n".join(lines) + "\n" + as_yaml(imported.manifest)


def secret(imported: Imported) -> str:
    """The Secret in YAML, with the keys that it still needs as comments."""
    lines = []
    if missing := missing_keys(imported):
        lines = ["# Add the keys that the input does not hold:", *_comments(missing)]
    text = "".join(f"{line}\n" for line in lines)
    return text + as_yaml(imported.secrets.manifest(_namespace(imported)))


def _namespace(imported: Imported) -> str:
    namespace: str = imported.manifest["metadata"].get("namespace", "")
    return namespace


def missing_keys(imported: Imported) -> list[str]:
    """The keys of the Secret whose values the input does not hold."""
    return sorted(imported.secrets.wanted.keys() - imported.secrets.values.keys())


def as_yaml(manifest: Manifest) -> str:
    """An object in YAML as people write it: its keys in their order, lists indented."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31 - 1)


def _comments(said: Iterable[str]) -> Iterator[str]:
    for sentence in said:
        yield from textwrap.wrap(
            one_line(sentence),
            _WIDTH,
            initial_indent="# - ",
            subsequent_indent="#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )


class _Dumper(yaml.SafeDumper):
    """Indents lists, and quotes what kubectl would read as no text."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else "'" if scalars.plain(data or "~") != data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002
        return True


_Dumper.add_representer(str, _Dumper.represent_str)
