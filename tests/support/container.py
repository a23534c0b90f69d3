"""Containers of an image, run by runc as Kubernetes would run them."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ContainerError(Exception):
    """A container did not start; the text says why."""


@dataclass(frozen=True)
class Image:
    """A root file system and how to start it.

    Attributes:
        config: the settings, as in the OCI image specification.
        scratch: a folder for the state of containers.
    """

    root: Path
    config: Mapping[str, Any]
    scratch: Path

    def run(self, *command: str, user: str = "") -> tuple[int, str]:
        """Runs a command in a container; returns its exit status and what it printed."""
        with self.start(*command, user=user) as container:
            return container.process.wait(timeout=60), container.log.read_text()

    @contextmanager
    def start(
        self,
        *command: str,
        user: str = "",
        env: Mapping[str, str] | None = None,
        mounts: Mapping[str, Path] | None = None,
    ) -> Iterator["Container"]:
        """A container with a read-only root, no capabilities and this machine's network.

        Args:
            command: what runs in it.
            user: another user than the image's. Only root has a capability: that of writing
                whatever a file's mode is.
            env: variables beside the image's.
            mounts: folders of this machine by their paths in the container, read-only.
        """
        bundle = Path(tempfile.mkdtemp(prefix="container-", dir=self.scratch))
        runc = ["runc", f"--root={self.scratch}/runc"]
        subprocess.run([*runc, "spec", f"--bundle={bundle}"], check=True)
        settings = bundle / "config.json"
        spec = json.loads(settings.read_text())
        uid, _, gid = (user or self.config["User"]).partition(":")
        capabilities = ["CAP_DAC_OVERRIDE"] if uid == "0" else []
        spec["root"] = {"path": str(self.root), "readonly": True}
        spec["process"] |= {
            "terminal": False,
            "args": command,
            "cwd": self.config["WorkingDir"],
            "env": [*self.config["Env"], *(f"{k}={v}" for k, v in (env or {}).items())],
            "user": {"uid": int(uid), "gid": int(gid)},
            "capabilities": dict.fromkeys(("bounding", "permitted", "effective"), capabilities),
        }
        spec["linux"]["namespaces"].remove({"type": "network"})
        spec["mounts"] += [
            {"destination": path, "source": str(folder), "options": ["bind", "ro"]}
            for path, folder in (mounts or {}).items()
        ]
        settings.write_text(json.dumps(spec))
        container = Container(bundle, [*runc, "run", f"--bundle={bundle}"])
        try:
            container.wait_until_started()
            yield container
        finally:
            subprocess.run([*runc, "delete", "--force", bundle.name], check=False)
            container.process.wait(timeout=60)


class Container:
    """A container that runs.

    Attributes:
        log: the file of what it prints.
        process: runc, which ends with the container's exit status.
    """

    def __init__(self, bundle: Path, run: list[str]) -> None:
        self.log = bundle / "log"
        self._pid = bundle / "pid"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*run, f"--pid-file={self._pid}", bundle.name],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until_started(self) -> None:
        """Waits until the container's process is there, which runc ends with.

        Raises:
            ContainerError: it cannot be started.
        """
        while not self._pid.exists():
            if self.process.poll() is not None and not self._pid.exists():
                raise ContainerError(self.log.read_text())
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        """The container's first process, in this machine's numbers."""
        return int(self._pid.read_text())
