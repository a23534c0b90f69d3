"""How credentials reach LiteLLM, so that each is sent to its own provider only.

LiteLLM reads keys from the environment, and on many kinds of call it sends a provider the key of
another: OPENAI_API_KEY goes to some seventy third parties. So a key is not left where LiteLLM looks
for keys. It is in a variable whose name nothing reads, and the entries that it is meant for refer
to it in their own parameters. A missing key is then simply missing: there is nothing else for
LiteLLM to find.

Such a name is the variable's, `__`, and the Secret's; where the key in the Secret has another name
than the variable, `__` and the key follow. It stands for one key only: no variable of LiteLLM's
holds `__`, and the other two are written without it.

A variable keeps LiteLLM's own name only if that cannot send it astray: if all entries of the router
own it, or, for one that no parameter stands for, if no other entry's provider reads it on any kind
of call. A provider that is unknown, or could not be recorded, counts as one that reads everything.

A base URL decides where prompts and keys go, and for some providers LiteLLM calls another's host
without one. So these get their base as a parameter that is never empty.
"""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from function import names
from function.api import AIModel, Credentials, Spec
from function.call import Manifest
from function.errors import Refused
from function.gateways.base import Needs, SecretKey
from function.gateways.litellm import providers
from function.gateways.litellm.providers import Provider
from function.gateways.litellm.variables import reference

DEFAULT_SECRET: Final = "litellm-secrets"  # noqa: S105  # A Secret's name.
"""The Secret of the credentials where the router names none."""


_TEXT: Final = "text__"
"""What the name of a variable begins with that is never empty."""

_JOINT: Final = "__"
"""What is between the parts of a name. No variable of LiteLLM's has it in its name."""

_PLAIN: Final = str.maketrans({"_": "_u", "-": "_d", ".": "_p"})
"""How the names of Secrets and their keys are written in names of variables, no two alike.

The image's entry point is a script for `sh`, and BusyBox's and Debian's pass no variable on whose
name has other characters than letters, digits and '_'.
"""

DUMMY_KEY: Final = "none"
"""The key for a server that wants none, where LiteLLM insists on one."""


@dataclass(frozen=True)
class Source:
    """The Secret of an entry's credentials.

    Attributes:
        secret: its name.
        keys: the key of each variable that has another name in the Secret.
    """

    secret: str
    keys: Mapping[str, str] = field(hash=False)

    def key(self, variable: str) -> SecretKey:
        """Where the value of a variable is."""
        return SecretKey(self.secret, self.keys.get(variable, variable))


@dataclass(frozen=True)
class Access:
    """How the credentials of one entry reach its provider.

    Attributes:
        needs: the keys that a call needs. None: no key, or none that comes from a Secret.
        params: what the entry's `litellm_params` say of credentials.
        variables: names of the environment, and the keys of Secrets that they hold.
        copies: names of the environment, and the variables whose values they copy.
    """

    needs: Needs | None
    params: Manifest
    variables: dict[str, SecretKey]
    copies: dict[str, str]


def read(spec: Spec) -> list[tuple[AIModel, Access]]:
    """The entries of a spec that take calls, in its order, each with its access to its provider.

    Entries that differ in nothing that their access depends on have the same one.

    Raises:
        Refused: a provider can only take its key from the environment, where another would read it,
            or LiteLLM would send prompts to a host that no one chose.
    """
    shared = source_of(None, spec)
    shared_is_keyless = spec.credentials.source == "None"
    kinds: dict[_Kind, list[int]] = {}
    for i, model in enumerate(spec.ai_models):
        if not model.is_called:
            continue
        own = model.credentials
        source = shared if own is None else source_of(own, spec)
        keyless = shared_is_keyless if own is None else own.source == "None"
        kinds.setdefault((model.provider, source, keyless, model.stated), []).append(i)
    entries = [
        _Entry(
            path=f"spec.aiModels[{indices[0]}]",
            model=spec.ai_models[indices[0]],
            provider=providers.find(provider),
            source=source,
            keyless=keyless,
        )
        for (provider, source, keyless, _), indices in kinds.items()
    ]
    public = _public(entries)
    given = {variable.name: variable.is_always_set for variable in spec.deployment.env}
    for entry in entries:
        _check_base(entry, given)
    accesses: dict[int, Access] = {}
    for entry, indices in zip(entries, kinds.values(), strict=True):
        accesses |= dict.fromkeys(indices, _kept_access(entry, public, given))
    return [(model, accesses[i]) for i, model in enumerate(spec.ai_models) if i in accesses]


