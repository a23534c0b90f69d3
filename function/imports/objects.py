"""The objects of Kubernetes that are imported together."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from function import shapes
from function.call import Manifest
from function.imports.source import Place
from function.offline.manifests import Found

_PORT: Final = 4000
_UPPER: Final = re.compile(r"(?<!^)(?=[A-Z])")


class Objects:
    """Objects, found by their kinds and names."""

    def __init__(self, found: Sequence[Found]) -> None:
        """Takes the objects."""
        self._found = found

    def of(self, group: str, *kinds: str) -> Iterator[Found]:
        """Those of a group and of one of the kinds, in their order."""
        for one in self._found:
            version = shapes.text_at(one.manifest, "apiVersion")
            if version.partition("/")[0] == group and one.manifest.get("kind") in kinds:
                yield one

    def named(self, group: str, kind: str, namespace: str, name: str) -> Found | None:
        """The one of that name; None if it is not given."""
        for one in self.of(group, kind):
            if self.name(one) == name and self.namespace(one) in (namespace, ""):
                return one
        return None

    @staticmethod
    def name(found: Found) -> str:
        """The name of an object."""
        return shapes.text_at(found.manifest, "metadata", "name")

    @staticmethod
    def namespace(found: Found) -> str:
        """The namespace of an object; empty if it names none."""
        return shapes.text_at(found.manifest, "metadata", "namespace")


def place_of(found: Found, below: str = "") -> Place:
    """The place of a field of an object."""
    prefix = ".".join(part for part in (found.path, below) if part)

    def place(path: str) -> tuple[str, int]:
        return found.source, found.lines.of(f"{prefix}.{path}" if prefix else path)

    return place


def whole(found: Found, path: str) -> Place:
    """The place of a field of an object, whatever is asked for within it."""
    place = place_of(found)
    return lambda _: place(path)


def text_line(found: Found, path: str) -> int:
    """The line on which a block of text begins that is a field: the one after its key."""
    return place_of(found)(path)[1] + 1


def snake(name: str) -> str:
    """A field's name as LiteLLM writes it."""
    return _UPPER.sub("_", name).lower()


def service_of(spec: Mapping[str, Any]) -> Manifest:
    """What an operator's object says of the Service, where it is not the default."""
    service = shapes.object_at(spec, "service")
    said: Manifest = {"type": service["type"]} if service.get("type") else {}
    if service.get("port", _PORT) != _PORT:
        said["port"] = service["port"]
    return said
