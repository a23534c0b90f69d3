"""The ways to the gateway from outside the cluster."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from function.api import literals
from function.api.fields import DOMAIN, AnnotationValue, MetadataKey, NamespaceName, ObjectName
from function.api.metadata import check_ingress_annotations
from function.api.validation import Block, Model, Rule, refuse, without_nulls

_REMEDY: Final = "keep it in a Secret, for everyone who sees the object sees its annotations"

Host = Annotated[
    str,
    Field(min_length=1, max_length=253),
    # That the last part begins with a letter is what tells a domain from an IP address.
    Rule(
        rf"(\*\.)?({DOMAIN}\.)?[a-z]([-a-z0-9]*[a-z0-9])?",
        "a host must be a domain name in lower case, such as llm.example.com or *.example.com, and "
        "no IP address",
    ),
]
Annotations = Annotated[
    dict[MetadataKey, AnnotationValue], Field(max_length=16), BeforeValidator(without_nulls)
]
"""Annotations beside those of all objects: both together are within what Kubernetes takes."""


def first_host(hosts: Sequence[str]) -> str | None:
    """The first host that can be called; one with a `*` stands for many."""
    return next((host for host in hosts if not host.startswith("*")), None)


class Tls(Model):
    """The certificate that the hosts are served with."""

    secret_name: ObjectName | None = None


class Ingress(Block):
    """The gateway's Ingress."""

    class_name: ObjectName | None = None
    hosts: Annotated[list[Host], Field(min_length=1, max_length=16)] | None = None
    path: (
        Annotated[
            str,
            Field(min_length=1, max_length=256),
            Rule(
                r"(/[-_~A-Za-z0-9][-._~A-Za-z0-9]*)*/?",
                "a path must begin with '/', and its parts must be letters, digits, '-', '_', '~' "
                "and '.', and must not begin with '.'",
            ),
        ]
        | None
    ) = None
    tls: Tls | None = None
    annotations: Annotations = {}

    @model_validator(mode="after")
    def _names_a_host(self) -> "Ingress":
        if self.hosts is None and self.enabled is not False:
            raise refuse("hosts must name at least one host, under which the gateway is called")
        return self

    @model_validator(mode="after")
    def _known_of_ingresses(self) -> "Ingress":
        check_ingress_annotations(self.annotations)
        literals.check(self.annotations, "annotations", _REMEDY)
        return self


class ParentRef(Model):
    """A Gateway, or one of its listeners."""

    name: ObjectName
    namespace: NamespaceName | None = None
    section_name: ObjectName | None = None


def _apart(parents: list[ParentRef]) -> list[ParentRef]:
    """Rejects two references to one Gateway that do not name different listeners."""
    by_gateway: dict[tuple[str | None, str], list[str | None]] = {}
    for parent in parents:
        sections = by_gateway.setdefault((parent.namespace, parent.name), [])
        sections.append(parent.section_name)
    for sections in by_gateway.values():
        if len(sections) > 1 and (None in sections or len({*sections}) < len(sections)):
            raise refuse(
                "entries that name the same Gateway must each have a sectionName of their own"
            )
    return parents


class HTTPRoute(Block):
    """The gateway's HTTPRoute, in the Gateway API's own fields."""

    parent_refs: (
        Annotated[list[ParentRef], Field(min_length=1, max_length=8), AfterValidator(_apart)] | None
    ) = None
    hostnames: Annotated[list[Host], Field(min_length=1, max_length=16)] | None = None
    annotations: Annotations = {}

    @model_validator(mode="after")
    def _names_a_parent(self) -> "HTTPRoute":
        if self.parent_refs is None and self.enabled is not False:
            raise refuse("parentRefs must name at least one Gateway, which serves the route")
        return self

    @model_validator(mode="after")
    def _known_of_routes(self) -> "HTTPRoute":
        literals.check(self.annotations, "annotations", _REMEDY)
        return self
