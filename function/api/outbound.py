"""How the gateway's own calls leave the cluster."""

from typing import Annotated

from pydantic import Field, model_validator

from function.api.fields import DOMAIN
from function.api.secret_refs import SecretKeyRef
from function.api.validation import Block, Model, Rule, refuse

CLUSTER_HOSTS = (".svc", ".cluster.local", "localhost", "127.0.0.1")
"""The hosts that are never called through a proxy: what is in the cluster, and in the pod."""

_URL = Rule(
    r"http://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?/?",
    "the proxy's url must be such as http://proxy.example.com:3128, without a user or password: a "
    "URL with them belongs in a Secret that urlSecretRef names",
)
_HOST = Rule(
    rf"\.?{DOMAIN}",
    "a host must be a domain name in lower case or an IPv4 address, without a port; it stands for "
    "all hosts below it as well",
)

Host = Annotated[str, Field(min_length=1, max_length=253), _HOST]


class Proxy(Block):
    """The HTTP proxy through which providers are called."""

    url: Annotated[str, Field(min_length=1, max_length=512), _URL] | None = None
    url_secret_ref: SecretKeyRef | None = None
    no_proxy: Annotated[list[Host], Field(max_length=32)] = []

    @model_validator(mode="after")
    def _has_a_url(self) -> "Proxy":
        if self.enabled is not False and (self.url is None) == (self.url_secret_ref is None):
            raise refuse("set exactly one of url and urlSecretRef, or set enabled to false")
        return self

    @property
    def direct_hosts(self) -> str:
        """The hosts that are called without the proxy, as NO_PROXY has them."""
        return ",".join((*CLUSTER_HOSTS, *self.no_proxy))


class CaBundle(Block):
    """The certificate authorities that the gateway trusts."""

    config_map_key_ref: SecretKeyRef | None = None
    secret_key_ref: SecretKeyRef | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "CaBundle":
        if self.enabled is not False and (self.config_map_key_ref is None) == (
            self.secret_key_ref is None
        ):
            raise refuse(
                "set exactly one of configMapKeyRef and secretKeyRef, or set enabled to false"
            )
        return self


class Outbound(Model):
    """How the gateway's own calls leave the cluster."""

    proxy: Proxy | None = None
    ca_bundle: CaBundle | None = None
