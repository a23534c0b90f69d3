"""What the platform team sets for all routers lies under what each of them says."""

from typing import Any

import pytest

from function import names
from function.api.defaults import under
from function.call import Manifest, Response
from tests.support.world import World, router

PROXY = {"outbound": {"proxy": {"url": "http://proxy.example.com:3128"}}}


def composed(defaults: Manifest, **spec: Any) -> Response:  # noqa: ANN401
    answer = World(router(**spec), settings={"defaults": defaults}).reconcile()
    assert answer.refusal is None, answer.refusal
    return answer


def refusal(defaults: Manifest, **spec: Any) -> str:  # noqa: ANN401
    answer = World(router(**spec), settings={"defaults": defaults}).reconcile()
    assert answer.refusal is not None
    return answer.refusal.message


MERGED: list[tuple[str, Manifest, Manifest, Manifest]] = [
    (
        "objects, member by member",
        {
            "deployment": {"replicas": 2, "nodeSelector": {"a": "1", "b": "1"}},
            "routing": {"retries": 1},
        },
        {"deployment": {"nodeSelector": {"b": "2"}}},
        {
            "deployment": {"replicas": 2, "nodeSelector": {"a": "1", "b": "2"}},
            "routing": {"retries": 1},
        },
    ),
    (
        "variables, by their names",
        {"deployment": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}},
        {"deployment": {"env": [{"name": "C"}, {"name": "B", "valueFrom": {}}]}},
        {
            "deployment": {
                "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {}}, {"name": "C"}]
            }
        },
    ),
    (
        "volumes and their mounts, by name and path",
        {
            "deployment": {
                "volumes": [{"name": "a", "emptyDir": {}}],
                "volumeMounts": [{"name": "a", "mountPath": "/a"}],
            }
        },
        {
            "deployment": {
                "volumes": [{"name": "b"}],
                "volumeMounts": [
                    {"name": "b", "mountPath": "/a"},
                    {"name": "b", "mountPath": "/b"},
                ],
            }
        },
        {
            "deployment": {
                "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b"}],
                "volumeMounts": [
                    {"name": "b", "mountPath": "/a"},
                    {"name": "b", "mountPath": "/b"},
                ],
            }
        },
    ),
    (
        "any other list is replaced",
        {"deployment": {"tolerations": [{"key": "a"}], "imagePullSecrets": [{"name": "a"}]}},
        {"deployment": {"tolerations": [{"key": "b"}], "imagePullSecrets": []}},
        {"deployment": {"tolerations": [{"key": "b"}], "imagePullSecrets": []}},
    ),
    (
        "a null is not set, except where anything may stand",
        {"deployment": {"replicas": 2}, "config": {"merge": {"a": {"b": 1}}}},
        {"deployment": {"replicas": None}, "config": {"merge": {"a": {"b": None}}}},
        {"deployment": {"replicas": 2}, "config": {"merge": {"a": {"b": None}}}},
    ),
    (
        "what excludes another displaces it",
        {
            "credentials": {"source": "WorkloadIdentity"},
            "podDisruptionBudget": {"minAvailable": 1},
            **PROXY,
        },
        {
            "credentials": {"secretRef": {"name": "a"}},
            "podDisruptionBudget": {"maxUnavailable": 1},
            "outbound": {"proxy": {"urlSecretRef": {"name": "s", "key": "k"}}},
        },
        {
            "credentials": {"secretRef": {"name": "a"}},
            "podDisruptionBudget": {"maxUnavailable": 1},
            "outbound": {"proxy": {"urlSecretRef": {"name": "s", "key": "k"}}},
        },
    ),
    (
        "an identity displaces a Secret, and the source that is the default does not",
        {"credentials": {"secretRef": {"name": "a"}}},
        {"credentials": {"source": "WorkloadIdentity"}},
        {"credentials": {"source": "WorkloadIdentity"}},
    ),
    (
        "the same Secret with other keys",
        {"credentials": {"secretRef": {"name": "a"}}},
        {"credentials": {"source": "Secret", "secretRef": {"keys": {"OPENAI_API_KEY": "k"}}}},
        {
            "credentials": {
                "source": "Secret",
                "secretRef": {"name": "a", "keys": {"OPENAI_API_KEY": "k"}},
            }
        },
    ),
    (
        "replicas give way to autoscaling",
        {"deployment": {"replicas": 2, "priorityClassName": "a"}},
        {"autoscaling": {"maxReplicas": 3}},
        {"deployment": {"priorityClassName": "a"}, "autoscaling": {"maxReplicas": 3}},
    ),
    (
        "replicas give way to the autoscaling of the defaults as well",
        {"deployment": {"replicas": 2}, "autoscaling": {"maxReplicas": 3}},
        {"port": 80},
        {"deployment": {}, "autoscaling": {"maxReplicas": 3}, "port": 80},
    ),
    (
        "replicas stay where autoscaling is switched off",
        {"deployment": {"replicas": 2}, "autoscaling": {"maxReplicas": 3}},
        {"autoscaling": {"enabled": False}},
        {"deployment": {"replicas": 2}, "autoscaling": {"enabled": False, "maxReplicas": 3}},
    ),
    (
        "a router that has a block uses it",
        {"ingress": {"enabled": False, "className": "nginx"}, **PROXY},
        {"ingress": {"hosts": ["a.example.com"]}, "outbound": {"proxy": {"enabled": False}}},
        {
            "ingress": {"className": "nginx", "hosts": ["a.example.com"]},
            "outbound": {"proxy": {"enabled": False, "url": "http://proxy.example.com:3128"}},
        },
    ),
    (
        "a router that does not have it leaves it switched off",
        {"ingress": {"enabled": False, "className": "nginx"}},
        {"port": 80},
        {"ingress": {"enabled": False, "className": "nginx"}, "port": 80},
    ),
]


