"""The HTTPRoute by which the gateway is called through a Gateway of the Gateway API."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from function import merging, names, shapes
from function.api import Router, Spec
from function.api import ways_in as api
from function.api.validation import switched_on
from function.api.ways_in import first_host
from function.call import Manifest
from function.gateways.base import Plan
from function.resources import patching
from function.resources.base import RequestedKind

_EXPECTED: Final = ("Accepted", "ResolvedRefs")
"""The conditions of a route that must not be False."""

_BACKENDS: Final = "backendRefs"


class HTTPRoute(RequestedKind[api.HTTPRoute]):
    """The HTTPRoute to the gateway's Service, on request."""

    name = names.RESOURCE_HTTP_ROUTE
    api_version = "gateway.networking.k8s.io/v1"
    kind = "HTTPRoute"
    definition = "httproutes.gateway.networking.k8s.io"
    fixed: ClassVar = dict.fromkeys(
        ("/spec/hostnames", "/spec/parentRefs"),
        "which has a field of its own in spec.httpRoute",
    )

    def block(self, spec: Spec) -> api.HTTPRoute | None:
        """What the router says of it."""
        return spec.http_route

    def is_ready(self, desired: Manifest, observed: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Not while one of its parents rejects it."""
        return not any(
            condition.get("type") in _EXPECTED and condition.get("status") == "False"
            for parent in shapes.objects_at(observed, "status", "parents")
            for condition in shapes.objects_at(parent, "conditions")
        )

    def check_patched(self, plan: Plan, generated: Manifest, patched: Manifest) -> None:  # noqa: ARG002
        """Refuses a rule that leads elsewhere, or that sends a copy of the calls elsewhere."""
        rules, (own,) = shapes.at(patched, "spec", "rules"), generated["spec"]["rules"]
        if (
            not isinstance(rules, list)
            or not all(isinstance(rule, dict) for rule in rules)
            or not rules
            or any(not merging.same(rule.get(_BACKENDS), own[_BACKENDS]) for rule in rules)
            or any("backendRef" in value for value in patching.values(rules))
        ):
            raise patching.refusal_of(self.name)(
                "must leave the backendRefs of all /spec/rules as they are, and add no backendRef",
                "a list replaces the whole list, so repeat them in each rule",
            )

    def annotations(self, plan: Plan, part: None) -> Mapping[str, str]:  # noqa: ARG002
        """Those that the router gives to its HTTPRoute alone."""
        wanted = self.requested(plan)
        return {} if wanted is None else wanted.annotations

    def spec(self, plan: Plan, block: api.HTTPRoute) -> Manifest:
        """All paths lead to the Service."""
        given = block.manifest()
        backend = {"name": plan.router.name, "port": plan.router.spec.service_port}
        spec: Manifest = {
            "parentRefs": given["parentRefs"],
            "rules": [{_BACKENDS: [backend]}],
        }
        if "hostnames" in given:
            spec["hostnames"] = given["hostnames"]
        return spec


def url(router: Router) -> str | None:
    """The gateway's base URL by its HTTPRoute, to which a client adds /v1.

    None if none of its hosts is one that can be called. Whether it is served with TLS is for the
    Gateway to say, which is not looked up: it nearly always is.
    """
    wanted = switched_on(router.spec.http_route)
    host = None if wanted is None else first_host(wanted.hostnames or ())
    return None if host is None else f"https://{host}"
