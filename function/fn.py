"""The gRPC shell: a request's protobuf to plain values, the core's answer to a response."""

import traceback
from collections.abc import Mapping
from typing import Any, Final

from crossplane.function import logging, resource, response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from function import names, report, resources, structs
from function.api import router
from function.call import Request, Response
from function.compose import compose
from function.errors import Refused

STATUS = {
    "True": fnv1.STATUS_CONDITION_TRUE,
    "False": fnv1.STATUS_CONDITION_FALSE,
    "Unknown": fnv1.STATUS_CONDITION_UNKNOWN,
}
"""A condition's status in protobuf."""

SEVERITY = {"Warning": fnv1.SEVERITY_WARNING, "Normal": fnv1.SEVERITY_NORMAL}
"""A result's severity in protobuf."""


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
        except Exception as error:  # noqa: BLE001  # See above.
            # Neither the error's text nor the frames' values: they could hold a credential.
            log.error(  # noqa: TRY400
                "Cannot compose",
                error=type(error).__name__,
                at=[f"{f.name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)],
            )
            answer = report.refused(request, Refused(names.REASON_INTERNAL_ERROR, _DEFECT))
            rsp = write_response(req, answer)
        if answer.refusal is not None:
            log.info("Refused", reason=answer.refusal.reason)
        return rsp


def read_request(req: fnv1.RunFunctionRequest) -> Request:
    """The request as plain values, of what the core looks at."""
    return Request(
        composite=structs.read(req.observed.composite.resource),
        observed={
            name: structs.read(req.observed.resources[name].resource)
            for name in resources.KINDS
            if name in req.observed.resources
        },
        required={
            name: structs.read(found.items[0].resource) if found.items else None
            for name, found in req.required_resources.items()
        },
        input=structs.read(req.input),
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
            message=message,
            target=fnv1.TARGET_COMPOSITE_AND_CLAIM,
        )
    )
