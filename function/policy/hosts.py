"""Which hosts are called: what config.yaml says, and what the variables of the pods hold.

A host that LiteLLM itself knows of a provider is for the rules on providers. A value from a Secret
is compared, and never repeated.
"""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Final, NamedTuple

from function import shapes
from function.api.policy import Patterns, Policy
from function.call import Manifest
from function.gateways.base import Called, Host, Plan, SecretKey
from function.observed import Observed
from function.policy import pods
from function.policy.violation import Violation
from function.text import shorten

_RULE: Final = "policy.hosts"
_REMEDY: Final = "choose another host"
_AUTHORITY: Final = re.compile(r"[A-Za-z][-+.A-Za-z0-9]*://([^/?#\s]*)")
_HOST: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\]")
_PART: Final = re.compile(r"[-A-Za-z0-9_]*")
_COPY: Final = re.compile(r"\$\(([^()]+)\)")

_UNREADABLE: Final = "a text that is no host"


def violations(
    policy: Policy, plan: Plan, observed: Observed, manifests: list[Manifest]
) -> Iterator[Violation]:
    """The hosts that may not be called, and those that cannot be known."""
    if policy.hosts is None or (called := plan.called) is None:
        return
    judges = [
        (shapes.text_at(container, "name"), _Judge(policy.hosts, _variables(container), observed))
        for container in pods.containers(manifests)
    ]
    own = next(judge for name, judge in judges if name == plan.container.name)
    named = {name for host in called.hosts for name in own.copied(host.variable)}
    for host in called.hosts:
        yield from own.of_variable(host) if host.variable else own.of_text(host, host.text)
    for where, name in called.services if policy.hosts.allowed is not None else ():
        what = f"sends calls to {shorten(name)}, whose host no rule can see: remove it"
        yield Violation(f"{_RULE}.allowed", where, what)
    for _, judge in judges:
        yield from judge.of_all(called, named if judge is own else ())


def _variables(container: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The variables of a container, by name: each container has its own."""
    variables = shapes.objects_at(container, "env")
    return {shapes.text_at(variable, "name"): variable for variable in variables}


class _Judge(NamedTuple):
    """What hosts are held against.

    Attributes:
        choice: what is allowed.
        env: the variables of a container, by name.
        observed: the Secrets.
    """

    choice: Patterns
    env: Mapping[str, Mapping[str, Any]]
    observed: Observed

    def of_all(self, called: Called, judged: Container[str]) -> Iterator[Violation]:
        """What is wrong with the variables, but for those that have been judged."""
        for name, variable in self.env.items():
            if name in judged:
                continue
            where = f"The variable {shorten(name)} of the pods"
            text = shapes.text_at(variable, "value")
            if called.is_host(name):
                yield from self.of_variable(Host(where, variable=name))
            elif _AUTHORITY.search(text):
                yield from self.of_text(Host(where), text)

    def of_text(self, host: Host, text: str) -> Iterator[Violation]:
        for found in hosts_in(text, is_part=host.is_part):
            if (against := _against(self.choice, found)) is not None:
                what = f"names {shorten(found)}, which is not allowed: {_REMEDY}"
                yield Violation(f"{_RULE}.{against}", host.where, what)

    def of_variable(self, host: Host) -> Iterator[Violation]:
        """What is wrong with the variable that holds a host."""
        name = self.copied(host.variable)[-1]
        variable = self.env.get(name)
        ref = shapes.object_at(variable, "valueFrom", "secretKeyRef")
        text = shapes.text_at(variable, "value")
        what = ""
        if variable is None:
            what = f"is the value of the variable {shorten(name)}, which nothing sets: {_REMEDY}"
        elif ref:
            key = SecretKey(shapes.text_at(ref, "name"), shapes.text_at(ref, "key"))
            if not self.observed.secrets.holds(key, lambda value: self._allows(host, value)):
                what = (
                    f"names a host that is not allowed, in the Secret {shorten(key.secret)} under "
                    f"{shorten(key.key)}: {_REMEDY}"
                )
        elif "valueFrom" in variable or _COPY.search(text):
            what = (
                f"takes a host from the variable {shorten(name)}, whose value cannot be judged: "
                "write the host itself"
            )
        else:
            yield from self.of_text(host, text)
        if what:
            yield Violation(f"{_RULE}.allowed", host.where, what)

    def copied(self, name: str) -> tuple[str, ...]:
        """A variable, and the one that it copies, if it is a copy."""
        copy = _COPY.fullmatch(shapes.text_at(self.env.get(name), "value"))
        return (name, copy[1]) if copy is not None and copy[1] in self.env else (name,)

    def _allows(self, host: Host, text: str) -> bool:
        found = hosts_in(text, is_part=host.is_part)
        return all(_against(self.choice, one) is None for one in found)


def _against(choice: Patterns, host: str) -> str | None:
    return "allowed" if host == _UNREADABLE else choice.against(host)


def hosts_in(text: str, *, is_part: bool = False) -> list[str]:
    """The hosts that a text names: in its URLs, or as a whole if there is none.

    Args:
        text: the text.
        is_part: whether it is put into a host's name, and may hold no host itself.
    """
    if not text:
        return []
    if is_part:
        return [] if _PART.fullmatch(text) else [_UNREADABLE]
    authorities = _AUTHORITY.findall(text) or [re.split(r"[/?#\s]", text)[0]]
    return [_host(authority) for authority in authorities]


def _host(authority: str) -> str:
    """The host of an authority; one that others could read differently is none."""
    host = authority.rpartition("@")[2]
    host = re.sub(r":[0-9]*\Z", "", host)
    if _HOST.fullmatch(host) is None or "\\" in authority:
        return _UNREADABLE
    return host.lower().rstrip(".")
