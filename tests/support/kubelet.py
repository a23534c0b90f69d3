"""A stand-in for the kubelet: runs the first container of a Deployment as a plain process.

What the container is given is worked out as the kubelet does it: volumes from ConfigMaps and
Secrets, `env` and `envFrom` with their order, expansion and refusals, and the probes. What runs is
the real LiteLLM proxy out of the tools cache, started as the image's entry point starts it, with
the pod's environment and nothing of the tester's.

Not imitated: the image's file system (mounts become folders of a temporary directory, and mount
paths in arguments and environment are rewritten to it), security contexts, resource limits, network
policies, init containers and sidecars, lifecycle hooks (those are in rollout.py), restarts, the
liveness probe's killing, the variables of Services, volumes of other kinds. Objects are found by
name, whatever their namespace. LiteLLM's variable HOST stands for the pod's own network.
A probe is tried more often than its period says, within the time that period and threshold give.
"""

import base64
import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from tests.support.tools import CACHE, absent

Object: TypeAlias = Mapping[str, Any]
"""A Kubernetes object or a part of one, as read from JSON."""

_Probe: TypeAlias = Literal["startupProbe", "readinessProbe", "livenessProbe"]

LOOPBACK = "127.0.0.1"
_PAUSE = 0.1
_VALIDATION_LIMIT = 120


class NotStarted(Exception):  # noqa: N818  # What happened, as the kubelet would word it.
    """The kubelet would keep the container waiting; the text is its message."""


class NotReady(Exception):  # noqa: N818  # The same.
    """The container ended or its probes did not succeed in time; the text ends in its log."""


