"""What people write: the ModelAccess, whether namespaced or behind a claim."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from function import names, shapes
from function.api import platform as platforms
from function.api import router
from function.api.model_access import AccessSpec
from function.api.platform import Platform
from function.api.validation import parse
from function.call import Request, ResourceSelector
from function.errors import Refused
from function.text import shorten

_MAX_NAME: Final = 63
"""How long a name may be: Crossplane labels what it composes with it."""


@dataclass(frozen=True)
class Application:
    """An application that wants a key of its own: a ModelAccess.

    Attributes:
        name: what it is called: the composite resource, or its claim.
        namespace: where its Secrets are.
        uid: the composite resource's, which each of its keys begins with.
        spec: what it asks for.
        platform: what the platform team sets.
    """

    name: str
    namespace: str
    uid: str
    spec: AccessSpec
    platform: Platform

    kind: ClassVar[str] = names.ACCESS_KIND

    @property
    def secret_name(self) -> str:
        """The Secret that the application takes whole."""
        return self.spec.secret_name or self.name

    @property
    def router(self) -> ResourceSelector:
        """The ModelRouter whose gateway it calls: with claims, the claim, which tells the same."""
        ref = self.spec.router_ref
        return ResourceSelector(
            names.API_VERSION, names.KIND, ref.name, ref.namespace or self.namespace
        )

    def secret(self) -> ResourceSelector:
        """The Secret that the application takes, as Crossplane is asked for it."""
        return ResourceSelector("v1", "Secret", self.secret_name, self.namespace)

    def key(self, generation: int) -> ResourceSelector:
        """The Secret with one generation's key."""
        name = names.key_of_access(self.name, generation, self.uid)
        return ResourceSelector("v1", "Secret", name, self.namespace)


def read(request: Request, file: Mapping[str, Any]) -> Application:
    """The ModelAccess that a request's composite resource is.

    Args:
        request: the request.
        file: what the platform team sets for all Compositions, in the form of their input.

    Raises:
        Refused: it breaks a rule.
    """
    platform = platforms.of(file, dict(request.input))
    metadata = shapes.object_at(request.composite, "metadata")
    spec = request.composite.get("spec")
    if spec is None:
        raise Refused(names.REASON_INVALID_SPEC, "spec is missing: it is required.")
    name, namespace = router.place(metadata, spec, names.ACCESS_KIND)
    if len(name) > _MAX_NAME:
        raise Refused(
            names.REASON_INVALID_NAME,
            f"metadata.name: '{shorten(name)}' has {len(name)} characters, but at most {_MAX_NAME} "
            "are allowed: choose a shorter name.",
        )
    return Application(
        name=name,
        namespace=namespace,
        uid=shapes.text_at(metadata, "uid"),
        spec=parse(AccessSpec, spec, "spec", names.REASON_INVALID_SPEC),
        platform=platform,
    )
