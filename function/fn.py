"""The gRPC shell: a request's protobuf to plain values, the core's answer to a response."""

import traceback
from collections.abc import Mapping
from typing import Any, Final

from crossplane.function import logging, resource, response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from function import names, report, resources, structs
from function.api import bounds, router
from function.call import Request, Response
from function.compose import compose
from function.errors import Refused
from function.text import one_line

STATUS = {
    "True": fnv1.STATUS_CONDITION_TRUE,
    "False": fnv1.STATUS_CONDITION_FALSE,
    "Unknown": fnv1.STATUS_CONDITION_UNKNOWN,
}
"""A condition's status in protobuf."""

SEVERITY = {"Warning": fnv1.SEVERITY_WARNING, "Normal": fnv1.SEVERITY_NORMAL}
"""A result's severity in protobuf."""

MAX_RESPONSE_BYTES: Final = 4 * 1024 * 1024
"""How large a message Crossplane takes: the default of its gRPC client."""

_DEFECT: Final = (
    "The function failed, and nothing was changed: this is a bug, please report it with the "
    "function's log."
)


class FunctionRunner(grpcv1.FunctionRunnerServiceServicer):
    """Runs the function. Stateless: any number of calls may run at once."""

    def __init__(self) -> None:
        """Takes the SDK's logger, which the server has configured."""
        self.log = logging.get_logger()

    async def RunFunction(
        self, req: fnv1.RunFunctionRequest, _: object
    ) -> fnv1.RunFunctionResponse:
        """Answers one request. What goes wrong in reading, composing or writing is a fatal result.

        A defect must not cost a user his gateway.
        """
        log = self.log.bind(tag=req.meta.tag)
        log.debug("Running function")
        request = Request()
        try:
            request = read_request(req)
            log = log.bind(router=router.title(request.composite))
            answer = compose(request)
            rsp = write_response(req, answer)
            if (size := rsp.ByteSize()) > MAX_RESPONSE_BYTES:
                answer = report.refused(request, _too_large(size))
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
        return rsp

    def undecodable(self) -> fnv1.RunFunctionResponse:
        """Answers a request that is nested too deep for protobuf, or is none at all.

        A gRPC error instead would be shown by no condition.
        """
        refusal = bounds.too_deep()
        self.log.info("Refused", reason=refusal.reason)
        return write_response(fnv1.RunFunctionRequest(), report.refused(Request(), refusal))


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
        answer = report.refused(request, refusal)
        return answer, write_response(req, answer)
    except Exception:  # noqa: BLE001  # What is told then depends on nothing in the request.
        answer = report.refused(Request(), refusal)
        return answer, write_response(fnv1.RunFunctionRequest(meta=req.meta), answer)


def read_request(req: fnv1.RunFunctionRequest) -> Request:
    """The request as plain values, of what the core looks at."""
    observed = req.observed.composite.resource
    composite: dict[str, Any] = dict(structs.View(observed))
    settings: dict[str, Any] = {}
    unreadable = None
    try:
        if "spec" in observed.fields:
            composite["spec"] = structs.read_value(observed.fields["spec"], most=bounds.MAX_VALUES)
    except structs.TooManyValuesError:
        unreadable = bounds.too_many_values()
    try:
        settings = structs.read(req.input, most=bounds.MAX_INPUT_VALUES)
    except structs.TooManyValuesError:
        unreadable = bounds.too_large_input()
    return Request(
        composite=composite,
        observed={
            name: structs.View(req.observed.resources[name].resource)
            for name in resources.KINDS
            if name in req.observed.resources
        },
        required={
            name: structs.View(found.items[0].resource) if found.items else None
            for name, found in req.required_resources.items()
        },
        input=settings,
        unreadable=unreadable,
    )


def write_response(req: fnv1.RunFunctionRequest, answer: Response) -> fnv1.RunFunctionResponse:
    """The response to a request: what earlier steps desired stays."""
    rsp = response.to(req)
    rsp.meta.ttl.FromSeconds(answer.ttl_seconds)
    for name, composed in answer.resources.items():
        desired = rsp.desired.resources[name]
        resource.update(desired, composed.manifest)
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
            namespace=wanted.namespace,
        )
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
