"""A stand-in for Crossplane and the cluster around the core, on plain values.

It keeps the objects of a cluster and does what Crossplane's reconciler does with a function: it
shows it the composed resources it has references to, looks up what it requires, calls again until
that is stable, and applies what comes back, by force over what no one controls. It stands in where
the order in which caches see things is the matter of a test; tests on the real parts are in
`test_admission.py` and `test_render.py`.
"""

import base64
import copy
from dataclasses import dataclass, field
from typing import Any

from function import names
from function.api.model_access import stamp
from function.call import Manifest, Request, ResourceSelector, Response
from function.compose import compose

UID = "0d9a6c1e-0000-4000-8000-000000000001"

MANAGER = "apiextensions.crossplane.io/composed/0d9a6c1e"
"""The manager of the fields that Crossplane applies."""

NOW = 1_800_000_000.0
"""The time in all worlds where it does not matter: 2027-01-15T08:00:00Z."""

Key = tuple[str, str, str]


def router(name: str = "gw", namespace: str = "team", **spec: Any) -> Manifest:  # noqa: ANN401
    """A namespaced ModelRouter with one model, or with the spec that is given."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": namespace, "uid": UID},
        "spec": {"aiModels": [{"name": "openai/gpt-4o"}], **spec},
    }


def behind_claim(claim: str = "gw", namespace: str = "team", **spec: Any) -> Manifest:  # noqa: ANN401
    """The cluster-scoped composite resource behind a claim."""
    xr = router(**spec)
    xr["kind"] = names.LEGACY_KIND
    labels = {"crossplane.io/claim-name": claim, "crossplane.io/claim-namespace": namespace}
    xr["metadata"] = {"name": f"{claim}-x7k2p", "uid": UID, "labels": labels}
    xr["spec"]["claimRef"] = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": claim,
        "namespace": namespace,
    }
    return xr


def secret(name: str, namespace: str = "team", **values: str) -> Manifest:
    """A Secret as the API server keeps it."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def controlled(manifest: Manifest, *, uid: str = UID, kind: str = names.KIND) -> Manifest:
    """The object as it is once a controller owns it."""
    owner = {"apiVersion": "v1", "kind": kind, "name": "owner", "uid": uid, "controller": True}
    metadata = {**manifest["metadata"], "ownerReferences": [owner]}
    return {**copy.deepcopy(manifest), "metadata": metadata}


def definition(name: str, *versions: str) -> Manifest:
    """A CustomResourceDefinition that serves these versions, or v1, as far as it matters here."""
    served = [{"name": version, "served": True} for version in versions or ("v1",)]
    kind = "CustomResourceDefinition"
    metadata = {"name": name}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": {"versions": served},
    }


