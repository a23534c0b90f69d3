"""How the providers' credentials reach LiteLLM, each its own provider alone.

LiteLLM takes a key from the environment, and where a provider's own is missing it sends another's:
OPENAI_API_KEY goes to some seventy third parties. So a variable keeps LiteLLM's own name only where
no other model of the router would read it. Otherwise it gets a name that nothing reads, and each
model that it is meant for names it in its own parameters. What is missing is then missing: there is
nothing else for LiteLLM to find.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from function import names
from function.api import AIModel, Spec
from function.composition import Manifest
from function.litellm import providers
from function.litellm.providers import Provider
from function.plan import Access
from function.refusal import Refused
from function.secrets import Key


def access(spec: Spec) -> list[Access]:
    """How each model of a spec gets at its provider, in their order.

    Raises:
        Refused: a provider takes its key from the environment alone, where another would read it,
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
    return [_access(entry, public, given) for entry in entries]


def secret_of(model: AIModel, spec: Spec) -> str | None:
    """The Secret that a model's credentials come from; None where they come from elsewhere."""
    own = spec.credentials if model.credentials is None else model.credentials
    if own.source not in (None, "Secret"):
        return None
    ref = own.secret_ref or spec.credentials.secret_ref
    return (ref and ref.name) or names.DEFAULT_CREDENTIALS_SECRET


def environment(accesses: Sequence[Access]) -> dict[str, Manifest]:
    """The variables of all models by name, as Kubernetes EnvVars without their names.

    All are optional: a key that is missing costs its own models their calls and nothing else.
    """
    return {
        name: optional_key(secret, key)
        for access in accesses
        for name, (secret, key) in access.variables.items()
    }


def optional_key(secret: str, key: str) -> Manifest:
    """A variable that holds a key of a Secret, if it is there."""
    return {"valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}}


@dataclass(frozen=True)
class _Entry:
    """A model with what there is to know of it: where it stands, its provider, its Secret."""

    path: str
    model: AIModel
    provider: Provider
    secret: str | None


def _public(entries: Sequence[_Entry]) -> set[Key]:
    """The keys whose variable may have LiteLLM's own name: whoever reads it is to have it."""
    readers: dict[str, set[str | None]] = {}
    for entry in entries:
        for variable in entry.provider.variables:
            readers.setdefault(variable, set()).add(entry.secret)
        for variable in entry.provider.reads:
            readers.setdefault(variable, set()).add(None)
    return {
        (secret, variable)
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
            "own host all the same; leave it out.",
        )
    if entry.provider.base and entry.model.api_base is None:
        raise Refused(
            names.REASON_BASE_MISSING,
            f"{entry.path}.apiBase is missing: '{entry.model.name}' is a self-hosted model, and "
            "LiteLLM would send its prompts to a host that no one chose; set the URL of yours.",
        )


def _access(entry: _Entry, public: set[Key], given: frozenset[str]) -> Access:
    model, provider, secret = entry.model, entry.provider, entry.secret
    if secret is None:
        return Access(None, {}, {})
    # What the entry says itself is not taken from a variable.
    fields = {"api_base": model.api_base, "api_version": model.api_version}
    said = {param for param, value in fields.items() if value is not None}
    variables: dict[str, Key] = {}
    params: Manifest = {}
    for variable in provider.variables:
        param = provider.params.get(variable)
        if variable in given or param in said:
            continue
        if (secret, variable) in public:
            variables[variable] = (secret, variable)
            if param == "api_key" and model.api_base is not None:
                # Some providers' keys LiteLLM takes from the environment for their own host alone.
                params.setdefault(param, f"os.environ/{variable}")
        elif param is not None and param not in params:
            private = f"{variable}.{secret}"
            variables[private] = (secret, variable)
            params[param] = f"os.environ/{private}"
    needs = _needs(entry, {variable for _, variable in variables.values()}, given)
    if provider.keys and not needs:
        raise Refused(
            names.REASON_CREDENTIALS_CLASH,
            f"{entry.path}: '{model.provider}' takes {provider.keys[0][0]} from the environment "
            "alone, where another model of this router would read it too: offer one of the two in "
            f"a {names.KIND} of its own.",
        )
    return Access(needs if provider.keys else None, params, variables)


def _needs(entry: _Entry, wired: set[str], given: frozenset[str]) -> tuple[tuple[Key, ...], ...]:
    """The alternatives of keys that can be had, each with a base where one is needed."""
    provider, secret = entry.provider, str(entry.secret)
    alternatives = [keys for keys in provider.keys if (wired | given).issuperset(keys)]
    bases = [v for v in provider.variables if provider.params.get(v) == "api_base"]
    if provider.needs_base and entry.model.api_base is None:
        alternatives = [
            (*keys, base) for keys in alternatives for base in bases if base in wired | given
        ]
    return tuple(
        tuple((secret, variable) for variable in keys if variable not in given)
        for keys in alternatives
    )
