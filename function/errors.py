"""Every error that the function raises on purpose. Their texts are shown to users as they are."""


class Refused(Exception):  # noqa: N818  # It is an answer to the user, not an error of the program.
    """Nothing is composed, so that Crossplane keeps the last good state.

    Attributes:
        reason: a reason of the condition Configured, from `function.names`.
        message: one sentence with the field, the value and the remedy; it holds no credential.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Takes the reason and the sentence."""
        super().__init__(message)
        self.reason = reason
        self.message = message


class StartError(Exception):
    """The server cannot start; the text says why and what to do."""


class ManifestError(Exception):
    """A file of manifests cannot be read or written; the text names it and says why."""


class Unreadable(Exception):  # noqa: N818  # It is a property of a file.
    """A file cannot be read because of what is in it; the text is to follow the file's name."""

    def __init__(self, line: int, message: str) -> None:
        """Takes the line, from 1, and what is wrong there, with the remedy."""
        super().__init__(f"line {line}: {message}")


class RenderError(Exception):
    """The input cannot be rendered; the text names the file or field and the remedy."""
