"""What patches do to the composed objects, and what they may not do."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from function import names
from function.api import bounds
from function.api.patches import PATCHED
from function.call import Manifest, Response
from function.resources import KINDS
from function.resources.deployment import MAX_BYTES
from tests.support import tools
from tests.support.apiserver import serve
from tests.support.world import World, router

OTHERS: Manifest = {
    "podDisruptionBudget": {"minAvailable": 1},
    "autoscaling": {"maxReplicas": 3},
    "httpRoute": {"parentRefs": [{"name": "public"}]},
    "ingress": {"hosts": ["llm.example.com"], "tls": {}},
    "metrics": {"serviceMonitor": {"intervalSeconds": 30}},
    "networkPolicy": {"from": [{"podSelector": {}}]},
}
"""What composes all objects that may be patched."""

POD = "/spec/template/spec"
BACKEND: Manifest = {"name": "gw", "port": 4000}
SCRAPED: Manifest = {
    "port": "http",
    "path": "/metrics/",
    "authorization": {"credentials": {"name": "gw-master-key", "key": "LITELLM_MASTER_KEY"}},
    "interval": "30s",
}
ELSEWHERE: list[Any] = [
    None,
    [],
    ["x"],
    {"a": 1},
    [{}],
    [SCRAPED, SCRAPED],
    [{**SCRAPED, "proxyUrl": "http://elsewhere"}],
    [{**SCRAPED, "proxyFromEnvironment": True}],
    [{**SCRAPED, "scheme": "https"}],
    [{**SCRAPED, "path": "/"}],
    [{**SCRAPED, "port": "metrics"}],
    [{**SCRAPED, "targetPort": 9090}],
    [{**SCRAPED, "params": {"target": ["elsewhere"]}}],
    [{**SCRAPED, "authorization": {"credentials": {"name": "other", "key": "k"}}}],
    [{key: value for key, value in SCRAPED.items() if key != "authorization"}],
]
"""Endpoints of a ServiceMonitor that are another's, or are asked in another way."""
SIDECAR: Manifest = {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}


def patched(name: str, patch: Manifest, **spec: Any) -> Response:  # noqa: ANN401
    """What a router answers whose object of that name is patched."""
    return World(router(patches={name: patch}, **{**OTHERS, **spec})).reconcile()


def in_pod(**fields: Any) -> Manifest:  # noqa: ANN401
    """A merge patch of the pods' spec."""
    return {"merge": {"spec": {"template": {"spec": fields}}}}


def at(manifest: Manifest, pointer: str) -> Any:  # noqa: ANN401
    """What a manifest has at a path of keys."""
    value: Any = manifest
    for key in pointer.split("/")[1:]:
        match value:
            case list():
                value = value[int(key)] if int(key) < len(value) else None
            case dict():
                value = value.get(key)
    return value


def generated(name: str, pointer: str) -> Any:  # noqa: ANN401
    """What the object has there without a patch."""
    resources = World(router(**OTHERS)).reconcile().resources
    return copy.deepcopy(at(resources[name].manifest, pointer))


def pod_with(field: str, *more: Manifest, **changes: Any) -> Manifest:  # noqa: ANN401
    """A patch of a list of the pods' that repeats what is in it, but for some fields."""
    items = generated("deployment", f"{POD}/{field}")
    items[0] |= changes
    return in_pod(**{field: [*items, *more]})


@dataclass(frozen=True)
class Allowed:
    """A patch, and what is then where."""

    why: str
    name: str
    patch: Manifest
    pointer: str
    value: Any


