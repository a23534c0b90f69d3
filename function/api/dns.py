"""How the gateway's pods find hosts by their names."""

from typing import Annotated, Final

from pydantic import Field, model_validator

from function.api.fields import Address, DomainName, Line, Word
from function.api.validation import Model, refuse

_MAX_SEARCHES: Final = 2048
"""How long the list of search domains may be, in characters."""


class HostAlias(Model):
    """Names of an address that no DNS server knows."""

    ip: Address
    hostnames: Annotated[list[DomainName], Field(min_length=1, max_length=16)]


class DnsOption(Model):
    """An option of the resolver."""

    name: Word
    value: Line | None = None


class DnsConfig(Model):
    """What the pods' resolver is told beside, or in place of, what dnsPolicy says."""

    nameservers: Annotated[list[Address], Field(max_length=3)] = []
    searches: Annotated[list[DomainName], Field(max_length=32)] = []
    options: Annotated[list[DnsOption], Field(max_length=16)] = []

    @model_validator(mode="after")
    def _short_enough(self) -> "DnsConfig":
        if len(" ".join(self.searches)) > _MAX_SEARCHES:
            raise refuse(
                f"searches must not have more than {_MAX_SEARCHES} characters in all, with a space "
                "after each"
            )
        return self
