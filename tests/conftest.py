"""Fixtures that several test modules share."""

from tests.support.apiserver import apiserver

__all__ = ["apiserver"]
