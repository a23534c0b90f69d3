"""`modelrouter render`: what a cluster would compose, without a cluster.

It plays Crossplane's part around the same function that Crossplane calls, over gRPC in this
process: it passes the observed state, looks up what the function requires, calls again until that
is stable, and adds Crossplane's own metadata to the result. A test compares the output with that of
`crossplane composition render`.
"""

import asyncio
import base64
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from crossplane.function import logging
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from function import api, fn, names, server, structs
from function.api.validation import unknown_fields
from function.call import Manifest
from function.errors import RenderError
from function.offline.manifests import identity, load, metadata, title

_MAX_CALLS: Final = 5
"""How often Crossplane calls a function whose requirements keep changing."""
_RESOURCE_NAME: Final = "crossplane.io/composition-resource-name"
_CLAIM_LABELS: Final = ("crossplane.io/claim-name", "crossplane.io/claim-namespace")
_DEFAULT_NAMESPACE: Final = "default"
_TIME: Final = "2024-01-01T00:00:00Z"
"""The time of all conditions, as in `crossplane composition render`."""
_STEP: Final = 'Pipeline step "gateway": '
"""Crossplane's prefix of a function's results, with the name of the step in our Compositions."""
_PLACEHOLDER: Final = "placeholder: a random master key is made on the cluster"
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
    def notes(self) -> list[str]:
        """The messages of the results."""
        return [result["message"].removeprefix(_STEP) for result in self.results]

    def documents(self, *, xr: bool, results: bool) -> list[Manifest]:
        """The objects to show."""
        return [*([self.xr] if xr else []), *self.composed, *(self.results if results else [])]


def render(
    files: Iterable[Path], *, observed: Iterable[Path] = (), required: Iterable[Path] = ()
) -> list[Rendered]:
    """Renders all ModelRouters in the files.

    Args:
        files: YAML files of ModelRouters (or XModelRouters), or folders of them.
        observed: YAML of composed resources, each with its composition-resource-name annotation.
        required: YAML of other objects of the cluster.

    Raises:
        RenderError: something in the input is refused, by the API or by the function.
        ManifestError: a file cannot be read.
    """
    routers = [_admit(document, path) for path, document in load(files)]
    if not routers:
        raise RenderError(f"no {names.KIND} in the files: nothing to render")
    present = [document for _, document in load(observed)]
    others = [document for _, document in load(required)]
    logging.configure(level=logging.Level.DISABLED)  # The function's log is of no use here.
    return asyncio.run(_render(routers, present, others))


async def _render(
    routers: Sequence[Manifest], observed: Sequence[Manifest], others: Sequence[Manifest]
) -> list[Rendered]:
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/function"
        served, _ = server.build(fn.FunctionRunner())
        served.add_insecure_port(address)
        await served.start()
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                stub = grpcv1.FunctionRunnerServiceStub(channel)
                return [await _render_one(stub, xr, observed, others) for xr in routers]
        finally:
            # Without a grace period, gRPC would print that it cancels.
            await served.stop(grace=1)


async def _render_one(
    stub: grpcv1.FunctionRunnerServiceStub,
    xr: Manifest,
    observed: Sequence[Manifest],
    others: Sequence[Manifest],
) -> Rendered:
    request = fnv1.RunFunctionRequest()
    request.observed.composite.resource.update(xr)
    for document in observed:
        name = (metadata(document).get("annotations") or {}).get(_RESOURCE_NAME)
        if not name:
            raise RenderError(
                f"observed {title(document)} has no annotation {_RESOURCE_NAME}: add it, with the "
                f"name of the composed resource, such as {names.RESOURCE_DEPLOYMENT}"
            )
        request.observed.resources[name].resource.update(document)
    try:
        response = await _call(stub, request, [*observed, *others])
    except grpc.aio.AioRpcError as error:
        raise RenderError(
            f"{title(xr)}: Crossplane could not call the function with it, nor can this command "
            f"({error.details()}): write less, or nest fewer lists and objects"
        ) from None
    for result in response.results:
        if result.severity == fnv1.SEVERITY_FATAL:
            raise RenderError(f"{title(xr)}: {result.message}")
    known = {identity(document) for document in (*observed, *others)}
    return Rendered(
        xr=_status_of(xr, response),
        composed=[
            _composed(xr, name, structs.read(desired.resource), known)
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
    by_identity = {identity(document): document for document in objects}
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
            key = (wanted.api_version, wanted.kind, wanted.namespace, wanted.match_name)
            if key in by_identity:
                found.items.add().resource.update(by_identity[key])
    return response


def _admit(document: Manifest, path: Path) -> Manifest:
    """The object as the function sees it, after the checks of kubectl and the API server."""
    kind, version = document.get("kind"), document.get("apiVersion")
    if kind not in (names.KIND, names.LEGACY_KIND) or version != names.API_VERSION:
        raise RenderError(
            f"{path}: expected {names.API_VERSION} {names.KIND}, found {version} {kind}: pass "
            "other objects with --required or --observed"
        )
    named = metadata(document)
    if not isinstance(named.get("name"), str):
        raise RenderError(f"{path}: metadata.name is missing: give the {names.KIND} a name")
    for field in unknown_fields(api.Spec, document.get("spec"), "spec"):
        if field.removeprefix("spec.") not in names.MACHINERY:
            raise RenderError(f"{path}: unknown field {field}: remove it or fix the spelling")
    if kind == names.KIND:
        # kubectl's default.
        named = {"namespace": _DEFAULT_NAMESPACE, **named}
    key = f"{names.API_VERSION}, Kind={kind}\0{named.get('namespace', '')}\0{named['name']}"
    # The uid that `crossplane composition render` makes up.
    return {**document, "metadata": {"uid": str(uuid.uuid5(uuid.UUID(int=0), key)), **named}}


def _composed(xr: Manifest, name: str, manifest: Manifest, known: set[tuple[str, ...]]) -> Manifest:
    """A composed object with the metadata that Crossplane gives it."""
    own, owner = manifest["metadata"], xr["metadata"]
    labels = {
        key: value for key, value in (owner.get("labels") or {}).items() if key in _CLAIM_LABELS
    }
    labels["crossplane.io/composite"] = owner["name"]
    if name == names.RESOURCE_MASTER_KEY and identity(manifest) not in known:
        data = base64.b64encode(_PLACEHOLDER.encode()).decode()
        manifest = {**manifest, "data": dict.fromkeys(manifest["data"], data)}
    return {
        **manifest,
        "metadata": {
            **own,
            "labels": {**own["labels"], **labels},
            "annotations": {**own.get("annotations", {}), _RESOURCE_NAME: name},
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
