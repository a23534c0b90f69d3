"""The gRPC shell: a request's protobuf to plain values, the core's answer to a response."""

import asyncio
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from crossplane.function import logging, response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1
from google.protobuf import struct_pb2

from function import names, structs
from function.api import bounds, router
from function.api.bounds import Known
from function.call import Manifest, Request, Response
from function.compose import compose, refused
from function.errors import Refused
from function.gateways import GATEWAYS
from function.kept import DEFAULT_BYTES, Kept
from function.telemetry import Telemetry
from function.text import one_line

STATUS = {
    "True": fnv1.STATUS_CONDITION_TRUE,
    "False": fnv1.STATUS_CONDITION_FALSE,
    "Unknown": fnv1.STATUS_CONDITION_UNKNOWN,
}
"""A condition's status in protobuf."""

SEVERITY = {"Warning": fnv1.SEVERITY_WARNING, "Normal": fnv1.SEVERITY_NORMAL}
"""A result's severity in protobuf."""

LARGE_BYTES: Final = 128 * 1024
"""From which size a request is answered beside the others, which do not wait for it."""

MAX_RESPONSE_BYTES: Final = 4 * 1024 * 1024
"""How large a message Crossplane takes: the default of its gRPC client."""

_AI_MODELS: Final = "aiModels"

_STRUCT: Final = "struct"
"""A manifest's form as a serialized Struct."""

_DEFECT: Final = (
    "The function failed, and nothing was changed: this is a bug, please report it with the "
    "function's log."
)


