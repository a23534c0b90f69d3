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


class OutputError(Exception):
    """What was rendered cannot be written; the text names the file or folder and says why."""


class Unreadable(Exception):  # noqa: N818  # It is a property of a file.
    """A document cannot be read because of what is in it.

    Attributes:
        line: where in its file, from 1.
        message: what is wrong there, with the remedy.
    """

    def __init__(self, line: int, message: str) -> None:
        """Takes the line and the message."""
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


class UnknownField(Exception):  # noqa: N818  # It is an answer to the user.
    """A ModelRouter has no such field; the text says which one may have been meant."""


class NotImported(Exception):  # noqa: N818  # It is an answer to the user.
    """Nothing is imported, because of what stands at one place of the input.

    Attributes:
        path: the field of the input.
        message: one sentence with the field and the remedy; it holds no credential.
    """

    def __init__(self, path: str, message: str) -> None:
        """Takes the field and the sentence."""
        super().__init__(message)
        self.path = path
        self.message = message
