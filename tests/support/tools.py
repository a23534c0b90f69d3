"""Finds the programs that tests on real parts need.

They are built or installed once by the scripts in `.ci/` into a cache folder outside the checkout
(`MODELROUTER_TOOLS`, by default `~/.cache/modelrouter-tools`). On a user's machine a test whose
program is missing is skipped and says how to get it; where `CI` is set that is a failure, so that
a green run never hides a check that was not made.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

CACHE = Path(os.environ.get("MODELROUTER_TOOLS", Path.home() / ".cache" / "modelrouter-tools"))


def absent(what: str, remedy: str) -> NoReturn:
    """Ends a test whose program is missing: a skip, or in CI a failure."""
    reason = f"{what} is not here: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def definition(name: str) -> Path:
    """The file of a CustomResourceDefinition that another project publishes, from the cache.

    Ends the test where it is not there.
    """
    path = CACHE / "crds" / f"{name}.yaml"
    if not path.exists():
        absent(path.name, "fetch it with .ci/build-kube")
    return path


def find(program: str, remedy: str) -> Path:
    """The path of a program: from the cache, KUBEBUILDER_ASSETS, this environment or the PATH.

    Ends the test where it is not there.
    """
    folders = [
        str(CACHE / "bin"),
        os.environ.get("KUBEBUILDER_ASSETS", ""),
        str(Path(sys.executable).parent),
    ]
    path = shutil.which(program, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if path is None:
        absent(program, remedy)
    return Path(path)
