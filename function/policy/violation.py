"""A violation of a policy: the rule, the field, the value, and what to do."""

from typing import Final, NamedTuple

REMEDY: Final = "or ask the platform team"


class Violation(NamedTuple):
    """A violation of a policy.

    Attributes:
        rule: the rule, such as policy.providers.denied.
        where: the field.
        what: what is wrong with it, with the value and the remedy.
    """

    rule: str
    where: str
    what: str

    @property
    def text(self) -> str:
        """All of it, as a sentence."""
        return f"{self.where} {self.what}, {REMEDY} ({self.rule})."
