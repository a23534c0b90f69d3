"""Builds a Dockerfile with buildah, which needs neither a container engine nor an image registry.

Stand-ins made of the same Debian packages replace the base images that the Dockerfile names:
debootstrap makes one, distroless.Dockerfile the other. Both are kept in the tools cache.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from tests.support import tools
from tests.support.container import Image

STAND_INS = {
    "debian:13-slim": "debian",
    "gcr.io/distroless/python3-debian13:nonroot": "distroless",
}
RELEASE = "trixie"
DISTROLESS = Path(__file__).with_name("distroless.Dockerfile")
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class BuildError(Exception):
    """A command of the build failed; the text has its output."""


class Builder:
    """buildah, with its whole store in a scratch folder."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._lent = _lend(scratch / "pip.conf")

    def __call__(self, *arguments: str | Path) -> str:
        """Runs a buildah command and returns what it prints."""
        # The vfs driver works on any kernel and any file system.
        store = [f"--root={self.scratch}/store", f"--runroot={self.scratch}/run"]
        return _call("buildah", "--storage-driver=vfs", *store, *arguments)

    def build(self, dockerfile: Path) -> str:
        """Builds a Dockerfile, with its folder as the context; returns the image's ID."""
        stand_ins = []
        for reference in re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE):
            # A digest pins what is pulled, and nothing is pulled here.
            name = reference.partition("@")[0]
            if name in STAND_INS:
                image = self._stand_in(STAND_INS[name])
                stand_ins.append(f"--build-context={reference}=container-image://{image}")
            elif name != "scratch":
                raise BuildError(f"tests/support/image.py has no stand-in for {reference}")
        flags = ["--quiet", "--pull=never", "--isolation=chroot", *stand_ins, *self._lent]
        return self("build", *flags, f"--file={dockerfile}", dockerfile.parent)

    def unpacked(self, image: str) -> Image:
        """An image that containers can be started from."""
        root = self("mount", self("from", "--pull=never", image))
        config = json.loads(self("inspect", "--type=image", image))["OCIv1"]["config"]
        return Image(Path(root), config, self.scratch)

    def _stand_in(self, name: str) -> str:
        """The tag of a stand-in, which is made only if the cache has none of this recipe."""
        tag = f"localhost/{name}:stand-in"
        if self("images", "--quiet", "--filter", f"reference={tag}"):
            return tag
        recipe = sha256(f"{RELEASE}\n{DISTROLESS.read_text()}".encode()).hexdigest()[:12]
        archive = tools.CACHE / "image" / f"{name}-{platform.machine()}-{recipe}.tar"
        if archive.exists():
            self("pull", "--quiet", f"docker-archive:{archive}")
            return tag
        self("tag", self._debian() if name == "debian" else self.build(DISTROLESS), tag)
        archive.parent.mkdir(parents=True, exist_ok=True)
        # Another run may be doing the same; whole files replace each other.
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            new = Path(folder, archive.name)
            self("push", "--quiet", tag, f"docker-archive:{new}:{tag}")
            new.replace(archive)
        return tag

    def _debian(self) -> str:
        container = self("from", "scratch")
        root = self("mount", container)
        _call("debootstrap", "--variant=minbase", RELEASE, root)
        shutil.rmtree(Path(root, "var/cache/apt/archives"))
        return self("commit", "--quiet", "--rm", container)


def _lend(pip_conf: Path) -> list[str]:
    """The flags that let a build's commands reach package registries as this machine does.

    buildah itself passes on the variables of proxies; pip's variables become its configuration
    file. Files are lent in a folder that no package uses, and none of this enters an image.
    """
    options = {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith("PIP_")
    }
    for name in CERTIFICATES:
        if name in os.environ:
            options.setdefault("cert", os.environ[name])
    lines, lent = ["[global]"], {str(pip_conf): "/etc/pip.conf"}
    for option, value in options.items():
        words = value.split()
        files = {word: f"/lent{word}" for word in words if word[0] == "/" and Path(word).exists()}
        lines.append(f"{option} = {' '.join(files.get(word, word) for word in words)}")
        lent |= files
    pip_conf.write_text("".join(f"{line}\n" for line in lines))
    return [f"--volume={path}:{inside}:ro" for path, inside in lent.items()]


def _call(*command: str | Path) -> str:
    """Runs a command. The text of its error names the last argument, which says the most."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise BuildError(f"{command[0]} ... {command[-1]}: exit status {done.returncode}\n{tail}")
    return done.stdout.strip()
