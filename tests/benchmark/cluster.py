"""Crossplane and an API server around one router, until nothing changes any more."""

from collections.abc import Mapping
from typing import Final

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function import structs
from function.call import Manifest
from function.fn import FunctionRunner
from tests.benchmark import routers
from tests.benchmark.objects import TIME, merged, stored

_RESOURCE_NAME: Final = "crossplane.io/composition-resource-name"
_STATUS: Final = {
    fnv1.STATUS_CONDITION_UNKNOWN: "Unknown",
    fnv1.STATUS_CONDITION_TRUE: "True",
    fnv1.STATUS_CONDITION_FALSE: "False",
}


class Cluster:
    """Crossplane and an API server around one router."""

    def __init__(self, xr: Manifest, *others: Manifest) -> None:
        self._version = 1000
        self._written = xr
        self._status: Manifest = {}
        self._objects: dict[str, Manifest] = {}
        self._others = {_key(other): self._stored(other, {"kubectl": other}) for other in others}
        self._xr = self._composite({})

    async def settle(self) -> fnv1.RunFunctionRequest:
        """Reconciles until nothing changes, and returns the last request then."""
        runner = FunctionRunner()
        for _ in range(8):
            request, answer = await self._call(runner)
            bad = [r for r in answer.results if r.severity != fnv1.SEVERITY_NORMAL]
            assert not bad, bad
            before = self._xr, dict(self._objects)
            self._apply(answer)
            if (self._xr, self._objects) == before:
                self._check(answer)
                return request
        raise AssertionError("the router does not become stable")

    async def _call(
        self, runner: FunctionRunner
    ) -> tuple[fnv1.RunFunctionRequest, fnv1.RunFunctionResponse]:
        """Calls until the requirements are stable."""
        request = fnv1.RunFunctionRequest()
        request.observed.composite.resource.update(self._xr)
        for name, manifest in self._objects.items():
            request.observed.resources[name].resource.update(manifest)
        known = self._others | {_key(manifest): manifest for manifest in self._objects.values()}
        answer = await runner.RunFunction(request, None)
        for _ in range(5):
            request.ClearField("required_resources")
            for name, wanted in answer.requirements.resources.items():
                found = request.required_resources[name]
                key = wanted.kind, wanted.namespace, wanted.match_name
                if key in known:
                    found.items.add().resource.update(known[key])
            again = await runner.RunFunction(request, None)
            if again.requirements == answer.requirements:
                return request, again
            answer = again
        raise AssertionError("the requirements do not become stable")

    def _apply(self, answer: fnv1.RunFunctionResponse) -> None:
        """Writes what the function desires."""
        for name, desired in answer.desired.resources.items():
            manifest = structs.read(desired.resource)
            written = merged(manifest, self._machinery(name))
            old = self._objects.get(name)
            new = self._stored(written, {"apiextensions.crossplane.io/composed/0a1b2c": written})
            if old is None or _content(old) != _content(new):
                self._objects[name] = new
        status = structs.read(answer.desired.composite.resource).get("status", {})
        conditions = [
            _condition(c.type, _STATUS[c.status], c.reason, c.message) for c in answer.conditions
        ]
        ready = all(d.ready == fnv1.READY_TRUE for d in answer.desired.resources.values())
        conditions += [
            _condition("Synced", "True", "ReconcileSuccess"),
            _condition("Ready", *(("True", "Available") if ready else ("False", "Creating"))),
        ]
        composite = self._composite({**status, "conditions": conditions})
        if _content(composite) != _content(self._xr):
            self._xr = composite

    def _composite(self, status: Manifest) -> Manifest:
        """The composite resource as the API server keeps it."""
        written = self._written
        references = [
            {
                "apiVersion": manifest["apiVersion"],
                "kind": manifest["kind"],
                "name": manifest["metadata"]["name"],
            }
            for manifest in self._objects.values()
        ]
        own = {"spec": {"crossplane": {"resourceRefs": references}}} if references else {}
        name = written["metadata"]["name"]
        metadata = {
            "labels": {"crossplane.io/composite": name},
            "finalizers": ["composite.apiextensions.crossplane.io"],
        }
        whole = merged(merged(written, own), {"metadata": metadata})
        managers = {
            "kubectl": written,
            "apiextensions.crossplane.io/composite": {"metadata": metadata, **own},
        }
        if status:
            whole["status"] = status
            managers["crossplane"] = {"status": status}
        return self._stored(whole, managers)

    def _machinery(self, name: str) -> Manifest:
        """The metadata that Crossplane adds to a composed resource."""
        owner = self._xr["metadata"]
        reference = {
            "apiVersion": self._xr["apiVersion"],
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": self._xr["kind"],
            "name": owner["name"],
            "uid": owner["uid"],
        }
        return {
            "metadata": {
                "annotations": {_RESOURCE_NAME: name},
                "labels": {"crossplane.io/composite": owner["name"]},
                "ownerReferences": [reference],
            }
        }

    def _stored(self, manifest: Manifest, managers: Mapping[str, Manifest]) -> Manifest:
        self._version += 1
        kept = stored(manifest, self._version, dict(managers))
        kept["metadata"].setdefault("uid", f"{routers.TOKEN}-0000-4000-8000-{self._version:012}")
        return kept

    def _check(self, answer: fnv1.RunFunctionResponse) -> None:
        conditions = {condition.type: condition.status for condition in answer.conditions}
        assert set(conditions.values()) == {fnv1.STATUS_CONDITION_TRUE}, conditions


def _key(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata["namespace"], metadata["name"]


def _content(manifest: Manifest) -> Manifest:
    """An object without what changes with each write."""
    metadata = {
        key: value
        for key, value in manifest["metadata"].items()
        if key not in ("managedFields", "resourceVersion", "uid")
    }
    return {**manifest, "metadata": metadata}


def _condition(kind: str, status: str, reason: str, message: str = "") -> Manifest:
    condition = {"type": kind, "status": status, "reason": reason, "lastTransitionTime": TIME}
    return {**condition, "message": message} if message else condition