class Pod:
    """The pod of a Deployment, running for the length of a `with` block."""

    def __init__(
        self,
        deployment: Object,
        *,
        config_maps: Sequence[Object] = (),
        secrets: Sequence[Object] = (),
        address: str = LOOPBACK,
    ) -> None:
        """A pod on an address of this machine; several of one Deployment have several."""
        self._deployment, self._config_maps, self._secrets = deployment, config_maps, secrets
        self.address = address
        self._spec: Object = _container_of(deployment)
        self._exit = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Path | str = ""
        self._folder = Path()
        self._started = 0.0
        self.env: dict[str, str] = {}
        """The container's variables as it would see them in a cluster, once it is started."""

    def __enter__(self) -> Self:
        """Starts the container; it is not ready yet.

        Raises:
            NotStarted: the kubelet would not start it.
        """
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pod-")))
            run = _materialise(self._deployment, self._config_maps, self._secrets, folder)
            self.env = run.env
            self._folder = folder
            self._log = folder / "log"
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    # The image's entry point is a script for sh, which passes not all variables on.
                    ["/bin/sh", "-c", 'exec "$0" "$@"', *run.argv],
                    cwd=run.cwd,
                    env={"HOST": self.address, **run.process_env},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._started = time.monotonic()
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._log = self.log()
        self._exit.close()

    def update(self, config_map: Object) -> None:
        """Gives the running container what a ConfigMap holds now, all of it at once."""
        name = config_map["metadata"]["name"]
        for volume in self._deployment["spec"]["template"]["spec"].get("volumes", []):
            if volume.get("configMap", {}).get("name") == name:
                folder = self._folder / "volumes" / volume["name"]
                _swap(folder, dict(config_map.get("data") or {}))

    @property
    def port(self) -> int:
        """The container's first port."""
        port: int = self._spec["ports"][0]["containerPort"]
        return port

    @property
    def url(self) -> str:
        """Where the gateway listens, without a slash at the end."""
        return f"http://{self.address}:{self.port}"

    @property
    def returncode(self) -> int | None:
        """How the container ended: its status, the negative of a signal, or None while it runs."""
        return None if self._process is None else self._process.poll()

    def log(self) -> str:
        """All that the container has printed, also after its end."""
        if isinstance(self._log, Path):
            return self._log.read_text(errors="replace")
        return self._log

    def probe(self, kind: _Probe) -> bool:
        """Whether this probe succeeds right now; one that the container does not have does."""
        probe = self._spec.get(kind)
        if probe is None:
            return True
        get: Object = probe["httpGet"]
        port = get["port"]
        if isinstance(port, str):
            port = next(p["containerPort"] for p in self._spec["ports"] if p.get("name") == port)
        with contextlib.closing(
            http.client.HTTPConnection(self.address, port, timeout=probe.get("timeoutSeconds", 1))
        ) as connection:
            try:
                connection.request("GET", get.get("path", "/"))
                return 200 <= connection.getresponse().status < 400
            except (OSError, http.client.HTTPException):
                return False

    def wait_ready(self, timeout: float = 90) -> float:
        """Waits until the kubelet would call the container ready; returns the seconds since start.

        Raises:
            NotReady: it ended, its startup probe used up its failures (the kubelet would then kill
                it), or `timeout` seconds have passed.
        """
        end = time.monotonic() + timeout
        startup: Object | None = self._spec.get("startupProbe")
        if startup is not None:
            patience = startup.get("initialDelaySeconds", 0) + startup.get(
                "periodSeconds", 10
            ) * startup.get("failureThreshold", 3)
            self._wait("startupProbe", min(end, self._started + patience))
        self._wait("readinessProbe", end)
        return time.monotonic() - self._started

    def wait_for(self, kind: _Probe, timeout: float) -> None:
        """Waits until this probe succeeds.

        Raises:
            NotReady: it does not within `timeout` seconds, or the container ended.
        """
        self._wait(kind, time.monotonic() + timeout)

    def _wait(self, kind: _Probe, end: float) -> None:
        while not self.probe(kind):
            if self.returncode is not None:
                raise NotReady(f"the container ended with {self.returncode}\n{self.log()}")
            if time.monotonic() > end:
                after = time.monotonic() - self._started
                raise NotReady(f"{kind} fails still after {after:.0f} s\n{self.log()}")
            time.sleep(_PAUSE)

    def terminate(self) -> None:
        """Sends the container SIGTERM if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, grace: float = 20) -> int | None:
        """Ends the container as the kubelet does: SIGTERM, and after `grace` seconds SIGKILL.

        Returns:
            Its `returncode`; None if it was never started.
        """
        if self._process is None:
            return None
        self.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # Whatever it has started itself ends with its container.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.returncode


def validate_config(
    deployment: Object, config_maps: Sequence[Object], secrets: Sequence[Object]
) -> str:
    """What the container prints when its command line also says `--validate_config`.

    It ends in `config OK (N models)`; an N below the number of models in the file means that
    LiteLLM drops some of them.

    Raises:
        NotStarted: the kubelet would not start it.
    """
    with tempfile.TemporaryDirectory(prefix="pod-") as folder:
        run = _materialise(deployment, config_maps, secrets, Path(folder))
        return subprocess.run(
            [*run.argv, "--validate_config"],
            cwd=run.cwd,
            env=run.process_env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_VALIDATION_LIMIT,
            check=False,
        ).stdout


@dataclass(frozen=True)
class _Run:
    argv: list[str]
    env: dict[str, str]
    process_env: dict[str, str]
    cwd: Path


def _container_of(deployment: Object) -> Object:
    container: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def _materialise(
    deployment: Object, config_maps: Sequence[Object], secrets: Sequence[Object], folder: Path
) -> _Run:
    """Lays the container's mounts out under `folder` and words its command line for them."""
    programs = CACHE / "litellm" / "bin"
    if not (programs / "litellm").exists():
        absent("the LiteLLM proxy", "run .ci/build-litellm")
    container = _container_of(deployment)
    sources = _Sources(deployment, config_maps, secrets)
    # Volumes come first: for a missing object it is the mount that the kubelet complains of.
    mounts = sources.mounts(container, folder / "volumes")
    env = sources.environment(container)
    cwd = folder / "workdir"
    cwd.mkdir()
    command = [*container.get("command", ["litellm"]), *container.get("args", [])]
    return _Run(
        argv=[_rewritten(_expanded(word, env), mounts) for word in command],
        env=env,
        process_env={
            **{name: _rewritten(value, mounts) for name, value in env.items()},
            "PATH": os.pathsep.join([str(programs), os.defpath]),
            "PYTHONUNBUFFERED": "1",
        },
        cwd=cwd,
    )


