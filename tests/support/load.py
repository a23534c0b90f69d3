"""A steady load of calls on a gateway, by the clients in callers.py."""

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.tools import CACHE

_CALLERS = Path(__file__).with_name("callers.py")


class Load:
    """Clients that call until they are told to end, at most for the length of a `with` block."""

    def __init__(self, url: str, key: str, *, times: float = 1) -> None:
        """Calls a gateway with its key; the rate of calls is multiplied by `times`."""
        python = CACHE / "litellm" / "bin" / "python"
        self._command = [str(python), str(_CALLERS), url, str(times)]
        self._env = {"PATH": os.defpath, "OPENAI_API_KEY": key}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> tuple[dict[str, int], list[str]]:
        """How many calls of each kind there were, and what went wrong, once all are answered."""
        said, _ = self._process.communicate()
        found = json.loads(said)
        return found["calls"], found["failures"]
