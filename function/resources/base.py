"""What all composed kinds have in common: who they are, and the metadata of their objects."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from function import names
from function.api import Router, Spec
from function.api.validation import BlockT, switched_on
from function.call import Manifest, ResourceSelector, Result
from function.gateways.base import Plan
from function.observed import Observed, Seen
from function.resources import patching

PartT = TypeVar("PartT")


class ComposedKind(ABC, Generic[PartT]):
    """A composed kind. A new one is a subclass in a module of its own and a line in `KINDS`.

    Its object is written from the plan and from a part of what is observed, and is written again
    only if one of the two changes: so it is given nothing else.

    Attributes:
        name: the name of its object among the composed resources, from `function.names`.
        api_version: of its object.
        kind: of its object.
        definition: the name of the kind's CustomResourceDefinition; None if it is Kubernetes' own.
        adopts: whether an object of its name that no one controls is taken over; otherwise the name
            is taken.
        is_kept: whether its object is kept with the plan; not if it is large and changes often.
        fixed: pointers to what no patch may change in its object, each with why.
    """

    name: ClassVar[str]
    api_version: ClassVar[str]
    kind: ClassVar[str]
    definition: ClassVar[str | None] = None
    adopts: ClassVar[bool] = False
    is_kept: ClassVar[bool] = True
    fixed: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def part(self, observed: Observed) -> PartT:
        """What the object takes from the cluster: a value that can be compared."""

    @abstractmethod
    def body(self, plan: Plan, part: PartT) -> Manifest:
        """All of the object but its type and metadata."""

    @property
    def field(self) -> str:
        """Where the router asks for it, below spec."""
        return self.name

    def object_name(self, router: Router) -> str:
        """What the object is called."""
        return router.name

    def annotations(self, plan: Plan, part: PartT) -> Mapping[str, str]:  # noqa: ARG002
        """The object's annotations beside those that all objects have."""
        return {}

    def labels(self, plan: Plan) -> Mapping[str, str]:  # noqa: ARG002
        """The object's labels beside those that all objects have."""
        return {}

    def is_wanted(self, plan: Plan, seen: Seen) -> bool:  # noqa: ARG002
        """Whether the router wants the object."""
        return True

    def is_ready(self, desired: Manifest, observed: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Whether the observed object is ready. What no controller works on is ready at once."""
        return True

    def selector(self, router: Router) -> ResourceSelector:
        """The object, as Crossplane is asked for it."""
        return ResourceSelector(
            self.api_version, self.kind, self.object_name(router), router.namespace
        )

    def build(self, plan: Plan, part: PartT) -> tuple[Manifest, tuple[Result, ...]]:
        """The object with its patch, and what the user should know about that.

        Raises:
            Refused: the patch changes what the object must keep, or the object is too large.
        """
        manifest = self.generate(plan, part)
        results = self.notes(plan)
        if (patch := plan.router.spec.patches.of(self.name)) is not None:
            # So that a patch is not refused, or taken, for what the cluster happens to hold.
            other = self.varied(manifest)
            patched, _ = patching.apply(other, patch, self.name)
            patching.check(other, patched, self.name, labels(plan), self.fixed)
            self.check_patched(plan, other, patched)
            manifest, told = patching.apply(manifest, patch, self.name)
            results += told
        self.check(plan, manifest)
        return manifest, results

    def notes(self, plan: Plan) -> tuple[Result, ...]:  # noqa: ARG002
        """What the user should know about the object, whether it is patched or not."""
        return ()

    def varied(self, generated: Manifest) -> Manifest:
        """The object as it would be if the cluster held something that it never does."""
        return generated

    def check_patched(self, plan: Plan, generated: Manifest, patched: Manifest) -> None:
        """Refuses a patch that changes more than `fixed` can say.

        Args:
            plan: the plan of the gateway.
            generated: the object without the patch.
            patched: the object with it.

        Raises:
            Refused: it does.
        """

    def check(self, plan: Plan, manifest: Manifest) -> None:
        """Refuses an object that Kubernetes could not keep.

        Raises:
            Refused: it is one.
        """

    def generate(self, plan: Plan, part: PartT) -> Manifest:
        """The object without its patch."""
        router = plan.router
        common = router.spec.common_metadata
        metadata: Manifest = {
            "name": self.object_name(router),
            "namespace": router.namespace,
            "labels": {**common.labels, **self.labels(plan), **labels(plan)},
        }
        if annotations := {**common.annotations, **self.annotations(plan, part)}:
            metadata["annotations"] = annotations
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": metadata,
            **self.body(plan, part),
        }


class RequestedKind(ComposedKind[None], Generic[BlockT]):
    """A kind that is composed on request only, from a block of the router's spec alone."""

    @abstractmethod
    def block(self, spec: Spec) -> BlockT | None:
        """What the router says of it, if it says anything."""

    @abstractmethod
    def spec(self, plan: Plan, block: BlockT) -> Manifest:
        """The spec of the object."""

    def requested(self, plan: Plan) -> BlockT | None:
        """What the router asks for; None if it asks for nothing."""
        return switched_on(self.block(plan.router.spec))

    def is_wanted(self, plan: Plan, seen: Seen) -> bool:  # noqa: ARG002
        """Only if the router asks for one."""
        return self.requested(plan) is not None

    def part(self, observed: Observed) -> None:
        """Nothing."""

    def body(self, plan: Plan, part: None) -> Manifest:  # noqa: ARG002
        """All of the object but its type and metadata."""
        block = self.requested(plan)
        return {} if block is None else {"spec": self.spec(plan, block)}


def labels(plan: Plan) -> dict[str, str]:
    """The function's own labels, on every composed object and pod."""
    return {
        **service_selector(plan.router),
        "app.kubernetes.io/name": plan.container.name,
        "app.kubernetes.io/instance": plan.router.name,
        "app.kubernetes.io/component": "gateway",
        "app.kubernetes.io/part-of": "modelrouter",
        "app.kubernetes.io/managed-by": "crossplane",
    }


def deployment_selector(router: Router) -> dict[str, str]:
    """What the Deployment knows its pods by. It is immutable: never change it."""
    return {names.LABEL_APP: router.name}


def service_selector(router: Router) -> dict[str, str]:
    """What the Service knows the pods by: narrower, so that no foreign pod receives prompts."""
    return {**deployment_selector(router), names.LABEL_ROUTER: router.name}
