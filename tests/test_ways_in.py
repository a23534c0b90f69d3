"""Who may call the gateway, and by which way."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from function import names
from function.call import Manifest, Request, ResourceSelector, Result
from function.compose import compose
from function.observed import definitions
from function.offline import inputs, render
from tests.support.world import World, controlled, definition, router
from tests.test_pods import OWN, composed

HOSTS = ["llm.example.com", "*.llm.example.com"]

PEER: Manifest = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
FROM: Manifest = {"from": [PEER]}

ON_REQUEST: dict[str, tuple[str, str, Manifest]] = {
    names.RESOURCE_HTTP_ROUTE: (
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        {"parentRefs": [{"name": "public"}], "hostnames": ["llm.example.org"]},
    ),
    names.RESOURCE_INGRESS: ("networking.k8s.io/v1", "Ingress", {"hosts": ["llm.example.com"]}),
    names.RESOURCE_NETWORK_POLICY: ("networking.k8s.io/v1", "NetworkPolicy", FROM),
}
"""The kinds that are composed on request, by their names among the composed resources, which are
those of the fields too: their type, and the smallest block that asks for one.
"""


def asking(name: str, **more: Any) -> World:  # noqa: ANN401
    """A cluster with a router that asks for a kind."""
    *_, block = ON_REQUEST[name]
    spec: dict[str, Any] = {name: {**block, **more}}
    return World(router(**spec))


@pytest.mark.parametrize("name", ON_REQUEST)
def test_it_is_composed_where_it_is_asked_for(name: str) -> None:
    api_version, kind, _ = ON_REQUEST[name]
    for more in ({}, {"enabled": True}):
        resource = asking(name, **more).reconcile().resources[name]
        manifest = resource.manifest
        assert (manifest["apiVersion"], manifest["kind"]) == (api_version, kind)
        metadata = manifest["metadata"]
        assert (metadata["name"], metadata["namespace"]) == ("gw", "team")
        assert metadata["labels"][names.LABEL_ROUTER] == "gw"
        assert "enabled" not in manifest["spec"]
        assert resource.ready is False


@pytest.mark.parametrize("name", ON_REQUEST)
def test_it_is_not_composed_and_not_looked_for_otherwise(name: str) -> None:
    for world in (World(router()), asking(name, enabled=False)):
        answer = world.reconcile()
        assert answer.refusal is None
        assert name not in answer.resources
        assert name not in answer.requirements


@pytest.mark.parametrize("name", ON_REQUEST)
def test_it_is_ready_once_it_is_there(name: str) -> None:
    world = asking(name)
    world.reconcile()
    assert world.call().resources[name].ready is True


@pytest.mark.parametrize("name", ON_REQUEST)
def test_it_goes_when_it_is_switched_off(name: str) -> None:
    world = asking(name)
    world.reconcile()
    assert name in world.references
    world.xr["spec"][name]["enabled"] = False
    world.reconcile()
    assert name not in world.references


@pytest.mark.parametrize("name", ON_REQUEST)
@pytest.mark.parametrize("owner", [None, "someone"])
def test_one_of_someone_else_is_not_taken_over(name: str, owner: str | None) -> None:
    api_version, kind, _ = ON_REQUEST[name]
    world = asking(name)
    other: Manifest = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "gw", "namespace": "team"},
    }
    world.add(controlled(other, uid=owner) if owner else other)
    refused = world.reconcile().refusal
    assert refused is not None
    assert refused.reason == names.REASON_NAME_TAKEN
    assert refused.message.startswith(f"{kind} 'gw' already exists in namespace 'team' and ")


# -- The network policy


def test_a_network_policy_lets_in_who_is_named_to_the_gateways_port_alone() -> None:
    """And says nothing of what the gateway calls."""
    block: Manifest = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}
    everyone: Manifest = {"podSelector": {}, "namespaceSelector": {}}
    peers = [PEER, block, everyone]
    policy = composed(
        names.RESOURCE_NETWORK_POLICY,
        port=8080,
        service={"port": 80},
        networkPolicy={"from": peers},
    )
    assert policy["spec"] == {
        "podSelector": OWN,
        "policyTypes": ["Ingress"],
        "ingress": [{"from": peers, "ports": [{"protocol": "TCP", "port": 8080}]}],
    }


# -- The Ingress


def test_an_ingress_leads_from_its_hosts_to_the_service() -> None:
    ingress = composed(
        names.RESOURCE_INGRESS, service={"port": 80}, ingress={"hosts": HOSTS, "path": "/v1"}
    )
    path = {
        "path": "/v1",
        "pathType": "Prefix",
        "backend": {"service": {"name": "gw", "port": {"number": 80}}},
    }
    assert ingress["spec"] == {"rules": [{"host": h, "http": {"paths": [path]}} for h in HOSTS]}


def test_an_ingress_passes_on_every_path_by_default() -> None:
    (rule,) = composed(names.RESOURCE_INGRESS, ingress={"hosts": HOSTS[:1]})["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/"]


def test_an_ingress_serves_all_its_hosts_with_one_certificate() -> None:
    ingress = composed(
        names.RESOURCE_INGRESS,
        ingress={"hosts": HOSTS, "className": "nginx", "tls": {"secretName": "cert"}},
    )
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["tls"] == [{"hosts": HOSTS, "secretName": "cert"}]
    own = composed(names.RESOURCE_INGRESS, ingress={"hosts": HOSTS, "tls": {}})
    assert own["spec"]["tls"] == [{"hosts": HOSTS}]


def test_the_annotations_of_an_ingress_are_its_own() -> None:
    answer = World(
        router(
            ingress={"hosts": HOSTS, "annotations": {"a": "ingress", "b": "ingress"}},
            commonMetadata={"annotations": {"a": "common", "c": "common"}},
        )
    ).reconcile()
    shown = {
        name: resource.manifest["metadata"]["annotations"]
        for name, resource in answer.resources.items()
    }
    wanted = {"a": "ingress", "b": "ingress", "c": "common"}
    assert shown[names.RESOURCE_INGRESS] == wanted
    assert shown[names.RESOURCE_SERVICE] == {"a": "common", "c": "common"}


def test_no_annotation_of_an_ingress_is_a_credential() -> None:
    annotations = {"example.com/auth": "sk-s3cr3ts3cr3ts3cr3t"}
    refused = World(router(ingress={"hosts": HOSTS, "annotations": annotations})).call().refusal
    assert refused is not None
    assert refused.message == (
        "spec.ingress: annotations.example.com/auth is a literal credential: keep it in a Secret, "
        "for everyone who sees the object sees its annotations."
    )


# -- The HTTPRoute


def test_an_http_route_leads_from_its_gateways_to_the_service() -> None:
    parents = [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    block = {"parentRefs": parents, "hostnames": HOSTS, "annotations": {"a": "b"}}
    route = composed(names.RESOURCE_HTTP_ROUTE, service={"port": 80}, httpRoute=block)
    assert route["metadata"]["annotations"] == {"a": "b"}
    assert route["spec"] == {
        "parentRefs": parents,
        "hostnames": HOSTS,
        "rules": [{"backendRefs": [{"name": "gw", "port": 80}]}],
    }


def test_an_http_route_may_have_the_hosts_of_its_gateway() -> None:
    world = World(router(httpRoute={"parentRefs": [{"name": "public"}]}))
    answer = world.reconcile()
    assert "hostnames" not in answer.resources[names.RESOURCE_HTTP_ROUTE].manifest["spec"]
    assert "externalUrl" not in answer.status


@pytest.mark.parametrize(
    ("condition", "ready"),
    [
        ({"type": "Accepted", "status": "True"}, True),
        ({"type": "Accepted", "status": "Unknown"}, True),
        ({"type": "Accepted", "status": "False"}, False),
        ({"type": "ResolvedRefs", "status": "False"}, False),
        ({"type": "example.com/Other", "status": "False"}, True),
    ],
)
def test_an_http_route_is_not_ready_while_a_gateway_rejects_it(
    condition: Manifest,
    ready: bool,  # noqa: FBT001
) -> None:
    world = asking(names.RESOURCE_HTTP_ROUTE)
    world.reconcile()
    route = world.objects["HTTPRoute", "team", "gw"]
    accepted = {"conditions": [{"type": "Accepted", "status": "True"}]}
    route["status"] = {"parents": [accepted, {"conditions": [condition]}]}
    assert world.call().resources[names.RESOURCE_HTTP_ROUTE].ready is ready


# -- A kind that the cluster does not serve

CRD = "httproutes.gateway.networking.k8s.io"
NOT_SERVED = (
    "spec.httpRoute composes nothing, since the cluster does not serve HTTPRoute in "
    f"gateway.networking.k8s.io/v1: install its CustomResourceDefinition '{CRD}', or remove "
    "spec.httpRoute."
)


def without_the_gateway_api() -> World:
    """A router that asks for an HTTPRoute in a cluster that knows none."""
    world = asking(names.RESOURCE_HTTP_ROUTE)
    world.uninstalled = frozenset({CRD})
    return world


def test_a_kind_that_is_not_served_is_neither_composed_nor_looked_up_but_warned_of() -> None:
    """Crossplane would fail the whole reconcile, and nothing at all would be composed."""
    answer = without_the_gateway_api().reconcile()
    assert answer.refusal is None
    assert {names.RESOURCE_DEPLOYMENT, names.RESOURCE_SERVICE} <= answer.resources.keys()
    assert names.RESOURCE_HTTP_ROUTE not in answer.resources
    assert names.RESOURCE_HTTP_ROUTE not in answer.requirements
    assert "externalUrl" not in answer.status
    assert Result(names.EVENT_NOT_SERVED, NOT_SERVED) in answer.results
    (configured,) = (c for c in answer.conditions if c.type == names.CONFIGURED)
    assert configured.status == "True"
    assert NOT_SERVED in configured.message


def test_its_definition_is_looked_up_before_anything_of_the_kind() -> None:
    """By its name alone: it has no namespace."""
    xr = asking(names.RESOURCE_HTTP_ROUTE).xr
    first = compose(Request(xr))
    assert not first.resources
    definition_of = definitions.requirement(names.RESOURCE_HTTP_ROUTE)
    assert first.requirements[definition_of] == ResourceSelector(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD
    )
    assert names.RESOURCE_HTTP_ROUTE not in first.requirements
    found: dict[str, Manifest | None] = dict.fromkeys(first.requirements)
    second = compose(Request(xr, required={**found, definition_of: definition(CRD)}))
    assert not second.resources
    assert second.requirements.keys() - first.requirements.keys() == {names.RESOURCE_HTTP_ROUTE}


def test_a_definition_without_the_version_does_not_serve_it() -> None:
    world = asking(names.RESOURCE_HTTP_ROUTE)
    world.add(definition(CRD, "v1beta1"))
    answer = world.reconcile()
    assert names.RESOURCE_HTTP_ROUTE not in answer.resources
    assert Result(names.EVENT_NOT_SERVED, NOT_SERVED) in answer.results


def test_the_definition_is_not_looked_up_once_the_object_is_there() -> None:
    """It is larger than all else in a request."""
    world = asking(names.RESOURCE_HTTP_ROUTE)
    world.reconcile()
    answer = world.call()
    assert names.RESOURCE_HTTP_ROUTE in answer.resources
    assert definitions.requirement(names.RESOURCE_HTTP_ROUTE) not in answer.requirements


def test_it_is_composed_once_its_definition_is_installed() -> None:
    world = without_the_gateway_api()
    world.reconcile()
    world.uninstalled = frozenset()
    assert names.RESOURCE_HTTP_ROUTE in world.reconcile().resources


def test_without_a_cluster_the_definition_is_given_beside_the_router(tmp_path: Path) -> None:
    written, crd = tmp_path / "router.yaml", tmp_path / "crd.yaml"
    xr = asking(names.RESOURCE_HTTP_ROUTE).xr
    del xr["metadata"]["uid"]
    written.write_text(yaml.safe_dump(xr))
    crd.write_text(yaml.safe_dump(definition(CRD)))
    for required, kinds in (([], set()), ([crd], {"HTTPRoute"})):
        (rendered,), _ = render.render(inputs.read([written], required=required))
        shown = {document["kind"] for document in rendered.documents(xr=False, results=False)}
        assert shown & {"HTTPRoute"} == kinds


def test_what_is_switched_off_needs_no_definition() -> None:
    world = asking(names.RESOURCE_HTTP_ROUTE, enabled=False)
    assert definitions.requirement(names.RESOURCE_HTTP_ROUTE) not in world.reconcile().requirements


# -- The URL


def balanced(*addresses: Manifest, **spec: Any) -> str | None:  # noqa: ANN401
    """The URL of a router whose Service's load balancer has these addresses."""
    world = World(router(**spec))
    world.reconcile()
    status = {"loadBalancer": {"ingress": list(addresses)}}
    world.objects["Service", "team", "gw"]["status"] = status
    url: str | None = world.call().status.get("externalUrl")
    return url


