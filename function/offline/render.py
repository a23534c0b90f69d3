"""`modelrouter render`: what a cluster would compose, without a cluster.

It plays Crossplane's part around the same function that Crossplane calls, over gRPC in this
process: it passes the observed state, looks up what the function requires, calls again until that
is stable, and adds Crossplane's own metadata to the result. A test compares the output with that of
`crossplane composition render`.
"""

import asyncio
import base64
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import grpc
from crossplane.function import logging
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from function import fn, names, server, structs
from function.call import Manifest
from function.offline.inputs import RESOURCE_NAME, Inputs
from function.offline.manifests import DEFAULT_NAMESPACE, Found, identity, title
from function.offline.problems import Problem

_MAX_CALLS: Final = 5
"""How often Crossplane calls a function whose requirements keep changing."""
_CLAIM_LABELS: Final = ("crossplane.io/claim-name", "crossplane.io/claim-namespace")
_TIME: Final = "2024-01-01T00:00:00Z"
"""The time of all conditions, as in `crossplane composition render`."""
_STEP: Final = 'Pipeline step "gateway": '
"""Crossplane's prefix of a function's results, with the name of the step in our Compositions."""
_PLACEHOLDERS: Final = {
    names.RESOURCE_MASTER_KEY: "placeholder: a random master key is made on the cluster",
    names.RESOURCE_KEY: "placeholder: a random key is made on the cluster",
}
"""What stands for a random key, by what the name of its composed resource begins with."""
_STATUS: Final = {sent: status for status, sent in fn.STATUS.items()}


@dataclass(frozen=True)
class Rendered:
    """What one ModelRouter renders to.

    Attributes:
        xr: the composite resource with its status.
        composed: the composed objects, in the order of their names in the composition.
        results: the function's results, as objects of kind Result.
    """

    xr: Manifest
    composed: Sequence[Manifest]
    results: Sequence[Manifest]

    @property
    def warnings(self) -> list[str]:
        """The results that are warnings, each with the router's name."""
        return self._messages("Warning")

    @property
    def notes(self) -> list[str]:
        """The other results, each with the router's name."""
        return self._messages("Normal")

    def documents(self, *, xr: bool, results: bool) -> list[Manifest]:
        """The objects to show."""
        return [*([self.xr] if xr else []), *self.composed, *(self.results if results else [])]

    def _messages(self, severity: str) -> list[str]:
        return [
            f"{title(self.xr)}: {result['message'].removeprefix(_STEP)}"
            for result in self.results
            if result["severity"] == severity
        ]


def render(given: Inputs) -> tuple[list[Rendered], list[Problem]]:
    """Renders all valid ModelRouters, and says what is wrong with those that the function refuses.

    Args:
        given: the ModelRouters and the other objects of the cluster.
    """
    logging.configure(level=logging.Level.DISABLED)  # The function's log is of no use here.
    found = asyncio.run(_render(given)) if given.routers else []
    return (
        [one for one in found if isinstance(one, Rendered)],
        [one for one in found if isinstance(one, Problem)],
    )


async def _render(given: Inputs) -> list[Rendered | Problem]:
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/function"
        served, _ = server.build(fn.FunctionRunner(platform=given.platform))
        served.add_insecure_port(address)
        await served.start()
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                stub = grpcv1.FunctionRunnerServiceStub(channel)
                return [await _render_one(stub, router, given) for router in given.routers]
        finally:
            # Without a grace period, gRPC would print that it cancels.
            await served.stop(grace=1)


