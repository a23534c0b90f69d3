"""The functions that are compared: in this process, and as programs that serve."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function.fn import FunctionRunner
from tests.benchmark.peers import pythonic
from tests.benchmark.peers.empty import Empty
from tests.benchmark.peers.naive import Naive

REFERENCE: Final = "empty"
OURS: Final = "modelrouter"


class Function(Protocol):
    """What is compared."""

    async def RunFunction(
        self, req: fnv1.RunFunctionRequest, context: object, /
    ) -> fnv1.RunFunctionResponse:
        """Answers one request."""


IN_PROCESS: Final[Mapping[str, Callable[[], Function]]] = {
    REFERENCE: Empty,
    OURS: FunctionRunner,
    "naive": Naive,
}


@dataclass(frozen=True)
class Program:
    """A program that serves a function.

    Attributes:
        command: its command line, without the flags that all take.
        prefix: bytes to put before a request: fields of it that only this function reads.
    """

    command: tuple[str, ...]
    prefix: bytes = b""


def _module(name: str) -> Program:
    return Program((sys.executable, "-m", f"tests.benchmark.peers.{name}"))


def _pythonic() -> Program:
    request = fnv1.RunFunctionRequest()
    kind = {"apiVersion": "pythonic.fn.crossplane.io/v1beta1", "kind": "Composite"}
    request.input.update({**kind, "composite": pythonic.SCRIPT, "step": "gateway"})
    return Program(pythonic.program(), request.SerializeToString())


PROGRAMS: Final[Mapping[str, Callable[[], Program]]] = {
    REFERENCE: partial(_module, "empty"),
    # As the console script does, in this checkout whatever is installed.
    OURS: lambda: Program((sys.executable, "-m", "function.main", "serve")),
    "naive": partial(_module, "naive"),
    "pythonic": _pythonic,
}
"""How to have each program; that of the last may have to be installed."""
