"""The requests that Crossplane sends once nothing changes any more.

A router is reconciled until that is so, and a request about it then becomes one about any other by
replacing bytes in it.
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final, TypeVar

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function import names, structs
from function.fn import FunctionRunner
from tests.benchmark import routers
from tests.benchmark.cluster import Cluster

_T = TypeVar("_T")

_HASHES: Final = (names.ANNOTATION_CONFIG_HASH, names.ANNOTATION_SECRET_HASH)


def about(number: int, models: int) -> fnv1.RunFunctionRequest:
    """The request about the router of that number: what is observed is what is desired."""
    data = renamed(number, models)
    request = fnv1.RunFunctionRequest.FromString(data)
    answer = _result(FunctionRunner().RunFunction(request, None))
    seen = _hashes(request.observed.resources[names.RESOURCE_DEPLOYMENT])
    wanted = _hashes(answer.desired.resources[names.RESOURCE_DEPLOYMENT])
    for old, new in zip(seen, wanted, strict=True):
        data = data.replace(old.encode(), new.encode())
    return fnv1.RunFunctionRequest.FromString(data)


def renamed(number: int, models: int) -> bytes:
    """The same without a call of the function: the observed hashes are those of another router.

    To the function, that is a rollout.
    """
    return _settled(models).replace(routers.TOKEN.encode(), routers.token(number).encode())


@cache
def _settled(models: int) -> bytes:
    cluster = Cluster(routers.router(models), routers.credentials())
    return _result(cluster.settle()).SerializeToString(deterministic=True)


def _hashes(deployment: fnv1.Resource) -> list[str]:
    template = structs.read(deployment.resource)["spec"]["template"]
    return [template["metadata"]["annotations"][name] for name in _HASHES]


def _result(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """What a coroutine returns: in a thread of its own, as an event loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