def source_of(own: Credentials | None, spec: Spec) -> Source | None:
    """The Secret of a model's credentials; None if they come from elsewhere.

    Args:
        own: what the model says of them.
        spec: what is said for models that say nothing.
    """
    own = spec.credentials if own is None else own
    if own.source not in (None, "Secret"):
        return None
    shared = shared_source(spec)
    if (ref := own.secret_ref) is None:
        return shared
    secret = ref.name or shared.secret
    keys = shared.keys if ref.keys is None and secret == shared.secret else ref.keys
    return Source(secret, keys or {})


def shared_source(spec: Spec) -> Source:
    """The Secret of models that name none."""
    ref = spec.credentials.secret_ref
    return Source((ref and ref.name) or DEFAULT_SECRET, (ref and ref.keys) or {})


def environment(accesses: Iterable[Access]) -> dict[str, Manifest]:
    """The variables of accesses by name, as Kubernetes EnvVars without their names.

    All are optional: a missing key costs its own models their calls and nothing else.
    """
    env: dict[str, Manifest] = {}
    for access in accesses:
        env |= {name: optional_key(key) for name, key in access.variables.items()}
        # Kubernetes leaves the text as it is if there is no such variable.
        env |= {name: {"value": f"$({variable})"} for name, variable in access.copies.items()}
    return env


def own_name(name: str) -> str:
    """LiteLLM's own name of a variable that holds a credential, or the text of one."""
    return name.removeprefix(_TEXT).partition(_JOINT)[0]


def text_name(name: str) -> str:
    """The name of a variable's copy that is never empty."""
    return f"{_TEXT}{name}"


def private_name(variable: str, key: SecretKey) -> str:
    """A name that nothing reads, for one of LiteLLM's variables and the key that it holds."""
    other_key = "" if key.key == variable else f"{_JOINT}{key.key.translate(_PLAIN)}"
    return f"{variable}{_JOINT}{key.secret.translate(_PLAIN)}{other_key}"


def optional_key(key: SecretKey) -> Manifest:
    """A variable that holds a key of a Secret, if the key exists."""
    return {"valueFrom": {"secretKeyRef": {"name": key.secret, "key": key.key, "optional": True}}}


@dataclass(frozen=True)
class _Entry:
    """A model with its place in the spec, its provider and its Secret.

    Attributes:
        source: the Secret; None if its credentials come from none.
        keyless: whether the spec says that it needs no credentials.
    """

    path: str
    model: AIModel
    provider: Provider
    source: Source | None
    keyless: bool


_Kind = tuple[str, Source | None, bool, frozenset[str]]
"""What entries have in common that have the same access: the provider's name, their Secret, whether
they need no credentials, and the parameters that they state."""


def _public(entries: Sequence[_Entry]) -> set[str]:
    """The variables that keep LiteLLM's own names: each is one key, whoever reads it."""
    distinct = {(entry.model.provider, entry.source): entry for entry in entries}.values()
    providers_ = list({entry.model.provider: entry.provider for entry in distinct}.values())
    with_param = with_parameters(providers_)
    keys: dict[str, set[SecretKey | None]] = {}
    for entry in distinct:
        for variable in entry.provider.variables:
            key = None if entry.source is None else entry.source.key(variable)
            keys.setdefault(variable, set()).add(key)
    return {
        variable
        for variable, (key, *others) in keys.items()
        if key is not None
        and not others
        and all(is_harmless(variable, reader, with_param) for reader in providers_)
    }


def with_parameters(offered: Iterable[Provider]) -> frozenset[str]:
    """The variables that a parameter stands for with one of the providers of a router.

    They need not have LiteLLM's own names, so only their owners may see them.
    """
    return frozenset(chain.from_iterable(provider.params for provider in offered))


def is_harmless(variable: str, reader: Provider, with_param: Container[str]) -> bool:
    """Whether a provider may see a variable under LiteLLM's own name.

    Args:
        variable: the name.
        reader: the provider: it owns the variable, or is known not to read it.
        with_param: the variables that a parameter stands for.
    """
    if variable in reader.variables:
        return True
    return variable not in with_param and not reader.may_read(variable)


