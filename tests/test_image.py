"""The image that the Dockerfile builds, and the function in it under mTLS, confined.

buildah builds the very Dockerfile, and runc starts containers of it on a read-only root, so that no
engine is needed. The base images are stand-ins (tests/support/image.py): what only the published
ones could show is left open, their exact contents above all.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1
from grpc_health.v1 import health_pb2, health_pb2_grpc

from function import names
from tests.support import tools
from tests.support.authority import Authority, secure_channel
from tests.support.container import Container, Image
from tests.support.image import Builder
from tests.support.processes import free_port

pytestmark = pytest.mark.image

ROOT = Path(__file__).parent.parent
ROUTER = ROOT / "examples" / "modelrouter.yaml"
CERTIFICATES = "/tls/server"
"""Where Crossplane mounts the function's certificates."""
OWN_USER = ""
CROSSPLANE_USER = "2000:2000"
"""Crossplane runs functions as this user, whatever the image says."""

UNWANTED = re.compile(
    r"(ba|da|a|z|k|fi)?sh|busybox|apt(-get)?|dpkg|perl"  # Shells and the like.
    r"|(.*-)?(gcc|g\+\+|cc|c\+\+|cpp|clang|tcc|ld|as)(-[\d.]+)?|make"  # Compilers.
    r"|pip[\d.]*|uv|easy_install.*"  # Installers.
)


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    """What the image is built with."""
    for program in ("buildah", "debootstrap", "runc"):
        tools.find(program, f"install Debian's package {program}")
    if os.geteuid() != 0:
        tools.absent("the superuser", "only root can make a root file system and a container")
    scratch = Path(tempfile.mkdtemp(prefix="modelrouter-image-"))
    try:
        yield Builder(scratch)
    finally:
        shutil.rmtree(scratch)


@pytest.fixture(scope="module")
def identity(builder: Builder) -> str:
    """The image's ID. Building it takes a minute the first time."""
    return builder.build(ROOT / "Dockerfile")


@pytest.fixture(scope="module")
def image(builder: Builder, identity: str) -> Image:
    """The image as containers start from it."""
    return builder.unpacked(identity)


@pytest.fixture(scope="module")
def tarball(builder: Builder, identity: str) -> Path:
    """The image as a file, as a package embeds it."""
    path = builder.scratch / "runtime.tar"
    builder("push", "--quiet", identity, f"docker-archive:{path}")
    return path


@contextmanager
def serving(image: Image, folder: Path, user: str) -> Iterator[tuple[Container, grpc.Channel]]:
    """A container that serves as Crossplane starts it, and a channel to it with mTLS."""
    authority = Authority()
    server, client = (authority.folder(folder / name) for name in ("server", "client"))
    address = f"127.0.0.1:{free_port()}"
    with (
        image.start(
            *image.config["Entrypoint"],
            *("--address", address),
            user=user,
            env={"TLS_SERVER_CERTS_DIR": CERTIFICATES},
            mounts={CERTIFICATES: server},
        ) as container,
        secure_channel(address, client) as channel,
    ):
        try:
            grpc.channel_ready_future(channel).result(timeout=30)
        except grpc.FutureTimeoutError:
            pytest.fail(f"the container does not answer; it printed:\n{container.log.read_text()}")
        yield container, channel


@pytest.mark.parametrize("user", [OWN_USER, CROSSPLANE_USER])
def test_container_answers_calls(image: Image, tmp_path: Path, user: str) -> None:
    """A health check and RunFunction work, as the image's user and as Crossplane's."""
    with serving(image, tmp_path, user) as (container, channel):
        health = health_pb2_grpc.HealthStub(channel)
        check = health.Check(  # type: ignore[attr-defined]  # The stubs miss the generated methods.
            health_pb2.HealthCheckRequest(), timeout=30
        )
        assert check.status == health_pb2.HealthCheckResponse.SERVING

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

        os.kill(container.pid, signal.SIGTERM)
        assert container.process.wait(timeout=30) == 0, container.log.read_text()


