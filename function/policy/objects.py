"""What the composed objects are: their kinds, images, and how much they take."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, get_args

from function import globs, shapes
from function.api.fields import amount
from function.api.policy import Images, Kinds, Limits, OptionalKind, Policy
from function.call import Manifest
from function.policy import pods
from function.policy.violation import Violation
from function.text import shorten

_HUB: Final = "docker.io/"
_LIBRARY: Final = f"{_HUB}library/"


def violations(policy: Policy, manifests: list[Manifest]) -> Iterator[Violation]:
    """The objects that may not be composed, and what may not be in them."""
    for manifest in manifests:
        if policy.kinds is not None:
            yield from _kind(policy.kinds, manifest["kind"])
        if policy.images is not None:
            yield from _images(policy.images, manifest)
        if policy.limits is not None:
            yield from _replicas(policy.limits, manifest)
            yield from _resources(policy.limits, manifest)


def _kind(kinds: Kinds, kind: str) -> Iterator[Violation]:
    is_optional = kind in get_args(OptionalKind)
    if is_optional and (against := kinds.against(kind)) is not None:
        what = "is not allowed: remove the field that asks for it"
        yield Violation(f"policy.kinds.{against}", f"The composed {kind}", what)


def _images(images: Images, manifest: Manifest) -> Iterator[Violation]:
    for image in _images_in(manifest.get("spec")):
        where = "spec.deployment.image"
        if images.allowed is not None and not globs.match(images.allowed, _full(image)):
            what = f"is {shorten(image)}, which is not allowed: choose another image"
            yield Violation("policy.images.allowed", where, what)
        if images.require_digest is True and "@sha256:" not in image:
            what = f"is {shorten(image)}, without a digest: add @sha256: and the image's digest"
            yield Violation("policy.images.requireDigest", where, what)


def _images_in(value: Any) -> Iterator[str]:  # noqa: ANN401  # Any JSON value.
    """The images of containers and volumes, wherever they stand."""
    match value:
        case dict():
            for key, member in value.items():
                if key == "image":
                    found = member.get("reference") if isinstance(member, dict) else member
                    yield found if isinstance(found, str) else ""
                else:
                    yield from _images_in(member)
        case list():
            for member in value:
                yield from _images_in(member)


def _full(image: str) -> str:
    """An image with its registry, as container runtimes read it."""
    first, slash, _ = image.partition("/")
    if not slash:
        return _LIBRARY + image
    return image if "." in first or ":" in first or first == "localhost" else _HUB + image


def _replicas(limits: Limits, manifest: Manifest) -> Iterator[Violation]:
    spec = shapes.object_at(manifest, "spec")
    for field, where in (
        ("replicas", "spec.deployment.replicas"),
        ("maxReplicas", "spec.autoscaling.maxReplicas"),
    ):
        asked = spec.get(field)
        if limits.replicas is not None and isinstance(asked, int) and asked > limits.replicas:
            what = f"is {asked}, above the limit of {limits.replicas}: lower it"
            yield Violation("policy.limits.replicas", where, what)


def _resources(limits: Limits, manifest: Manifest) -> Iterator[Violation]:
    containers = pods.containers([manifest])
    for resource, most in (("cpu", limits.cpu), ("memory", limits.memory)):
        if most is None:
            continue
        where, rule = f"spec.deployment.resources.limits.{resource}", f"policy.limits.{resource}"
        found = [_limit(container, resource) for container in containers]
        taken = sum((limit for limit in found if limit is not None), Decimal())
        if None in found:
            yield Violation(rule, where, f"is not set, and the limit is {most}: set it")
        elif taken > amount(most):
            yield Violation(
                rule,
                where,
                f"is above the limit of {most} for the containers of a pod together: lower it",
            )


def _limit(container: Any, resource: str) -> Decimal | None:  # noqa: ANN401  # Of a patch.
    """The limit of a container; None if it has none that can be read."""
    found = shapes.object_at(container, "resources", "limits").get(resource)
    try:
        return None if found is None else amount(found)
    except (ArithmeticError, AttributeError, ValueError):
        return None
