"""`AiGateway` and `ModelRouter` of the agentic-layer operators."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from function import merging, shapes
from function.call import Manifest
from function.imports.objects import Objects, place_of, text_line, whole
from function.imports.source import OTEL_ENDPOINTS, Environment, Origin, Source, place_in, variables
from function.offline import documents
from function.offline.lines import Lines
from function.offline.manifests import Found
from function.offline.problems import Problem
from function.text import shorten

_GROUP: Final = "runtime.agentic-layer.ai"
_OLDER_GROUP: Final = "agentic-layer.ai"
_KIND: Final = "AiGateway"
_PATCH: Final = "ai-gateway-litellm.agentic-layer.ai/config-patch"
_PATCH_KEY: Final = "patch.yaml"
_SECRET: Final = "api-key-secrets"  # noqa: S105  # A Secret's name.
"""The Secret that the operators read keys from."""
_PORT: Final = 80
_SECONDS: Final = 600
_OWN_API: Final = frozenset({"type", "port", "aiModels"})


def is_patch(config_map: Found, objects: Objects) -> bool:
    """Whether a ConfigMap is the patch of an AiGateway's configuration."""
    return any(
        _patch_name(gateway) == Objects.name(config_map)
        and Objects.namespace(gateway) == Objects.namespace(config_map)
        for gateway in _gateways(objects)
    )


def read(objects: Objects, problems: list[Problem]) -> Iterator[Source]:
    """What the AiGateways describe."""
    for gateway in _gateways(objects):
        yield _source(gateway, objects, problems)


def of_router(router: Found) -> Source:
    """What a ModelRouter describes: the operator's, which is one of this API with three fields."""
    spec = shapes.object_at(router.manifest, "spec")
    source = _empty(router, "ModelRouter", {"model_list": []})
    for i, model in enumerate(shapes.objects_at(spec, "aiModels")):
        name = shapes.text_at(model, "name")
        _add(source, router, i, name, {"model": name})
    if (port := spec.get("port", 4000)) != 4000:  # noqa: PLR2004  # The default of both.
        source.spec["port"] = port
    for key in sorted(spec.keys() - _OWN_API):
        source.lost(
            place_of(router)(f"spec.{key}"),
            f"spec.{shorten(key)} is left out: a ModelRouter of this API needs no import",
        )
    return source


def _gateways(objects: Objects) -> Iterator[Found]:
    yield from objects.of(_GROUP, _KIND)
    yield from objects.of(_OLDER_GROUP, _KIND)


def _patch_name(gateway: Found) -> str:
    return shapes.text_at(gateway.manifest, "metadata", "annotations", _PATCH)


def _empty(found: Found, kind: str, config: dict[str, Any]) -> Source:
    title = f"{kind} '{shorten(Objects.name(found))}'"
    return Source(
        title,
        Objects.name(found),
        Objects.namespace(found),
        config,
        Origin(whole(found, "spec")),
        Environment(secret=_SECRET),
    )


def _add(source: Source, found: Found, i: int, name: str, params: Manifest) -> None:
    source.config["model_list"].append({"model_name": name, "litellm_params": params})
    source.origin.parts[f"model_list[{i}]"] = whole(found, f"spec.aiModels[{i}]"), ""


def _source(gateway: Found, objects: Objects, problems: list[Problem]) -> Source:
    spec = shapes.object_at(gateway.manifest, "spec")
    place = place_of(gateway)
    source = _empty(gateway, _KIND, {"model_list": []})
    env = source.environment
    env.known |= variables(spec.get("env"))
    for i, entry in enumerate(shapes.objects_at(spec, "envFrom")):
        if "configMapRef" in entry:
            env.sources.append(dict(entry))
        else:
            source.lost(
                place(f"spec.envFrom[{i}]"),
                "envFrom with a whole Secret is left out: name the keys that are needed in "
                f"deployment.env, and put those of providers into '{_SECRET}'",
            )
    for i, model in enumerate(shapes.objects_at(spec, "aiModels")):
        provider, name = shapes.text_at(model, "provider"), shapes.text_at(model, "name")
        key = f"os.environ/{provider.upper()}_API_KEY"
        _add(source, gateway, i, name, {"model": f"{provider}/{name}", "api_key": key})
    callbacks = ["prometheus"]
    if any(env.text(variable) for variable in OTEL_ENDPOINTS):
        callbacks.append("otel")
    source.config["litellm_settings"] = {"request_timeout": _SECONDS, "callbacks": callbacks}
    if guards := list(_guardrails(source, gateway, objects)):
        source.config["guardrails"] = guards
    _apply_patch(source, gateway, objects, problems)
    port = spec.get("port", _PORT)
    source.spec["service"] = {"port": port}
    for field in ("commonMetadata", "podMetadata"):
        if metadata := spec.get(field):
            source.spec[field] = metadata
    return source


def _apply_patch(source: Source, gateway: Found, objects: Objects, problems: list[Problem]) -> None:
    name = _patch_name(gateway)
    if not name:
        return
    patch = objects.named("v1", "ConfigMap", source.namespace, name)
    if patch is None:
        problems.append(
            gateway.named(
                f"its configuration is patched by the ConfigMap '{shorten(name)}': give it too",
                "metadata.annotations",
            )
        )
        return
    text = shapes.text_at(patch.manifest, "data", _PATCH_KEY)
    line = text_line(patch, f"data.{_PATCH_KEY}")
    for document in documents.read(text.encode()):
        problems += [Problem(p.message, patch.source, line + p.line - 1) for p in document.problems]
        if isinstance(document.value, dict):
            source.config = merging.merge(source.config, document.value)
            place = place_in(patch.source, Lines(text, line))
            source.origin.parts |= {section: (place, section) for section in document.value}


def _guardrails(source: Source, gateway: Found, objects: Objects) -> Iterator[Manifest]:
    """The guardrails of a gateway, as the operator hands them to LiteLLM."""
    for i, ref in enumerate(shapes.objects_at(gateway.manifest, "spec", "guardrails")):
        place = place_of(gateway)(f"spec.guardrails[{i}]")
        name = shapes.text_at(ref, "name")
        namespace = shapes.text_at(ref, "namespace") or source.namespace
        guard = objects.named(_GROUP, "Guard", namespace, name)
        if guard is None:
            source.lost(place, f"the Guard '{shorten(name)}' is left out: give its manifest too")
            continue
        spec = shapes.object_at(guard.manifest, "spec")
        own = shapes.text_at(spec, "providerRef", "namespace") or namespace
        named = shapes.text_at(spec, "providerRef", "name")
        provider = objects.named(_GROUP, "GuardrailProvider", own, named)
        url = provider and shapes.text_at(provider.manifest, "spec", "presidio", "baseUrl")
        if not url:
            source.lost(
                place,
                f"the Guard '{shorten(name)}' is left out: give the manifest of its "
                "GuardrailProvider too, of type presidio-api",
            )
            continue
        yield {"guardrail_name": name, "litellm_params": _presidio(spec, url)}


def _presidio(spec: Mapping[str, Any], url: str) -> Manifest:
    presidio = shapes.object_at(spec, "presidio")
    params: Manifest = {
        "guardrail": "presidio",
        "mode": list(shapes.as_list(spec.get("mode"))),
        "default_on": True,
        "output_parse_pii": True,
        "presidio_analyzer_api_base": url,
        "presidio_anonymizer_api_base": url,
    }
    for key, param in (
        ("language", "presidio_language"),
        ("scoreThresholds", "presidio_score_thresholds"),
        ("entityActions", "pii_entities_config"),
    ):
        if value := presidio.get(key):
            params[param] = value
    return params
