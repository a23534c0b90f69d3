"""How credentials reach LiteLLM, so that each is sent to its own provider only.

LiteLLM reads keys from the environment, and if a provider's own key is missing it sends another's:
OPENAI_API_KEY goes to some seventy third parties. So a variable keeps LiteLLM's own name only if no
other model of the router would read it. Otherwise it gets a name that nothing reads, and each model
that it is meant for refers to it in its own parameters. A missing key is then simply missing: there
is nothing else for LiteLLM to find.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from function import names
from function.api import AIModel, Spec
from function.call import Manifest
from function.errors import Refused
from function.gateways.base import Needs, SecretKey
from function.gateways.litellm import providers
from function.gateways.litellm.providers import Provider
from function.gateways.litellm.variables import reference

DEFAULT_SECRET: Final = "litellm-secrets"  # noqa: S105  # A Secret's name.
"""The Secret of the credentials where the router names none."""


@dataclass(frozen=True)
class Access:
    """How the credentials of one entry reach its provider.

    Attributes:
        needs: the keys that a call needs. None: no key, or none that comes from a Secret.
        params: what the entry's `litellm_params` say of credentials.
        variables: names of the environment, and the keys of Secrets that they hold.
    """

    needs: Needs | None
    params: Manifest
    variables: dict[str, SecretKey]


def read(spec: Spec) -> list[tuple[AIModel, Access]]:
    """The entries of a spec in its order, each with its access to its provider.

    Raises:
        Refused: a provider can only take its key from the environment, where another would read it,
            or LiteLLM would send prompts to a host that no one chose.
    """
    entries = [
        _Entry(f"spec.aiModels[{i}]", model, providers.find(model.provider), secret_of(model, spec))
        for i, model in enumerate(spec.ai_models)
    ]
    public = _public(entries)
    given = frozenset(variable.name for variable in spec.deployment.env)
    for entry in entries:
        _check_base(entry)
    return [(entry.model, _access(entry, public, given)) for entry in entries]


def secret_of(model: AIModel, spec: Spec) -> str | None:
    """The Secret of a model's credentials; None if they come from elsewhere."""
    own = spec.credentials if model.credentials is None else model.credentials
    if own.source not in (None, "Secret"):
        return None
    ref = own.secret_ref or spec.credentials.secret_ref
    return (ref and ref.name) or DEFAULT_SECRET


def environment(accesses: Iterable[Access]) -> dict[str, Manifest]:
    """The variables of all entries by name, as Kubernetes EnvVars without their names.

    All are optional: a missing key costs its own models their calls and nothing else.
    """
    return {
        name: optional_key(key) for access in accesses for name, key in access.variables.items()
    }


def optional_key(key: SecretKey) -> Manifest:
    """A variable that holds a key of a Secret, if the key exists."""
    return {"valueFrom": {"secretKeyRef": {"name": key.secret, "key": key.key, "optional": True}}}


@dataclass(frozen=True)
class _Entry:
    """A model with its place in the spec, its provider and its Secret."""

    path: str
    model: AIModel
    provider: Provider
    secret: str | None


def _public(entries: Sequence[_Entry]) -> set[SecretKey]:
    """The keys whose variable may keep LiteLLM's own name: all that read it are meant to."""
    readers: dict[str, set[str | None]] = {}
    for entry in entries:
        for variable in entry.provider.variables:
            readers.setdefault(variable, set()).add(entry.secret)
        for variable in entry.provider.reads:
            readers.setdefault(variable, set()).add(None)
    return {
        SecretKey(secret, variable)
        for variable, secrets in readers.items()
        if len(secrets) == 1
        for secret in secrets
        if secret is not None
    }


def _check_base(entry: _Entry) -> None:
    if entry.provider.ignores_base and entry.model.api_base is not None:
        raise Refused(
            names.REASON_BASE_IGNORED,
            f"{entry.path}.apiBase has no effect: LiteLLM calls '{entry.model.provider}' at its "
            "own host all the same; remove it.",
        )
    if entry.provider.base and entry.model.api_base is None:
        raise Refused(
            names.REASON_BASE_MISSING,
            f"{entry.path}.apiBase is missing: '{entry.model.name}' is self-hosted, and LiteLLM "
            "would send its prompts to a host that you did not choose; set the URL of your "
            "server.",
        )


def _access(entry: _Entry, public: set[SecretKey], given: frozenset[str]) -> Access:
    model, provider, secret = entry.model, entry.provider, entry.secret
    if secret is None:
        return Access(None, {}, {})
    # What a field of the entry states is not taken from a variable.
    stated = model.stated_params
    variables: dict[str, SecretKey] = {}
    params: Manifest = {}
    for variable in provider.variables:
        param = provider.params.get(variable)
        if variable in given or param in stated:
            continue
        if (secret, variable) in public:
            variables[variable] = SecretKey(secret, variable)
            if param == "api_key" and model.api_base is not None:
                # For some providers, LiteLLM reads the variable only for the default host.
                params.setdefault(param, reference(variable))
        elif param is not None and param not in params:
            private = f"{variable}.{secret}"
            variables[private] = SecretKey(secret, variable)
            params[param] = reference(private)
    needs = _needs(entry, {key.key for key in variables.values()}, given)
    if provider.keys and not needs:
        raise Refused(
            names.REASON_CREDENTIALS_CLASH,
            f"{entry.path}: '{model.provider}' can only take {provider.keys[0][0]} from the "
            "environment, where another model of this router would read it too: move one of the "
            f"two to a {names.KIND} of its own.",
        )
    return Access(needs if provider.keys else None, params, variables)


def _needs(entry: _Entry, wired: set[str], given: frozenset[str]) -> Needs:
    """The alternatives of keys that are available, each with a base if one is needed."""
    provider, secret = entry.provider, str(entry.secret)
    alternatives = [keys for keys in provider.keys if (wired | given).issuperset(keys)]
    bases = [v for v in provider.variables if provider.params.get(v) == "api_base"]
    if provider.needs_base and entry.model.api_base is None:
        alternatives = [
            (*keys, base) for keys in alternatives for base in bases if base in wired | given
        ]
    return tuple(
        tuple(SecretKey(secret, variable) for variable in keys if variable not in given)
        for keys in alternatives
    )