ALLOWED = [
    Allowed(
        "OpenShift chooses the user",
        "deployment",
        {"remove": [f"{POD}/securityContext/runAsUser"]},
        f"{POD}/securityContext/runAsUser",
        None,
    ),
    Allowed(
        "a sidecar starts before the gateway and ends after it",
        "deployment",
        in_pod(initContainers=[SIDECAR]),
        f"{POD}/initContainers",
        [SIDECAR],
    ),
    Allowed(
        "a sidecar may have a Secret of its own",
        "deployment",
        in_pod(
            initContainers=[
                SIDECAR
                | {
                    "env": [
                        {
                            "name": "PROXY_TOKEN",
                            "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "TOKEN"}},
                        },
                        {"name": "BEARER_TOKEN", "value": "$(PROXY_TOKEN)"},
                    ],
                    "args": ["--token", "$(PROXY_TOKEN)"],
                }
            ]
        ),
        f"{POD}/initContainers/0/env/0/valueFrom/secretKeyRef/name",
        "proxy",
    ),
    Allowed(
        "another container may stand beside the gateway's, which is repeated",
        "deployment",
        pod_with("containers", {"name": "other", "image": "x"}),
        f"{POD}/containers/1/name",
        "other",
    ),
    Allowed(
        "the gateway's container has parts without a field",
        "deployment",
        pod_with("containers", terminationMessagePolicy="FallbackToLogsOnError"),
        f"{POD}/containers/0/terminationMessagePolicy",
        "FallbackToLogsOnError",
    ),
    Allowed(
        "a probe may go",
        "deployment",
        {"remove": [f"{POD}/containers/0/livenessProbe"]},
        f"{POD}/containers/0/livenessProbe",
        None,
    ),
    Allowed(
        "a volume may be added",
        "deployment",
        pod_with("volumes", {"name": "more", "secret": {"secretName": "of-its-own"}}),
        f"{POD}/volumes/2/secret/secretName",
        "of-its-own",
    ),
    Allowed(
        "a rollout may take longer",
        "deployment",
        {"merge": {"spec": {"progressDeadlineSeconds": 900}}},
        "/spec/progressDeadlineSeconds",
        900,
    ),
    Allowed(
        "a label of the user's may be on one object alone",
        "configMap",
        {"merge": {"metadata": {"labels": {"team": "a"}}}},
        "/metadata/labels/team",
        "a",
    ),
    Allowed(
        "an autoscaler has a behaviour",
        "horizontalPodAutoscaler",
        {"merge": {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 900}}}}},
        "/spec/behavior/scaleDown/stabilizationWindowSeconds",
        900,
    ),
    Allowed(
        "a call by an HTTPRoute may take long",
        "httpRoute",
        {"merge": {"spec": {"rules": [{"backendRefs": [BACKEND], "timeouts": {"request": "1h"}}]}}},
        "/spec/rules/0/timeouts/request",
        "1h",
    ),
    *(
        Allowed(
            f"a ServiceMonitor has {field}",
            "serviceMonitor",
            {"merge": {"spec": {"endpoints": [{**SCRAPED, field: [relabeling]}]}}},
            f"/spec/endpoints/0/{field}",
            [relabeling],
        )
        for field, relabeling in (
            ("relabelings", {"targetLabel": "cluster", "replacement": "production"}),
            ("metricRelabelings", {"action": "labeldrop", "regex": "api_base"}),
        )
    ),
    Allowed(
        "a ServiceMonitor bounds what is taken",
        "serviceMonitor",
        {"merge": {"spec": {"sampleLimit": 20000}}},
        "/spec/sampleLimit",
        20000,
    ),
    Allowed(
        "an Ingress has a class",
        "ingress",
        {"merge": {"spec": {"ingressClassName": "internal"}}},
        "/spec/ingressClassName",
        "internal",
    ),
    Allowed(
        "a network policy has labels of its own",
        "networkPolicy",
        {"merge": {"metadata": {"labels": {"team": "a"}}}},
        "/metadata/labels/team",
        "a",
    ),
    Allowed(
        "what is null is removed",
        "podDisruptionBudget",
        {"merge": {"spec": {"unhealthyPodEvictionPolicy": None}}},
        "/spec/unhealthyPodEvictionPolicy",
        None,
    ),
    Allowed(
        "a Service has policies",
        "service",
        {"merge": {"spec": {"sessionAffinity": "ClientIP"}}},
        "/spec/sessionAffinity",
        "ClientIP",
    ),
    Allowed(
        "a Service may have a second port",
        "service",
        {
            "merge": {
                "spec": {
                    "ports": [
                        {"name": "http", "port": 4000, "protocol": "TCP", "targetPort": "http"},
                        {"name": "proxy", "port": 8080, "protocol": "TCP"},
                    ]
                }
            }
        },
        "/spec/ports/1/port",
        8080,
    ),
]