class FunctionRunner(grpcv1.FunctionRunnerServiceServicer):
    """Runs the function. Any number of calls may run at once.

    Attributes:
        log: the SDK's logger.
        kept: what is kept between calls. The answers are the same without it.
        telemetry: what is counted of calls.
    """

    def __init__(
        self, keep_bytes: int = DEFAULT_BYTES, platform: Mapping[str, Any] | None = None
    ) -> None:
        """Takes the SDK's logger, which the server has configured.

        Args:
            keep_bytes: how many bytes may be kept between calls.
            platform: what the platform team sets for all Compositions, in the form of their input.
        """
        self._platform = platform
        self.log = logging.get_logger()
        shared = [text for gateway in GATEWAYS.values() for text in gateway.shared_texts()]
        self.kept = Kept(keep_bytes, shared)
        self.telemetry = Telemetry(self.kept)
        # One thread: several would only slow each other down, and with them the small ones.
        self._large = ThreadPoolExecutor(1, "large-requests")

    async def RunFunction(
        self, req: fnv1.RunFunctionRequest, _: object
    ) -> fnv1.RunFunctionResponse:
        """Answers one request. What goes wrong in reading, composing or writing is a fatal result.

        A defect must not cost a user his gateway.
        """
        return fnv1.RunFunctionResponse.FromString(await self.respond(req))

    async def respond(self, req: fnv1.RunFunctionRequest) -> bytes:
        """The same, serialized: a server need not write again what is kept in that form."""
        self.log.debug("Running function", tag=req.meta.tag)
        begun = time.perf_counter()
        digest = structs.digest(req)
        if (kept := self.kept.answer(digest, time.time())) is not None:
            self.telemetry.kept(time.perf_counter() - begun)
            return kept
        size = req.ByteSize()
        if size > LARGE_BYTES:
            loop = asyncio.get_running_loop()
            answer, rsp = await loop.run_in_executor(self._large, self._answer, req)
        else:
            answer, rsp = self._answer(req)
        data = rsp.SerializeToString()
        self.telemetry.answered(answer, time.perf_counter() - begun, size)
        if answer.refusal is None and answer.repeatable:
            self.kept.keep_answer(digest, data, answer.until)
        return data

    def _answer(self, req: fnv1.RunFunctionRequest) -> tuple[Response, fnv1.RunFunctionResponse]:
        log = self.log.bind(tag=req.meta.tag)
        request = Request()
        try:
            request = read_request(req, self.kept)
            log = log.bind(router=router.title(request.composite))
            answer = compose(request, self.kept, self._platform)
            rsp = write_response(req, answer)
            if (size := rsp.ByteSize()) > MAX_RESPONSE_BYTES:
                answer = refused(request, _too_large(size))
                # Without what other steps desire, which Crossplane keeps anyway.
                rsp = write_response(fnv1.RunFunctionRequest(meta=req.meta), answer)
        except Exception as error:  # noqa: BLE001  # See above.
            # Neither the error's text nor the frames' values: they could hold a credential.
            log.error(  # noqa: TRY400
                "Cannot compose",
                error=type(error).__name__,
                at=[f"{f.name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)],
            )
            answer, rsp = _defect(req, request)
        if answer.refusal is not None:
            log.info("Refused", reason=answer.refusal.reason)
        return answer, rsp

    def undecodable(self) -> bytes:
        """Answers a request that is nested too deep for protobuf, or is none at all.

        A gRPC error instead would be shown by no condition.
        """
        refusal = bounds.too_deep()
        self.log.info("Refused", reason=refusal.reason)
        answer = refused(Request(), refusal)
        self.telemetry.answered(answer, 0, 0)
        return write_response(fnv1.RunFunctionRequest(), answer).SerializeToString()


def _too_large(size: int) -> Refused:
    return Refused(
        names.REASON_RESPONSE_TOO_LARGE,
        f"The function's response would have {size} bytes with what earlier steps of the "
        f"Composition desire, but Crossplane takes at most {MAX_RESPONSE_BYTES}: offer fewer "
        "models, or let the earlier steps desire less.",
    )


def _defect(
    req: fnv1.RunFunctionRequest, request: Request
) -> tuple[Response, fnv1.RunFunctionResponse]:
    """The answer to a request that cannot be composed because of a defect.

    If that lies where the state of the cluster is told, nothing is told of it.
    """
    refusal = Refused(names.REASON_INTERNAL_ERROR, _DEFECT)
    try:
        answer = refused(request, refusal)
        return answer, write_response(req, answer)
    except Exception:  # noqa: BLE001  # What is told then depends on nothing in the request.
        answer = refused(Request(), refusal)
        return answer, write_response(fnv1.RunFunctionRequest(meta=req.meta), answer)


def read_request(req: fnv1.RunFunctionRequest, kept: Kept | None = None) -> Request:
    """The request as plain values, each read when the core looks at it.

    Args:
        req: the request.
        kept: where entries of the spec may be known from.
    """
    identity = router.identity(structs.View(req.observed.composite.resource))
    composite = _Composite(req.observed.composite.resource, kept.known(identity) if kept else {})
    spec = composite.spec
    return Request(
        composite=composite,
        observed={
            name: structs.View(found.resource) for name, found in req.observed.resources.items()
        },
        required={
            name: structs.View(found.items[0].resource) if found.items else None
            for name, found in req.required_resources.items()
        },
        lists={
            name: [structs.View(item.resource) for item in found.items]
            for name, found in req.required_resources.items()
        },
        input=structs.Whole(lambda: _input(req)),
        now=time.time(),
        router=identity,
        source=structs.digest(*identity, spec, req.input),
        size=spec.ByteSize() + req.input.ByteSize(),
        entries=lambda: composite.entries,
    )


class _Composite(structs.View):
    """The composite resource, whose spec is copied as a whole when it is looked at.

    Attributes:
        entries: the entries of the spec's `aiModels` as bytes, in order, once it was read.
    """

    def __init__(self, struct: struct_pb2.Struct, known: Mapping[bytes, Known]) -> None:
        """Takes the resource, and the entries that need not be read."""
        super().__init__(struct)
        self._known = known
        self.entries: list[bytes] = []

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  # Any JSON value.
        """The value of a key.

        Raises:
            Refused: it is the spec, which holds more values than are read.
        """
        if key != "spec" or key not in self._fields:
            return super().__getitem__(key)
        try:
            return self._spec()
        except structs.TooManyValuesError:
            raise bounds.too_many_values() from None

    @property
    def spec(self) -> struct_pb2.Value:
        """The spec; an empty value if there is none."""
        return self._fields["spec"] if "spec" in self._fields else struct_pb2.Value()

    def _spec(self) -> Any:  # noqa: ANN401  # Any JSON value.
        reader = structs.Reader(bounds.MAX_VALUES)
        fields = self.spec.struct_value.fields
        if _AI_MODELS not in fields or fields[_AI_MODELS].WhichOneof("kind") != "list_value":
            return reader.value(self.spec)
        entries = fields[_AI_MODELS].list_value.values
        reader.take(len(fields) + len(entries))
        self.entries = [structs.serialized(entry) for entry in entries]
        models = [
            self._known.get(data) or reader.value(entry)
            for data, entry in zip(self.entries, entries, strict=True)
        ]
        return {
            key: models if key == _AI_MODELS else reader.value(fields[key])
            for key in sorted(fields)
        }


def _input(req: fnv1.RunFunctionRequest) -> dict[str, Any]:
    """The input of the Composition's step.

    Raises:
        Refused: it holds more values than are read.
    """
    try:
        return structs.read(req.input, most=bounds.MAX_INPUT_VALUES)
    except structs.TooManyValuesError:
        raise bounds.too_large_input() from None


def write_response(req: fnv1.RunFunctionRequest, answer: Response) -> fnv1.RunFunctionResponse:
    """The response to a request: what earlier steps desired stays."""
    rsp = response.to(req)
    rsp.meta.ttl.FromSeconds(answer.ttl_seconds)
    for name, composed in answer.resources.items():
        desired = rsp.desired.resources[name]
        if (data := composed.forms.get(_STRUCT)) is None:
            data = composed.forms[_STRUCT] = _struct(composed.manifest)
        # As `resource.update` would: a field that an earlier step desires is replaced.
        desired.resource.MergeFromString(data)
        desired.ready = fnv1.READY_TRUE if composed.ready else fnv1.READY_FALSE
    if answer.status:
        _update_status(rsp, answer.status)
    if answer.unready:
        rsp.desired.composite.ready = fnv1.READY_FALSE
    for name, wanted in answer.requirements.items():
        response.require_resources(
            rsp,
            name,
            wanted.api_version,
            wanted.kind,
            match_name=wanted.name,
            # All of the kind: the first versions of Crossplane want to be told some labels.
            match_labels={} if wanted.name is None else None,
            namespace=wanted.namespace,
        )
        if wanted.name is None:
            rsp.requirements.resources[name].match_labels.SetInParent()
    for condition in answer.conditions:
        rsp.conditions.append(
            fnv1.Condition(
                type=condition.type,
                status=STATUS[condition.status],
                reason=condition.reason,
                message=condition.message,
                target=fnv1.TARGET_COMPOSITE_AND_CLAIM,
            )
        )
    for result in answer.results:
        _add_result(rsp, SEVERITY[result.severity], result.reason, result.message)
    if answer.refusal is not None:
        refusal = answer.refusal
        _add_result(rsp, fnv1.SEVERITY_FATAL, refusal.reason, refusal.message)
    return rsp


def _struct(manifest: Manifest) -> bytes:
    struct = struct_pb2.Struct()
    struct.update(manifest)
    return struct.SerializeToString()


def _update_status(rsp: fnv1.RunFunctionResponse, status: Mapping[str, Any]) -> None:
    """Adds to the status; fields of earlier steps stay."""
    rsp.desired.composite.resource.get_or_create_struct("status").update(dict(status))


def _add_result(
    rsp: fnv1.RunFunctionResponse, severity: fnv1.Severity, reason: str, message: str
) -> None:
    rsp.results.append(
        fnv1.Result(
            severity=severity,
            reason=reason,
            message=one_line(message),
            target=fnv1.TARGET_COMPOSITE_AND_CLAIM,
        )
    )
