"""The JSON Schema of a ModelRouter, from the definition that Crossplane reads."""

import json
import re
from typing import Any, Final

from function import names
from function.call import Manifest

_MAX_NAME: Final = 63
"""The longest name of a Service, in characters."""

_MACHINERY: Final = {
    "claimRef": "The claim that the composite resource was made for.",
    "compositeDeletePolicy": "Whether deleting the claim waits for what is composed.",
    "compositionRef": "The Composition, by name.",
    "compositionRevisionRef": "The revision of the Composition, by name.",
    "compositionRevisionSelector": "The revision of the Composition, by labels.",
    "compositionSelector": "The Composition, by labels.",
    "compositionUpdatePolicy": "Whether new revisions of the Composition are followed.",
    "crossplane": "How Crossplane composes the ModelRouter, such as compositionRef.",
    "resourceRef": "The composite resource of a claim.",
    "resourceRefs": "The composed resources.",
    "writeConnectionSecretToRef": "Where connection details are written.",
}
_TYPES: Final = {
    "compositeDeletePolicy": "string",
    "compositionUpdatePolicy": "string",
    "resourceRefs": "array",
}
"""Those that are not objects."""
_METADATA: Final[dict[str, Manifest]] = {
    "name": {
        "type": "string",
        "description": "The name of the gateway's Deployment and Service, unique in its namespace.",
        "maxLength": _MAX_NAME,
    },
    "namespace": {
        "type": "string",
        "description": "The namespace in which the gateway is composed.",
        "maxLength": _MAX_NAME,
        "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    },
    **{
        field: {
            "type": "object",
            "description": f"The ModelRouter's own {field}; for those of the pods, use "
            "spec.podMetadata.",
            "additionalProperties": {"type": "string"},
        }
        for field in ("labels", "annotations")
    },
    **{
        field: {"description": "Kept by Kubernetes."}
        for field in (
            *("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp"),
            *("finalizers", "generateName", "generation", "managedFields", "ownerReferences"),
            *("resourceVersion", "selfLink", "uid"),
        )
    },
}


def text(xrd: Manifest) -> str:
    """The JSON Schema as a file."""
    note = "Generated from package/configuration/definition.yaml by: python -m tests.generate"
    schema = {"$comment": note, **of(xrd)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def of(xrd: Manifest) -> Manifest:
    """The JSON Schema of what people write: it accepts no field that the API does not have."""
    (version,) = xrd["spec"]["versions"]
    whole = version["schema"]["openAPIV3Schema"]
    spec, status = (_standard(whole["properties"][part]) for part in ("spec", "status"))
    spec["properties"] |= {
        field: {
            "type": _TYPES.get(field, "object"),
            "description": f"Crossplane's own. {meaning}",
        }
        for field, meaning in _MACHINERY.items()
    }
    del status["additionalProperties"]  # Crossplane adds conditions and more.
    metadata = {**_METADATA, "name": {**_METADATA["name"], "pattern": _pattern_of_names(whole)}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": xrd["spec"]["names"]["kind"],
        "description": whole["description"],
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": "The version of the API.",
                "const": f"{xrd['spec']['group']}/{version['name']}",
            },
            "kind": {
                "type": "string",
                "description": "The kind of the object.",
                "const": names.KIND,
            },
            "metadata": {
                "type": "object",
                "description": "What identifies the ModelRouter.",
                "required": ["name"],
                "additionalProperties": False,
                "properties": metadata,
            },
            "spec": spec,
            "status": status,
        },
    }


def _standard(schema: Manifest) -> Manifest:
    """A schema without what Kubernetes adds to the standard, closed where it prunes."""
    standard: Manifest = {
        key: value
        for key, value in schema.items()
        if not key.startswith("x-kubernetes-") and key != "format"
    }
    for nested in ("items", "additionalProperties"):
        if nested in schema:
            standard[nested] = _standard(schema[nested])
    if "properties" in schema:
        standard["properties"] = {k: _standard(v) for k, v in schema["properties"].items()}
        standard["additionalProperties"] = False
    return standard


def _pattern_of_names(schema: Manifest) -> str:
    """The pattern that a rule of the definition holds names to."""
    rules: list[dict[str, Any]] = schema["x-kubernetes-validations"]
    (match,) = filter(
        None, (re.fullmatch(r"self\.metadata\.name\.matches\('(.*)'\)", r["rule"]) for r in rules)
    )
    return match[1]
