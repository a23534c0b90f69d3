"""The ModelRouter's spec and the Composition's input as typed models, a module for each part."""

from function.api.models import AIModel
from function.api.routing import Redis, Routing
from function.api.secrets import Credentials
from function.api.spec import Input, Spec

__all__ = ["AIModel", "Credentials", "Input", "Redis", "Routing", "Spec"]
