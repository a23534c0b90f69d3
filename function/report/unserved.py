"""What users are told about objects that they ask for and whose kind the cluster does not serve."""

from collections.abc import Iterable, Iterator

from function import names
from function.call import Result
from function.observed import Kind


def results(kinds: Iterable[Kind]) -> Iterator[Result]:
    """A warning for each kind: all else is composed without it."""
    for kind in kinds:
        yield Result(
            names.EVENT_NOT_SERVED,
            f"spec.{kind.field} composes nothing, since the cluster does not serve {kind.kind} in "
            f"{kind.api_version}: install its CustomResourceDefinition '{kind.definition}', or "
            f"remove spec.{kind.field}.",
        )
