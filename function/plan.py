"""What a kind of router decides about a gateway, before any Kubernetes object is written."""

from dataclasses import dataclass

from function.composition import Manifest, Result
from function.master_key import MasterKey
from function.router import Router
from function.secrets import Key


@dataclass(frozen=True)
class Access:
    """How one model gets at its provider.

    Attributes:
        needs: alternatives of keys of Secrets, any of which authenticates. None: it needs no key,
            or takes it from where no Secret is.
        params: what the configuration of the model says of its credentials.
        variables: names of the environment, and the keys of Secrets that they hold.
    """

    needs: tuple[tuple[Key, ...], ...] | None
    params: Manifest
    variables: dict[str, Key]


@dataclass(frozen=True)
class Plan:
    """What the composed resources are written from; each kind of router makes one.

    Attributes:
        router: whose gateway it is.
        image: the container's image.
        args: the arguments of the image's own entry point.
        env: the container's environment, in order, as Kubernetes EnvVars.
        resources: the container's compute resources.
        config: the text of the configuration file.
        config_hash: its digest.
        secret_hash: a digest of the keys and values of Secrets that the gateway uses; None while
            they have never been read.
        longest_call_seconds: how long a call may last, which a pod that stops waits for.
        master_key: where the master key is.
        results: what to say of the plan.
    """

    router: Router
    image: str
    args: tuple[str, ...]
    env: list[Manifest]
    resources: Manifest
    config: str
    config_hash: str
    secret_hash: str | None
    longest_call_seconds: int
    master_key: MasterKey
    results: tuple[Result, ...]