@pytest.mark.parametrize("case", ALLOWED, ids=[case.why for case in ALLOWED])
def test_a_patch_changes_its_object_and_nothing_else(case: Allowed) -> None:
    plain = World(router(**OTHERS)).reconcile()
    answer = patched(case.name, case.patch)
    assert answer.refusal is None, answer.refusal
    assert at(answer.resources[case.name].manifest, case.pointer) == case.value
    assert at(plain.resources[case.name].manifest, case.pointer) != case.value
    for name, resource in plain.resources.items():
        if name not in (case.name, names.RESOURCE_MASTER_KEY):
            assert answer.resources[name].manifest == resource.manifest


def test_what_patches_make_is_taken_by_a_real_api_server() -> None:
    """Strictly: an unknown field is an error."""
    definitions = [
        tools.definition("gateway.networking.k8s.io_httproutes"),
        tools.definition("monitoring.coreos.com_servicemonitors"),
    ]
    with serve() as client:
        client.install_crds([yaml.safe_load(path.read_text()) for path in definitions])
        client.namespace("team")
        for case in ALLOWED:
            manifest = patched(case.name, case.patch).resources[case.name].manifest
            client.apply(manifest, dry_run=True)


@dataclass(frozen=True)
class Refusal:
    """A patch that is refused, and why: the sentence begins so after the name of the patch."""

    why: str
    name: str
    patch: Manifest
    sentence: str
    reason: str = names.REASON_PATCH_REFUSED


def other(**fields: Any) -> Manifest:  # noqa: ANN401
    """A patch that adds a container with these fields."""
    return in_pod(initContainers=[SIDECAR | fields])


def variable(secret: str, key: str, name: str = "KEY") -> Manifest:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


OWN_LABEL = "by which the function, Crossplane or the objects know one another"
WHO = "which tells who the object is and whose it is"
KEYS = "whose keys are for the gateway alone"

