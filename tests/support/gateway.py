"""A composed gateway that runs: the real LiteLLM proxy on what the function composes."""

import base64
import itertools
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from function import names
from function.call import Manifest
from function.gateways.litellm.variables import MASTER_KEY
from function.recognition import names_credential
from tests.support.kubelet import Pod
from tests.support.processes import free_port
from tests.support.world import World, router, secret

KEYS = {
    "OPENAI_API_KEY": "sk-openai-of-the-test",
    "AZURE_API_KEY": "azure-of-the-test",
    "MISTRAL_API_KEY": "mistral-of-the-test",
    "UNUSED_API_KEY": "never-to-be-taken",
}
"""What the Secret of the tests' gateways holds."""


def parts(world: World, *secrets: Manifest) -> tuple[Manifest, list[Manifest], list[Manifest]]:
    """The Deployment, and the ConfigMaps and Secrets that its pods read.

    Nothing that is composed or said holds a key of the Secrets, but for the master key's own.
    """
    world.add(*secrets)
    answer = world.reconcile()
    assert answer.refusal is None, answer.refusal
    shown = repr(
        {**vars(answer), "resources": {**answer.resources, names.RESOURCE_MASTER_KEY: None}}
    )
    data = [item for found in secrets for item in found["data"].items()]
    for value in (value for name, value in data if names_credential(name)):
        assert value not in shown
        assert base64.b64decode(value).decode() not in shown
    objects = {name: composed.manifest for name, composed in answer.resources.items()}
    own = [objects[names.RESOURCE_MASTER_KEY]] if names.RESOURCE_MASTER_KEY in objects else []
    return (
        objects[names.RESOURCE_DEPLOYMENT],
        [objects[name] for name in _CONFIG_MAPS if name in objects],
        [*own, *secrets],
    )


_CONFIG_MAPS = (names.RESOURCE_CONFIG_MAP, names.RESOURCE_ACCESS)
_prompts = itertools.count()


@dataclass
class Gateway:
    """A gateway that runs, and its master key."""

    pod: Pod
    key: str

    def call(
        self, path: str, body: Manifest | None = None, *, key: str | None
    ) -> tuple[int, Manifest]:
        """One call of a client's; the status and the body."""
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.pod.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def text(
        self, path: str, headers: Mapping[str, str], body: Manifest | None = None
    ) -> tuple[int, str]:
        """A call with headers of its own; the status, and the body as it is."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.pod.url + path, data, sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metrics(self) -> str:
        """What Prometheus is answered."""
        status, text = self.text("/metrics/", {"Authorization": f"Bearer {self.key}"})
        assert status == HTTPStatus.OK, text
        return text

    def chat(self, model: str, prompt: str | None = None) -> tuple[int, Manifest]:
        """A chat completion, with a prompt that no other call has if none is given."""
        prompt = f"ping {next(_prompts)}" if prompt is None else prompt
        body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
        return self.call("/v1/chat/completions", body, key=self.key)

    def stream(self, model: str) -> str:
        """What a streamed chat completion says until it ends, or breaks off.

        Raises:
            urllib.error.HTTPError: it does not begin.
        """
        prompt = {"role": "user", "content": f"ping {next(_prompts)}"}
        body = json.dumps({"model": model, "stream": True, "messages": [prompt]}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(f"{self.pod.url}/v1/chat/completions", body, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            events = [json.loads(line[6:]) for line in response if line.startswith(b"data: {")]
        choices = [choice for event in events for choice in event.get("choices", ())]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    def chats(self, model: str, count: int, *, at_once: int = 1) -> Counter[int]:
        """Many of them; how often each status was answered."""
        with ThreadPoolExecutor(at_once) as clients:
            return Counter(status for status, _ in clients.map(self.chat, [model] * count))


@contextmanager
def running(world: World, *secrets: Manifest, key: str | None = None) -> Iterator[Gateway]:
    """The gateway of a world's router, ready for calls.

    Args:
        world: with a router that listens on a port of this machine that is free.
        secrets: what the router's Secrets hold.
        key: the master key, where it is not one that is made.
    """
    with starting(world, *secrets, key=key) as gateway:
        gateway.pod.wait_ready()
        yield gateway


@contextmanager
def starting(world: World, *secrets: Manifest, key: str | None = None) -> Iterator[Gateway]:
    """The same, which is not ready yet: so several can start at once."""
    deployment, config_maps, held = parts(world, *secrets)
    if key is None:
        key = base64.b64decode(held[0]["data"][MASTER_KEY]).decode()
    with Pod(deployment, config_maps=config_maps, secrets=held) as pod:
        yield Gateway(pod, key)


@contextmanager
def gateway(**spec: Any) -> Iterator[Gateway]:  # noqa: ANN401
    """The gateway of a router with this spec, and the keys of all its providers."""
    world = World(router(port=free_port(), **spec))
    with running(world, secret("litellm-secrets", "team", **KEYS)) as running_gateway:
        yield running_gateway


def until(is_so: Callable[[], bool]) -> None:
    """Waits for what LiteLLM does some time after it has answered."""
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end, "it never comes"
        time.sleep(0.1)


def within_a_minute(seconds: int = 10) -> None:
    """Waits where the clock's minute, by which LiteLLM counts, ends too soon for a test."""
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left + 0.1)