@pytest.mark.parametrize("user", [OWN_USER, CROSSPLANE_USER])
def test_container_is_confined(image: Image, tmp_path: Path, user: str) -> None:
    """Its first process is the entry point, is not root, has no capability and gains none."""
    with serving(image, tmp_path, user) as (container, _):
        proc = Path("/proc", str(container.pid))
        command = (proc / "cmdline").read_text().split("\0")
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    assert command[1:3] == image.config["Entrypoint"]
    assert status["NSpid"].split()[-1] == "1"
    uid = (user or image.config["User"]).partition(":")[0]
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {uid}
    assert uid != "0"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    root_options = [fields[5].split(",")[0] for fields in mounts if fields[4] == "/"]
    assert root_options[-1] == "ro"


@pytest.mark.parametrize("folder", ["/", "/tmp", "/venv", "/home/nonroot"])
def test_root_is_read_only(image: Image, folder: str) -> None:
    """Not even root can write, so it is not for want of permissions that a write fails."""
    for user in (OWN_USER, "0:0"):
        write = f"open({folder!r} + '/probe', 'w')"
        status, printed = image.run("/venv/bin/python", "-c", write, user=user)
        assert status == 1
        expected = "Read-only file system" if user == "0:0" else "OSError|PermissionError"
        assert re.search(expected, printed), printed


def test_image_has_only_what_runs_the_function(image: Image) -> None:
    """There is no shell, no compiler and no installer, and nothing of the machine that built it."""
    files = [path for path in image.root.rglob("*") if not path.is_dir() or path.is_symlink()]
    programs = [path for path in files if path.is_symlink() or path.stat().st_mode & 0o111]
    assert [str(path) for path in programs if UNWANTED.fullmatch(path.name)] == []
    assert image.root / "usr/bin/python3" in programs
    assert [str(path) for path in files if path.name == "pip.conf"] == []
    for module in ("pip", "setuptools", "hatchling", "pytest"):
        _, printed = image.run("/venv/bin/python", "-c", f"import {module}")
        assert f"No module named '{module}'" in printed


def test_function_is_compiled(image: Image) -> None:
    """Every module has its bytecode, as nothing can be written when it runs."""
    sources = set((image.root / "venv/lib").rglob("*.py"))
    compiled = {
        path.parent.parent / f"{path.name.split('.')[0]}.py"
        for path in (image.root / "venv/lib").rglob("__pycache__/*.pyc")
    }
    assert image.root / "venv/lib" in next(iter(sources)).parents
    assert sources <= compiled


def settings(tarball: Path) -> dict[str, Any]:
    """What the only image of a tarball says of how to run it."""
    with tarfile.open(tarball) as archive:

        def read(name: str) -> Any:  # noqa: ANN401
            file = archive.extractfile(name)
            assert file is not None
            return json.load(file)

        (image,) = read("manifest.json")
        assert set(image["Layers"]) <= set(archive.getnames())
        config: dict[str, Any] = read(image["Config"])["config"]
        return config


def test_tarball_says_how_to_run_the_image(tarball: Path) -> None:
    """Its user is a number, so that Kubernetes can tell that it is not root."""
    config = settings(tarball)
    assert config["Entrypoint"] == ["/venv/bin/modelrouter", "serve"]
    assert config.get("Cmd") is None
    assert config["User"] == "65532:65532"
    assert list(config["ExposedPorts"]) == ["8080/tcp", "9443/tcp"]
    assert config["WorkingDir"] == "/"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "function-modelrouter"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    # The way to package registries of the machine that built it stays out.
    assert {variable.partition("=")[0] for variable in config["Env"]} == {
        "PATH",
        "SSL_CERT_FILE",
        "LANG",
        "METRICS_ADDRESS",
    }


@pytest.mark.crossplane
def test_crossplane_embeds_the_tarball_in_the_package(tarball: Path, tmp_path: Path) -> None:
    """Where the crossplane CLI is on the PATH; it comes from no package registry."""
    cli = shutil.which("crossplane")
    if cli is None:
        pytest.skip("needs the crossplane CLI on the PATH")
    package = tmp_path / "function.xpkg"
    command = [cli, "xpkg", "build", f"--package-root={ROOT / 'package' / 'function'}"]
    command += [f"--embed-runtime-image-tarball={tarball}", f"--package-file={package}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    embedded, own = settings(package), settings(tarball)
    for key in ("Entrypoint", "User", "ExposedPorts", "Env"):
        assert embedded[key] == own[key]