REFUSED = [
    Refusal("identity", "service", {"merge": {"kind": "Secret"}}, " must not change /kind, "),
    Refusal("identity", "service", {"remove": ["/apiVersion"]}, " must not change /apiVersion, "),
    Refusal(
        "identity",
        "configMap",
        {"merge": {"metadata": {"name": "other"}}},
        f" must not change /metadata/name, {WHO}",
    ),
    Refusal(
        "the object would be elsewhere",
        "service",
        {"remove": ["/metadata/namespace"]},
        f" must not change /metadata/namespace, {WHO}",
    ),
    Refusal(
        "the object would be another's",
        "service",
        {"merge": {"metadata": {"ownerReferences": []}}},
        f" must not change /metadata/ownerReferences, {WHO}",
    ),
    Refusal("nothing is left", "service", {"remove": ["/metadata"]}, " must leave /metadata an "),
    Refusal("nothing is left", "service", {"remove": ["/spec"]}, " must not change /spec/selector"),
    Refusal(
        "not an object",
        "service",
        {"merge": {"metadata": {"labels": ["a"]}}},
        " must leave /metadata/labels an object",
    ),
    Refusal(
        "Kubernetes takes no such label",
        "service",
        {"merge": {"metadata": {"labels": {"a": "b c"}}}},
        ".merge.metadata.labels.a: the value of a label must be",
    ),
    Refusal(
        "Kubernetes takes texts only",
        "service",
        {"merge": {"metadata": {"annotations": {"a": 1}}}},
        ".merge.metadata.annotations.a is 1: it must be a string",
    ),
    Refusal(
        "who may call is for a NetworkPolicy",
        "service",
        {
            "merge": {
                "metadata": {
                    "annotations": {
                        "service.beta.kubernetes.io/load-balancer-source-ranges": "10.0.0.0/8"
                    }
                }
            }
        },
        ".merge.metadata: the annotation service.beta.kubernetes.io/load-balancer-source-ranges "
        "must not be set",
    ),
    Refusal(
        "Crossplane's own",
        "service",
        {"merge": {"metadata": {"annotations": {"crossplane.io/external-name": "x"}}}},
        f" must not change /metadata/annotations/crossplane.io/external-name, {OWN_LABEL}",
    ),
    Refusal(
        "a label of the function's",
        "deployment",
        {"merge": {"metadata": {"labels": {"app.kubernetes.io/name": "x"}}}},
        f" must not change /metadata/labels/app.kubernetes.io/name, {OWN_LABEL}",
    ),
    Refusal(
        "pods that no one selects",
        "deployment",
        {"remove": ["/spec/template/metadata/labels/app"]},
        f" must not change /spec/template/metadata/labels/app, {OWN_LABEL}",
    ),
    Refusal(
        "pods that no change rolls",
        "deployment",
        {"remove": ["/spec/template/metadata/annotations/gateway.agentic-layer.ai~1config-hash"]},
        " must not change /spec/template/metadata/annotations/"
        f"gateway.agentic-layer.ai/config-hash, {OWN_LABEL}",
    ),
    Refusal(
        "a selector",
        "deployment",
        {"merge": {"spec": {"selector": {"matchLabels": {"a": "b"}}}}},
        " must not change /spec/selector, by which its pods are known",
    ),
    Refusal(
        "a selector",
        "service",
        {"merge": {"spec": {"selector": {"a": "b"}}}},
        " must not change /spec/selector, by which the gateway's pods are known",
    ),
    Refusal(
        "a selector",
        "podDisruptionBudget",
        {"remove": ["/spec/selector/matchLabels/app"]},
        " must not change /spec/selector, by which the gateway's pods are known",
    ),
    Refusal(
        "another Deployment",
        "horizontalPodAutoscaler",
        {"merge": {"spec": {"scaleTargetRef": {"name": "other"}}}},
        " must not change /spec/scaleTargetRef, which names the gateway's Deployment",
    ),
    Refusal(
        "pods of others",
        "networkPolicy",
        {"merge": {"spec": {"podSelector": {"matchLabels": None}}}},
        " must not change /spec/podSelector, by which the gateway's pods are known",
    ),
    Refusal(
        "everyone is let in",
        "networkPolicy",
        {"merge": {"spec": {"policyTypes": ["Egress"]}}},
        " must not change /spec/policyTypes, with which it lets in no one else",
    ),
    *(
        Refusal(
            "more are let in",
            "networkPolicy",
            {"remove": [pointer]},
            " must not change /spec/ingress, which has a field of its own in spec.networkPolicy",
        )
        for pointer in ("/spec/ingress", "/spec/ingress/0/from", "/spec/ingress/0/ports")
    ),
    Refusal(
        "another Service",
        "ingress",
        {"merge": {"spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 1}}}}}},
        " must not change /spec/defaultBackend, ",
    ),
    Refusal(
        "another Service",
        "ingress",
        {"merge": {"spec": {"rules": [{"host": "llm.example.com"}]}}},
        " must not change /spec/rules, which leads to the gateway",
    ),
    Refusal(
        "no TLS, where the status says https",
        "ingress",
        {"remove": ["/spec/tls"]},
        " must not change /spec/tls, which leads to the gateway",
    ),
    Refusal(
        "two classes",
        "ingress",
        {"merge": {"metadata": {"annotations": {"kubernetes.io/ingress.class": "x"}}}},
        ".merge.metadata: the annotation kubernetes.io/ingress.class must not be set",
    ),
    Refusal(
        "another Gateway",
        "httpRoute",
        {"merge": {"spec": {"parentRefs": [{"name": "other"}]}}},
        " must not change /spec/parentRefs, which has a field of its own in spec.httpRoute",
    ),
    Refusal(
        "other hosts",
        "httpRoute",
        {"merge": {"spec": {"hostnames": ["x.example.com"]}}},
        " must not change /spec/hostnames, which has a field of its own in spec.httpRoute",
    ),
    *(
        Refusal(
            "another Service, or a copy of the calls",
            "httpRoute",
            {"merge": {"spec": {"rules": rules}}},
            " must leave the backendRefs of all /spec/rules as they are, and add no backendRef: ",
        )
        for rules in (
            None,
            [],
            ["x"],
            {"a": 1},
            [{"backendRefs": [{"name": "other", "port": 4000}]}],
            [{"backendRefs": [BACKEND, {"name": "other", "port": 4000}]}],
            [{"backendRefs": [BACKEND]}, {"backendRefs": []}],
            [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "x"}}]}],
            [
                {
                    "backendRefs": [BACKEND],
                    "filters": [
                        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "x"}}}
                    ],
                }
            ],
        )
    ),
    *(
        Refusal(
            "another Service",
            "serviceMonitor",
            {"merge": {"spec": spec}},
            f" must not change /spec/{next(iter(spec))}, ",
        )
        for spec in (
            {"selector": {"matchLabels": {"app": "other"}}},
            {"namespaceSelector": {"any": True}},
        )
    ),
    *(
        Refusal(
            "the master key is sent to someone else",
            "serviceMonitor",
            {"merge": {"spec": {"endpoints": endpoints}}},
            " may only change interval, scrapeTimeout, ",
        )
        for endpoints in ELSEWHERE
    ),
    *(
        Refusal(
            "the master key is sent to another address",
            "serviceMonitor",
            {"merge": {"spec": {"endpoints": [{**SCRAPED, "relabelings": relabelings}]}}},
            " must not write labels that begin with __ in relabelings, ",
        )
        for relabelings in (
            {"a": 1},
            ["x"],
            [{"targetLabel": "__address__", "replacement": "elsewhere:80"}],
            [{"targetLabel": "cluster"}, {"targetLabel": "__scheme__", "replacement": "https"}],
            [{"sourceLabels": ["pod"], "targetLabel": "$1", "replacement": "elsewhere"}],
            [{"action": "LabelMap", "regex": "a(.*)", "replacement": "__$1"}],
            [{"action": "labeldrop", "regex": "__address__"}],
        )
    ),
    Refusal(
        "the configuration",
        "configMap",
        {"merge": {"data": {"config.yaml": ""}}},
        " must not change /data, which holds the gateway's configuration",
    ),
    Refusal(
        "the gate",
        "configMap",
        {"remove": ["/data/gate.py"]},
        " must not change /data, which holds the gateway's configuration",
    ),
    Refusal(
        "a configuration that could never change again",
        "configMap",
        {"merge": {"immutable": True}},
        " must not change /immutable, ",
    ),
    Refusal(
        "an autoscaler's number",
        "deployment",
        {"merge": {"spec": {"replicas": 1}}},
        " must not change /spec/replicas, which has fields of its own",
    ),
    Refusal(
        "an autoscaler's number, once there is another",
        "deployment",
        {"remove": ["/spec/replicas"]},
        " must not change /spec/replicas, which has fields of its own",
    ),
    Refusal(
        "a digest of Secrets that there is not yet",
        "deployment",
        {
            "merge": {
                "spec": {
                    "template": {
                        "metadata": {"annotations": {names.ANNOTATION_SECRET_HASH: "0" * 16}}
                    }
                }
            }
        },
        f" must not change /spec/template/metadata/annotations/{names.ANNOTATION_SECRET_HASH}, ",
    ),
    Refusal(
        "another host",
        "service",
        {"merge": {"spec": {"type": "ExternalName", "externalName": "evil.example.com"}}},
        " must not change /spec/externalName, with which calls go to another host",
    ),
    Refusal(
        "another host",
        "service",
        {"merge": {"spec": {"type": "ExternalName"}}},
        " must not set /spec/type to ExternalName",
    ),
    Refusal(
        "other hosts' calls",
        "service",
        {"merge": {"spec": {"externalIPs": ["192.0.2.1"]}}},
        " must not change /spec/externalIPs, ",
    ),
    *(
        Refusal(
            "the port of the URL",
            "service",
            {"merge": {"spec": {"ports": ports}}},
            " must leave the port 4000 first in /spec/ports, as it is: ",
        )
        for ports in (
            None,
            [],
            ["x"],
            {"a": 1},
            [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
            [{"name": "http", "port": 4000, "protocol": "TCP", "targetPort": 8080}],
            [
                {"name": "http", "port": 4000, "protocol": "TCP", "targetPort": "http"},
                {"name": "other"},
            ],
        )
    ),
    Refusal(
        "another provider's name for a key",
        "deployment",
        pod_with("containers", env=[variable("litellm-secrets", "OPENAI_API_KEY", "GROQ_API_KEY")]),
        " must not change env of the container litellm, which the function decides: use the ",
    ),
    Refusal(
        "another master key",
        "deployment",
        pod_with("containers", env=[variable("mine", "KEY", "LITELLM_MASTER_KEY")]),
        " must not change env of the container litellm, ",
    ),
    Refusal(
        "no gate",
        "deployment",
        {"remove": [f"{POD}/containers/0/env/0"]},
        " must not change env of the container litellm, ",
    ),
    Refusal(
        "all of a Secret",
        "deployment",
        pod_with("containers", envFrom=[{"secretRef": {"name": "s"}}]),
        " must not change envFrom of the container litellm, ",
    ),
    Refusal(
        "a mount over the configuration",
        "deployment",
        pod_with("containers", volumeMounts=[{"name": "tmp", "mountPath": "/app/config"}]),
        " must not change volumeMounts of the container litellm, ",
    ),
    Refusal(
        "another program",
        "deployment",
        pod_with("containers", command=["sh"]),
        " must not change command of the container litellm, ",
    ),
    Refusal(
        "other modules",
        "deployment",
        pod_with("containers", workingDir="/tmp"),
        " must not change workingDir of the container litellm, ",
    ),
    Refusal(
        "another image",
        "deployment",
        pod_with("containers", image="x"),
        " must not change image of the container litellm, ",
    ),
    Refusal(
        "a list replaces all of a list",
        "deployment",
        in_pod(containers=[SIDECAR]),
        f" must leave the container litellm in {POD}/containers: a list replaces the whole list",
    ),
    Refusal(
        "two of one name",
        "deployment",
        pod_with("containers", {"name": "litellm"}),
        f" must leave the container litellm in {POD}/containers: ",
    ),
    Refusal(
        "no list",
        "deployment",
        in_pod(containers="x"),
        f" must leave {POD}/containers a list of objects",
    ),
    Refusal(
        "no list of objects",
        "deployment",
        in_pod(initContainers=["x"]),
        f" must leave {POD}/initContainers a list of objects",
    ),
    Refusal(
        "another configuration",
        "deployment",
        pod_with("volumes", configMap={"name": "other"}),
        " must leave the volume config as it is: a list replaces the whole list",
    ),
    Refusal(
        "a list replaces all of a list",
        "deployment",
        in_pod(volumes=[{"name": "more", "emptyDir": {}}]),
        " must leave the volume config as it is: ",
    ),
    *(
        Refusal(
            "out of the container",
            "deployment",
            patch,
            f" must not set {field}, which lets a pod out of its container",
        )
        for field, patch in {
            "hostPath": pod_with("volumes", {"name": "v", "hostPath": {"path": "/"}}),
            "hostPort": other(ports=[{"containerPort": 1, "hostPort": 1}]),
            "privileged": other(securityContext={"privileged": True}),
            "hostProcess": in_pod(securityContext={"windowsOptions": {"hostProcess": True}}),
        }.items()
    ),
    *(
        Refusal(why, "deployment", in_pod(**{field: value}), f" must not change {POD}/{field}, ")
        for why, field, value in (
            ("others' processes", "shareProcessNamespace", True),
            ("the node's processes", "hostPID", True),
            ("the node's network", "hostNetwork", True),
            ("other hosts", "hostAliases", [{"ip": "192.0.2.1", "hostnames": ["api.openai.com"]}]),
            ("other hosts", "dnsConfig", {"nameservers": ["192.0.2.1"]}),
            ("another account", "serviceAccountName", "admin"),
            ("another account", "serviceAccount", "admin"),
            ("a token", "automountServiceAccountToken", True),
            ("variables of other Services", "enableServiceLinks", True),
        )
    ),
    *(
        Refusal(
            "another container gets a provider's key, or the master key",
            "deployment",
            patch,
            f" must not give another container the Secret {secret}, {KEYS}: keep what it needs ",
        )
        for secret, patch in (
            ("litellm-secrets", other(env=[variable("litellm-secrets", "OPENAI_API_KEY")])),
            ("gw-master-key", other(env=[variable("gw-master-key", "LITELLM_MASTER_KEY")])),
            ("litellm-secrets", other(envFrom=[{"secretRef": {"name": "litellm-secrets"}}])),
            (
                "gw-master-key",
                in_pod(
                    volumes=[
                        *generated("deployment", f"{POD}/volumes"),
                        {"name": "k", "secret": {"secretName": "gw-master-key"}},
                    ],
                    initContainers=[SIDECAR | {"volumeMounts": [{"name": "k", "mountPath": "/k"}]}],
                ),
            ),
            (
                "litellm-secrets",
                in_pod(
                    volumes=[
                        *generated("deployment", f"{POD}/volumes"),
                        {
                            "name": "k",
                            "projected": {"sources": [{"secret": {"name": "litellm-secrets"}}]},
                        },
                    ],
                    initContainers=[SIDECAR | {"volumeMounts": [{"name": "k", "mountPath": "/k"}]}],
                ),
            ),
        )
    ),
    *(
        Refusal("a literal credential", "deployment", patch, sentence, names.REASON_INVALID_SPEC)
        for patch, sentence in (
            (
                other(env=[{"name": "API_KEY", "value": "hunter2hunter2"}]),
                ": merge.spec.template.spec.initContainers[0].env[0].value is a literal credential",
            ),
            (
                other(env=[{"name": "X", "value": "sk-s3cr3ts3cr3ts3cr3t"}]),
                ": merge.spec.template.spec.initContainers[0].env[0].value is a literal credential",
            ),
            (
                other(args=["--password", "hunter2hunter2"]),
                ": merge has a literal credential in args or command",
            ),
            (
                other(command=["x", "--api-key=hunter2hunter2"]),
                ": merge has a literal credential in args or command",
            ),
            (
                {"merge": {"metadata": {"annotations": {"example.com/api-key": "hunter2hunter2"}}}},
                ": merge.metadata.annotations.example.com/api-key is a literal credential",
            ),
            (
                other(
                    env=[
                        {
                            "name": "X",
                            "valueFrom": {
                                "secretKeyRef": {"name": "s", "key": "sk-s3cr3ts3cr3ts3cr3t"}
                            },
                        }
                    ]
                ),
                ": merge.spec.template.spec.initContainers[0].env[0].valueFrom.ref[1] is a literal",
            ),
        )
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=[f"{case.name}: {case.why}" for case in REFUSED])
def test_a_patch_that_breaks_a_promise_is_refused(case: Refusal) -> None:
    """In one sentence, which says where and never repeats a credential."""
    refused = patched(case.name, case.patch).refusal
    assert refused is not None
    assert refused.reason == case.reason
    assert refused.message.startswith(f"spec.patches.{case.name}{case.sentence}"), refused.message
    assert refused.message.endswith(".")
    assert "hunter2" not in refused.message
    assert "s3cr3t" not in refused.message


def test_every_object_but_the_keys_may_be_patched() -> None:
    keys = {names.RESOURCE_MASTER_KEY, names.RESOURCE_ACCESS}
    assert set(PATCHED) == KINDS.keys() - keys


def test_a_result_says_what_was_patched() -> None:
    patch = {
        "merge": {"spec": {"paused": True, "template": {"spec": {"hostname": "a", "os": None}}}},
        "remove": [f"{POD}/securityContext/runAsUser", "/spec/strategy/none"],
    }
    answer = patched("deployment", patch)
    assert [(r.message, r.severity) for r in answer.results if r.reason == names.EVENT_PATCHES] == [
        (
            f"patches.deployment sets /spec/paused, {POD}/hostname, {POD}/os and removes "
            f"{POD}/securityContext/runAsUser.",
            "Normal",
        ),
        ("patches.deployment.remove names /spec/strategy/none, but nothing is there.", "Warning"),
    ]
    (configured,) = (c for c in answer.conditions if c.type == names.CONFIGURED)
    assert "patches.deployment sets /spec/paused" in configured.message


def test_a_patch_of_nothing_is_told() -> None:
    patch = {"merge": {"metadata": {"labels": {"a": "b"}}}}
    answer = World(router(patches={"podDisruptionBudget": patch, "service": {}})).reconcile()
    assert [r.message for r in answer.results if r.reason == names.EVENT_PATCHES] == [
        "patches.podDisruptionBudget has no effect, since there is no such object: remove the "
        "patch, or set the field that composes the object."
    ]


def test_a_patch_of_what_the_cluster_does_not_serve_is_told_once() -> None:
    """By what says that it does not: the field that composes the object is set."""
    patch = {"merge": {"metadata": {"labels": {"a": "b"}}}}
    world = World(router(patches={"httpRoute": patch}, **OTHERS))
    world.uninstalled = frozenset({"httproutes.gateway.networking.k8s.io"})
    told = {result.reason for result in world.reconcile().results}
    assert names.EVENT_NOT_SERVED in told
    assert names.EVENT_PATCHES not in told


def test_a_patched_deployment_is_not_too_large() -> None:
    """Though each of its two sources is as large as it may be."""
    env = [{"name": f"A{i}", "value": "x" * 32768} for i in range(10)]
    much = in_pod(initContainers=[SIDECAR | {"args": ["x" * 250_000]}])
    assert patched("deployment", much).refusal is None
    assert patched("service", {}, deployment={"env": env}).refusal is None
    refused = patched("deployment", much, deployment={"env": env}).refusal
    assert refused is not None
    assert refused.reason == names.REASON_DEPLOYMENT_TOO_LARGE
    assert str(MAX_BYTES) in refused.message


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (["x"] * (bounds.MAX_OPEN_VALUES + 1), "holds more than the 5000 values"),
        ("x" * (bounds.MAX_OPEN_TEXT + 1), "of text, but at most 262144 are allowed"),
    ],
)
def test_a_patch_is_bounded_as_other_open_objects_are(value: object, sentence: str) -> None:
    refused = patched("service", {"merge": {"spec": value}}).refusal
    assert refused is not None
    assert refused.message.startswith("spec.patches.service.merge holds ")
    assert sentence in refused.message


