"""ModelAccess objects as an API server keeps them."""

import hashlib
from typing import Any

from function import names
from function.call import Manifest

CREATED = "2027-01-15T07:00:00Z"


def uid_of(number: int) -> str:
    """A uid of Kubernetes' form."""
    return f"{number:08x}-0000-4000-8000-000000000002"


def hash_of(text: str) -> str:
    """The hash of a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def access(
    name: str = "app",
    namespace: str = "apps",
    number: int = 1,
    **spec: Any,  # noqa: ANN401
) -> Manifest:
    """A ModelAccess for the router `gw` in namespace `team`, with the spec that is given."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.ACCESS_KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of(number),
            "creationTimestamp": CREATED,
        },
        "spec": {"routerRef": {"name": "gw", "namespace": "team"}, **spec},
    }


def with_key(manifest: Manifest, *keys: str) -> Manifest:
    """A ModelAccess whose status tells the hashes of some keys, of generations from 1 on."""
    told = [{"generation": i, "hash": hash_of(key)} for i, key in enumerate(keys or ("k",), 1)]
    return {**manifest, "status": {"keys": told}}


def legacy(manifest: Manifest) -> Manifest:
    """The cluster-scoped composite resource behind a claim."""
    metadata = manifest["metadata"]
    claim = {
        "apiVersion": names.API_VERSION,
        "kind": names.ACCESS_KIND,
        "name": metadata["name"],
        "namespace": metadata["namespace"],
    }
    own = {key: value for key, value in metadata.items() if key not in ("name", "namespace")}
    return {
        **manifest,
        "kind": names.LEGACY_ACCESS_KIND,
        "metadata": {**own, "name": f"{metadata['name']}-x7k2p"},
        "spec": {**manifest["spec"], "claimRef": claim},
    }
