"""`LiteLLMInstance` of PalenaAI's operator, with its models and credentials."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from function import shapes
from function.call import Manifest
from function.gateways.base import SecretKey
from function.imports.objects import Objects, place_of, service_of, snake, whole
from function.imports.source import Origin, Place, Source, Value, secret_key, variables
from function.offline.manifests import Found
from function.offline.problems import Problem
from function.text import shorten

_GROUP: Final = "litellm.palena.ai"
_KIND: Final = "LiteLLMInstance"
_MASTER_KEY: Final = "LITELLM_MASTER_KEY"
_REDIS_PASSWORD: Final = "REDIS_PASSWORD"  # noqa: S105  # A variable's name.
_REDIS_URL: Final = "REDIS_URL"

_SAME: Final = ("replicas", "resources", "topologySpreadConstraints")
_NO_DATABASE: Final[Mapping[str, str]] = {
    "database": (
        "virtual keys, teams, budgets and users need a database; applications get keys by "
        "ModelAccess"
    ),
    "configSync": "it is about a database",
    "adminUI": "there is no user interface",
    "sso": "there is no user interface",
    "scim": "there are no users",
    "saltKey": "it is for keys in a database",
}
"""Fields that are not carried over, each with the reason."""
_OWN: Final = frozenset(
    {
        *_SAME,
        *_NO_DATABASE,
        *("image", "autoscaling", "masterKey", "redis", "generalSettings", "routerSettings"),
        *("fallbacks", "service", "ingress", "gatewayHTTPRoute", "podDisruptionBudget", "caching"),
        *("extraEnvVars", "extraEnvFrom", "callbacks", "healthCheck", "upgrade", "security"),
        "serviceAccount",
    }
)


def read(objects: Objects, problems: list[Problem]) -> Iterator[Source]:
    """What the instances describe, each with its models."""
    instances = list(objects.of(_GROUP, _KIND))
    for instance in instances:
        yield _Instance(instance, objects).source()
    if not instances:
        problems += [
            model.named("its LiteLLMInstance is missing: give its manifest too", "")
            for model in objects.of(_GROUP, "LiteLLMModel")
        ]


class _Instance:
    """An instance that is read."""

    def __init__(self, instance: Found, objects: Objects) -> None:
        self._instance = instance
        self._objects = objects
        self._spec = shapes.object_at(instance.manifest, "spec")
        self._place = place_of(instance, "spec")
        self._config: dict[str, Any] = {}
        self._source = Source(
            f"{_KIND} '{shorten(Objects.name(instance))}'",
            Objects.name(instance),
            Objects.namespace(instance),
            self._config,
            Origin(whole(instance, "spec")),
        )

    def source(self) -> Source:
        """What the instance describes."""
        self._config["model_list"] = self._models()
        self._settings()
        self._environment()
        self._caching()
        self._pods()
        self._ways_in()
        for key in sorted(self._spec.keys()):
            if reason := _NO_DATABASE.get(key):
                self._lost(key, f"{key} is left out: {reason}")
            elif key not in _OWN:
                self._lost(key, f"{shorten(key)} is left out: a ModelRouter has no such field")
        return self._source

    def _lost(self, path: str, message: str) -> None:
        self._source.lost(self._place(path), message)

    def _models(self) -> list[Manifest]:
        found: list[Manifest] = []
        for model in self._objects.of(_GROUP, "LiteLLMModel"):
            spec = shapes.object_at(model.manifest, "spec")
            if shapes.text_at(spec, "instanceRef", "name") != self._source.name:
                continue
            place = place_of(model, "spec")
            self._source.origin.parts[f"model_list[{len(found)}]"] = whole(model, "spec"), ""
            params = dict(shapes.object_at(spec, "litellmParams"))
            ref = params.pop("apiKeySecretRef", None)
            shared = params.pop("credentialRef", None)
            said = {snake(key): value for key, value in params.items()}
            if shared:
                said.pop("api_base", None)
                said |= self._credential(shapes.text_at(shared, "name"), place)
            elif ref:
                said["api_key"] = self._variable(f"MODEL_{Objects.name(model)}", ref)
            if tags := spec.get("tags"):
                said["tags"] = tags
            entry: Manifest = {"model_name": spec.get("modelName"), "litellm_params": said}
            info = dict(shapes.object_at(spec, "modelInfo"))
            check = shapes.as_object(info.pop("healthCheck", None))
            if check.get("disableBackgroundHealthCheck"):
                info["disableBackgroundHealthCheck"] = True
            if info:
                entry["model_info"] = {snake(key): value for key, value in info.items()}
            found.append(entry)
        return found

    def _credential(self, name: str, place: Place) -> Manifest:
        """The parameters of a LiteLLMCredential."""
        found = self._objects.named(
            _GROUP, "LiteLLMCredential", Objects.namespace(self._instance), name
        )
        if found is None:
            self._source.lost(
                place("litellmParams.credentialRef"),
                f"the LiteLLMCredential '{shorten(name)}' is not among the files: give it too",
            )
            return {}
        spec = shapes.object_at(found.manifest, "spec")
        said = {snake(k): v for k, v in shapes.object_at(spec, "credentialValues").items()}
        for key in ("apiKeySecretRef", "secretRef"):
            if ref := spec.get(key):
                said["api_key"] = self._variable(f"CREDENTIAL_{name}", ref)
        for key in ("apiBase", "apiVersion"):
            if spec.get(key):
                said[snake(key)] = spec[key]
        return said

    def _variable(self, stem: str, ref: object) -> str:
        variable = re.sub(r"[^A-Z0-9]", "_", f"{stem}_API_KEY".upper())
        self._source.environment.known[variable] = Value(key=secret_key(shapes.as_object(ref)))
        return f"os.environ/{variable}"

    def _settings(self) -> None:
        spec, config = self._spec, self._config
        if router := shapes.object_at(spec, "routerSettings"):
            config["router_settings"] = {snake(k): v for k, v in router.items()}
        general = dict(shapes.object_at(spec, "generalSettings"))
        # LiteLLM has neither.
        for key in ("masterKeyRequired", "allowUserAuth"):
            general.pop(key, None)
        if general:
            config["general_settings"] = {snake(k): v for k, v in general.items()}
        given = shapes.object_at(spec, "fallbacks")
        for field, setting in (
            ("modelFallbacks", "fallbacks"),
            ("contentPolicyFallbacks", "content_policy_fallbacks"),
            ("contextWindowFallbacks", "context_window_fallbacks"),
        ):
            if chains := shapes.objects_at(given, field):
                section = config.setdefault("router_settings", {})
                section[setting] = [
                    {shapes.text_at(chain, "model"): list(shapes.as_list(chain.get("fallbacks")))}
                    for chain in chains
                ]
        if everyone := given.get("defaultFallbacks"):
            config.setdefault("litellm_settings", {})["default_fallbacks"] = everyone
        if (most := given.get("maxFallbacks")) is not None:
            config.setdefault("router_settings", {})["max_fallbacks"] = most
        if types := shapes.at(spec, "callbacks", "types"):
            settings = config.setdefault("litellm_settings", {})
            settings["success_callback"] = settings["failure_callback"] = types

    def _environment(self) -> None:
        env, spec = self._source.environment, self._spec
        env.known |= variables(spec.get("extraEnvVars"))
        env.known |= variables(shapes.at(spec, "callbacks", "envVars"))
        ref = shapes.at(spec, "masterKey", "secretRef")
        if ref:
            env.known[_MASTER_KEY] = Value(key=secret_key(ref))
        else:
            name = f"{self._source.name}-master-key"
            env.known[_MASTER_KEY] = Value(key=SecretKey(name, "master-key"))
            self._source.told(
                self._place("masterKey"),
                f"the master key that was generated is expected in the Secret '{name}' under "
                "master-key: copy it before you delete the instance",
            )
        for i, entry in enumerate(shapes.objects_at(spec, "extraEnvFrom")):
            name = shapes.text_at(entry, "secretRef", "name")
            if not name:
                env.sources.append(dict(entry))
            elif not env.secret:
                env.secret = name
            else:
                self._lost(
                    f"extraEnvFrom[{i}]",
                    f"the Secret '{shorten(name)}' is left out: put its keys into '{env.secret}'",
                )

    def _redis(self) -> Manifest:
        """The Redis server as LiteLLM's settings have it, without their prefix."""
        redis = shapes.object_at(self._spec, "redis")
        redis = shapes.as_object(redis.get("external", redis))
        if ref := redis.get("connectionSecretRef"):
            self._source.environment.known[_REDIS_URL] = Value(key=secret_key(ref))
            return {"url": f"os.environ/{_REDIS_URL}"}
        if not redis.get("host"):
            return {}
        said: Manifest = {"host": redis["host"], "port": redis.get("port", 6379)}
        if ref := redis.get("passwordSecretRef"):
            self._source.environment.known[_REDIS_PASSWORD] = Value(key=secret_key(ref))
            said["password"] = f"os.environ/{_REDIS_PASSWORD}"
        return said

    def _caching(self) -> None:
        redis = self._redis()
        if redis:
            section = self._config.setdefault("router_settings", {})
            section |= {f"redis_{key}": value for key, value in redis.items()}
        caching = shapes.object_at(self._spec, "caching")
        if not caching.get("enabled"):
            return
        kind = caching.get("type", "redis")
        if kind not in ("redis", "local"):
            self._lost("caching", f"the cache of type {shorten(str(kind))} is left out")
            return
        params: Manifest = {"type": kind, **(redis if kind == "redis" else {})}
        own = shapes.object_at(caching, "redis")
        if own.get("host"):
            params = {"type": kind, "host": own["host"], "port": own.get("port", 6379)}
            if own.get("ssl"):
                params["ssl"] = True
            if ref := own.get("passwordSecretRef"):
                variable = "CACHE_REDIS_PASSWORD"
                self._source.environment.known[variable] = Value(key=secret_key(ref))
                params["password"] = f"os.environ/{variable}"
        for key in ("ttl", "namespace", "supportedCallTypes"):
            if caching.get(key):
                params[snake(key)] = caching[key]
        if caching.get("mode") == "default_off":
            params["mode"] = "default_off"
        settings = self._config.setdefault("litellm_settings", {})
        settings |= {"cache": True, "cache_params": params}

    def _pods(self) -> None:
        spec, said = self._spec, dict[str, Any]()
        scaling = shapes.object_at(spec, "autoscaling")
        for field in _SAME:
            if spec.get(field) and not (field == "replicas" and scaling.get("enabled")):
                said[field] = spec[field]
        image = shapes.object_at(spec, "image")
        repository, tag = shapes.text_at(image, "repository"), shapes.text_at(image, "tag")
        if repository and "berriai/" not in repository and tag:
            said["image"] = f"{repository}:{tag}"
        elif image:
            self._source.told(
                self._place("image"), "the image is the one that this gateway was tested with"
            )
        if secrets := image.get("pullSecrets"):
            said["imagePullSecrets"] = secrets
        account = shapes.object_at(spec, "serviceAccount")
        if account.get("annotations"):
            said["serviceAccountName"] = self._source.name
            self._lost(
                "serviceAccount",
                f"the ServiceAccount '{self._source.name}' is left out: create it with its "
                "annotations",
            )
        if said:
            self._source.spec["deployment"] = said
        if scaling.get("enabled"):
            keys = {
                "minReplicas": "minReplicas",
                "maxReplicas": "maxReplicas",
                "targetCPUUtilization": "targetCPUUtilizationPercentage",
            }
            self._source.spec["autoscaling"] = {
                field: scaling[key] for key, field in keys.items() if key in scaling
            }
        budget = shapes.object_at(spec, "podDisruptionBudget")
        keys_ = [key for key in ("minAvailable", "maxUnavailable") if key in budget]
        if budget.get("enabled", True) and keys_:
            self._source.spec["podDisruptionBudget"] = {keys_[0]: budget[keys_[0]]}

    def _ways_in(self) -> None:
        spec, fields = self._spec, self._source.spec
        if service := service_of(spec):
            fields["service"] = service
        ingress = shapes.object_at(spec, "ingress")
        if ingress.get("enabled"):
            own: Manifest = {"hosts": [ingress.get("host")]}
            if ingress.get("ingressClassName"):
                own = {"className": ingress["ingressClassName"], **own}
            tls = shapes.object_at(ingress, "tls")
            if tls.get("enabled"):
                own["tls"] = {"secretName": tls["secretName"]} if tls.get("secretName") else {}
            if ingress.get("annotations"):
                own["annotations"] = ingress["annotations"]
            fields["ingress"] = own
        route = shapes.object_at(spec, "gatewayHTTPRoute")
        if route.get("enabled"):
            fields["httpRoute"] = {"parentRefs": route.get("parentRefs")}
            if route.get("host"):
                fields["httpRoute"]["hostnames"] = [route["host"]]
            if route.get("annotations"):
                fields["httpRoute"]["annotations"] = route["annotations"]
