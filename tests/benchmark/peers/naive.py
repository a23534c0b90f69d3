"""A function as one writes it first: dicts, `yaml.dump` and the SDK's helpers.

It composes what ours composes of a plain router, and checks nothing.
"""

import hashlib
import secrets
from pathlib import Path
from typing import Any, Final

import yaml
from crossplane.function import resource, response
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1

from tests.benchmark.peers.serving import serve

_MODULES: Final = Path(__file__).parents[3] / "function" / "gateways" / "litellm"
_SECRET: Final = "litellm-secrets"
_PARAMS: Final = {"weight": "weight", "rpm": "rpm", "tpm": "tpm", "timeoutSeconds": "timeout"}
_GROUP: Final = "gateway.agentic-layer.ai"


class Naive(grpcv1.FunctionRunnerServiceServicer):
    """Composes a ConfigMap, a Deployment, a Secret and a Service."""

    def __init__(self) -> None:
        """Reads the files that the gateway gets beside its configuration."""
        self.modules = {
            name: (_MODULES / name).read_text(encoding="utf-8")
            for name in ("gate.py", "silence.py")
        }

    async def RunFunction(
        self, req: fnv1.RunFunctionRequest, _: object
    ) -> fnv1.RunFunctionResponse:
        """Answers one request."""
        rsp = response.to(req)
        xr = resource.struct_to_dict(req.observed.composite.resource)
        observed = {
            name: resource.struct_to_dict(found.resource)
            for name, found in req.observed.resources.items()
        }
        name, namespace = xr["metadata"]["name"], xr["metadata"]["namespace"]
        response.require_resources(
            rsp, "secret", "v1", "Secret", match_name=_SECRET, namespace=namespace
        )
        text = yaml.dump(_config(xr["spec"]))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        labels = {"app": name, "app.kubernetes.io/managed-by": "crossplane"}
        key = observed.get("masterKey", {}).get("data") or {"key": secrets.token_urlsafe(32)}
        files = {"config.yaml": text, **self.modules}
        wanted = {
            "configMap": {"apiVersion": "v1", "kind": "ConfigMap", "data": files},
            "masterKey": {"apiVersion": "v1", "kind": "Secret", "data": key},
            "deployment": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "spec": _deployment(name, xr["spec"], labels, digest),
            },
            "service": {
                "apiVersion": "v1",
                "kind": "Service",
                "spec": {
                    "selector": {"app": name},
                    "ports": [{"name": "http", "port": int(xr["spec"].get("port", 4000))}],
                },
            },
        }
        for what, manifest in wanted.items():
            suffix = {"configMap": "-config", "masterKey": "-master-key"}.get(what, "")
            metadata = {"name": f"{name}{suffix}", "namespace": namespace, "labels": labels}
            resource.update(rsp.desired.resources[what], {**manifest, "metadata": metadata})
            if what in observed:
                rsp.desired.resources[what].ready = fnv1.READY_TRUE
        status = observed.get("deployment", {}).get("status", {})
        models = [{"name": m.get("alias", m["name"])} for m in xr["spec"]["aiModels"]]
        resource.update_status(
            rsp.desired.composite,
            {
                "url": f"http://{name}.{namespace}.svc",
                "configHash": digest,
                "models": models[:100],
                "readyReplicas": int(status.get("readyReplicas", 0)),
            },
        )
        response.set_conditions(
            rsp, resource.Condition(typ="Configured", status="True", reason="Configured")
        )
        return rsp


def _config(spec: dict[str, Any]) -> dict[str, Any]:
    models = []
    for entry in spec["aiModels"]:
        provider = entry["name"].partition("/")[0].upper()
        params = {
            "model": entry["name"],
            "api_key": f"os.environ/{provider}_API_KEY",
            **{param: int(entry[key]) for key, param in _PARAMS.items() if key in entry},
            **entry.get("parameters", {}),
        }
        model = {"model_name": entry.get("alias", entry["name"]), "litellm_params": params}
        models.append({**model, "model_info": entry["info"]} if "info" in entry else model)
    fallbacks = [{f["model"]: f["to"]} for f in spec.get("routing", {}).get("fallbacks", [])]
    return {
        "model_list": models,
        "router_settings": {"fallbacks": fallbacks, "num_retries": 2},
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }


def _deployment(
    name: str, spec: dict[str, Any], labels: dict[str, str], digest: str
) -> dict[str, Any]:
    providers = sorted({m["name"].partition("/")[0].upper() for m in spec["aiModels"]})
    env = [
        {
            "name": f"{provider}_API_KEY",
            "valueFrom": {"secretKeyRef": {"name": _SECRET, "key": f"{provider}_API_KEY"}},
        }
        for provider in providers
    ]
    probe = {"httpGet": {"path": "/health/readiness", "port": "http"}, "periodSeconds": 10}
    return {
        "replicas": int(spec.get("deployment", {}).get("replicas", 1)),
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": labels, "annotations": {f"{_GROUP}/config-hash": digest}},
            "spec": {
                "containers": [
                    {
                        "name": "litellm",
                        "image": "ghcr.io/berriai/litellm:v1.108.11",
                        "args": ["--config", "/etc/litellm/config.yaml", "--port", "4000"],
                        "env": env,
                        "ports": [{"name": "http", "containerPort": 4000}],
                        "readinessProbe": probe,
                        "livenessProbe": probe,
                        "volumeMounts": [{"name": "config", "mountPath": "/etc/litellm"}],
                        "securityContext": {"readOnlyRootFilesystem": True},
                    }
                ],
                "volumes": [{"name": "config", "configMap": {"name": f"{name}-config"}}],
            },
        },
    }


if __name__ == "__main__":
    serve(Naive())