def _check_base(entry: _Entry, given: Mapping[str, bool]) -> None:
    if entry.provider.ignores_base and entry.model.api_base is not None:
        raise Refused(
            names.REASON_BASE_IGNORED,
            f"{entry.path}.apiBase has no effect: LiteLLM calls '{entry.model.provider}' at its "
            "own host all the same; remove it.",
        )
    if entry.model.api_base is not None:
        return
    if entry.provider.base:
        raise Refused(
            names.REASON_BASE_MISSING,
            f"{entry.path}.apiBase is missing: '{entry.model.name}' is self-hosted, and LiteLLM "
            "would send its prompts to a host that you did not choose; set the URL of your "
            "server.",
        )
    bases = entry.provider.bases
    if (
        entry.provider.needs_base
        and not any(given.get(variable) for variable in bases)
        and (entry.source is None or given.keys() >= {*bases})
    ):
        raise Refused(
            names.REASON_BASE_MISSING,
            f"{entry.path}.apiBase is missing: '{entry.model.provider}' has no endpoint of its "
            "own, and no Secret gives one; set the URL of your endpoint.",
        )


def _kept_access(entry: _Entry, public: Collection[str], given: Mapping[str, bool]) -> Access:
    """The access of an entry, made anew only if something has changed of what it depends on."""
    own = entry.provider.variables
    depends_on = (
        entry.source,
        entry.keyless,
        [variable for variable in own if variable in public],
        {variable: given[variable] for variable in own if variable in given},
    )
    return entry.model.once("access", depends_on, lambda: _access(entry, public, given))


def _access(entry: _Entry, public: Container[str], given: Mapping[str, bool]) -> Access:
    model, provider, source = entry.model, entry.provider, entry.source
    if source is None:
        return Access(None, _without_secret(entry, given), {}, {})
    variables: dict[str, SecretKey] = {}
    copies: dict[str, str] = {}
    params = _base(entry, given)
    # What a field of the entry states, or is given already, is not taken from a variable.
    stated = {*model.stated_params, *params}
    for variable in provider.variables:
        param = provider.params.get(variable)
        if variable in given or param in stated:
            continue
        key = source.key(variable)
        name = variable if variable in public else private_name(variable, key)
        if param == "api_base" and provider.needs_base:
            if param in params:
                continue
            # LiteLLM does not read the variable on every kind of call, and without a base it would
            # choose one: so a base is always a parameter, and an unset variable still a text.
            variables[name] = key
            copies[text_name(name)] = name
            params[param] = reference(text_name(name))
        elif variable in public:
            variables[name] = key
            if param == "api_key" and (provider.needs_base or "api_base" in stated):
                # For some providers, LiteLLM reads the variable only without a base.
                params.setdefault(param, reference(name))
        elif param is not None and param not in params:
            variables[name] = key
            params[param] = reference(name)
    needs = _needs(entry, source, set(map(own_name, variables)), given)
    if provider.keys and not needs:
        raise Refused(
            names.REASON_CREDENTIALS_CLASH,
            f"{entry.path}: '{model.provider}' can only take {provider.keys[0][0]} from the "
            "environment, where another model of this router would read it too: move one of the "
            f"two to a {names.KIND} of its own.",
        )
    return Access(needs if provider.keys else None, params, variables, copies)


def _without_secret(entry: _Entry, given: Mapping[str, bool]) -> Manifest:
    """The parameters of an entry whose credentials come from no Secret."""
    params = _base(entry, given)
    if entry.keyless and entry.provider.dummy_key and entry.model.api_base is not None:
        # LiteLLM makes no call without a key, though the server wants none.
        params["api_key"] = DUMMY_KEY
    return params


def _base(entry: _Entry, given: Mapping[str, bool]) -> Manifest:
    """The base of an entry that states none, if LiteLLM needs to be told one.

    It is the one that the user's own variables give, or the provider's own.
    """
    provider = entry.provider
    if entry.model.api_base is not None or not (provider.needs_base or provider.default_base):
        return {}
    for variable in provider.bases:
        if given.get(variable):
            return {"api_base": reference(variable)}
    return {"api_base": provider.default_base} if provider.default_base else {}


def _needs(entry: _Entry, source: Source, wired: set[str], given: Mapping[str, bool]) -> Needs:
    """The alternatives of keys that are available, each with a base if one is needed."""
    provider = entry.provider
    alternatives = [keys for keys in provider.keys if (wired | given.keys()).issuperset(keys)]
    if provider.needs_base and entry.model.api_base is None:
        alternatives = [
            (*keys, base)
            for keys in alternatives
            for base in provider.bases
            if base in wired | given.keys()
        ]
    return tuple(
        tuple(source.key(variable) for variable in keys if variable not in given)
        for keys in alternatives
    )
