"""Files as kubectl reads them."""

import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.support import tools
from tests.support.apiserver import BUILD

_AT_ONCE = 1000
"""Files that kubectl-read is given at once: their names must fit into a command line."""


def read(files: Iterable[bytes]) -> Iterator[list[Any] | None]:
    """The objects in each file; None if kubectl refuses it. Their names end in .yaml.

    Raises:
        pytest.skip.Exception: the program is missing (in CI: pytest.fail.Exception).
    """
    program = tools.find("kubectl-read", BUILD)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, content in enumerate(files):
            paths.append(Path(folder) / f"{i}.yaml")
            paths[-1].write_bytes(content)
        for i in range(0, len(paths), _AT_ONCE):
            command = [program, *paths[i : i + _AT_ONCE]]
            done = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True)
            for line in done.stdout.splitlines():
                answer = json.loads(line, parse_int=_integer)
                yield None if "error" in answer else answer.get("objects", [])


def _integer(text: str) -> int | float:
    """A number of JSON as Kubernetes reads it: an integer only if it has at most 64 bits."""
    number = int(text)
    return number if -(2**63) <= number < 2**63 else float(text)
