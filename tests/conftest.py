"""What all tests share: how Hypothesis draws its cases."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],  # Of a machine that is busy with other tests.
)
settings.load_profile("repeatable")
