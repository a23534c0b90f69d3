"""Who may call the gateway, and by which way."""

from typing import Any

import pytest

from function import names
from function.call import Manifest
from tests.support.world import World, controlled, router
from tests.test_pods import OWN, composed

PEER: Manifest = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
FROM: Manifest = {"from": [PEER]}

ON_REQUEST: dict[str, tuple[str, str, Manifest]] = {
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
