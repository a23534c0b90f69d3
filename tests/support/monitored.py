"""A router of which everything is measured: its models answer, fail and are answered for."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from tests.support.processes import free_port
from tests.support.upstream import Upstream
from tests.support.world import World, router


@contextmanager
def monitored(**spec: Any) -> Iterator[World]:  # noqa: ANN401
    """A cluster with the router, and its two providers, of which one fails.

    Args:
        spec: what the router says beside that.
    """
    with Upstream() as works, Upstream() as fails:
        fails.status = HTTPStatus.INTERNAL_SERVER_ERROR
        good, bad = (f"{upstream.url}/v1" for upstream in (works, fails))
        yield World(
            router(
                port=free_port(),
                aiModels=[
                    {"name": "openai/gpt-4o", "alias": "works", "apiBase": good},
                    {"name": "openai/gpt-4o", "alias": "fails", "apiBase": bad},
                    {"name": "openai/gpt-4o", "alias": "falls back", "apiBase": bad},
                    {"name": "openai/gpt-4.1", "alias": "moves on", "apiBase": bad},
                    {
                        "name": "openai/gpt-4o",
                        "alias": "moves on",
                        "apiBase": good,
                        "standby": True,
                    },
                    {"name": "openai/*", "alias": "any/*", "apiBase": good},
                ],
                routing={
                    "retries": 0,
                    "cooldownSeconds": 600,
                    "allowedFailures": 0,
                    "fallbacks": [{"model": "falls back", "to": ["works"]}],
                },
                metrics={"serviceMonitor": {"intervalSeconds": 1, "scrapeTimeoutSeconds": 1}},
                **spec,
            )
        )
