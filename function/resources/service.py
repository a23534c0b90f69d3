"""The Service in front of the gateway's pods."""

import re
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, ClassVar, Final

from function import names, shapes
from function.api import Router
from function.call import Manifest
from function.gateways.base import Plan
from function.observed import Observed
from function.resources import patching
from function.resources.base import ComposedKind, service_selector

_IPV6: Final = 6
_HOST: Final = re.compile(r"[-.A-Za-z0-9]{1,253}|\[[:0-9a-f.]+\]")
_PORT: Final = ("name", "port", "protocol", "targetPort")
"""By which its port leads to the gateway."""


class Service(ComposedKind[None]):
    """The Service in front of the gateway's pods."""

    name = names.RESOURCE_SERVICE
    api_version = "v1"
    kind = "Service"
    fixed: ClassVar = {
        "/spec/selector": "by which the gateway's pods are known",
        "/spec/externalIPs": "with which the Service takes calls that are for other hosts",
        "/spec/externalName": "with which calls go to another host",
    }

    def is_ready(self, desired: Manifest, observed: Mapping[str, Any]) -> bool:
        """Whether it can be called at the port that the status names."""
        return serves(desired, observed)

    def part(self, observed: Observed) -> None:
        """Nothing."""

    def check_patched(self, plan: Plan, generated: Manifest, patched: Manifest) -> None:  # noqa: ARG002
        """Refuses a Service that leads elsewhere, or not to the gateway."""
        refuse = patching.refusal_of(self.name)
        if shapes.at(patched, "spec", "type") == "ExternalName":
            raise refuse(
                "must not set /spec/type to ExternalName, with which calls go elsewhere",
                patching.REMOVE,
            )
        ports, (own,) = shapes.at(patched, "spec", "ports"), generated["spec"]["ports"]
        if (
            not isinstance(ports, list)
            or not all(isinstance(p, dict) and shapes.as_int(p.get("port")) for p in ports)
            or not ports
            or any(ports[0].get(key) != own[key] for key in _PORT)
        ):
            raise refuse(
                f"must leave the port {own['port']} first in /spec/ports, as it is",
                "a list replaces the whole list, so repeat that port and give the others a number",
            )

    def annotations(self, plan: Plan, part: None) -> Mapping[str, str]:  # noqa: ARG002
        """Those that the router gives to its Service alone."""
        return plan.router.spec.service.annotations

    def body(self, plan: Plan, part: None) -> Manifest:  # noqa: ARG002
        """One port, to the pods that this function composed."""
        wanted = plan.router.spec.service
        port: Manifest = {
            "name": names.PORT_NAME,
            "port": plan.router.spec.service_port,
            "protocol": "TCP",
            "targetPort": names.PORT_NAME,
        }
        if wanted.app_protocol is not None:
            port["appProtocol"] = wanted.app_protocol
        return {
            "spec": {
                "type": wanted.type or "ClusterIP",
                "selector": service_selector(plan.router),
                "ports": [port],
            },
        }


def url(router: Router) -> str:
    """The gateway's base URL in the cluster, to which a client adds /v1."""
    return f"http://{router.name}.{router.namespace}.svc:{router.spec.service_port}"


def external_url(router: Router, observed: Mapping[str, Any]) -> str | None:
    """The gateway's base URL at the load balancer of its Service, to which a client adds /v1.

    Args:
        router: whose gateway it is.
        observed: its Service; without an address, and of any other type, there is no such URL.
    """
    for address in shapes.objects_at(observed, "status", "loadBalancer", "ingress"):
        host = shapes.text_at(address, "hostname")
        with suppress(ValueError):
            ip = ip_address(shapes.text_at(address, "ip"))
            host = f"[{ip}]" if ip.version == _IPV6 else str(ip)
        if router.spec.service.type == "LoadBalancer" and _HOST.fullmatch(host):
            return f"http://{host}:{router.spec.service_port}"
    return None


def serves(desired: Manifest, observed: Mapping[str, Any]) -> bool:
    """Whether the observed Service has the desired ports.

    If someone edits a port's number, no apply repairs it: Kubernetes merges ports by their number,
    so the desired port would be added beside the edited one, and is rejected for having its name.
    """
    ports = shapes.objects_at(observed, "spec", "ports")
    numbers = {shapes.as_int(port.get("port")) for port in ports}
    return all(port["port"] in numbers for port in desired["spec"]["ports"])
