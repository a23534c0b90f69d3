"""Fixtures that several test modules share."""

from tests.support.apiserver import apiserver
from tests.support.sample import SEED

__all__ = ["apiserver"]


def pytest_report_header() -> str:
    """Tells the seed of random samples, which repeats a run."""
    return f"SAMPLE_SEED={SEED}"
