"""A stand-in for the controller of Deployments, and for how the kubelet ends pods.

A change of the template replaces the pods as the Deployment's strategy says. A pod that is deleted
leaves the Service, which learns of it late, and meanwhile waits as its hook says before it gets
SIGTERM; what it has not finished by the end of its grace period is cut off. The pods themselves are
real LiteLLM proxies (kubelet.py), each on an address of its own.

Not imitated: hooks other than `sleep`, surge and unavailability in percent, restarts, a pod that
becomes unready again.
"""

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.kubelet import NotReady, NotStarted, Object, Pod
from tests.support.service import Endpoint, Service

_PATIENCE = 300
"""For how many seconds something is waited for that has to happen."""


@dataclass(eq=False)
class Replica:
    """One of a Deployment's pods.

    Attributes:
        pod: what runs.
        template: what it was made from.
        ready: whether it can be called.
        deleted: set once it is to end.
        status: how it ended, as the negative of a signal.
    """

    pod: Pod
    template: Object
    ready: bool = False
    deleted: threading.Event = field(default_factory=threading.Event)
    status: int | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        return self.pod.address, self.pod.port


class Rollout:
    """A Deployment that runs behind a Service, for the length of a `with` block.

    Attributes:
        replicas: all that there have been, in the order of their creation.
    """

    def __init__(self, service: Service) -> None:
        self.replicas: list[Replica] = []
        self._service = service
        self._deployment: Object = {}
        self._config_maps: Sequence[Object] = ()
        self._secrets: Sequence[Object] = ()
        self._addresses = (f"127.0.0.{i}" for i in itertools.count(2))
        self._threads: list[threading.Thread] = []
        self._problem: Exception | None = None
        self._changed = threading.Condition()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for replica in self.replicas:
            replica.deleted.set()
            replica.pod.stop(0 if kind else 20)
        for thread in self._threads:
            thread.join()

    def apply(
        self, deployment: Object, config_maps: Sequence[Object], secrets: Sequence[Object]
    ) -> None:
        """Wants the pods that a Deployment describes, with these objects to read."""
        with self._changed:
            self._deployment, self._config_maps, self._secrets = deployment, config_maps, secrets
            self._sync()

    def evict(self) -> Replica:
        """Deletes the oldest of the pods that are ready, as an eviction does."""
        with self._changed:
            replica = next(replica for replica in self._live() if replica.ready)
            replica.deleted.set()
            self._sync()
        return replica

    def wait_until_settled(self) -> list[Replica]:
        """Waits until there are as many pods as wanted, of the wanted kind, and no others.

        Returns:
            These pods. Those that were deleted may still be on their way out.
        """

        def settled() -> bool:
            live = self._live()
            return len(live) == self._wanted and all(
                replica.ready and replica.template == self._template for replica in live
            )

        self._wait(settled)
        return self._live()

    def wait_until_ended(self, *replicas: Replica) -> None:
        """Waits until these pods have ended; by default all that were deleted."""
        ending = replicas or [r for r in self.replicas if r.deleted.is_set()]
        self._wait(lambda: all(replica.status is not None for replica in ending))

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            met = self._changed.wait_for(lambda: self._problem or condition(), _PATIENCE)
            if self._problem is not None:
                raise self._problem
            assert met, "the pods are not as they should be"

    @property
    def _template(self) -> Object:
        template: Object = self._deployment["spec"]["template"]
        return template

    @property
    def _wanted(self) -> int:
        wanted: int = self._deployment["spec"]["replicas"]
        return wanted

    def _live(self) -> list[Replica]:
        return [replica for replica in self.replicas if not replica.deleted.is_set()]

    def _sync(self) -> None:
        """Starts and deletes pods as far as the strategy allows it now."""
        strategy = self._deployment["spec"]["strategy"]["rollingUpdate"]
        new = [replica for replica in self._live() if replica.template == self._template]
        missing = self._wanted - len(new)
        room = self._wanted + strategy["maxSurge"] - len(self._live())
        for _ in range(min(missing, room)):
            self._create()
        for surplus in new[: max(0, -missing)]:
            surplus.deleted.set()
        for old in [r for r in self._live() if r.template != self._template]:
            available = sum(replica.ready for replica in self._live())
            if not old.ready or available > self._wanted - strategy["maxUnavailable"]:
                old.deleted.set()
                # Room for the next one.
                self._sync()
                return
        self._service.lead_to([r.endpoint for r in self._live() if r.ready])

    def _create(self) -> None:
        pod = Pod(
            self._deployment,
            config_maps=self._config_maps,
            secrets=self._secrets,
            address=next(self._addresses),
        )
        replica = Replica(pod, self._template)
        self.replicas.append(replica)
        self._threads.append(threading.Thread(target=self._run, args=(replica,)))
        self._threads[-1].start()

    def _run(self, replica: Replica) -> None:
        """The kubelet's part: the life of a pod."""
        spec = replica.template["spec"]
        (container,) = spec["containers"]
        pause: int = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        grace: int = spec["terminationGracePeriodSeconds"]
        try:
            with replica.pod as pod:
                pod.wait_ready(_PATIENCE)
                self._note(replica, ready=True)
                replica.deleted.wait()
                # The hook and what comes after it share the grace period.
                self._over.wait(min(pause, grace))
                status = pod.stop(grace - min(pause, grace))
                self._note(replica, ready=False, status=status)
        except (NotReady, NotStarted) as problem:
            with self._changed:
                self._problem = None if self._over.is_set() else problem
                self._changed.notify_all()

    def _note(self, replica: Replica, *, ready: bool, status: int | None = None) -> None:
        with self._changed:
            replica.ready, replica.status = ready, status
            if not self._over.is_set():
                self._sync()
            self._changed.notify_all()
