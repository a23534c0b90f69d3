"""What the gateway writes to its log, and how."""

from typing import Literal

from function.api.validation import Model


class Logging(Model):
    """The gateway's log."""

    level: Literal["Info", "Warning", "Error"] | None = None
    format: Literal["Text", "JSON"] | None = None
