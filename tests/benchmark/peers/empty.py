"""A function that composes nothing: the least that one on the SDK costs."""

from crossplane.function import response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from tests.benchmark.peers.serving import serve


class Empty(grpcv1.FunctionRunnerServiceServicer):
    """Answers with what earlier steps desired."""

    async def RunFunction(
        self, req: fnv1.RunFunctionRequest, _: object
    ) -> fnv1.RunFunctionResponse:
        """Answers one request."""
        return response.to(req)


if __name__ == "__main__":
    serve(Empty())
