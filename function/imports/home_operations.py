"""`LiteLLMProxy` of home-operations' operator, with its models, guardrails and MCP servers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from function import shapes
from function.call import Manifest
from function.imports.objects import Objects, place_of, service_of, snake, whole
from function.imports.source import Origin, Source, Value, secret_key, variables
from function.offline.manifests import Found
from function.offline.problems import Problem
from function.text import shorten

_GROUP: Final = "litellm.home-operations.com"
_KIND: Final = "LiteLLMProxy"

_SECTIONS: Final[Mapping[str, str]] = {
    "generalSettings": "general_settings",
    "routerSettings": "router_settings",
    "litellmSettings": "litellm_settings",
    "environmentVariables": "environment_variables",
    "credentialList": "credential_list",
    "defaultVertexConfig": "default_vertex_config",
    "filesSettings": "files_settings",
    "assistantSettings": "assistant_settings",
    "finetuneSettings": "finetune_settings",
    "prompts": "prompts",
    "vectorStoreRegistry": "vector_store_registry",
}
"""Fields of a proxy that are sections of LiteLLM's configuration."""
_SAME: Final = ("replicas", "resources", "volumes", "volumeMounts")
_PODS: Final = {"podLabels": "labels", "podAnnotations": "annotations"}
_CALLBACKS: Final = {
    "success": "success_callback",
    "failure": "failure_callback",
    "callbacks": "callbacks",
}


def read(objects: Objects, problems: list[Problem]) -> Iterator[Source]:
    """What the proxies describe, each with what it adopts."""
    proxies = list(objects.of(_GROUP, _KIND))
    for proxy in proxies:
        yield _source(proxy, objects)
    if not proxies:
        problems += [
            model.named("its LiteLLMProxy is missing: give its manifest too", "")
            for model in objects.of(_GROUP, "LiteLLMModel")
        ]


def _source(proxy: Found, objects: Objects) -> Source:
    spec = shapes.object_at(proxy.manifest, "spec")
    config: dict[str, Any] = dict(shapes.object_at(spec, "extraConfig"))
    config |= {key: spec[field] for field, key in _SECTIONS.items() if spec.get(field)}
    callbacks = shapes.object_at(spec, "callbacks")
    settings = dict(shapes.object_at(config, "litellm_settings"))
    settings |= {key: callbacks[f] for f, key in _CALLBACKS.items() if callbacks.get(f)}
    if settings:
        config["litellm_settings"] = settings
    if callbacks.get("settings"):
        config["callback_settings"] = callbacks["settings"]
    origin = Origin(whole(proxy, "spec"))
    origin.parts |= {key: (place_of(proxy, f"spec.{f}"), "") for f, key in _SECTIONS.items()}
    title = f"{_KIND} '{shorten(Objects.name(proxy))}'"
    source = Source(title, Objects.name(proxy), Objects.namespace(proxy), config, origin)
    source.environment.known |= variables(spec.get("env"))
    _sources(source, proxy, spec)
    _fields(source, proxy, spec)
    adopted = _Adopted(source, proxy, objects)
    config["model_list"] = adopted.models()
    if guardrails := adopted.guardrails():
        config["guardrails"] = guardrails
    if servers := adopted.servers():
        config["mcp_servers"] = servers
    return source


def _sources(source: Source, proxy: Found, spec: Mapping[str, Any]) -> None:
    for i, entry in enumerate(shapes.objects_at(spec, "envFrom")):
        name = shapes.text_at(entry, "secretRef", "name")
        if not name:
            source.environment.sources.append(dict(entry))
        elif not source.environment.secret:
            source.environment.secret = name
            source.told(
                place_of(proxy)(f"spec.envFrom[{i}]"),
                f"of the Secret '{shorten(name)}', only the keys that the models and the settings "
                "name are taken; add others to deployment.env",
            )
        else:
            source.lost(
                place_of(proxy)(f"spec.envFrom[{i}]"),
                f"the Secret '{shorten(name)}' is left out: put its keys into "
                f"'{source.environment.secret}', or give its manifest too",
            )


def _fields(source: Source, proxy: Found, spec: Mapping[str, Any]) -> None:
    deployment = {field: spec[field] for field in _SAME if spec.get(field) is not None}
    image = shapes.text_at(spec, "image")
    if image and "berriai/" not in image:
        deployment["image"] = image
    elif image:
        source.told(
            place_of(proxy)("spec.image"), "the image is the one that this gateway was tested with"
        )
    if deployment:
        source.spec["deployment"] = deployment
    if pods := {field: spec[key] for key, field in _PODS.items() if spec.get(key)}:
        source.spec["podMetadata"] = pods
    _ways_in(source, proxy, spec)
    if spec.get("applyMode") == "api" or spec.get("apiAccess"):
        source.lost(
            place_of(proxy)("spec.applyMode"),
            "models are not added through LiteLLM's API, which needs a database: pods are replaced "
            "one by one when they change",
        )


