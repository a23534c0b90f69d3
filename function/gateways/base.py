"""What every kind of gateway provides: a plan, made from the router alone.

A plan knows nothing of the cluster, so the same router always gives the same plan.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from function.api import Router
from function.call import Manifest, Result
from function.grants import Offer
from function.grants import offer as offers


class Gateway(Protocol):
    """A kind of gateway."""

    def shared_texts(self) -> Sequence[str]:
        """Long texts that are the same in the composed resources of all routers."""

    def plan(self, router: Router) -> "Plan":
        """The plan of a router's gateway.

        Raises:
            Refused: the gateway could not run as the spec asks.
        """


class SecretKey(NamedTuple):
    """A key of a Secret in the router's namespace."""

    secret: str
    key: str


Needs = tuple[tuple[SecretKey, ...], ...]
"""Alternatives of keys, any of which authenticates; the keys of one are needed together."""


@dataclass(frozen=True)
class Target:
    """What is called for an offered model.

    Attributes:
        name: the provider's model.
        needs: the keys that a call needs. None: no key, or none that comes from a Secret.
    """

    name: str
    needs: Needs | None


@dataclass(frozen=True)
class Probe:
    """A probe of the container: an HTTP path on its port, and when it counts as failed."""

    path: str
    period_seconds: int
    failures: int


@dataclass(frozen=True)
class Container:
    """The container that runs the gateway.

    Attributes:
        name: its name, which also names the application in labels.
        image: its image.
        args: the arguments of the image's own entry point.
        env: its environment, in order, as Kubernetes EnvVars.
        resources: its compute resources.
        user: the user and group that it runs as; None if the cluster assigns them.
        scratch: the one folder in which it may write.
        volumes: the volumes that it needs beside its configuration and that folder.
        mounts: where they are in the container.
        startup: whether it has started.
        liveness: whether it still runs.
        readiness: whether it can be called.
        pause_seconds: how long it waits before SIGTERM.
        grace_seconds: how long it may take to stop, the pause included.
    """

    name: str
    image: str
    args: tuple[str, ...]
    env: list[Manifest]
    resources: Manifest
    user: int | None
    scratch: str
    volumes: tuple[Manifest, ...]
    mounts: tuple[Manifest, ...]
    startup: Probe
    liveness: Probe
    readiness: Probe
    pause_seconds: int
    grace_seconds: int


@dataclass(frozen=True)
class ConfigFiles:
    """The files that the gateway reads when it starts.

    Attributes:
        folder: the folder in the container that holds them and nothing else.
        texts: what each of them holds, by its name there.
        digest: a digest of those that the router's spec decides.
    """

    folder: str
    texts: Mapping[str, str]
    digest: str


@dataclass(frozen=True)
class Call:
    """A model that is called, as the finished configuration says.

    Attributes:
        where: the field that says so.
        provider: the provider.
        model: the whole name; a `*` in it stands for any text.
    """

    where: str
    provider: str
    model: str


@dataclass(frozen=True)
class Host:
    """Something that decides which host is called.

    Attributes:
        where: the field that says so.
        text: a URL, a host, or a text with URLs in it; empty if it is in a variable.
        variable: the variable that holds it.
        is_part: whether it is only a part of the host's name.
    """

    where: str
    text: str = ""
    variable: str = ""
    is_part: bool = False


@dataclass(frozen=True)
class Called:
    """What the finished configuration calls, for policies to judge.

    Attributes:
        count: how many models there are.
        models: the models, and whatever may call further ones.
        hosts: what decides on hosts that the provider does not.
        services: what else learns of calls, at a host that is not named, and where that is said.
        seconds: how long one try of a call may take, and where that is said; None if it is not said
            in a number.
        set_variables: the variables that the configuration sets, and where.
        variables: the variables of the container that can change none of it unseen.
        is_host: whether a variable of the container, by its name, holds a host.
    """

    count: int
    models: tuple[Call, ...]
    hosts: tuple[Host, ...]
    services: tuple[tuple[str, str], ...]
    seconds: tuple[tuple[str, float | None], ...]
    set_variables: tuple[tuple[str, str], ...]
    variables: frozenset[str]
    is_host: Callable[[str], bool]


@dataclass(frozen=True)
class Plan:
    """What composed resources and status are written from, with what is observed.

    Attributes:
        router: whose gateway it is.
        container: what runs.
        config: the files of its configuration.
        offers: what is called for each model name that clients can ask for, in order.
        guardrails: what the calls of each of these pass through, in order.
        master_key: where the gateway reads its master key.
        generated_key: where a master key is that was generated for the router.
        keys: the keys of users' Secrets that the models and the user's own variables take.
        own_keys: the keys of users' Secrets that the gateway itself needs, whatever it offers.
        metrics_path: where it answers with its metrics, if it has them.
        results: what the user should look at or know.
        called: what is called; None if no policy asks.
    """

    router: Router
    container: Container
    config: ConfigFiles
    offers: Mapping[str, tuple[Target, ...]]
    guardrails: Mapping[str, Sequence[str]]
    master_key: SecretKey
    generated_key: SecretKey
    keys: frozenset[SecretKey]
    own_keys: frozenset[SecretKey]
    metrics_path: str
    results: tuple[Result, ...]
    called: Called | None = field(default=None, repr=False)
    _written: dict[str, "Written"] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def offer(self) -> Offer:
        """What the gateway offers to those who have keys of their own."""
        return offers.of(self.router.spec)

    @cached_property
    def distinct_needs(self) -> tuple[tuple[Needs | None, ...], ...]:
        """What the targets of a model need, for all models; many share it with others."""
        return tuple(
            dict.fromkeys(
                tuple(target.needs for target in targets) for targets in self.offers.values()
            )
        )

    def written(
        self, name: str, part: object, write: Callable[[], tuple[Manifest, tuple[Result, ...]]]
    ) -> "Written":
        """A manifest that is written once and kept, until what it takes from the cluster changes.

        Args:
            name: of the composed resource.
            part: all that the manifest depends on beside the plan.
            write: writes it, and says what the user should know about it.
        """
        kept = self._written.get(name)
        if kept is None or kept.part != part:
            kept = self._written[name] = Written(part, *write(), {})
        return kept


@dataclass(frozen=True, repr=False)
class Written:
    """A manifest of a plan, which never changes.

    Attributes:
        part: all that it depends on beside the plan.
        manifest: the object.
        results: what the user should look at or know about it.
        forms: other forms in which it has been written, by the name of the form.
    """

    part: Any
    manifest: Manifest
    results: tuple[Result, ...]
    forms: dict[str, bytes]