@dataclass
class World:
    """A cluster with one composite resource in it.

    Attributes:
        xr: the composite resource.
        objects: what is in the cluster, by kind, namespace and name.
        references: the composed resources that Crossplane has recorded, by name.
        settings: the Composition's input.
        platform: the same in the file of the function's server.
        now: the time, in seconds since 1970.
        forbidden: the kinds of objects that Crossplane cannot create.
        uninstalled: the names of the definitions that are not in the cluster; all others are.
    """

    xr: Manifest
    objects: dict[Key, Manifest] = field(default_factory=dict)
    references: dict[str, Key] = field(default_factory=dict)
    settings: Manifest = field(default_factory=dict)
    platform: Manifest = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()
    uninstalled: frozenset[str] = frozenset()
    now: float = NOW

    def add(self, *manifests: Manifest) -> None:
        """Puts objects into the cluster."""
        for manifest in manifests:
            self.objects[_key(manifest)] = copy.deepcopy(manifest)

    def call(self, *, blind: bool = False) -> Response:
        """Calls the function until its requirements are stable.

        Args:
            blind: whether Crossplane's caches do not show the composed resources yet.
        """
        seen: dict[Key, Manifest] = {} if blind else self.objects
        observed = {
            name: seen[key]
            for name, key in self.references.items()
            if key in seen and _uid(seen[key]) in (None, self.xr["metadata"]["uid"])
        }
        required: dict[str, Manifest | None] = {}
        lists: dict[str, list[Manifest]] = {}
        requirements: dict[str, ResourceSelector] | None = None
        for _ in range(5):
            request = Request(
                self.xr, observed, required, lists=lists, input=self.settings, now=self.now
            )
            answer = compose(request, platform=self.platform)
            if answer.refusal or answer.requirements == requirements:
                return answer
            requirements = dict(answer.requirements)
            lists = {name: _found(wanted, seen) for name, wanted in requirements.items()}
            required = {
                name: next(iter(lists[name]), None) or self._definition(wanted)
                for name, wanted in requirements.items()
            }
        raise AssertionError("the requirements do not become stable")

    def reconcile(self, *, blind: bool = False) -> Response:
        """Calls the function and applies what it answers; a refusal changes nothing."""
        answer = self.call(blind=blind)
        if answer.refusal is not None:
            return answer
        wanted = {name: _key(c.manifest) for name, c in answer.resources.items()}
        for name, key in self.references.items():
            if name not in wanted:
                self.objects.pop(key, None)
        self.references = wanted
        for composed in answer.resources.values():
            self._apply(composed.manifest)
        return answer

    def _definition(self, wanted: ResourceSelector) -> Manifest | None:
        """The definition of a kind that is not Kubernetes' own, if that is what is looked up."""
        if wanted.kind != "CustomResourceDefinition" or wanted.name is None:
            return None
        if wanted.name in self.uninstalled:
            return None
        return definition(wanted.name)

    def _apply(self, manifest: Manifest) -> None:
        present = self.objects.get(_key(manifest), {})
        if not present and manifest["kind"] in self.forbidden:
            return  # By RBAC or a quota, and Crossplane tries again.
        if present.get("immutable") and present.get("data") != manifest.get("data"):
            return  # The API server refuses it, and Crossplane tries again.
        uid = self.xr["metadata"]["uid"]
        if _uid(present) not in (None, uid):
            raise AssertionError(f"applied over an object of another controller: {_key(manifest)}")
        applied = {**present, **controlled(manifest, uid=uid)}
        if manifest["kind"] == "Secret":
            made = present.get("metadata", {}).get("creationTimestamp", stamp(self.now))
            applied["metadata"]["creationTimestamp"] = made
        self.add(_scaled(present, applied) if manifest["kind"] == "Deployment" else applied)

    def scale(self, replicas: int, manager: str = "kube-controller-manager") -> None:
        """Sets the number of the gateway's pods, as an autoscaler or a person does."""
        deployment = self.objects["Deployment", "team", "gw"]
        deployment["spec"]["replicas"] = replicas
        deployment["metadata"]["managedFields"] = [_owned(manager)]


def _scaled(present: Manifest, applied: Manifest) -> Manifest:
    """A Deployment once it is applied: its number of pods, and who owns that field."""
    others = [
        entry
        for entry in present.get("metadata", {}).get("managedFields", [])
        if entry != _owned(MANAGER)
    ]
    spec = dict(applied["spec"])
    if "replicas" not in spec:
        spec["replicas"] = present["spec"]["replicas"] if others else 1
        owners = others
    else:
        same = "spec" in present and present["spec"]["replicas"] == spec["replicas"]
        owners = [*(others if same else []), _owned(MANAGER)]
    return {**applied, "spec": spec, "metadata": {**applied["metadata"], "managedFields": owners}}


def _owned(manager: str) -> Manifest:
    return {"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}


def _found(wanted: ResourceSelector, seen: dict[Key, Manifest]) -> list[Manifest]:
    """What Crossplane finds of what is looked up, in its order."""
    return [
        manifest
        for (kind, namespace, name), manifest in sorted(seen.items())
        if kind == wanted.kind
        and (wanted.name is None or (namespace, name) == (wanted.namespace or "", wanted.name))
    ]


def _key(manifest: Manifest) -> Key:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def _uid(manifest: Manifest) -> str | None:
    owners = (manifest.get("metadata") or {}).get("ownerReferences", [])
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)
