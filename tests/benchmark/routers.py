"""The ModelRouters that are asked about.

All names that tell one from the next hold a token of eight digits, so that a request about one
becomes a request about another by replacing bytes.
"""

from typing import Final

from function import names
from function.call import Manifest
from function.gateways.litellm.credentials import DEFAULT_SECRET
from tests.support.world import secret

NAMESPACE: Final = "team"
TOKEN: Final = "5eed0000"
"""Stands in the name, the uid and the models of a router."""

_PROVIDERS: Final = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "groq": "GROQ_API_KEY",
}
_MORE: Final[Manifest] = {
    "rpm": 600,
    "tpm": 100_000,
    "timeoutSeconds": 60,
    "parameters": {"temperature": 0.5, "extra_headers": {"X-Team": "search"}},
    "info": {"mode": "chat"},
}
"""What some of the models say beside their name and alias."""


def token(number: int) -> str:
    """The token of the router of that number."""
    return f"{number:08x}"


def router(models: int) -> Manifest:
    """A router of so many models: two to a group, from four providers, every fourth with more."""
    providers = list(_PROVIDERS)
    entries: list[Manifest] = [
        {
            "name": f"{providers[i % len(providers)]}/model-{i}-{TOKEN}",
            "alias": f"chat-{i // 2}-{TOKEN}",
            "weight": 1 + i % 2,
            **(_MORE if i % 4 == 0 else {}),
        }
        for i in range(models)
    ]
    groups = (models + 1) // 2
    fallbacks = [
        {"model": f"chat-{i}-{TOKEN}", "to": [f"chat-0-{TOKEN}"]} for i in range(1, min(groups, 8))
    ]
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": f"gw-{TOKEN}",
            "namespace": NAMESPACE,
            "uid": f"{TOKEN}-0000-4000-8000-000000000001",
        },
        "spec": {
            "type": "litellm",
            "port": 4000,
            "aiModels": entries,
            "routing": {"fallbacks": fallbacks},
            "deployment": {"replicas": 2},
            "crossplane": {
                "compositionRef": {"name": f"modelrouters.{names.GROUP}"},
                "compositionRevisionRef": {"name": f"modelrouters.{names.GROUP}-0a1b2c3"},
                "compositionUpdatePolicy": "Automatic",
            },
        },
    }


def credentials() -> Manifest:
    """The Secret with the keys of all providers."""
    values = {key: f"sk-{key.lower():x<48}" for key in _PROVIDERS.values()}
    return secret(DEFAULT_SECRET, NAMESPACE, **values)
