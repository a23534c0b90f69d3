"""A router: whose gateway it is, and what is asked for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from function import names, shapes
from function.api import bounds
from function.api.bounds import Known, Size
from function.api.platform import Input
from function.api.spec import Spec
from function.api.validation import parse
from function.call import Request
from function.errors import Refused
from function.text import shorten

# Kubernetes' rule for the name of a Service (RFC 1035), the strictest among the composed kinds.
_SERVICE_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_MAX_SERVICE_NAME: Final = 63


@dataclass(frozen=True)
class Router:
    """A ModelRouter as the core sees it, whether namespaced or behind a claim.

    Attributes:
        name: what the composed objects are named after: the composite resource, or its claim.
        namespace: where they are composed: the composite resource's, or its claim's.
        uid: the composite resource's, by which its own objects are recognized.
        spec: what is asked for.
        platform: what the platform team sets for all routers.
        sizes: how much each entry of the spec's `aiModels` holds.
    """

    name: str
    namespace: str
    uid: str
    spec: Spec
    platform: Input
    sizes: Sequence[Size] = field(default=(), repr=False)


def read(request: Request) -> Router:
    """The router that a request's composite resource describes.

    Raises:
        Refused: the input breaks a rule, or the composite resource has no namespace to compose
            into, a name that cannot be a Service's, or a spec that breaks a rule of the API.
    """
    platform = parse(Input, dict(request.input), "input", names.REASON_INVALID_INPUT)
    metadata = shapes.object_at(request.composite, "metadata")
    spec = request.composite.get("spec")
    if spec is None:
        raise Refused(names.REASON_INVALID_SPEC, "spec is missing: it is required.")
    sizes = bounds.check(spec)
    name, namespace = _identity(metadata, spec)
    _check_name(name)
    return Router(
        name=name,
        namespace=namespace,
        uid=shapes.text_at(metadata, "uid"),
        spec=parse(Spec, _with_models(spec), "spec", names.REASON_INVALID_SPEC),
        platform=platform,
        sizes=sizes,
    )


def _with_models(spec: object) -> object:
    """A spec in which the entries that are known stand as the models that they are."""
    if not isinstance(spec, dict) or not isinstance(entries := spec.get("aiModels"), list):
        return spec
    models = [entry.model if isinstance(entry, Known) else entry for entry in entries]
    return {**spec, "aiModels": models}


def identity(composite: Mapping[str, Any]) -> tuple[str, str, str]:
    """What tells a composite resource from all others: its namespace, name and uid."""
    metadata = shapes.object_at(composite, "metadata")
    namespace, name, uid = (shapes.text_at(metadata, key) for key in ("namespace", "name", "uid"))
    return namespace, name, uid


def title(composite: Mapping[str, Any]) -> str:
    """A composite resource in a log line: its namespace, if it has one, and its name."""
    metadata = shapes.object_at(composite, "metadata")
    namespace, name = (shorten(shapes.text_at(metadata, key)) for key in ("namespace", "name"))
    return f"{namespace}/{name}" if namespace else name


def _identity(metadata: Mapping[str, Any], spec: object) -> tuple[str, str]:
    """Name and namespace: a namespaced resource's own, else those of the claim it was made for."""
    if namespace := shapes.text_at(metadata, "namespace"):
        return shapes.text_at(metadata, "name"), namespace
    claim = shapes.object_at(spec, "claimRef")
    name, namespace = shapes.text_at(claim, "name"), shapes.text_at(claim, "namespace")
    if name and namespace:
        return name, namespace
    raise Refused(
        names.REASON_NO_NAMESPACE,
        f"'{shorten(shapes.text_at(metadata, 'name'))}' has no namespace to compose into: create a "
        f"{names.KIND} in a namespace, not a cluster-scoped resource without a claim.",
    )


def _check_name(name: str) -> None:
    if len(name) > _MAX_SERVICE_NAME:
        message = (
            f"has {len(name)} characters, but it also names the gateway's Service, which allows "
            f"at most {_MAX_SERVICE_NAME}: choose a shorter name."
        )
    elif _SERVICE_NAME.fullmatch(name) is None:
        message = (
            "cannot be the name of the gateway's Service: begin with a lower-case letter, use only "
            "lower-case letters, digits and '-', and end with a letter or digit."
        )
    else:
        return
    raise Refused(names.REASON_INVALID_NAME, f"metadata.name: '{shorten(name)}' {message}")
