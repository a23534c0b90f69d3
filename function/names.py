"""The one home of names that users and other parts of a cluster see.

Groups and kinds, composed-resource names, labels, annotations, ports, paths, condition types and
reasons. Nothing here computes anything but a name from a name.
"""

from typing import Final

GROUP: Final = "gateway.agentic-layer.ai"
API_VERSION: Final = f"{GROUP}/v1alpha1"
KIND: Final = "ModelRouter"
LEGACY_KIND: Final = "XModelRouter"
"""The composite resource behind a claim of kind ModelRouter."""

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
# means a new object and the old one deleted.
CONFIG_MAP: Final = "configMap"
DEPLOYMENT: Final = "deployment"
SERVICE: Final = "service"
MASTER_KEY: Final = "masterKey"

LABEL_APP: Final = "app"
"""The Deployment's selector. It is immutable there, so it is this one label and nothing else."""
LABEL_ROUTER: Final = f"{GROUP}/modelrouter"
"""Narrows the Service's selector to the pods that this project made."""

ANNOTATION_CONFIG_HASH: Final = f"{GROUP}/config-hash"
ANNOTATION_SECRET_HASH: Final = f"{GROUP}/secret-hash"
ANNOTATION_KEY_ID: Final = f"{GROUP}/key-id"
"""On a made master key: tells it from the one before it, without being derived from it."""

CONTAINER: Final = "litellm"
PORT_NAME: Final = "http"
CONFIG_KEY: Final = "config.yaml"
CONFIG_FOLDER: Final = "/app/config"
CONFIG_PATH: Final = f"{CONFIG_FOLDER}/{CONFIG_KEY}"
DEFAULT_CREDENTIALS_SECRET: Final = "litellm-secrets"  # noqa: S105  # A Secret's name.
MASTER_KEY_VARIABLE: Final = "LITELLM_MASTER_KEY"
REDIS_PASSWORD_VARIABLE: Final = "REDIS_PASSWORD"  # noqa: S105  # A variable's name.

# Condition types.
CONFIGURED: Final = "Configured"
CREDENTIALS_PRESENT: Final = "CredentialsPresent"
AVAILABLE: Final = "Available"
ROLLED_OUT: Final = "RolledOut"

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
REASON_CONFIG_BROKEN: Final = "ConfigBroken"
REASON_CONFIG_TOO_LARGE: Final = "ConfigTooLarge"
REASON_INTERNAL_ERROR: Final = "InternalError"

# Reasons of events only.
EVENT_MODELS: Final = "CheckModels"
"""Models that LiteLLM may not be able to call, or parameters that it may not know."""
EVENT_CONFIG: Final = "CheckConfig"
"""What the router's own configuration does to the generated one."""
EVENT_LONE: Final = "SingleDeployment"
"""Models that nothing stands in for."""

# Reasons of CredentialsPresent.
REASON_ALL_PRESENT: Final = "AllPresent"
REASON_MISSING: Final = "KeysMissing"
REASON_UNREADABLE: Final = "SecretUnreadable"

# Reasons of Available and RolledOut.
REASON_AVAILABLE: Final = "DeploymentAvailable"
REASON_UNAVAILABLE: Final = "DeploymentUnavailable"
REASON_WAITING: Final = "WaitingForDeployment"
REASON_ROLLED_OUT: Final = "AllReplicasUpdated"
REASON_ROLLING: Final = "RollingOut"
REASON_REFUSED: Final = "SpecRefused"
REASON_ROLLOUT_STUCK: Final = "ProgressDeadlineExceeded"


def config_map(router: str) -> str:
    """The name of the ConfigMap of the router of that name."""
    return f"{router}-config"


def master_key(router: str) -> str:
    """The name of the Secret that holds the master key made for the router of that name."""
    return f"{router}-master-key"
