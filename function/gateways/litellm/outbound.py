"""How LiteLLM calls providers: through which proxy, and whose certificates it trusts."""

from typing import Final

from function.api.outbound import Outbound
from function.api.secret_refs import SecretKeyRef
from function.api.validation import switched_on
from function.call import Manifest

_VOLUME: Final = "ca-bundle"
_FOLDER: Final = "/app/ca-bundle"
_FILE: Final = "ca.crt"

_PROXY: Final = ("HTTP_PROXY", "HTTPS_PROXY")
_CA: Final = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""The file of authorities: the first is for `requests` and botocore, the second for all else."""


def environment(outbound: Outbound) -> dict[str, Manifest]:
    """The variables that say so, by name, as Kubernetes EnvVars without it."""
    variables: dict[str, Manifest] = {}
    if (proxy := switched_on(outbound.proxy)) is not None:
        ref = proxy.url_secret_ref
        # Not optional: without the variable, LiteLLM would call providers directly.
        url = (
            {"value": proxy.url}
            if ref is None
            else {"valueFrom": {"secretKeyRef": {"name": ref.name, "key": ref.key}}}
        )
        variables |= dict.fromkeys(_PROXY, url)
        variables["NO_PROXY"] = {"value": proxy.direct_hosts}
    if switched_on(outbound.ca_bundle) is not None:
        variables |= {name: {"value": f"{_FOLDER}/{_FILE}"} for name in _CA}
    return variables


def volumes(outbound: Outbound) -> tuple[Manifest, ...]:
    """The volume with the bundle, if there is one."""
    if (bundle := switched_on(outbound.ca_bundle)) is None:
        return ()
    config_map, secret = bundle.config_map_key_ref, bundle.secret_key_ref
    if config_map is not None:
        return (
            {"name": _VOLUME, "configMap": {"name": config_map.name, "items": _items(config_map)}},
        )
    if secret is not None:
        return ({"name": _VOLUME, "secret": {"secretName": secret.name, "items": _items(secret)}},)
    raise AssertionError  # The API asks for one of them.


def mounts(outbound: Outbound) -> tuple[Manifest, ...]:
    """Where the bundle is in the container."""
    if switched_on(outbound.ca_bundle) is None:
        return ()
    return ({"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True},)


def _items(ref: SecretKeyRef) -> list[Manifest]:
    return [{"key": ref.key, "path": _FILE}]
