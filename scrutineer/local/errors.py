"""What can go wrong in the local stack, one class for each thing a caller would treat differently."""


class LocalStackError(Exception):
    """Base of every error of the local stack; its text is one line meant for the person who started it."""


class TemplateUnsupported(LocalStackError):
    """The template asks for something that is not emulated here, and running on would show what AWS does not do."""

    def __init__(self, resource: str, feature: str) -> None:
        super().__init__(f"{resource}: {feature} is not emulated by the local stack")
        self.resource = resource
        self.feature = feature


class TemplateInvalid(LocalStackError):
    """The template cannot be read, translated or resolved."""


class StartFailed(LocalStackError):
    """A part of the stack did not come up."""


class DatabaseUnavailable(LocalStackError):
    """There is no MariaDB on this machine and none could be fetched."""


class Throttled(LocalStackError):
    """Every slot of the function is busy: Lambda's TooManyRequestsException."""


class PayloadTooLarge(LocalStackError):
    """The event is over Lambda's 6 MB: Lambda's RequestTooLargeException."""
