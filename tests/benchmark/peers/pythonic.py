"""function-pythonic, and a composite script that composes what the naive function does."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.tools import CACHE

PACKAGE: Final = "crossplane-function-pythonic"
VERSIONS: Final = ("3.13", "3.14", "3.12")
"""The versions of Python that its newest release may be installed for, the best first."""
_FOLDER: Final = CACHE / "function-pythonic"

SCRIPT: Final = """
import hashlib
import yaml
from crossplane.pythonic import BaseComposite

NUMBERS = {"weight": "weight", "rpm": "rpm", "tpm": "tpm", "timeoutSeconds": "timeout"}
SECRET = "litellm-secrets"


class Composite(BaseComposite):
    def compose(self):
        name, namespace = str(self.metadata.name), str(self.metadata.namespace)
        labels = {"app": name, "app.kubernetes.io/managed-by": "crossplane"}
        keys = self.requireds.secret("v1", "Secret", namespace, SECRET)

        models, providers = [], set()
        for entry in self.spec.aiModels:
            provider = str(entry.name).partition("/")[0].upper()
            providers.add(provider)
            params = {"model": str(entry.name), "api_key": f"os.environ/{provider}_API_KEY"}
            for key, param in NUMBERS.items():
                if entry[key]:
                    params[param] = int(entry[key])
            if entry.parameters:
                params["temperature"] = float(entry.parameters.temperature)
                params["extra_headers"] = {
                    str(key): str(value) for key, value in entry.parameters.extra_headers
                }
            model = {"model_name": str(entry.alias or entry.name), "litellm_params": params}
            if entry.info:
                model["model_info"] = {str(key): str(value) for key, value in entry.info}
            models.append(model)
        fallbacks = [
            {str(fallback.model): [str(to) for to in fallback.to]}
            for fallback in self.spec.routing.fallbacks
        ]
        text = yaml.dump({
            "model_list": models,
            "router_settings": {"fallbacks": fallbacks, "num_retries": 2},
            "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
        })
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]

        config = self.resources.configMap("v1", "ConfigMap", namespace, f"{name}-config")
        config.metadata.labels = labels
        config.data["config.yaml"] = text

        key = self.resources.masterKey("v1", "Secret", namespace, f"{name}-master-key")
        key.metadata.labels = labels
        key.data.LITELLM_MASTER_KEY = str(key.observed.data.LITELLM_MASTER_KEY)

        deployment = self.resources.deployment("apps/v1", "Deployment", namespace, name)
        deployment.metadata.labels = labels
        spec = deployment.spec
        spec.replicas = int(self.spec.deployment.replicas)
        spec.selector.matchLabels.app = name
        spec.template.metadata.labels = labels
        spec.template.metadata.annotations["gateway.agentic-layer.ai/config-hash"] = digest
        container = spec.template.spec.containers[0]
        container.name = "litellm"
        container.image = "ghcr.io/berriai/litellm:v1.108.11"
        container.args = ["--config", "/etc/litellm/config.yaml", "--port", "4000"]
        for i, provider in enumerate(sorted(providers)):
            container.env[i].name = f"{provider}_API_KEY"
            container.env[i].valueFrom.secretKeyRef.name = SECRET
            container.env[i].valueFrom.secretKeyRef.key = f"{provider}_API_KEY"
        container.ports[0].name = "http"
        container.ports[0].containerPort = 4000
        for probe in (container.readinessProbe, container.livenessProbe):
            probe.httpGet.path = "/health/readiness"
            probe.httpGet.port = "http"
            probe.periodSeconds = 10
        container.volumeMounts[0].name = "config"
        container.volumeMounts[0].mountPath = "/etc/litellm"
        container.securityContext.readOnlyRootFilesystem = True
        spec.template.spec.volumes[0].name = "config"
        spec.template.spec.volumes[0].configMap.name = f"{name}-config"

        service = self.resources.service("v1", "Service", namespace, name)
        service.metadata.labels = labels
        service.spec.selector.app = name
        service.spec.ports[0].name = "http"
        service.spec.ports[0].port = int(self.spec.port)

        self.status.url = f"http://{name}.{namespace}.svc"
        self.status.configHash = digest
        self.status.models = [{"name": model["model_name"]} for model in models[:100]]
        self.status.readyReplicas = int(deployment.observed.status.readyReplicas)
        self.conditions.Configured("Configured", "", True)
"""


class CannotInstallError(Exception):
    """It cannot be had here; says why."""


def program() -> tuple[str, ...]:
    """The command of its server, which is installed into a cache folder first.

    Raises:
        CannotInstallError: there is no interpreter for it, or pip fails.
    """
    command = _FOLDER / "bin" / "function-pythonic"
    if not command.exists():
        _install(command)
    return str(command), "grpc"


def _install(command: Path) -> None:
    python = next(_pythons(), None)
    if python is None:
        raise CannotInstallError(f"no Python {', '.join(VERSIONS)} is here")
    try:
        for arguments in (
            [python, "-m", "venv", "--clear", str(_FOLDER)],
            [str(_FOLDER / "bin" / "pip"), "install", "--quiet", PACKAGE],
        ):
            subprocess.run(arguments, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(_FOLDER, ignore_errors=True)
        why = (error.stderr or "pip failed").strip().splitlines()[-1]
        raise CannotInstallError(why) from None
    assert command.exists()


def _pythons() -> Iterator[str]:
    """The interpreters at hand that run: on the PATH, or installed by pyenv.

    Those that pyenv puts on the PATH only run where one is chosen.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for version in VERSIONS:
        installed = sorted(pyenv.glob(f"versions/{version}.*/bin/python3"))
        for python in filter(None, (shutil.which(f"python{version}"), *map(str, installed))):
            ran = subprocess.run([python, "-c", ""], check=False, capture_output=True)
            if ran.returncode == 0:
                yield python
