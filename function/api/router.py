"""A router: whose gateway it is, and what is asked for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from function import names, shapes
from function.api import bounds, defaults
from function.api import platform as platforms
from function.api.bounds import Known, Size
from function.api.platform import Platform
from function.api.spec import Spec
from function.api.validation import parse
from function.call import Manifest, Request
from function.errors import Refused
from function.text import shorten

# Kubernetes' rule for the name of a Service (RFC 1035), the strictest among the composed kinds.
_SERVICE_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_MAX_SERVICE_NAME: Final = 63

_ACCESS_TTL_SECONDS: Final = 12

_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True)
class Router:
    """A ModelRouter as the core sees it, whether namespaced or behind a claim.

    Attributes:
        name: what the composed objects are named after: the composite resource, or its claim.
        namespace: where they are composed: the composite resource's, or its claim's.
        uid: the composite resource's, by which its own objects are recognized.
        spec: what is asked for, over the platform team's defaults.
        own: what the router itself asks for, as it is written; empty if no policy asks.
        platform: what the platform team sets for all routers.
        sizes: how much each entry of the spec's `aiModels` holds.
        legacy: whether it is behind a claim, as all others in its cluster are then.
    """

    name: str
    namespace: str
    uid: str
    spec: Spec
    own: Mapping[str, Any] = field(repr=False)
    platform: Platform
    sizes: Sequence[Size] = field(default=(), repr=False)
    legacy: bool = False

    kind: ClassVar[str] = names.KIND

    @property
    def ttl_seconds(self) -> int:
        """How many seconds Crossplane may wait before it calls again.

        Where applications have keys, that is how long one that is revoked may still be listed.
        """
        ttl = self.platform.ttl_seconds
        return ttl if self.spec.wanted_access is None else min(ttl, _ACCESS_TTL_SECONDS)


def read(request: Request, file: Mapping[str, Any] = _NOTHING) -> Router:
    """The router that a request's composite resource describes.

    Args:
        request: the request.
        file: what the platform team sets for all Compositions, in the form of their input.

    Raises:
        Refused: the input breaks a rule, or the composite resource has no namespace to compose
            into, a name that cannot be a Service's, or a spec that breaks a rule of the API.
    """
    platform = platforms.of(file, dict(request.input))
    metadata = shapes.object_at(request.composite, "metadata")
    spec = request.composite.get("spec")
    if spec is None:
        raise Refused(names.REASON_INVALID_SPEC, "spec is missing: it is required.")
    sizes = bounds.check(spec)
    name, namespace = place(metadata, spec, names.KIND)
    _check_name(name)
    return Router(
        name=name,
        namespace=namespace,
        uid=shapes.text_at(metadata, "uid"),
        spec=_spec(_with_models(spec), platform.defaults),
        own=_written(spec) if platform.policies else {},
        platform=platform,
        sizes=sizes,
        legacy=not shapes.text_at(metadata, "namespace"),
    )


def _written(spec: object) -> Manifest:
    """A spec as the router has it, with the entries that are known."""
    if not isinstance(spec, dict):
        return {}
    entries = spec.get("aiModels")
    if not isinstance(entries, list):
        return spec
    plain = [entry.model.manifest() if isinstance(entry, Known) else entry for entry in entries]
    return {**spec, "aiModels": plain}


def _spec(own: object, under: Mapping[str, Any]) -> Spec:
    """The spec over the defaults, and whose fault it is if the two together break a rule."""
    try:
        return _parsed(defaults.under(own, dict(under)))
    except Refused as refusal:
        if not under:
            raise
        _parsed(own)  # What is wrong without the defaults is told without them.
        raise Refused(
            refusal.reason,
            f"{refusal.message} This comes from the platform team's defaults, which lie under this "
            "spec.",
        ) from None


def _parsed(spec: object) -> Spec:
    return parse(Spec, spec, "spec", names.REASON_INVALID_SPEC)


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


def place(metadata: Mapping[str, Any], spec: object, kind: str) -> tuple[str, str]:
    """Name and namespace: a namespaced resource's own, else those of the claim it was made for.

    Args:
        metadata: the composite resource's.
        spec: the composite resource's.
        kind: what people write.

    Raises:
        Refused: there is no namespace.
    """
    if namespace := shapes.text_at(metadata, "namespace"):
        return shapes.text_at(metadata, "name"), namespace
    claim = shapes.object_at(spec, "claimRef")
    name, namespace = shapes.text_at(claim, "name"), shapes.text_at(claim, "namespace")
    if name and namespace:
        return name, namespace
    raise Refused(
        names.REASON_NO_NAMESPACE,
        f"'{shorten(shapes.text_at(metadata, 'name'))}' has no namespace to compose into: create a "
        f"{kind} in a namespace, not a cluster-scoped resource without a claim.",
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