@pytest.mark.parametrize(
    ("block", "url"),
    [
        ({"hosts": HOSTS}, "http://llm.example.com"),
        ({"hosts": HOSTS, "tls": {}}, "https://llm.example.com"),
        ({"hosts": HOSTS[::-1], "tls": {"secretName": "t"}}, "https://llm.example.com"),
        ({"hosts": HOSTS, "path": "/v1/chat"}, "http://llm.example.com"),
        ({"hosts": HOSTS, "path": "/llm/"}, "http://llm.example.com/llm"),
        ({"hosts": HOSTS[1:]}, None),
        ({"hosts": HOSTS, "enabled": False}, None),
    ],
)
def test_the_url_of_an_ingress_is_what_clients_append_v1_to(block: Manifest, url: str) -> None:
    assert World(router(ingress=block)).reconcile().status.get("externalUrl") == url


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ({"hostname": "lb.example.com"}, "http://lb.example.com:80"),
        ({"ip": "192.0.2.1"}, "http://192.0.2.1:80"),
        ({"ip": "2001:db8::1"}, "http://[2001:db8::1]:80"),
        ({"hostname": "a b"}, None),
        ({"ip": 1}, None),
        ({}, None),
    ],
)
def test_the_url_of_a_load_balancer_is_known_once_it_has_an_address(
    address: Manifest, url: str | None
) -> None:
    service = {"type": "LoadBalancer", "port": 80}
    assert balanced(service=service) is None
    assert balanced({}, address, service=service) == url
    assert balanced(address, service={"port": 80}) is None


def test_the_url_of_an_ingress_comes_before_that_of_a_load_balancer() -> None:
    spec = {"ingress": {"hosts": HOSTS}, "service": {"type": "LoadBalancer"}}
    assert balanced({"ip": "192.0.2.1"}, **spec) == "http://llm.example.com"


def test_the_url_of_an_http_route_is_with_https_and_after_that_of_an_ingress() -> None:
    route = {"parentRefs": [{"name": "public"}], "hostnames": ["*.example.org", "llm.example.org"]}
    load_balancer = {"type": "LoadBalancer"}
    address = {"ip": "192.0.2.1"}
    by_route = balanced(address, httpRoute=route, service=load_balancer)
    assert by_route == "https://llm.example.org"
    both = balanced(httpRoute=route, ingress={"hosts": HOSTS})
    assert both == "http://llm.example.com"
