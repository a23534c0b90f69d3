"""A gateway's pods are replaced and no call is lost: real proxies behind a stand-in Service."""

import http.client
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus

import pytest

from function.call import Manifest
from tests.support.gateway import parts
from tests.support.load import Load
from tests.support.processes import free_port
from tests.support.rollout import Replica, Rollout
from tests.support.service import Service
from tests.support.upstream import Call, Upstream
from tests.support.world import World, router, secret

KEY = "sk-of-the-test"
LAG = 1.5
"""For how many seconds the Service still leads to a pod that is deleted."""
FOREVER = 3600.0


def wait_until_asked(upstream: Upstream, times: int) -> None:
    """Waits until a model has been called so often."""
    end = time.monotonic() + 60
    while upstream.asked < times:
        assert time.monotonic() < end, "no one calls"
        time.sleep(0.1)


@dataclass
class Rolled:
    """What came of it.

    Attributes:
        made: how many calls of each kind clients made.
        failures: what went wrong with calls.
        broken: what went wrong with connections.
        taken: how many connections each pod got, the oldest pod first.
        quick: the calls that the quick model got.
        ended: the pods that were deleted.
        last: the pod that is still there.
    """

    made: dict[str, int]
    failures: list[str]
    broken: list[str]
    taken: list[int]
    quick: list[Call]
    ended: list[Replica]
    last: Replica


@pytest.fixture(scope="module")
def rolled() -> Iterator[Rolled]:
    """Two pods under load: one is evicted, their config and a key change, one is given up."""
    with Upstream() as quick, Upstream() as slow, Upstream() as held, Service(LAG) as service:
        slow.pause, held.halt = 1.5, FOREVER
        upstreams = {"quick": quick, "slow": slow, "held": held}
        models = [
            {"name": f"openai/{alias}", "alias": alias, "apiBase": f"{upstream.url}/v1"}
            for alias, upstream in upstreams.items()
        ]
        auth = {"masterKeySecretRef": {"name": "mine", "key": "k"}}
        deployment = {"replicas": 2}
        spec: Manifest = {"aiModels": models, "auth": auth, "deployment": deployment}
        world = World(router(port=free_port(), **spec))

        def objects(key: str) -> tuple[Manifest, list[Manifest], list[Manifest]]:
            keys = secret("litellm-secrets", "team", OPENAI_API_KEY=key)
            return parts(world, secret("mine", "team", k=KEY), keys)

        with Rollout(service) as rollout:
            rollout.apply(*objects("sk-before"))
            rollout.wait_until_settled()
            service.wait_until_open()
            with Load(service.url, KEY) as calls:
                wait_until_asked(held, 2)
                # First of all, so that a stream which it has goes on for long after its SIGTERM.
                rollout.evict()
                rollout.wait_until_settled()
                world.xr["spec"]["aiModels"][0]["name"] = "openai/quicker"
                rollout.apply(*objects("sk-before"))
                rollout.wait_until_settled()
                rollout.apply(*objects("sk-after"))
                rollout.wait_until_settled()
                world.xr["spec"]["deployment"]["replicas"] = 1
                rollout.apply(*objects("sk-after"))
                (last,) = rollout.wait_until_settled()
                ended = [replica for replica in rollout.replicas if replica is not last]
                # Those of the beginning still have the streams that are held.
                rollout.wait_until_ended(*ended[2:])
                held.reset()
                rollout.wait_until_ended(*ended)
                made, failures = calls.end()
            taken = [service.taken[replica.endpoint] for replica in rollout.replicas]
            yield Rolled(made, failures, service.broken, taken, quick.calls, ended, last)


def test_no_call_is_lost(rolled: Rolled) -> None:
    """Neither short ones nor streams, on connections that are new or kept."""
    assert rolled.failures == [], f"connections that broke off: {rolled.broken}"
    kinds = {
        f"{model} {connection}" for model in ("quick", "slow") for connection in ("new", "kept")
    }
    assert rolled.made.keys() == kinds | {"held new"}


def test_all_pods_get_calls_and_end_by_themselves(rolled: Rolled) -> None:
    assert len(rolled.taken) == len(rolled.ended) + 1 == 7
    assert all(rolled.taken)
    assert {replica.status for replica in rolled.ended} == {-signal.SIGTERM}


def test_calls_are_answered_by_the_old_and_the_new(rolled: Rolled) -> None:
    models = Counter(call.body["model"] for call in rolled.quick if call.is_models)
    keys = Counter(call.headers["authorization"] for call in rolled.quick if call.is_models)
    assert models.keys() == {"quick", "quicker"}
    assert keys.keys() == {"Bearer sk-before", "Bearer sk-after"}


def test_a_pod_that_stops_tells_clients_to_close_their_connections(rolled: Rolled) -> None:
    """While it does, it answers on those that are there and on new ones."""
    pod = rolled.last.pod

    def closes(connection: http.client.HTTPConnection) -> bool:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {KEY}"})
        with connection.getresponse() as response:
            assert response.status == HTTPStatus.OK
            response.read()
            return response.headers["connection"] == "close"

    with closing(http.client.HTTPConnection(pod.address, pod.port)) as kept:
        assert not closes(kept)
        assert not closes(kept)
        pod.terminate()
        with closing(http.client.HTTPConnection(pod.address, pod.port)) as new:
            while not closes(new):
                pass
        assert closes(kept)
    assert pod.stop() == -signal.SIGTERM
