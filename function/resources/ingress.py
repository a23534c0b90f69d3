"""The Ingress by which the gateway is called from outside the cluster."""

from collections.abc import Mapping
from typing import ClassVar

from function import names
from function.api import Router, Spec
from function.api import ways_in as api
from function.api.validation import switched_on
from function.api.ways_in import first_host
from function.call import Manifest
from function.gateways.base import Plan
from function.resources.base import RequestedKind


class Ingress(RequestedKind[api.Ingress]):
    """The Ingress to the gateway's Service, on request.

    It is ready at once: many controllers never say in its status where they serve it.
    """

    name = names.RESOURCE_INGRESS
    api_version = "networking.k8s.io/v1"
    kind = "Ingress"
    fixed: ClassVar = {
        "/spec/defaultBackend": "with which calls of all hosts go to it",
        **dict.fromkeys(
            ("/spec/rules", "/spec/tls"),
            "which leads to the gateway, and has fields of its own in spec.ingress",
        ),
    }

    def block(self, spec: Spec) -> api.Ingress | None:
        """What the router says of it."""
        return spec.ingress

    def annotations(self, plan: Plan, part: None) -> Mapping[str, str]:  # noqa: ARG002
        """Those that the router gives to its Ingress alone."""
        wanted = self.requested(plan)
        return {} if wanted is None else wanted.annotations

    def spec(self, plan: Plan, block: api.Ingress) -> Manifest:
        """All hosts lead to the Service, by the same path."""
        hosts = list(block.hosts or ())
        port = {"number": plan.router.spec.service_port}
        path = {
            "path": block.path or "/",
            "pathType": "Prefix",
            "backend": {"service": {"name": plan.router.name, "port": port}},
        }
        spec: Manifest = {"rules": [{"host": host, "http": {"paths": [path]}} for host in hosts]}
        if block.class_name is not None:
            spec["ingressClassName"] = block.class_name
        if block.tls is not None:
            spec["tls"] = [{"hosts": hosts, **block.tls.manifest()}]
        return spec


def url(router: Router) -> str | None:
    """The gateway's base URL by its Ingress, to which a client adds /v1.

    None if there is no Ingress, or none of its hosts is one that can be called.
    """
    wanted = switched_on(router.spec.ingress)
    if wanted is None or (host := first_host(wanted.hosts or ())) is None:
        return None
    path = (wanted.path or "").rstrip("/")
    # One that lets nothing pass but the gateway's own paths is not before them.
    if path.split("/")[1:2] == ["v1"]:
        path = ""
    scheme = "http" if wanted.tls is None else "https"
    return f"{scheme}://{host}{path}"
