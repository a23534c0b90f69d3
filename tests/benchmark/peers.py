"""The functions that are compared."""

from collections.abc import Callable
from typing import Final, Protocol

from crossplane.function import response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from function.fn import FunctionRunner

REFERENCE: Final = "empty"
OURS: Final = "modelrouter"


class Function(Protocol):
    """What is compared."""

    async def RunFunction(
        self, req: fnv1.RunFunctionRequest, _: object, /
    ) -> fnv1.RunFunctionResponse:
        """Answers one request."""


class Empty(grpcv1.FunctionRunnerServiceServicer):
    """Does nothing: the least that a function on the SDK costs."""

    async def RunFunction(
        self, req: fnv1.RunFunctionRequest, _: object
    ) -> fnv1.RunFunctionResponse:
        """Answers with what earlier steps desired."""
        return response.to(req)


FUNCTIONS: Final[dict[str, Callable[[], Function]]] = {REFERENCE: Empty, OURS: FunctionRunner}
"""The functions that run in this process, the reference first."""
