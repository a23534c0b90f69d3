"""Values of LiteLLM's Helm chart (`litellm-helm`)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from function import shapes
from function.call import Manifest
from function.gateways.base import SecretKey
from function.imports.objects import place_of, text_line
from function.imports.source import (
    Environment,
    Origin,
    Place,
    Source,
    Value,
    place_in,
    set_field,
    variables,
)
from function.offline import documents
from function.offline.lines import Lines
from function.offline.manifests import Found
from function.offline.problems import Problem
from function.text import shorten

_KIND: Final = "values of LiteLLM's Helm chart"
_CONFIG: Final = "proxy_config"
_MARKS: Final = frozenset({_CONFIG, "proxyConfigMap", "masterkeySecretName", "environmentSecrets"})
_NAME: Final = "litellm"
_MASTER_KEY: Final = "PROXY_MASTER_KEY"
"""The variable in which the chart hands over the master key."""
_PORT: Final = 4000
_SECONDS: Final = re.compile(r"([0-9]+)(s|m)")
_SHORTEST_GRACE: Final = 30
_LEVELS: Final = {"INFO": "Info", "WARNING": "Warning", "ERROR": "Error"}

_SAME: Final[Mapping[str, str]] = {
    "resources": "resources",
    "nodeSelector": "nodeSelector",
    "tolerations": "tolerations",
    "affinity": "affinity",
    "topologySpreadConstraints": "topologySpreadConstraints",
    "volumes": "volumes",
    "volumeMounts": "volumeMounts",
    "imagePullSecrets": "imagePullSecrets",
    "priorityClassName": "priorityClassName",
}
"""Values that are fields of `deployment` as they are."""

_OWN: Final = (
    *("livenessProbe", "readinessProbe", "startupProbe", "strategy", "podSecurityContext"),
    *("securityContext", "separateHealthApp", "separateHealthPort", "lifecycle", "nameOverride"),
    *("deploymentMinReadySeconds", "migrationJob", "postgresql", "revisionHistoryLimit"),
)
"""Values that the function decides by itself, or that are for the database."""

RELEASES: Final = ("HelmRelease", "Application")
"""Kinds of objects that hold values of a chart."""
_ELSEWHERE: Final[tuple[str, ...]] = ("parameters", "valueFiles", "fileParameters")
"""Where an Application may have more values, which are not read."""

_NO_FIELD: Final[Mapping[str, str]] = {
    "keda": "scale with autoscaling",
    "command": "the function starts LiteLLM itself",
    "args": "use deployment.extraArgs",
    "extraResources": "apply them by themselves",
    "extraContainers": "use patches.deployment",
    "extraInitContainers": "use patches.deployment",
    "istio": "apply its objects by themselves",
    "numWorkers": "use deployment.replicas, as a pod has one worker",
}
"""Values that are not carried over, each with what to do."""


def values_of(value: Manifest) -> tuple[str, Manifest] | None:
    """The values of the chart in a file of values, and where; None if there are none."""
    if value.keys() & _MARKS:
        return "", value
    for key, inner in value.items():
        if isinstance(inner, dict) and inner.keys() & _MARKS:
            return key, inner
    return None


def read(within: str, values: Manifest, place: Place, problems: list[Problem]) -> list[Source]:
    """What a chart's values describe.

    Args:
        within: where they stand in their file.
        values: the values.
        place: the place of a field of the file.
        problems: takes what is wrong with them.
    """
    chart = _Chart(within, values, place)
    config = values.get(_CONFIG)
    if not isinstance(config, dict):
        problems.append(
            Problem(
                "proxy_config is missing: give the ConfigMap of proxyConfigMap.name instead",
                *chart.place(_CONFIG),
            )
        )
        return []
    return [chart.source(config)]


def released(found: Found, problems: list[Problem]) -> Iterator[Source]:
    """What Flux's HelmRelease or Argo CD's Application installs with the chart.

    Args:
        found: the object.
        problems: takes what is wrong with it.
    """
    spec = shapes.object_at(found.manifest, "spec")
    keys: tuple[str, ...] = ("valuesObject", "values")
    elsewhere = _ELSEWHERE
    holders: list[tuple[str, Mapping[str, Any]]] = [
        ("spec.source.helm", shapes.object_at(spec, "source", "helm")),
        *(
            (f"spec.sources[{i}].helm", shapes.object_at(one, "helm"))
            for i, one in enumerate(shapes.as_list(spec.get("sources")))
        ),
    ]
    namespace = shapes.text_at(spec, "destination", "namespace")
    if found.manifest["kind"] == "HelmRelease":
        keys, elsewhere, holders = ("values",), ("valuesFrom",), [("spec", spec)]
        own = shapes.text_at(found.manifest, "metadata", "namespace")
        namespace = shapes.text_at(spec, "targetNamespace") or own
    for path, holder in holders:
        for key in keys:
            value, place = holder.get(key), place_of(found, f"{path}.{key}")
            if isinstance(value, str):
                lines = Lines(value, text_line(found, f"{path}.{key}"))
                text = next(iter(documents.read(value.encode())), None)
                value, place = text and text.value, place_in(found.source, lines)
            if not isinstance(value, dict) or (values := values_of(value)) is None:
                continue
            for source in read(*values, place, problems):
                source.namespace = namespace
                for other in elsewhere:
                    if holder.get(other):
                        source.lost(
                            place_of(found, path)(other),
                            f"{other} is left out: write the values into {key}",
                        )
                yield source
            break


class _Chart:
    """The values of a chart, of which each is taken once."""

    def __init__(self, within: str, values: Manifest, place: Place) -> None:
        self._within = f"{within}." if within else ""
        self._place = place
        self._left = {key: value for key, value in values.items() if value not in ("", None)}
        self._spec: dict[str, Any] = {}

    def place(self, path: str) -> tuple[str, int]:
        """The place of a value."""
        return self._place(f"{self._within}{path}")

    def source(self, config: Manifest) -> Source:
        """What the values describe."""
        del self._left[_CONFIG]
        # The chart's own values lie under these.
        general = {"master_key": f"os.environ/{_MASTER_KEY}"}
        general |= shapes.object_at(config, "general_settings")
        name = shapes.as_text(self._left.pop("fullnameOverride", ""))
        self._source = Source(
            kind=_KIND,
            name=name or _NAME,
            namespace="",
            config={**config, "general_settings": general},
            origin=Origin(lambda path: self.place(f"{_CONFIG}.{path}" if path else _CONFIG)),
        )
        self._environment(name or _NAME)
        self._pods()
        self._service()
        self._ingress()
        self._scaling()
        self._database(name or _NAME)
        self._rest()
        self._source.spec = self._spec
        return self._source

    def _lost(self, path: str, message: str) -> None:
        self._source.lost(self.place(path), message)

    def _told(self, path: str, message: str) -> None:
        self._source.told(self.place(path), message)

    def _take(self, key: str) -> Any:  # noqa: ANN401  # Any JSON.
        return self._left.pop(key, None) or None

    def _set(self, path: str, value: object) -> None:
        set_field(self._spec, path, value)

    def _environment(self, fullname: str) -> None:
        env: Environment = self._source.environment
        secrets = [str(name) for name in shapes.as_list(self._take("environmentSecrets"))]
        if secrets:
            env.secret = secrets[0]
            self._told(
                "environmentSecrets",
                f"of the Secret '{shorten(secrets[0])}', only the keys that the models and the "
                "settings name are taken; add others to deployment.env",
            )
        for name in secrets[1:]:
            self._lost(
                "environmentSecrets",
                f"the Secret '{shorten(name)}' is left out: put its keys into '{secrets[0]}', or "
                "give its manifest too",
            )
        for name in shapes.as_list(self._take("environmentConfigMaps")):
            env.sources.append({"configMapRef": {"name": str(name)}})
        for name, value in shapes.as_object(self._take("envVars")).items():
            env.known[name] = Value(str(value))
        env.known |= variables(self._take("extraEnvVars"))
        secret = self._take("masterkeySecretName")
        key = self._take("masterkeySecretKey") or "masterkey"
        literal = self._take("masterkey")
        if _MASTER_KEY in env.known:
            return
        if literal is not None and secret is None:
            env.known[_MASTER_KEY] = Value(str(literal))
            return
        if secret is None:
            secret = f"{fullname}-masterkey"
            self._told(
                "",
                f"the master key stays in the Secret '{secret}', if the release has that name: "
                "copy it before you uninstall the chart, which deletes it",
            )
        env.known[_MASTER_KEY] = Value(key=SecretKey(str(secret), str(key)))

    def _pods(self) -> None:
        for key, field in _SAME.items():
            if (value := self._take(key)) is not None:
                self._set(f"deployment.{field}", value)
        self._image()
        self._account()
        for kind, field in (("Annotations", "annotations"), ("Labels", "labels")):
            if value := self._take(f"pod{kind}"):
                self._set(f"podMetadata.{field}", value)
            if value := self._take(f"deployment{kind}"):
                self._set(f"patches.deployment.merge.metadata.{field}", value)
        grace = self._take("terminationGracePeriodSeconds")
        if isinstance(grace, int) and grace >= _SHORTEST_GRACE:
            self._set("deployment.terminationGracePeriodSeconds", grace)
        level = self._take("logLevel")
        if level in _LEVELS:
            self._set("logging.level", _LEVELS[str(level)])
        elif level is not None:
            self._lost("logLevel", "logLevel is left out: it prints prompts and keys to the log")

    def _image(self) -> None:
        image = shapes.as_object(self._take("image"))
        repository, tag = shapes.text_at(image, "repository"), image.get("tag")
        if repository and "berriai/" not in repository and tag:
            self._set("deployment.image", f"{repository}:{tag}")
            if policy := image.get("pullPolicy"):
                self._set("deployment.imagePullPolicy", policy)
        elif repository or tag:
            self._told("image", "the image is the one that this gateway was tested with")

    def _account(self) -> None:
        account = shapes.as_object(self._take("serviceAccount"))
        named = shapes.text_at(account, "name") or self._source.name
        if not account.get("create") and named == self._source.name:
            return
        self._set("deployment.serviceAccountName", named)
        if account.get("create"):
            self._lost(
                "serviceAccount",
                f"the ServiceAccount '{shorten(named)}' is left out: create it with its "
                "annotations",
            )

    def _service(self) -> None:
        service = dict(shapes.as_object(self._take("service")))
        for key in ("type", "annotations"):
            if value := service.pop(key, None):
                self._set(f"service.{key}", value)
        port = service.pop("port", _PORT)
        if port != _PORT:
            self._set("service.port", port)
        if balancer := service.pop("loadBalancerClass", None):
            self._set("patches.service.merge.spec.loadBalancerClass", balancer)
        for key, value in service.items():
            if value:
                self._lost(f"service.{key}", f"service.{key} is left out: use patches.service")

    def _ingress(self) -> None:
        ingress = shapes.as_object(self._take("ingress"))
        if not ingress.get("enabled"):
            return
        hosts = shapes.objects_at(ingress, "hosts")
        said: dict[str, Any] = {}
        if name := ingress.get("className"):
            said["className"] = name
        said["hosts"] = [shapes.text_at(host, "host") for host in hosts]
        paths = {
            shapes.text_at(path, "path")
            for host in hosts
            for path in shapes.objects_at(host, "paths")
        } or {"/"}
        if len(paths) > 1:
            self._lost("ingress.hosts", "of the paths of ingress, only one is carried over")
        if (path := min(paths)) != "/":
            said["path"] = path
        tls = shapes.objects_at(ingress, "tls")
        if tls:
            secret = shapes.text_at(tls[0], "secretName")
            said["tls"] = {"secretName": secret} if secret else {}
        for extra in tls[1:]:
            self._lost(
                "ingress.tls",
                f"the certificate '{shorten(shapes.text_at(extra, 'secretName'))}' is left out: "
                "use patches.ingress",
            )
        if annotations := ingress.get("annotations"):
            said["annotations"] = annotations
        self._spec["ingress"] = said

    def _scaling(self) -> None:
        scaling = shapes.as_object(self._take("autoscaling"))
        replicas = self._left.pop("replicaCount", None)
        if scaling.get("enabled"):
            keys = ("minReplicas", "maxReplicas", "targetCPUUtilizationPercentage")
            self._spec["autoscaling"] = {key: scaling[key] for key in keys if key in scaling}
            self._spec["autoscaling"].setdefault("maxReplicas", 100)
            if scaling.get("targetMemoryUtilizationPercentage"):
                self._lost(
                    "autoscaling.targetMemoryUtilizationPercentage",
                    "scaling by memory is left out: use patches.horizontalPodAutoscaler",
                )
        elif isinstance(replicas, int):
            self._set("deployment.replicas", replicas)
        budget = shapes.as_object(self._take("pdb"))
        if budget.get("enabled"):
            allowed = {
                key: budget[key]
                for key in ("minAvailable", "maxUnavailable")
                if budget.get(key) is not None
            }
            # If both are set, the first is the one that the chart takes.
            self._spec["podDisruptionBudget"] = dict(list(allowed.items())[:1])
        monitor = shapes.as_object(self._take("serviceMonitor"))
        if monitor.get("enabled"):
            said = {"labels": monitor["labels"]} if monitor.get("labels") else {}
            for key in ("interval", "scrapeTimeout"):
                if match := _SECONDS.fullmatch(str(monitor.get(key, ""))):
                    said[f"{key}Seconds"] = int(match[1]) * (60 if match[2] == "m" else 1)
            self._spec["metrics"] = {"serviceMonitor": said}

    def _database(self, fullname: str) -> None:
        database = shapes.as_object(self._left.pop("db", None))
        if database.get("deployStandalone", True) or database.get("useExisting"):
            self._lost(
                "db",
                "the database is left out, and with it virtual keys, teams, budgets, and models "
                "that were added while LiteLLM ran: give applications keys by ModelAccess",
            )
        redis = shapes.as_object(self._left.pop("redis", None))
        if redis.get("enabled"):
            self._lost(
                "redis",
                f"the chart's own Redis '{fullname}-redis' is left out: name a server in redis",
            )

    def _rest(self) -> None:
        for key, value in self._left.items():
            if not value or (isinstance(value, dict) and value.get("enabled") is False):
                continue
            if key in _OWN:
                self._told(key, f"{key} is left out: the function decides it")
            elif key == "proxyConfigMap":
                continue
            else:
                reason = _NO_FIELD.get(key, "a ModelRouter has no such field")
                self._lost(key, f"{shorten(key)} is left out: {reason}")