def test_a_patch_is_not_nested_too_deep() -> None:
    value: object = 1
    for _ in range(bounds.MAX_DEPTH + 1):
        value = {"a": value}
    refused = patched("service", {"merge": value}).refusal
    assert refused is not None
    assert refused.message.startswith("spec.patches.service.merge is nested more than the 20 ")


KEYS_OF_OBJECTS = st.sampled_from(
    [
        *("apiVersion", "metadata", "spec", "labels", "annotations", "template", "containers"),
        *("initContainers", "volumes", "ports", "selector", "type", "env", "securityContext"),
        *("name", "secret", "volumeMounts", "data"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 5000) | st.sampled_from(["", "x", "litellm"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS_OF_OBJECTS, inner, max_size=4),
    max_leaves=12,
)


@given(
    st.sampled_from(sorted(PATCHED)),
    st.dictionaries(KEYS_OF_OBJECTS, ANYTHING, max_size=4),
    st.lists(KEYS_OF_OBJECTS.map(lambda key: f"/spec/{key}"), max_size=2),
)
def test_no_patch_raises_or_changes_who_an_object_is(
    name: str, merge: Manifest, gone: list[str]
) -> None:
    plain = World(router(**OTHERS)).reconcile().resources[name].manifest
    world = World(router(patches={name: {"merge": merge, "remove": gone}}, **OTHERS))
    answer = world.reconcile()
    if answer.refusal is not None:
        return
    manifest = answer.resources[name].manifest
    for pointer in ("/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"):
        assert at(manifest, pointer) == at(plain, pointer)
    assert manifest["metadata"]["labels"].items() >= plain["metadata"]["labels"].items()
    assert world.call().refusal is None
