"""A folder with a file for each object."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from function import shapes
from function.call import Manifest
from function.errors import OutputError
from function.offline import manifests
from function.text import first

_NO_PART_OF_A_NAME: Final = re.compile(r"[^\w.-]")


def write(objects: Sequence[Manifest], folder: Path, *, force: bool = False) -> None:
    """Writes each object into a file of its own, `<kind>-<name>.yaml`.

    If the objects are in several namespaces, it is `<kind>-<name>.<namespace>.yaml`.

    Args:
        objects: the objects.
        folder: where to; it is created if there is none.
        force: whether it may hold other files.

    Raises:
        OutputError: it holds other files, or cannot be written.
    """
    files = dict(zip(_file_names(objects), objects, strict=True))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = sorted(path.name for path in folder.iterdir() if path.name not in files)
        if others and not force:
            raise OutputError(
                f"'{folder}' holds other files ({', '.join(first(others, most=3))}): name an empty "
                "folder, or add to this one with --force"
            )
        for name, document in files.items():
            (folder / name).write_text(manifests.to_yaml(document), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"cannot write '{error.filename or folder}': {error.strerror}: name another folder"
        ) from None


def _file_names(objects: Iterable[Manifest]) -> list[str]:
    """A name for each object, all of them different."""
    namespaces = {shapes.text_at(document, "metadata", "namespace") for document in objects}
    several = len(namespaces - {""}) > 1
    found = dict[str, None]()
    for document in objects:
        name = shapes.text_at(document, "metadata", "name") or shapes.text_at(document, "reason")
        namespace = shapes.text_at(document, "metadata", "namespace") if several else ""
        shown = ".".join(filter(None, (name, namespace)))
        stem = _NO_PART_OF_A_NAME.sub("_", f"{document['kind'].lower()}-{shown}")
        count, unique = 1, stem
        while f"{unique}.yaml" in found:
            count += 1
            unique = f"{stem}-{count}"
        found[f"{unique}.yaml"] = None
    return list(found)