async def _render_one(
    stub: grpcv1.FunctionRunnerServiceStub, router: Found, given: Inputs
) -> Rendered | Problem:
    request = fnv1.RunFunctionRequest()
    request.observed.composite.resource.update(router.manifest)
    request.input.update(given.input)
    for name, document in given.observed.items():
        request.observed.resources[name].resource.update(document)
    others = [
        *given.observed.values(),
        *given.required,
        # A ModelAccess looks for its router, and that for its ModelAccess objects.
        *(found.manifest for found in given.routers if found is not router),
    ]
    try:
        response = await _call(stub, request, others)
    except grpc.aio.AioRpcError as error:
        return router.named(
            "Crossplane could not call the function with it, nor can this command "
            f"({error.details()}): write less, or nest fewer lists and objects",
            "",
        )
    for result in response.results:
        if result.severity == fnv1.SEVERITY_FATAL:
            return router.named(result.message)
    known = {identity(document) for document in others}
    return Rendered(
        xr=_status_of(router.manifest, response),
        composed=[
            _composed(router.manifest, name, structs.read(desired.resource), known)
            for name, desired in sorted(response.desired.resources.items())
        ],
        results=[
            {
                "apiVersion": "render.crossplane.io/v1beta1",
                "kind": "Result",
                "severity": fnv1.Severity.Name(result.severity).removeprefix("SEVERITY_").title(),
                "reason": result.reason,
                "message": f"{_STEP}{result.message}",
            }
            for result in response.results
        ],
    )


async def _call(
    stub: grpcv1.FunctionRunnerServiceStub,
    request: fnv1.RunFunctionRequest,
    objects: Sequence[Manifest],
) -> fnv1.RunFunctionResponse:
    """Calls until the requirements are stable, as Crossplane does."""
    by_identity = {identity(document): document for document in reversed(objects)}
    requirements = None
    for _ in range(_MAX_CALLS):
        response: fnv1.RunFunctionResponse = await stub.RunFunction(request)
        fatal = any(result.severity == fnv1.SEVERITY_FATAL for result in response.results)
        if fatal or response.requirements == requirements:
            break
        requirements = response.requirements
        request.ClearField("required_resources")
        for name, wanted in requirements.resources.items():
            found = request.required_resources[name]
            if wanted.WhichOneof("match") != "match_name":
                for document in _of_kind(by_identity.values(), wanted):
                    found.items.add().resource.update(document)
                continue
            key = (
                wanted.api_version,
                wanted.kind,
                wanted.namespace or DEFAULT_NAMESPACE,  # As of an object without one.
                wanted.match_name,
            )
            if key in by_identity:
                found.items.add().resource.update(by_identity[key])
    return response


def _of_kind(objects: Iterable[Manifest], wanted: fnv1.ResourceSelector) -> list[Manifest]:
    """All objects of a kind, in Crossplane's order."""
    kind = (wanted.api_version, wanted.kind)
    found = [d for d in objects if (d.get("apiVersion"), d.get("kind")) == kind]
    return sorted(found, key=lambda document: "/".join(identity(document)[2:]))


def _composed(xr: Manifest, name: str, manifest: Manifest, known: set[tuple[str, ...]]) -> Manifest:
    """A composed object with the metadata that Crossplane gives it."""
    own, owner = manifest["metadata"], xr["metadata"]
    labels = {
        key: value for key, value in (owner.get("labels") or {}).items() if key in _CLAIM_LABELS
    }
    labels["crossplane.io/composite"] = owner["name"]
    placeholder = next((t for begin, t in _PLACEHOLDERS.items() if name.startswith(begin)), None)
    if placeholder is not None and identity(manifest) not in known:
        data = base64.b64encode(placeholder.encode()).decode()
        manifest = {**manifest, "data": dict.fromkeys(manifest["data"], data)}
    return {
        **manifest,
        "metadata": {
            **own,
            "labels": {**own["labels"], **labels},
            "annotations": {**own.get("annotations", {}), RESOURCE_NAME: name},
            "ownerReferences": [
                {
                    "apiVersion": xr["apiVersion"],
                    "kind": xr["kind"],
                    "name": owner["name"],
                    "uid": owner["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
    }


def _status_of(xr: Manifest, response: fnv1.RunFunctionResponse) -> Manifest:
    """The composite resource as the function leaves it; Crossplane adds conditions of its own."""
    conditions = [
        {
            "type": condition.type,
            "status": _STATUS[condition.status],
            "reason": condition.reason,
            "message": condition.message,
            "lastTransitionTime": _TIME,
        }
        for condition in response.conditions
    ]
    status = structs.read(response.desired.composite.resource).get("status", {})
    return {**xr, "status": {**status, "conditions": conditions}}
