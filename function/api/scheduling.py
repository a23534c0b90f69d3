"""Where the gateway's pods run: Kubernetes' fields, and what Kubernetes would refuse of them."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from function.api.fields import LabelKey, Labels, LabelValue, NamespaceName, map_key
from function.api.validation import Model, refuse

_MOST: Final = 8
"""How many terms, and expressions in each, Kubernetes' nested lists may have here."""

_KEYED: Final = ("Exists", "DoesNotExist")
"""The operators that look at a key alone."""

_NUMBER: Final = ("Gt", "Lt")
"""The operators that compare a number."""


class Toleration(Model):
    """A taint of nodes on which the pods may run all the same."""

    key: LabelKey | None = None
    operator: Literal["Equal", "Exists"] | None = None
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: Annotated[int, Field(ge=0, le=2147483647)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Toleration":
        if self.operator == "Exists" and self.value:
            raise refuse(
                "a toleration with the operator Exists has no value: remove value or operator"
            )
        if self.key is None and self.operator != "Exists":
            raise refuse(
                "a toleration without a key tolerates every taint: set the operator to Exists, or "
                "set key"
            )
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise refuse(
                "tolerationSeconds only has a meaning with the effect NoExecute: set it, or remove "
                "tolerationSeconds"
            )
        return self


class LabelRequirement(Model):
    """What a label of pods or namespaces must be."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[list[LabelValue], Field(max_length=16)] = []

    @model_validator(mode="after")
    def _as_many_values(self) -> "LabelRequirement":
        if bool(self.values) == (self.operator in _KEYED):
            raise refuse(
                "the operators In and NotIn need values, and Exists and DoesNotExist have none"
            )
        return self


class LabelSelector(Model):
    """Which pods or namespaces are meant."""

    match_labels: Labels | None = None
    match_expressions: Annotated[list[LabelRequirement], Field(max_length=_MOST)] = []


class NodeRequirement(Model):
    """What a label of nodes must be."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: Annotated[list[LabelValue], Field(max_length=16)] = []

    @model_validator(mode="after")
    def _as_many_values(self) -> "NodeRequirement":
        count = len(self.values)
        if not (
            (count == 0 if self.operator in _KEYED else count > 0)
            and (count == 1 or self.operator not in _NUMBER)
        ):
            raise refuse(
                "the operators In and NotIn need values, Gt and Lt exactly one, and Exists and "
                "DoesNotExist have none"
            )
        return self


class NodeTerm(Model):
    """Which nodes are meant: those that meet all requirements."""

    match_expressions: Annotated[list[NodeRequirement], Field(min_length=1, max_length=_MOST)]


class NodeSelector(Model):
    """Which nodes are meant: those of any term."""

    node_selector_terms: Annotated[list[NodeTerm], Field(min_length=1, max_length=_MOST)]


_Weight = Annotated[int, Field(ge=1, le=100)]


class PreferredNodes(Model):
    """Nodes that are preferred."""

    weight: _Weight
    preference: NodeTerm


class NodeAffinity(Model):
    """On which nodes the pods run."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PreferredNodes], Field(max_length=_MOST)
    ] = []


class PodTerm(Model):
    """Pods, and the label of nodes that tells which of them are in one place."""

    label_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    namespaces: Annotated[list[NamespaceName], Field(max_length=_MOST)] = []
    topology_key: LabelKey


class PreferredPods(Model):
    """Pods whose places are preferred."""

    weight: _Weight
    pod_affinity_term: PodTerm


class PodAffinity(Model):
    """Near which pods, or far from which, the pods run."""

    required_during_scheduling_ignored_during_execution: Annotated[
        list[PodTerm], Field(max_length=_MOST)
    ] = []
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PreferredPods], Field(max_length=_MOST)
    ] = []


class Affinity(Model):
    """On which nodes, and near which pods, the pods run."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


_Honored = Literal["Honor", "Ignore"]


class TopologySpread(Model):
    """How evenly the pods are spread over nodes that differ in a label."""

    max_skew: Annotated[int, Field(ge=1, le=1000)]
    topology_key: LabelKey
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    label_selector: LabelSelector | None = None
    match_label_keys: Annotated[list[LabelKey], Field(max_length=_MOST)] = []
    min_domains: Annotated[int, Field(ge=1, le=1000)] | None = None
    node_affinity_policy: _Honored | None = None
    node_taints_policy: _Honored | None = None

    @model_validator(mode="after")
    def _domains_of_a_rule(self) -> "TopologySpread":
        if self.min_domains is not None and self.when_unsatisfiable != "DoNotSchedule":
            raise refuse(
                "minDomains only has a meaning with whenUnsatisfiable DoNotSchedule: set that, or "
                "remove minDomains"
            )
        return self

    @model_validator(mode="after")
    def _keys_once(self) -> "TopologySpread":
        selector = self.label_selector or LabelSelector()
        selected = {
            *(selector.match_labels or ()),
            *(requirement.key for requirement in selector.match_expressions),
        }
        if selected & {*self.match_label_keys}:
            raise refuse(
                "a key of matchLabelKeys must not be in labelSelector as well: remove one of them"
            )
        return self


TopologySpreads = Annotated[
    list[TopologySpread], Field(max_length=_MOST), map_key("topology_key", "when_unsatisfiable")
]
