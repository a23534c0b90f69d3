"""LiteLLM's MCP servers, as `mcpServers`."""

from typing import Any, Final

from function import shapes
from function.api import literals
from function.api.mcp import McpServer
from function.api.validation import broken_rules
from function.call import Manifest
from function.errors import NotImported
from function.gateways.litellm import mcp as generated
from function.gateways.litellm import variables
from function.imports.draft import Draft, shown
from function.imports.source import as_ref

SECTION: Final = generated.SECTION
_TRANSPORTS: Final = {"http": "HTTP", "sse": "SSE"}
_AUTH: Final = {"bearer_token": "bearerSecretRef", "api_key": "apiKeySecretRef"}
_TOKENS: Final = ("authentication_token", "auth_value")
_MOST: Final = 32
_HARMLESS: Final = ("description", "mcp_info", "spec_version")
"""What says something of a server and changes no call."""


def read(draft: Draft, given: object) -> None:
    """Writes the servers that a ModelRouter can have.

    Raises:
        NotImported: LiteLLM would not start with them.
    """
    if not isinstance(given, dict):
        raise NotImported(SECTION, f"{SECTION} must be an object")
    servers: list[Manifest] = []
    for name, server in given.items():
        path = f"{SECTION}.{name}"
        if not isinstance(server, dict) or "-" in name:
            raise NotImported(
                path, f"{path} must be an object, with no '-' in its name: LiteLLM does not start"
            )
        if (found := _server(draft, path, name, server)) is None:
            continue
        if (wrong := broken_rules(McpServer, found, "")) or len(servers) == _MOST:
            reason = wrong[0].lstrip(". ") if wrong else f"there may be {_MOST}"
            draft.lost(path, f"MCP server {shown(name)} is left out: {reason}")
            continue
        servers.append(found)
    if servers:
        draft.set("mcpServers", servers)


def _server(draft: Draft, path: str, name: str, server: Manifest) -> Manifest | None:
    left = {key: value for key, value in server.items() if value is not None}
    transport = left.pop("transport", "http")
    url = draft.resolved(left.pop("url", None))
    if transport not in _TRANSPORTS or not isinstance(url, str):
        reason = (
            "it would run inside the gateway: run it as a Deployment, and give its url"
            if transport == "stdio"
            else "its url must be written, with the transport http or sse"
        )
        _lost(draft, path, name, reason)
        return None
    found: Manifest = {"name": name.lower(), "url": url}
    if name != name.lower():
        draft.told(path, f"the tools of {shown(name)} begin with '{name.lower()}-' here")
    if variables.referred(url) is not None:
        _lost(draft, path, name, "its url is in a variable: write it")
        return None
    if transport != "http":
        found["transport"] = _TRANSPORTS[transport]
    for key, field in (("allowed_tools", "allowedTools"), ("disallowed_tools", "disallowedTools")):
        if tools := left.pop(key, None):
            found[field] = tools
    kind = left.pop("auth_type", None)
    tokens = [left.pop(key, None) for key in _TOKENS]
    token = next((token for token in tokens if token), None)
    if kind not in (None, "none") or token is not None:
        if kind not in _AUTH or not isinstance(token, str):
            _lost(draft, path, name, f"its auth_type {shown(kind)} has no field")
            return None
        found["auth"] = {_AUTH[kind]: as_ref(draft.key_for(f"{name}_TOKEN".upper(), token))}
    if headers := _headers(draft, name, left.pop("static_headers", None)):
        found["headers"] = headers
    return _with_rest(draft, path, found, left)


def _headers(draft: Draft, name: str, given: object) -> list[Manifest]:
    headers: list[Manifest] = []
    for header, value in shapes.as_object(given).items():
        text = str(value)
        if literals.REFERENCE in text or literals.of_variable(header, text):
            ref = as_ref(draft.key_for(f"{name}_{header}".upper(), text))
            headers.append({"name": header, "valueSecretRef": ref})
        else:
            headers.append({"name": header, "value": text})
    return headers


def _with_rest(draft: Draft, path: str, found: Manifest, left: dict[str, Any]) -> Manifest:
    """The server, with what has no field in `config.merge`."""
    for key in list(left):
        if key not in _HARMLESS:
            del left[key]
            draft.lost(
                f"{path}.{key}", f"{path}.{key} is left out: an MCP server has no such field"
            )
    if left:
        servers = draft.merge.setdefault(SECTION, {})
        servers[found["name"]] = draft.passed(left, path, "MCP")
    return found


def _lost(draft: Draft, path: str, name: str, reason: str) -> None:
    """Notes that a server is left out."""
    draft.lost(path, f"MCP server {shown(name)} is left out: {reason}")
