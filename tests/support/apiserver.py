"""A real Kubernetes API on loopback: etcd and kube-apiserver, with nothing behind them.

No controller runs, so what is created stays as it is: a Deployment makes no pods, a deleted
Namespace remains Terminating, an owner's end collects nothing. What the API server does itself is
real: schemas, defaults, CEL rules, admission, server-side apply. It allows every request.
"""

import http.client
import json
import secrets
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import tools
from tests.support.processes import free_port

Json = dict[str, Any]
T = TypeVar("T")

HOST = "127.0.0.1"
BUILD = "build it with .ci/build-kube"
# Becomes a program that the kernel kills when the test run ends, even if that is killed itself:
# prctl(PR_SET_PDEATHSIG, SIGKILL), which holds across execv.
TIED = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class ApiError(Exception):
    """The API server's answer to a request that it refused: the parts of its Status."""

    def __init__(self, status: int, message: str, details: Json) -> None:
        """Keeps the HTTP status, Status.message and Status.details (empty if there are none)."""
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.details = details


class Client:
    """Talks to one API server over one connection. Not for use by several threads at once."""

    def __init__(self, port: int, ca: Path, token: str) -> None:
        """Connects at the first request. `ca` holds the certificates to trust."""
        context = ssl.create_default_context(cafile=ca)
        self._connection = http.client.HTTPSConnection(HOST, port, timeout=60, context=context)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._used = 0.0
        self._resources: dict[tuple[str, str], Json] = {}

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> tuple[int, Json]:
        """Sends one request and returns the HTTP status and the body, whatever the status is.

        A body that is not JSON is returned as the message of a Status.
        """
        # The server drops a connection that idled for 90 seconds. To reconnect before that is
        # safer than to repeat a request which may have been carried out.
        if time.monotonic() - self._used > 60:
            self._connection.close()
        headers = self._headers if body is None else {**self._headers, "Content-Type": content_type}
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            self._connection.request(method, path, data, headers)
            response = self._connection.getresponse()
            text = response.read()
        except BaseException:
            self._connection.close()  # Otherwise the next request would fail, whatever it is.
            raise
        self._used = time.monotonic()
        if response.headers.get_content_type() == "application/json":
            return response.status, json.loads(text)
        return response.status, {"kind": "Status", "message": text.decode()}

    def create(self, manifest: Json, *, strict: bool = True, dry_run: bool = False) -> Json:
        """Creates an object and returns it as stored: with defaults, and pruned unless strict.

        Raises:
            ApiError: it is refused; if strict, also for a field that its schema does not have.
        """
        path = self._path_of(manifest, collection=True)
        return self._ok("POST", path + _query(strict=strict, dry_run=dry_run), manifest)

    def replace(
        self, manifest: Json, *, subresource: str = "", strict: bool = True, dry_run: bool = False
    ) -> Json:
        """Replaces an object, or one of its subresources (such as status), and returns it.

        Raises:
            ApiError: it is refused; if strict, also for a field that its schema does not have.
        """
        path = self._path_of(manifest, subresource)
        return self._ok("PUT", path + _query(strict=strict, dry_run=dry_run), manifest)

    def apply(  # noqa: PLR0913 - They are the parameters of the API.
        self,
        manifest: Json,
        *,
        field_manager: str = "crossplane",
        force: bool = True,
        subresource: str = "",
        strict: bool = True,
        dry_run: bool = False,
    ) -> Json:
        """Applies an object on the server's side, which creates or updates it, and returns it.

        Raises:
            ApiError: it is refused; strict or not, a field that its schema does not have is, with
                status 500 as the server sees no fault of the client in it.
        """
        query = _query(
            strict=strict, dry_run=dry_run, fieldManager=field_manager, force=json.dumps(force)
        )
        path = self._path_of(manifest, subresource)
        return self._ok("PATCH", path + query, manifest, "application/apply-patch+yaml")

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Json:
        """Reads an object. The namespace of one that has none is None.

        Raises:
            ApiError: it is not there (status 404).
        """
        return self._ok("GET", self._path(api_version, kind, namespace, name))

    def delete(self, api_version: str, kind: str, namespace: str | None, name: str) -> None:
        """Deletes an object. One that has finalizers stays until they are removed.

        Raises:
            ApiError: it is not there (status 404).
        """
        self._ok("DELETE", self._path(api_version, kind, namespace, name))

    def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """Creates a namespace, which nothing can remove again, and returns its name."""
        metadata = {"name": name, "labels": dict(labels or {})}
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        return name

    def install_crds(self, documents: Iterable[Json]) -> None:
        """Creates CRDs and returns once their objects can be created.

        The server answers creations in the first two seconds after that two seconds late.

        Raises:
            ApiError: one is refused, for instance because it is there already (status 409).
            AssertionError: its schema is not structural.
            TimeoutError: it does not come to be served, for instance as its names are taken.
        """
        for document in documents:
            self._install_crd(document)

    def uninstall_crds(self, documents: Iterable[Json]) -> None:
        """Deletes CRDs with all their objects and returns once both are gone."""
        for document in documents:
            self._uninstall_crd(document)
        self._resources.clear()

    def _install_crd(self, crd: Json) -> None:
        path = f"{CRDS}/{self.create(crd)['metadata']['name']}"
        _wait(lambda: self._is_established(path), f"{path} to be established")
        _wait(lambda: all(self._served(crd)), f"{path} to be served")

    def _uninstall_crd(self, crd: Json) -> None:
        path = f"{CRDS}/{crd['metadata']['name']}"
        self._ok("DELETE", path)
        _wait(lambda: self.request("GET", path)[0] == 404, f"{path} to go")
        # It is served a little longer: a CRD of the same name must not seem to be there too soon.
        _wait(lambda: not any(self._served(crd)), f"{path} to be served no more")

    def _is_established(self, path: str) -> bool:
        # Null until the first is set.
        conditions = {c["type"]: c for c in self._ok("GET", path)["status"]["conditions"] or ()}
        assert "NonStructuralSchema" not in conditions, conditions["NonStructuralSchema"]["message"]
        return all(
            conditions.get(wanted, {}).get("status") == "True"
            for wanted in ("NamesAccepted", "Established")
        )

    def _served(self, crd: Json) -> Iterator[bool]:
        """For each version of a CRD whether discovery tells of it, then whether it can be read."""
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        for version in crd["spec"]["versions"]:
            if version["served"]:
                root = f"/apis/{group}/{version['name']}"
                found = self.request("GET", root)[1].get("resources", [])
                yield any(resource["name"] == plural for resource in found)
                yield self.request("GET", f"{root}/{plural}?limit=1")[0] == 200

    def _ok(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> Json:
        status, answer = self.request(method, path, body, content_type)
        if status >= 400:
            raise ApiError(status, answer.get("message", ""), answer.get("details", {}))
        return answer

    def _path_of(self, manifest: Json, subresource: str = "", *, collection: bool = False) -> str:
        metadata = manifest["metadata"]
        name = "" if collection else metadata["name"]
        namespace = metadata.get("namespace")
        path = self._path(manifest["apiVersion"], manifest["kind"], namespace, name)
        return f"{path}/{subresource}" if subresource else path

    def _path(self, api_version: str, kind: str, namespace: str | None, name: str) -> str:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        resource = self._resources.get((api_version, kind))
        if resource is None:
            found = self._ok("GET", root)["resources"]
            # The name of a subresource has a slash; its kind can be that of its resource.
            kinds = {r["kind"]: r for r in found if "/" not in r["name"]}
            if kind not in kinds:
                raise ApiError(404, f"{api_version} has no kind {kind}", {})
            resource = self._resources[api_version, kind] = kinds[kind]
        # Without this a forgotten namespace would show as a 404 or 405 that tells nothing.
        assert resource["namespaced"] == bool(namespace), f"{kind} in namespace {namespace}"
        parts = [root, *(["namespaces", namespace] if namespace else []), resource["name"], name]
        return "/".join(parts).rstrip("/")


@contextmanager
def serve(server: str = "kube-apiserver") -> Iterator[Client]:
    """Runs an API server of its own, with an empty etcd, while the context lasts.

    Args:
        server: which one.

    Raises:
        pytest.skip.Exception: a program is missing (in CI: pytest.fail.Exception).
        RuntimeError: a program ended at its start; the message has the end of its log.
    """
    etcd = tools.find("etcd", "it comes with this project's extra `dev`")
    kube_apiserver = tools.find(server, BUILD)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apiserver-")))
        port, etcd_port, peer_port = (free_port() for _ in range(3))
        etcd_url, peer_url = f"http://{HOST}:{etcd_port}", f"http://{HOST}:{peer_port}"
        token = secrets.token_hex(16)
        tokens = folder / "tokens.csv"
        tokens.write_text(f"{token},admin,admin,system:masters\n")
        key = folder / "service-accounts.key"
        key.write_bytes(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,  # It reads no PKCS #8 here.
                serialization.NoEncryption(),
            )
        )
        commands: dict[str, list[Path | str]] = {
            "etcd": [
                etcd,
                f"--data-dir={folder / 'etcd'}",
                "--unsafe-no-fsync",  # Nothing here must survive a crash.
                "--log-level=warn",
                f"--listen-client-urls={etcd_url}",
                f"--advertise-client-urls={etcd_url}",
                f"--listen-peer-urls={peer_url}",
                f"--initial-advertise-peer-urls={peer_url}",
                f"--initial-cluster=default={peer_url}",
            ],
            "kube-apiserver": [
                kube_apiserver,
                f"--etcd-servers={etcd_url}",
                f"--bind-address={HOST}",
                f"--secure-port={port}",
                # It makes its own certificate there, and needs no network but loopback.
                f"--cert-dir={folder}",
                f"--advertise-address={HOST}",
                "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.96.0.0/16",
                f"--token-auth-file={tokens}",
                "--authorization-mode=AlwaysAllow",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
                # The first asks for a ServiceAccount that a controller would create, the second
                # taints Nodes until a controller has seen them.
                "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
            ],
        }
        programs = {
            name: stack.enter_context(_running(command, folder / f"{name}.log"))
            for name, command in commands.items()
        }

        def connect() -> Client | None:
            for name, program in programs.items():
                if program.poll() is not None:
                    log = (folder / f"{name}.log").read_text(errors="replace")[-4000:]
                    raise RuntimeError(f"{name} ended with {program.returncode}:\n{log}")
            client = None
            # Until the server has made its certificate and listens, each of the steps can fail.
            with suppress(OSError, http.client.HTTPException):
                client = Client(port, folder / "apiserver.crt", token)
                if client.request("GET", "/readyz")[0] == 200:
                    return client
            if client is not None:
                client.close()
            return None

        yield stack.enter_context(closing(_wait(connect, "kube-apiserver to be ready")))


