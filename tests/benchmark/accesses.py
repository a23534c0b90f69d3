"""What a router costs that has so many ModelAccess objects around it."""

import asyncio
import time
from collections.abc import Iterator
from statistics import median
from typing import Final

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function.call import Manifest
from function.fn import FunctionRunner
from tests.benchmark import objects, requests, routers
from tests.support.accesses import access, with_key

COUNTS: Final = (0, 100, 700)
_CALLS: Final = 20


def costs(rounds: int) -> Iterator[tuple[int, int, float, float]]:
    """For each number, bytes of the request, and CPU seconds if nothing and if one has changed."""
    for count in COUNTS:
        runner, bare = FunctionRunner(), _bare()
        asyncio.run(_seconds(runner, bare, _accesses(count), 0))  # What is made once.
        same, changed = [], []
        for i in range(1, rounds * _CALLS):
            found = _accesses(count, i)
            changed.append(asyncio.run(_seconds(runner, bare, found, i)))
            same.append(asyncio.run(_seconds(runner, bare, found, i)))
        size = len(_request(bare, _accesses(count), 0))
        yield count, size, median(same), median(changed)


def _bare() -> fnv1.RunFunctionRequest:
    """The request about a router of ten models that gives keys to all namespaces."""
    request = fnv1.RunFunctionRequest()
    request.CopyFrom(requests.about(1, 10))
    spec = request.observed.composite.resource["spec"]
    spec.update({"access": {"grants": [{"namespace": "*"}]}})  # type: ignore[union-attr]
    _ = request.required_resources["access"]  # Its ConfigMap, which is not there yet.
    return request


def _accesses(count: int, changed: int = 0) -> list[bytes]:
    """So many, as an API server keeps them; the first has been changed so often."""
    name = f"gw-{routers.token(1)}"
    ref = {"name": name, "namespace": routers.NAMESPACE}
    return [_stored(i, ref, changed if i == 0 else 0) for i in range(count)]


_KEPT: Final[dict[tuple[int, int], bytes]] = {}


def _stored(number: int, ref: Manifest, changed: int) -> bytes:
    if (number, changed) not in _KEPT:
        models = ["gpt-4o", "openai/*"]
        written = with_key(
            access(f"app-{number}", f"team-{number}", number, routerRef=ref, models=models, rpm=60),
            f"{number} {changed}",
        )
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": "Accepted",
                "message": "The gateway accepts the key of generation 1.",
                "lastTransitionTime": objects.TIME,
            }
            for kind in ("Accepted", "Ready", "Synced")
        ]
        status = {**written["status"], "conditions": conditions, "secretRef": {"name": "app"}}
        manifest = {**written, "status": status}
        parts = {key: manifest[key] for key in ("metadata", "spec")}
        managers = {"kubectl": parts, "crossplane": {"status": status}}
        resource = fnv1.Resource()
        resource.resource.update(objects.stored(manifest, number + changed, managers))
        _KEPT[number, changed] = resource.SerializeToString()
    return _KEPT[number, changed]


def _request(bare: fnv1.RunFunctionRequest, found: list[bytes], tag: int) -> bytes:
    request = fnv1.RunFunctionRequest()
    request.CopyFrom(bare)
    request.meta.tag = str(tag)
    required = request.required_resources["modelAccesses"]
    for data in found:
        required.items.add().MergeFromString(data)
    return request.SerializeToString()


async def _seconds(
    runner: FunctionRunner, bare: fnv1.RunFunctionRequest, found: list[bytes], tag: int
) -> float:
    """The CPU time of a call, with reading the request."""
    data = _request(bare, found, tag)
    begun = time.process_time()
    await runner.respond(fnv1.RunFunctionRequest.FromString(data))
    return time.process_time() - begun
