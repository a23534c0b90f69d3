"""Fixtures that several test modules share, and how properties are tested."""

from hypothesis import settings

from tests.support.apiserver import apiserver

__all__ = ["apiserver"]

settings.register_profile("ci", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("ci")
