"""What all tests share: how Hypothesis draws its cases, and the seed of random samples."""

from hypothesis import HealthCheck, settings

from tests.support.sample import SEED

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],  # Of a machine that is busy with other tests.
)
settings.load_profile("repeatable")


def pytest_report_header() -> str:
    """Tells the seed of random samples, which repeats a run."""
    return f"SAMPLE_SEED={SEED}"
