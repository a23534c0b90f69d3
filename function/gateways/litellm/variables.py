"""The variables of LiteLLM's environment that the function sets by name."""

from typing import Final

from function.api.literals import REFERENCE

MASTER_KEY: Final = "LITELLM_MASTER_KEY"
"""Also the key under which a generated master key stands in its Secret."""
LOG_LEVEL: Final = "LITELLM_LOG"
TRACING_HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS"
REDIS_PASSWORD: Final = "REDIS_PASSWORD"  # noqa: S105  # A variable's name.


def reference(variable: str) -> str:
    """A variable as a value of LiteLLM's configuration."""
    return f"{REFERENCE}{variable}"


def referred(value: str) -> str | None:
    """The variable that a value of LiteLLM's configuration names; None if it names none."""
    return value.removeprefix(REFERENCE) if value.startswith(REFERENCE) else None
