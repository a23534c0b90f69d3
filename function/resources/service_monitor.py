"""The ServiceMonitor by which Prometheus finds the gateway, and the key that it needs."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from function import merging, names, shapes
from function.api import Spec
from function.api import metrics as api
from function.api.validation import switched_on
from function.call import Manifest
from function.gateways.base import Plan
from function.resources import patching
from function.resources.base import RequestedKind, service_selector

_OPEN: Final = (
    *("interval", "scrapeTimeout", "honorLabels", "honorTimestamps", "trackTimestampsStaleness"),
    *("metricRelabelings", "relabelings"),
)
"""What a patch may say of the endpoint. Anything else could send the master key elsewhere."""

_RENAMES: Final = ("labelmap", "labeldrop", "labelkeep")
"""The actions of a relabeling that write or drop labels which it does not name."""


class ServiceMonitor(RequestedKind[api.ServiceMonitor]):
    """The ServiceMonitor of the gateway's Service, on request."""

    name = names.RESOURCE_SERVICE_MONITOR
    api_version = "monitoring.coreos.com/v1"
    kind = "ServiceMonitor"
    definition = "servicemonitors.monitoring.coreos.com"
    fixed: ClassVar = {
        "/spec/selector": "by which the gateway's Service is known",
        "/spec/namespaceSelector": "without which it is the Service of this namespace alone",
    }

    @property
    def field(self) -> str:
        """Where the router asks for it."""
        return f"metrics.{self.name}"

    def block(self, spec: Spec) -> api.ServiceMonitor | None:
        """What the router says of it, as long as there are metrics."""
        wanted = switched_on(spec.metrics)
        return None if wanted is None else wanted.service_monitor

    def labels(self, plan: Plan) -> Mapping[str, str]:
        """Those by which a Prometheus selects its ServiceMonitors."""
        wanted = self.requested(plan)
        return (wanted and wanted.labels) or {}

    def check_patched(self, plan: Plan, generated: Manifest, patched: Manifest) -> None:  # noqa: ARG002
        """Refuses an endpoint that is another's, or is asked with the key in another way."""
        refuse = patching.refusal_of(self.name)
        endpoints, (own,) = shapes.at(patched, "spec", "endpoints"), generated["spec"]["endpoints"]
        if (
            not isinstance(endpoints, list)
            or len(endpoints) != 1
            or not isinstance(endpoints[0], dict)
            or not merging.same(_closed(endpoints[0]), _closed(own))
        ):
            raise refuse(
                f"may only change {', '.join(_OPEN)} of the one endpoint, for it is asked with the "
                "master key",
                "a list replaces the whole list, so repeat the rest of the endpoint",
            )
        relabelings = endpoints[0].get("relabelings", [])
        if not isinstance(relabelings, list) or not all(map(_is_harmless, relabelings)):
            raise refuse(
                "must not write labels that begin with __ in relabelings, nor use the actions "
                f"{', '.join(_RENAMES)}: they decide whom the master key is sent to",
                "use metricRelabelings instead",
            )

    def spec(self, plan: Plan, block: api.ServiceMonitor) -> Manifest:
        """The Service's one port, asked with the master key."""
        endpoint: Manifest = {
            "port": names.PORT_NAME,
            "path": plan.metrics_path,
            "authorization": {
                "credentials": {"name": plan.master_key.secret, "key": plan.master_key.key}
            },
        }
        if block.interval_seconds is not None:
            endpoint["interval"] = f"{block.interval_seconds}s"
        if block.scrape_timeout_seconds is not None:
            endpoint["scrapeTimeout"] = f"{block.scrape_timeout_seconds}s"
        return {
            "selector": {"matchLabels": service_selector(plan.router)},
            "endpoints": [endpoint],
            # By which rules and dashboards tell gateways from all else that is scraped.
            "targetLabels": ["app.kubernetes.io/part-of"],
        }


def _closed(endpoint: Mapping[str, Any]) -> Manifest:
    """What no patch may change in an endpoint."""
    return {key: value for key, value in endpoint.items() if key not in _OPEN}


def _is_harmless(relabeling: object) -> bool:
    """Whether a relabeling of targets leaves their address, path and scheme as they are."""
    return (
        isinstance(relabeling, dict)
        and not str(relabeling.get("targetLabel", "")).startswith("__")
        # A target label may be made of what matched: $1.
        and "$" not in str(relabeling.get("targetLabel", ""))
        and str(relabeling.get("action", "")).lower() not in _RENAMES
    )
