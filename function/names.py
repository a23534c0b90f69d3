"""The one home of names that users and other parts of a cluster see.

Groups and kinds, names of composed resources, labels, annotations, ports, condition types and
reasons. Nothing here computes anything but a name from a name. The names that belong to one kind of
gateway, such as its variables and files, stand in that gateway's own module.
"""

from typing import Final

GROUP: Final = "gateway.agentic-layer.ai"
API_VERSION: Final = f"{GROUP}/v1alpha1"
KIND: Final = "ModelRouter"
LEGACY_KIND: Final = "XModelRouter"
"""The composite resource behind a claim of kind ModelRouter."""
ACCESS_KIND: Final = "ModelAccess"
LEGACY_ACCESS_KIND: Final = "XModelAccess"
"""The composite resource behind a claim of kind ModelAccess."""

MACHINERY: Final = frozenset(
    {
        "claimRef",
        "compositeDeletePolicy",
        "compositionRef",
        "compositionRevisionRef",
        "compositionRevisionSelector",
        "compositionSelector",
        "compositionUpdatePolicy",
        "crossplane",
        "resourceRef",
        "resourceRefs",
        "writeConnectionSecretToRef",
    }
)
"""What Crossplane keeps under spec for itself, in all forms of the resource together."""

INPUT_API_VERSION: Final = "modelrouter.fn.agentic-layer.ai/v1alpha1"
INPUT_KIND: Final = "Input"

# Names of composed resources: how Crossplane tells them apart. They never change, since a new name
# means a new object, and the old one is deleted.
RESOURCE_ACCESS: Final = "access"
RESOURCE_CONFIG_MAP: Final = "configMap"
RESOURCE_DEPLOYMENT: Final = "deployment"
RESOURCE_AUTOSCALER: Final = "horizontalPodAutoscaler"
RESOURCE_HTTP_ROUTE: Final = "httpRoute"
RESOURCE_INGRESS: Final = "ingress"
RESOURCE_MASTER_KEY: Final = "masterKey"
RESOURCE_NETWORK_POLICY: Final = "networkPolicy"
RESOURCE_POD_DISRUPTION_BUDGET: Final = "podDisruptionBudget"
RESOURCE_SERVICE: Final = "service"
RESOURCE_SERVICE_MONITOR: Final = "serviceMonitor"

# The same of a ModelAccess.
RESOURCE_SECRET: Final = "secret"  # noqa: S105  # It is called so.
RESOURCE_KEY: Final = "key-"
"""What the name of each generation's Secret begins with; its number follows."""

LABEL_APP: Final = "app"
"""The Deployment's selector. It is immutable there, so it is this one label and nothing else."""
LABEL_ROUTER: Final = f"{GROUP}/modelrouter"
"""Narrows the Service's selector to the pods that this function composed."""

ANNOTATION_CONFIG_HASH: Final = f"{GROUP}/config-hash"
ANNOTATION_SECRET_HASH: Final = f"{GROUP}/secret-hash"
ANNOTATION_AUTOSCALED: Final = f"{GROUP}/autoscaled"
"""On a Deployment that an autoscaler scales or scaled, so that its number of pods is kept."""
ANNOTATION_KEY_ID: Final = f"{GROUP}/key-id"
"""On a generated master key: tells it from the one before it, without being derived from it."""
ANNOTATION_KEY_GENERATION: Final = f"{GROUP}/key-generation"
"""On a Secret with the key of a ModelAccess: of which generation the key is."""
ANNOTATION_REPLACED_AT: Final = f"{GROUP}/replaced-at"
"""On the Secret of an older generation: when applications were given a newer one."""
ANNOTATION_LISTED_AT: Final = f"{GROUP}/listed-at"
"""On the Secret of a key that the router lists: since when it has been."""
LABEL_ACCESS: Final = f"{GROUP}/modelaccess"

PORT_NAME: Final = "http"

# Condition types.
CONFIGURED: Final = "Configured"
CREDENTIALS_PRESENT: Final = "CredentialsPresent"
AVAILABLE: Final = "Available"
ROLLED_OUT: Final = "RolledOut"
ACCEPTED: Final = "Accepted"
"""Of a ModelAccess: whether the gateway takes its key."""

