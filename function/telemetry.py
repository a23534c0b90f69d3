"""What the function's server tells Prometheus: how calls end, how long they take, what is kept."""

from typing import Final

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)

from function.call import Response
from function.errors import StartError
from function.kept import Kept

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Up to some times what the largest router takes, in seconds."""


_MEBIBYTE: Final = 1024 * 1024
_SIZES: Final = tuple(size * _MEBIBYTE for size in (0.0625, 0.25, 1, 4, 8, 16, 24, 32))
"""Up to how large a request may be by default, in bytes."""


class Telemetry:
    """The metrics of one function.

    A router that changes nothing is one or two calls a minute; their outcomes are:

    - `kept`: the same request was answered before, and gets the same answer.
    - `composed`: the composed resources were written.
    - `incomplete`: objects have to be looked up first, so Crossplane calls again at once.
    - `unsupported`: the router is of a type that is not implemented.
    - `refused`: nothing is composed; a counter of its own has the reason.
    """

    def __init__(self, kept: Kept) -> None:
        """Counts nothing yet.

        Args:
            kept: what is kept between calls.
        """
        self._registry = CollectorRegistry()
        for collector in (GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR):
            self._registry.register(collector)
        self._calls = Counter(
            "modelrouter_calls",
            "Calls of the function, by outcome.",
            ["outcome"],
            registry=self._registry,
        )
        self._refusals = Counter(
            "modelrouter_refusals",
            "Calls in which nothing was composed, by the reason in the condition Configured.",
            ["reason"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "modelrouter_call_duration_seconds",
            "How long calls take in the function.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._bytes = Histogram(
            "modelrouter_request_bytes",
            "How large requests are, in bytes, except for those whose answer is kept.",
            buckets=_SIZES,
            registry=self._registry,
        )
        self._gauge(
            "modelrouter_cache_bytes", "What is kept between calls, in bytes."
        ).set_function(lambda: kept.size)
        self._gauge("modelrouter_cache_routers", "How many routers are kept.").set_function(
            lambda: kept.routers
        )

    def kept(self, seconds: float) -> None:
        """Counts a call whose answer was kept."""
        self._count("kept", seconds)

    def answered(self, answer: Response, seconds: float, size: int) -> None:
        """Counts a call by its answer, and how large the request was, in bytes."""
        self._bytes.observe(size)
        if answer.refusal is not None:
            self._refusals.labels(answer.refusal.reason).inc()
        self._count(_outcome(answer), seconds)

    def listen(self, address: str) -> None:
        """Serves the metrics at `/metrics`, over plain HTTP, for as long as the process lives.

        Args:
            address: host and port; without a host, on all.

        Raises:
            StartError: it is not an address, or cannot be listened on.
        """
        host, _, port = address.rpartition(":")
        try:
            start_http_server(int(port), host.strip("[]") or "0.0.0.0", self._registry)  # noqa: S104
        except (OSError, ValueError, OverflowError):
            raise StartError(
                f"cannot listen on '{address}': it must be a host and a port of this machine that "
                "nothing else uses; choose another with --metrics-address"
            ) from None

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._registry)

    def _count(self, outcome: str, seconds: float) -> None:
        self._calls.labels(outcome).inc()
        self._seconds.observe(seconds)


def _outcome(answer: Response) -> str:
    if answer.refusal is not None:
        return "refused"
    if answer.resources:
        return "composed"
    return "unsupported" if answer.unready else "incomplete"
