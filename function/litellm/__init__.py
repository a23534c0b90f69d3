"""The kind of router that runs the LiteLLM proxy."""

from function.litellm.credentials import access
from function.litellm.plan import make as plan

__all__ = ["access", "plan"]
