"""What LiteLLM tells of itself: metrics, traces and its log.

Whatever a client may choose freely must not become a label of a metric: each new value would be a
new series, in the gateway's memory and in Prometheus, and some of the values are no one's business.
By default LiteLLM lets anyone who reaches the port make up series, even without a key:
tests/test_metrics.py tries it on a running proxy. So:

- Labels that clients write (CLIENTS_OWN) are left out. `hashed_api_key` is among them: whatever is
  sent as a key becomes its value, and a key that does not begin with `sk-` is not even hashed.
- The metric that repeats the model of a failed call as the client wrote it is left out, as is the
  other one that LiteLLM calls deprecated; the rest show a model that is not offered as `other`.
- The models that a wildcard offers are the clients' to name. So each metric has so many series at
  most, by far enough for models that are listed. What comes after that is counted in one series
  all of whose labels are `other`, so that totals stay right.
- prometheus_client has a series for the time at which each other one began. No one asks for that,
  and it doubles the counters.

Into spans LiteLLM writes prompts and answers unless `message_logging` says otherwise. What else it
writes there is for spans.py to sort out, which lies beside config.yaml.

With LITELLM_LOG set to DEBUG, LiteLLM prints prompts and answers: that is no level of the API's.
"""

from typing import Final

from function.api import Router, Spec
from function.api.validation import switched_on
from function.call import Manifest
from function.gateways.litellm import variables

PROMETHEUS: Final = "prometheus"
OTEL: Final = "otel"

CLIENTS_OWN: Final = (
    *("client_ip", "end_user", "hashed_api_key", "user", "user_agent", "user_email"),
)
"""Labels whose values clients choose, or by which a person can be told."""

_DEPRECATED: Final = ("litellm_llm_api_failed_requests_metric", "litellm_requests_metric")

_PROTOCOLS: Final = {"GRPC": "grpc", "HTTP": "http/protobuf"}

_LEAST_SERIES: Final = 1000
_SERIES_OF_AN_ENTRY: Final = 10
"""For calls that succeed, and for each of the ways in which some fail."""


def settings(spec: Spec, entries: int) -> Manifest:
    """What is said of it in `litellm_settings`.

    Args:
        spec: the spec.
        entries: how many entries its `model_list` has.
    """
    measured = switched_on(spec.metrics) is not None
    traced = switched_on(spec.tracing) is not None
    callbacks = [*([OTEL] if traced else []), *([PROMETHEUS] if measured else [])]
    said: Manifest = {"callbacks": callbacks} if callbacks else {}
    if spec.logging.format == "JSON":
        # The variable below is there for lines before this is read; only this one is for the lines
        # of other packages.
        said["json_logs"] = True
    if not measured:
        return said
    return {
        **said,
        "prometheus_exclude_labels": list(CLIENTS_OWN),
        "prometheus_exclude_metrics": list(_DEPRECATED),
        "prometheus_metrics_max_series_per_metric": max(
            _LEAST_SERIES, _SERIES_OF_AN_ENTRY * entries
        ),
    }


def sections(spec: Spec) -> Manifest:
    """The sections of the configuration that are about it alone."""
    if (tracing := switched_on(spec.tracing)) is None:
        return {}
    return {"callback_settings": {OTEL: {"message_logging": tracing.capture_content is True}}}


def environment(router: Router) -> dict[str, str]:
    """The variables for it."""
    spec, own = router.spec, dict[str, str]()
    if switched_on(spec.metrics) is not None:
        own["PROMETHEUS_DISABLE_CREATED_SERIES"] = "True"
    if (tracing := switched_on(spec.tracing)) is not None and tracing.endpoint is not None:
        own |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": tracing.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": _PROTOCOLS[tracing.protocol or "HTTP"],
            "OTEL_SERVICE_NAME": router.name,
        }
        if tracing.capture_content:
            own["SPANS_HOLD_CONTENT"] = "true"
    if spec.logging.level is not None:
        own[variables.LOG_LEVEL] = spec.logging.level.upper()
    if spec.logging.format == "JSON":
        own["JSON_LOGS"] = "true"
    return own
