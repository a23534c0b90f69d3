"""The MCP servers in LiteLLM's configuration, and how each gets its own credentials.

They come to it as a provider's do: in a variable under a name that nothing else reads. One that a
header refers to has a second one beside it that is never empty, since LiteLLM does not start with a
header without a value: while the Secret is missing, the server is sent the variable's name.

LiteLLM ignores a key that it does not know, so a typo in `allowed_tools` would open every tool.
mcp_gate.py opens the one route by which clients come to the tools.
"""

from collections.abc import Iterator
from typing import Final

from function.api import Spec
from function.api.mcp import McpServer
from function.api.secret_refs import SecretKeyRef
from function.call import Manifest
from function.gateways.base import SecretKey
from function.gateways.litellm import credentials
from function.gateways.litellm.items import Path
from function.gateways.litellm.variables import reference

SECTION: Final = "mcp_servers"
_TOKEN: Final = "authentication_token"  # noqa: S105  # A key of the configuration.
_HEADERS: Final = "static_headers"
_VARIABLE: Final = "MCP"
_TRANSPORTS: Final = {"HTTP": "http", "SSE": "sse"}


def section(spec: Spec) -> Manifest:
    """The section of the servers; none if there are none."""
    if not spec.mcp_servers:
        return {}
    servers = sorted(spec.mcp_servers, key=lambda server: server.name)
    return {SECTION: {server.name: _server(server) for server in servers}}


def settings(spec: Spec) -> Manifest:
    """What `general_settings` say of them: of what they have, only the tools are offered."""
    return {"mcp_disabled_capabilities": ["prompts", "resources"]} if spec.mcp_servers else {}


def environment(spec: Spec) -> dict[str, Manifest]:
    """The variables of their credentials by name, as Kubernetes EnvVars without their names."""
    env: dict[str, Manifest] = {}
    for server in spec.mcp_servers:
        env |= {_variable(ref): credentials.optional_key(_key(ref)) for ref in server.secret_refs}
        # Kubernetes leaves the text as it is if there is no such variable.
        env |= {
            credentials.text_name(_variable(ref)): {"value": f"$({_variable(ref)})"}
            for _, ref in _in_headers(server)
        }
    return env


def places(spec: Spec) -> dict[str, list[Path]]:
    """Where in the configuration each of these variables may stand."""
    found: dict[str, list[Path]] = {name: [] for name in environment(spec)}
    for server in spec.mcp_servers:
        if server.auth is not None:
            found[_variable(server.auth.ref)].append((SECTION, server.name, _TOKEN))
        for name, ref in _in_headers(server):
            variable = credentials.text_name(_variable(ref))
            found[variable].append((SECTION, server.name, _HEADERS, name))
    return found


def keys(spec: Spec) -> Iterator[SecretKey]:
    """The keys of Secrets that they are shown."""
    return (_key(ref) for server in spec.mcp_servers for ref in server.secret_refs)


def _server(server: McpServer) -> Manifest:
    said: Manifest = {"url": server.url, "transport": _TRANSPORTS[server.transport or "HTTP"]}
    if server.allowed_tools is not None:
        said["allowed_tools"] = list(server.allowed_tools)
    if server.disallowed_tools is not None:
        said["disallowed_tools"] = list(server.disallowed_tools)
    if (auth := server.auth) is not None:
        said["auth_type"] = "api_key" if auth.bearer_secret_ref is None else "bearer_token"
        said[_TOKEN] = reference(_variable(auth.ref))
    headers = {header.name: header.value for header in server.headers if header.value is not None}
    for name, ref in _in_headers(server):
        headers[name] = reference(credentials.text_name(_variable(ref)))
    if headers:
        said[_HEADERS] = headers
    return said


def _in_headers(server: McpServer) -> Iterator[tuple[str, SecretKeyRef]]:
    """The headers whose values are Secrets'."""
    for header in server.headers:
        if header.value_secret_ref is not None:
            yield header.name, header.value_secret_ref


def _key(ref: SecretKeyRef) -> SecretKey:
    return SecretKey(ref.name, ref.key)


def _variable(ref: SecretKeyRef) -> str:
    return credentials.private_name(_VARIABLE, _key(ref))