def _ways_in(source: Source, proxy: Found, spec: Mapping[str, Any]) -> None:
    if service := service_of(spec):
        source.spec["service"] = service
    if route := shapes.object_at(spec, "route"):
        fields = ("parentRefs", "hostnames")
        source.spec["httpRoute"] = {key: route[key] for key in fields if route.get(key)}
        if route.get("filters"):
            source.lost(
                place_of(proxy)("spec.route.filters"),
                "the filters of route are left out: use patches.httpRoute",
            )


class _Adopted:
    """The models, guardrails and MCP servers that a proxy serves."""

    def __init__(self, source: Source, proxy: Found, objects: Objects) -> None:
        self._source = source
        self._proxy = proxy
        self._objects = objects

    def models(self) -> list[Manifest]:
        """The `model_list`."""
        found = []
        for i, model in enumerate(self._of("LiteLLMModel")):
            spec = shapes.object_at(model.manifest, "spec")
            params = dict(shapes.object_at(spec, "params"))
            said = dict(shapes.as_object(params.pop("additional", None)))
            for key in ("apiKey", "apiBase"):
                self._secret(said, params, key, model)
            said |= {snake(key): value for key, value in params.items()}
            entry: Manifest = {"model_name": spec.get("modelName"), "litellm_params": said}
            info = dict(shapes.object_at(spec, "info"))
            extra = dict(shapes.as_object(info.pop("extra", None)))
            extra |= {snake(key): value for key, value in info.items()}
            if extra:
                entry["model_info"] = extra
            self._source.origin.parts[f"model_list[{i}]"] = whole(model, "spec"), ""
            found.append(entry)
        return found

    def guardrails(self) -> list[Manifest]:
        """The guardrails."""
        found = []
        for i, guardrail in enumerate(self._of("LiteLLMGuardrail")):
            spec = dict(shapes.object_at(guardrail.manifest, "spec"))
            said = dict(shapes.as_object(spec.get("params")))
            for key in ("apiKey", "apiBase"):
                self._secret(said, spec, key, guardrail)
            for key in ("guardrail", "mode", "defaultOn"):
                if spec.get(key) is not None:
                    said[snake(key)] = spec[key]
            entry: Manifest = {"guardrail_name": spec.get("guardrailName"), "litellm_params": said}
            if spec.get("info"):
                entry["guardrail_info"] = spec["info"]
            self._source.origin.parts[f"guardrails[{i}]"] = whole(guardrail, "spec"), ""
            found.append(entry)
        return found

    def servers(self) -> Manifest:
        """The MCP servers."""
        found: dict[str, Any] = {}
        for server in self._of("LiteLLMMCPServer"):
            spec = dict(shapes.object_at(server.manifest, "spec"))
            name = shapes.text_at(spec, "alias") or Objects.name(server)
            if spec.get("workload"):
                self._source.lost(
                    place_of(server)("spec.workload"),
                    f"MCP server '{shorten(name)}' is left out: run it as a Deployment, and list "
                    "its URL in mcpServers",
                )
                continue
            said = dict(shapes.as_object(spec.get("params")))
            for key in ("url", "transport", "authType"):
                if spec.get(key):
                    said[snake(key)] = spec[key]
            if ref := spec.get("authTokenRef"):
                said["authentication_token"] = self._variable(server, "TOKEN", ref)
                said.setdefault("auth_type", "bearer_token")
            self._source.origin.parts[f"mcp_servers.{name}"] = whole(server, "spec"), ""
            found[name] = said
        return found

    def _of(self, kind: str) -> list[Found]:
        proxy, labels = Objects.name(self._proxy), None
        selector = shapes.at(self._proxy.manifest, "spec", "modelSelector")
        if isinstance(selector, Mapping) and kind == "LiteLLMModel":
            labels = shapes.object_at(selector, "matchLabels")
            if selector.get("matchExpressions"):
                self._source.lost(
                    place_of(self._proxy)("spec.modelSelector"),
                    "matchExpressions are not looked at: give the models that are served",
                )
        found = []
        for one in self._objects.of(_GROUP, kind):
            if Objects.namespace(one) != Objects.namespace(self._proxy):
                continue
            named = shapes.text_at(one.manifest, "spec", "proxyRef")
            own = shapes.object_at(one.manifest, "metadata", "labels")
            selected = labels is None or labels.items() <= own.items()
            if named == proxy or (not named and selected):
                found.append(one)
        return sorted(found, key=Objects.name)

    def _secret(self, said: dict[str, Any], given: dict[str, Any], key: str, owner: Found) -> None:
        """Takes a value that may be a reference to a Secret."""
        literal, ref = given.pop(key, None), given.pop(f"{key}Ref", None)
        if ref:
            said[snake(key)] = self._variable(owner, snake(key).upper(), ref)
        elif literal:
            said[snake(key)] = literal

    def _variable(self, owner: Found, what: str, ref: object) -> str:
        name = re.sub(r"[^A-Z0-9]", "_", Objects.name(owner).upper())
        variable = f"{owner.manifest['kind'].upper()}_{name}_{what}"
        self._source.environment.known[variable] = Value(key=secret_key(shapes.as_object(ref)))
        return f"os.environ/{variable}"
