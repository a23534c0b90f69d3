"""What people write: the ModelRouter's spec and the Composition's input, a module for each part."""

from function.api.models import AIModel
from function.api.platform import Input
from function.api.router import Router
from function.api.routing import Redis, Routing
from function.api.secret_refs import Credentials
from function.api.spec import Spec

__all__ = ["AIModel", "Credentials", "Input", "Redis", "Router", "Routing", "Spec"]