@pytest.mark.parametrize(
    ("defaults", "own", "merged"), [m[1:] for m in MERGED], ids=[m[0] for m in MERGED]
)
def test_a_spec_lies_over_the_defaults(defaults: Manifest, own: Manifest, merged: Manifest) -> None:
    before = repr((own, defaults))
    assert under(own, defaults) == merged
    assert repr((own, defaults)) == before


def test_defaults_compose_what_the_same_in_the_router_would() -> None:
    defaults = {"deployment": {"replicas": 3}, "networkPolicy": {"from": [{"podSelector": {}}]}}
    by_default, by_itself = composed(defaults), composed({}, **defaults)
    assert {
        name: r.manifest for name, r in by_default.resources.items() if name != "masterKey"
    } == {name: r.manifest for name, r in by_itself.resources.items() if name != "masterKey"}


def test_a_router_switches_off_what_defaults_switch_on() -> None:
    defaults: Manifest = {"networkPolicy": {"from": [{"podSelector": {}}]}}
    assert names.RESOURCE_NETWORK_POLICY in composed(defaults).resources
    off = composed(defaults, networkPolicy={"enabled": False})
    assert names.RESOURCE_NETWORK_POLICY not in off.resources


def test_replicas_of_the_routers_own_beside_autoscaling_are_refused() -> None:
    message = refusal({"autoscaling": {"maxReplicas": 3}}, deployment={"replicas": 2})
    assert message.startswith("spec: deployment.replicas must not be set beside autoscaling")


def test_it_is_said_if_the_defaults_make_a_spec_wrong() -> None:
    defaults: Manifest = {
        "routing": {"fallbacks": [{"model": "openai/gpt-4o", "to": ["openai/gpt-9"]}]}
    }
    assert refusal(defaults).endswith(
        " This comes from the platform team's defaults, which lie under this spec."
    )
    wrong = {"timeoutSeconds": 0}
    assert refusal(defaults, routing=wrong) == (
        "spec.routing.timeoutSeconds is 0: it must be at least 1."
    )


def test_pods_name_no_user_where_the_cluster_assigns_them() -> None:
    def security(settings: Manifest) -> Manifest:
        answer = World(router(), settings=settings).reconcile()
        manifest = answer.resources[names.RESOURCE_DEPLOYMENT].manifest
        found: Manifest = manifest["spec"]["template"]["spec"]["securityContext"]
        return found

    plain = security({})
    assigned = {"runAsUser", "runAsGroup", "fsGroup"}
    assert plain.keys() > assigned
    assert security({"openShift": True}) == {k: v for k, v in plain.items() if k not in assigned}
    assert security({"openShift": False}) == plain


@pytest.mark.parametrize(
    ("file", "step", "image", "seconds", "replicas"),
    [
        ({}, {}, "ghcr.io/berriai/litellm:v1.108.11", 60, 1),
        ({"image": "a", "ttlSeconds": 9}, {}, "a", 9, 1),
        ({"image": "a", "ttlSeconds": 9}, {"image": "b", "ttlSeconds": 8}, "b", 8, 1),
        (
            {"defaults": {"deployment": {"replicas": 2}}},
            {},
            "ghcr.io/berriai/litellm:v1.108.11",
            60,
            2,
        ),
        (
            {"defaults": {"deployment": {"replicas": 2, "image": "c"}}},
            {"defaults": {"deployment": {"replicas": 3}}, "image": "b"},
            "c",
            60,
            3,
        ),
    ],
)
def test_the_input_of_a_composition_lies_over_the_file_of_the_server(
    file: Manifest, step: Manifest, image: str, seconds: int, replicas: int
) -> None:
    answer = World(router(), settings=step, platform=file).reconcile()
    spec = answer.resources[names.RESOURCE_DEPLOYMENT].manifest["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert (container["image"], answer.ttl_seconds, spec["replicas"]) == (image, seconds, replicas)