def _expanded(text: str, env: Mapping[str, str]) -> str:
    """Replaces `$(NAME)` as the kubelet does: unknown names stay, and `$$` stands for `$`."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else env.get(found[1], found[0])

    return re.sub(r"\$(?:\$|\(([^)]*)\))", one, text)


def _rewritten(text: str, mounts: Mapping[str, Path]) -> str:
    """Points mount paths at the folders that stand for them; paths within addresses stay."""
    if not mounts:
        return text
    paths = "|".join(re.escape(path) for path in sorted(mounts, key=len, reverse=True))
    pattern = rf"(?<![^=:,])({paths})(?![^/:,])"
    return re.sub(pattern, lambda found: str(mounts[found[1]]), text)


class _Sources:
    """The objects that a pod draws on."""

    def __init__(
        self, deployment: Object, config_maps: Sequence[Object], secrets: Sequence[Object]
    ) -> None:
        template: Object = deployment["spec"]["template"]
        self._pod_spec: Object = template["spec"]
        self._pod_metadata: Object = template.get("metadata", {})
        metadata: Object = deployment["metadata"]
        self._name = f"{metadata['name']}-0"
        self._namespace: str = metadata.get("namespace", "default")
        self._data = {
            "ConfigMap": {o["metadata"]["name"]: dict(o.get("data") or {}) for o in config_maps},
            "Secret": {o["metadata"]["name"]: secret_data(o) for o in secrets},
        }

    def _read(self, kind: str, name: str, *, optional: bool) -> dict[str, str] | None:
        data = self._data[kind].get(name)
        if data is None and not optional:
            raise NotStarted(f'{kind.lower()} "{name}" not found')
        return data

    def environment(self, container: Object) -> dict[str, str]:
        env: dict[str, str] = {}
        for source in container.get("envFrom", []):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source:
                    ref = source[key]
                    data = self._read(kind, ref["name"], optional=ref.get("optional", False))
                    prefix = source.get("prefix", "")
                    env.update({prefix + name: value for name, value in (data or {}).items()})
        for variable in container.get("env", []):
            # An entry is expanded with those before it and all of envFrom, never with later ones.
            value = (
                self._value_from(variable["valueFrom"])
                if "valueFrom" in variable
                else _expanded(variable.get("value", ""), env)
            )
            if value is not None:
                env[variable["name"]] = value
        return env

    def _value_from(self, source: Object) -> str | None:
        for which, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if which in source:
                ref: Object = source[which]
                optional, name, key = ref.get("optional", False), ref["name"], ref["key"]
                data = self._read(kind, name, optional=optional) or {}
                if key not in data and not optional:
                    raise NotStarted(f"couldn't find key {key} in {kind} {self._namespace}/{name}")
                return data.get(key)
        if "fieldRef" in source:
            return self._field(source["fieldRef"]["fieldPath"])
        raise NotImplementedError(f"a variable from {sorted(source)}")

    def _field(self, path: str) -> str:
        if found := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
            return str(self._pod_metadata.get(found[1], {}).get(found[2], ""))
        fields: Mapping[str, str] = {
            "metadata.name": self._name,
            "metadata.namespace": self._namespace,
            "spec.nodeName": "node",
            "spec.serviceAccountName": self._pod_spec.get("serviceAccountName", "default"),
            "status.hostIP": "127.0.0.1",
            "status.podIP": "127.0.0.1",
        }
        return fields[path]

    def mounts(self, container: Object, folder: Path) -> dict[str, Path]:
        """The folder or file that stands for each mount path, written under `folder`."""
        volumes = {volume["name"]: volume for volume in self._pod_spec.get("volumes", [])}
        mounts: dict[str, Path] = {}
        for mount in container.get("volumeMounts", []):
            name = mount["name"]
            if not (folder / name).exists():
                self._write(volumes[name], folder / name)
            mounts[mount["mountPath"].rstrip("/")] = folder / name / mount.get("subPath", "")
        return mounts

    def _write(self, volume: Object, folder: Path) -> None:
        folder.mkdir(parents=True)
        if "configMap" in volume:
            kind, source, name = "ConfigMap", volume["configMap"], volume["configMap"]["name"]
        elif "secret" in volume:
            kind, source, name = "Secret", volume["secret"], volume["secret"]["secretName"]
        elif "emptyDir" in volume:
            return
        else:
            raise NotImplementedError(f"a volume from {sorted(volume)}")
        optional = source.get("optional", False)
        data = self._read(kind, name, optional=optional) or {}
        items = source.get("items") or [{"key": key, "path": key} for key in data]
        texts = {}
        for item in items:
            if item["key"] in data:
                texts[item["path"]] = data[item["key"]]
            elif not optional:
                raise NotStarted(f"references non-existent {kind.lower()} key: {item['key']}")
        _swap(folder, texts)


def _swap(folder: Path, texts: Mapping[str, str]) -> None:
    """Fills a volume as the kubelet does: whoever reads it sees all of the new files, or none."""
    data = folder / "..data"
    old = data.readlink() if data.is_symlink() else None
    new = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    for path, text in texts.items():
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        (new / path).write_text(text)
    (folder / "..data_tmp").symlink_to(new.name)
    (folder / "..data_tmp").rename(data)
    for name in {Path(path).parts[0] for path in texts}:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    for link in folder.iterdir():
        if not link.name.startswith("..") and not link.exists():
            link.unlink()
    if old is not None:
        shutil.rmtree(folder / old)


def secret_data(secret: Object) -> dict[str, str]:
    """A Secret's values as the API server would hold them, decoded."""
    data: Mapping[str, str] = secret.get("data") or {}
    text: Mapping[str, str] = secret.get("stringData") or {}
    return {
        **{key: base64.b64decode(value).decode() for key, value in data.items()},
        **text,
    }