def crds_of(xrd: Path) -> list[Json]:
    """The CRDs that Crossplane derives from the XRDs in a file: each one's own, then its claim's.

    Raises:
        pytest.skip.Exception: the program is missing (in CI: pytest.fail.Exception).
        subprocess.CalledProcessError: the file is refused; the reason is on stderr.
    """
    command = [tools.find("xrd-to-crd", BUILD)]
    done = subprocess.run(command, input=xrd.read_bytes(), stdout=subprocess.PIPE, check=True)
    return list(yaml.safe_load_all(done.stdout))


def pod_of(deployment: Json) -> Json:
    """The Pod that a Deployment's template asks for, with the Deployment's name and namespace."""
    template, metadata = deployment["spec"]["template"], deployment["metadata"]
    own = {"name": metadata["name"], "namespace": metadata["namespace"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], **own},
        "spec": template["spec"],
    }


def _query(*, strict: bool, dry_run: bool, **parameters: str) -> str:
    parameters["fieldValidation"] = "Strict" if strict else "Ignore"
    if dry_run:
        parameters["dryRun"] = "All"
    return "?" + urlencode(parameters)


def _wait(attempt: Callable[[], T | None], what: str, seconds: float = 120) -> T:
    """Repeats an attempt until what it returns is true, and returns that."""
    end = time.monotonic() + seconds
    while not (result := attempt()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} seconds for {what}")
        time.sleep(0.05)
    return result


@contextmanager
def _running(command: list[Path | str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-c", TIED, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as program,
    ):
        try:
            yield program
        finally:
            # Nothing here is worth a graceful end, and this one cannot hang.
            program.kill()
