"""The image that the Dockerfile builds starts, as a non-root user and on a read-only root.

No Docker engine is needed: tests/support/image.py carries out the Dockerfile's own instructions on
root file systems made of Debian's packages. What only an engine or the published base images could
show is left open: their exact contents, and that the layers come out as intended.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
import pytest
import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1
from grpc_health.v1 import health_pb2, health_pb2_grpc

from function import names
from tests.support import image, tools

pytestmark = pytest.mark.image

ROOT = Path(__file__).parent.parent
ROUTER = ROOT / "examples" / "modelrouter.yaml"
OWN_USER = ""
CROSSPLANE_USER = "2000:2000"
"""Crossplane runs functions as this user, whatever the image says."""

UNWANTED = re.compile(
    r"(ba|da|a|z|k|fi)?sh|busybox|apt(-get)?|dpkg|perl"  # Shells and the like.
    r"|(.*-)?(gcc|g\+\+|cc|c\+\+|cpp|clang|tcc|ld|as)(-[\d.]+)?|make"  # Compilers.
    r"|pip[\d.]*|uv|easy_install.*"  # Installers.
)


@pytest.fixture(scope="module")
def built() -> Iterator[image.Image]:
    """The image. Building it takes up to some minutes the first time."""
    for program in ("debootstrap", "unshare", "setpriv", "chroot", "mount", "tar"):
        tools.find(program, "install Debian's packages debootstrap and util-linux")
    if os.geteuid() != 0:
        tools.absent("the superuser", "building a root file system is only for root")
    scratch = Path(tempfile.mkdtemp(prefix="modelrouter-image-"))
    try:
        yield image.build(ROOT / "Dockerfile", scratch)
    finally:
        shutil.rmtree(scratch)


@contextmanager
def running(
    built: image.Image, log: Path, user: str
) -> Iterator[tuple[subprocess.Popen[bytes], grpc.Channel]]:
    """A container of the image that is up, and a channel to it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (
        built.start("--insecure", "--address", address, log=log, user=user) as process,
        grpc.insecure_channel(address) as channel,
    ):
        if not comes_up(process, channel):
            pytest.fail(f"the container does not answer; it printed:\n{log.read_text()}")
        yield process, channel


def comes_up(process: subprocess.Popen[bytes], channel: grpc.Channel) -> bool:
    """Whether health checks come to say that the server serves, before it ends or 30 s are over."""
    check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # Stub's gap.
    for _ in range(30):
        with suppress(grpc.RpcError):
            answer = check(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=1)
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
        if process.poll() is not None:
            break
    return False


@pytest.mark.parametrize("user", [OWN_USER, CROSSPLANE_USER])
def test_container_answers_calls(built: image.Image, tmp_path: Path, user: str) -> None:
    """A health check and RunFunction work, as the image's user and as Crossplane's."""
    log = tmp_path / "log"
    with running(built, log, user) as (process, channel):
        request = fnv1.RunFunctionRequest(meta=fnv1.RequestMeta(tag="a-tag"))
        request.observed.composite.resource.update(yaml.safe_load(ROUTER.read_text()))
        function = grpcv1.FunctionRunnerServiceStub(channel)
        # As Crossplane does, it is called again with what it asked for: here none of it exists.
        wanted = function.RunFunction(request, timeout=30).requirements.resources
        for name in wanted:
            request.required_resources[name].SetInParent()
        answer = function.RunFunction(request, timeout=30)
        assert answer.meta.tag == "a-tag"
        assert names.RESOURCE_DEPLOYMENT in answer.desired.resources, answer

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0, log.read_text()


@pytest.mark.parametrize("user", [OWN_USER, CROSSPLANE_USER])
def test_container_is_confined(built: image.Image, tmp_path: Path, user: str) -> None:
    """The process is the entry point itself, is not root, has no capability and gains none."""
    with running(built, tmp_path / "log", user) as (process, _):
        proc = Path("/proc", str(process.pid))
        command = (proc / "cmdline").read_text().split("\0")
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    assert command[1:3] == list(built.entrypoint)
    uid = (user or built.user).partition(":")[0]
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {uid}
    assert uid != "0"
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    root_options = [fields[5].split(",")[0] for fields in mounts if fields[4] == "/"]
    assert root_options[-1] == "ro"


@pytest.mark.parametrize("folder", ["/", "/tmp", "/venv", "/home/nonroot"])
def test_root_is_read_only(built: image.Image, folder: str) -> None:
    """Not even root can write, so it is not for want of permissions that a write fails."""
    for user in (built.user, "0:0"):
        write = f"open({folder!r} + '/probe', 'w')"
        done = built.run("/venv/bin/python", "-c", write, user=user)
        assert done.returncode == 1
        expected = "Read-only file system" if user == "0:0" else "OSError|PermissionError"
        assert re.search(expected, done.stdout), done.stdout


def test_image_has_only_what_runs_the_function(built: image.Image) -> None:
    """There is no shell, no compiler and no installer."""
    files = [path for path in built.root.rglob("*") if not path.is_dir() or path.is_symlink()]
    programs = [path for path in files if path.is_symlink() or path.stat().st_mode & 0o111]
    assert [str(path) for path in programs if UNWANTED.fullmatch(path.name)] == []
    assert built.root / "usr/bin/python3" in programs
    for module in ("pip", "setuptools", "hatchling", "pytest"):
        done = built.run("/venv/bin/python", "-c", f"import {module}")
        assert f"No module named '{module}'" in done.stdout


def test_function_is_compiled(built: image.Image) -> None:
    """Every module has its bytecode, as nothing can be written when it runs."""
    sources = set((built.root / "venv/lib").rglob("*.py"))
    compiled = {
        path.parent.parent / f"{path.name.split('.')[0]}.py"
        for path in (built.root / "venv/lib").rglob("__pycache__/*.pyc")
    }
    assert built.root / "venv/lib" in next(iter(sources)).parents
    assert sources <= compiled


def test_image_says_how_to_run_it(built: image.Image) -> None:
    """Its user is a number, so that Kubernetes can tell that it is not root."""
    assert built.entrypoint == ("/venv/bin/modelrouter", "serve")
    assert built.user == "65532:65532"
    assert built.ports == ("9443",)
    assert built.workdir == "/"
    assert built.labels["org.opencontainers.image.licenses"] == "Apache-2.0"
