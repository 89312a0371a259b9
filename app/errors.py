"""Domain errors. Knows what can go wrong; does not know HTTP, which app.api.errors maps it to.

Exception
`-- UnrollError
    |-- InvalidInput         a field of a request is wrong; says which one and what is allowed
    |-- ModelNotFound        no such model or version is served
    |-- QueueFull            too much work waits already; says when to come back
    |-- NotReady             loading, draining or closed
    |-- DeadlineExceeded     the caller's time ran out before the work began
    |-- InferenceFailed      the network raised while computing; the cause is chained
    |-- ModelRefused         a version in the repository failed a check while loading
    |-- Unanswered           another process of the service did not answer this one
    `-- ConfigurationError   a setting is wrong; one line that names it
"""


class UnrollError(Exception):
    """Base of every error raised on purpose; `message` is fit to be shown to a user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(UnrollError):
    """One field of a request is wrong.

    `field` is a path such as `series[3][17]`; `allowed` says what would have been accepted.
    """

    def __init__(self, message: str, *, field: str = "", allowed: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.allowed = allowed


class ModelNotFound(UnrollError):
    """The model, or that version of it, is not served."""


class QueueFull(UnrollError):
    """The work was not accepted; `retry_after` is an estimate in seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotReady(UnrollError):
    """Nothing is accepted now: models are loading, or the service is shutting down."""


class DeadlineExceeded(UnrollError):
    """The deadline passed while the work was still waiting."""


class InferenceFailed(UnrollError):
    """The network raised. The message holds no internals; the cause is chained."""


class ModelRefused(UnrollError):
    """A model version failed verification; the message says which check and why."""


class Unanswered(UnrollError):
    """Another process is gone, was too slow, or could not answer; the message says which."""


class ConfigurationError(UnrollError):
    """A setting is wrong; the message is one line that names it."""
