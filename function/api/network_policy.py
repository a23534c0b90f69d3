"""Who may call the gateway: peers in fields with Kubernetes' own names and meanings."""

import ipaddress
import re
from contextlib import suppress
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from function.api.fields import IPV4, IPV6
from function.api.scheduling import LabelSelector
from function.api.validation import Block, Model, Rule, refuse

_MOST: Final = 16
"""How many peers there may be, and exceptions in each."""

_RANGE: Final = rf"({IPV4}/(3[0-2]|[12]?[0-9])|{IPV6}/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))"
_NO_RANGE: Final = (
    "a range of IP addresses must be of the form 10.0.0.0/8 or 2001:db8::/32, with no bits set "
    "after its prefix"
)

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(value: str) -> _Network | None:
    """The IP addresses that a text in CIDR notation means; None if it is none."""
    if re.fullmatch(_RANGE, value):
        with suppress(ValueError):
            network = ipaddress.ip_network(value)
            if getattr(network.network_address, "ipv4_mapped", None) is None:
                return network
    return None


def _is_smaller(part: _Network, whole: _Network) -> bool:
    """Whether a range lies within another, and is not all of it."""
    return (
        part.version == whole.version
        and part.prefixlen > whole.prefixlen
        and part.network_address in whole
    )


def _cidr(value: str) -> str:
    """Rejects what is no range of IP addresses, or one in a form that Kubernetes warns of."""
    if _network(value) is None:
        raise refuse(_NO_RANGE)
    return value


Cidr = Annotated[
    str,
    Field(min_length=4, max_length=49),
    Rule(_RANGE, _NO_RANGE),
    AfterValidator(_cidr),
]


class IpBlock(Model):
    """A range of IP addresses, and those in it that are left out."""

    cidr: Cidr
    excluded: Annotated[list[Cidr], Field(alias="except", max_length=_MOST)] = []

    @model_validator(mode="after")
    def _within(self) -> "IpBlock":
        whole = _network(self.cidr)
        for part in map(_network, self.excluded):
            if whole is None or part is None or not _is_smaller(part, whole):
                raise refuse("each range of except must lie within cidr and be smaller than it")
        return self


class Peer(Model):
    """Who is let in."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IpBlock | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Peer":
        selects = self.pod_selector is not None or self.namespace_selector is not None
        if selects == (self.ip_block is not None):
            raise refuse(
                "a peer must have podSelector, namespaceSelector or both of them, or ipBlock alone"
            )
        return self


class NetworkPolicy(Block):
    """Who may call the gateway."""

    peers: Annotated[list[Peer], Field(min_length=1, max_length=_MOST)] | None = Field(
        default=None, alias="from"
    )

    @model_validator(mode="after")
    def _names_someone(self) -> "NetworkPolicy":
        if self.peers is None and self.enabled is not False:
            raise refuse("from must name at least one peer, since no one else may call the gateway")
        return self