# Reasons of Configured: one for success, the others for every fatal result.
REASON_CONFIGURED: Final = "Configured"
REASON_UNSUPPORTED_TYPE: Final = "UnsupportedType"
REASON_INVALID_SPEC: Final = "InvalidSpec"
REASON_INVALID_NAME: Final = "InvalidName"
REASON_INVALID_INPUT: Final = "InvalidInput"
REASON_NO_NAMESPACE: Final = "NoNamespace"
REASON_NAME_TAKEN: Final = "NameTaken"
REASON_MASTER_KEY_UNUSABLE: Final = "MasterKeyUnusable"
REASON_BASE_IGNORED: Final = "BaseIgnored"
REASON_BASE_MISSING: Final = "BaseMissing"
REASON_CREDENTIALS_CLASH: Final = "CredentialsClash"
REASON_CREDENTIALS_EXPOSED: Final = "CredentialsExposed"
REASON_CONFIG_BROKEN: Final = "ConfigBroken"
REASON_PATCH_REFUSED: Final = "PatchRefused"
REASON_POLICY_VIOLATED: Final = "PolicyViolated"
REASON_CONFIG_TOO_LARGE: Final = "ConfigTooLarge"
REASON_DEPLOYMENT_TOO_LARGE: Final = "DeploymentTooLarge"
REASON_RESPONSE_TOO_LARGE: Final = "ResponseTooLarge"
REASON_INTERNAL_ERROR: Final = "InternalError"

# Reasons of events only.
EVENT_MODELS: Final = "CheckModels"
"""Models that the gateway may not be able to call, or parameters that it may not know."""
EVENT_CREDENTIALS: Final = "CheckCredentials"
"""Credentials that no model can do without, or that may reach another provider than their own."""
EVENT_CONFIG: Final = "CheckConfig"
"""What the overrides do to the generated configuration."""
EVENT_AUTOSCALING: Final = "CheckAutoscaling"
"""An autoscaler that has nothing to measure by."""
EVENT_PATCHES: Final = "CheckPatches"
"""What the patches do to the composed objects."""
EVENT_POLICY: Final = "CheckPolicy"
"""What a policy that only warns would refuse."""
EVENT_NOT_SERVED: Final = "KindNotServed"
"""Objects that are asked for and of whose kind the cluster knows nothing."""
EVENT_SINGLE_DEPLOYMENT: Final = "SingleDeployment"
"""Models with one deployment and no fallback."""
EVENT_ACCESS: Final = "CheckAccess"
"""More ModelAccess objects than a gateway can keep the keys of, or nearly so."""

# Reasons of Accepted, beside those of Configured for what is refused as it stands.
REASON_ACCEPTED: Final = "Accepted"
REASON_KEY_WAITING: Final = "Waiting"
REASON_NO_ROUTER: Final = "NoRouter"
REASON_NOT_ALLOWED: Final = "NotAllowed"
REASON_MODEL_NOT_OFFERED: Final = "ModelNotOffered"
REASON_TOO_MANY_MODELS: Final = "TooManyModels"
REASON_BUDGET_NEEDS_REDIS: Final = "BudgetNeedsRedis"
REASON_EXPIRED: Final = "Expired"
REASON_KEY_UNUSABLE: Final = "KeyUnusable"

# Reasons of CredentialsPresent.
REASON_ALL_PRESENT: Final = "AllPresent"
REASON_MISSING: Final = "KeysMissing"
REASON_UNREADABLE: Final = "SecretUnreadable"

# Reasons of Available and RolledOut.
REASON_AVAILABLE: Final = "DeploymentAvailable"
REASON_UNAVAILABLE: Final = "DeploymentUnavailable"
REASON_SERVICE_CHANGED: Final = "ServiceChanged"
REASON_WAITING: Final = "WaitingForDeployment"
REASON_ROLLED_OUT: Final = "AllReplicasUpdated"
REASON_ROLLING: Final = "RollingOut"
REASON_REFUSED: Final = "SpecRefused"
REASON_ROLLOUT_STUCK: Final = "ProgressDeadlineExceeded"


def config_map_of(router: str) -> str:
    """The name of the ConfigMap of the router of that name."""
    return f"{router}-config"


def access_of(router: str) -> str:
    """The name of the ConfigMap with the applications' keys of the router of that name."""
    return f"{router}-access"


def generated_key_of(router: str) -> str:
    """The name of the Secret with the master key that is generated for the router of that name."""
    return f"{router}-master-key"


def key_of_access(access: str, generation: int, uid: str) -> str:
    """The name of the Secret with one generation's key of the ModelAccess of that name.

    Some digits of the uid keep it from being that of another ModelAccess's key.
    """
    return f"{access}-key-{generation}-{uid.replace('-', '')[:5]}"
