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
    |-- StreamNotFound       there is no such stream
    |   `-- StreamExpired    there was one, and no step came for too long
    |-- StreamExists         a stream of that name is there, and is not the one that is asked for
    |-- WrongPosition        a stream is not where the caller thinks it is; says where
    |-- VersionReplaced      the version of a stream is not served, and its policy waits for a word
    |-- OtherGraph           a sealed state is that of another graph
    |-- TooManyStreams       no stream can be opened until others end
    |-- StoreFailed          states cannot be kept or read now
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


class StreamNotFound(UnrollError):
    """There is no such stream, or its owner is another one."""


class StreamExpired(StreamNotFound):
    """No step came for longer than the stream allows, and its state was let go."""


class StreamExists(UnrollError):
    """A stream of that name is there already; the message says what differs."""


class WrongPosition(UnrollError):
    """The stream has taken `position` steps, which is not what the caller said."""

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(message)
        self.position = position


class VersionReplaced(UnrollError):
    """Another version is served than the one that the state is of."""


class OtherGraph(UnrollError):
    """A sealed state is of another graph than the one that is served."""


class TooManyStreams(QueueFull):
    """As many streams are open as the settings allow."""


class StoreFailed(UnrollError):
    """The store of streams cannot be reached, or refuses; the message says why."""


class ConfigurationError(UnrollError):
    """A setting is wrong; the message is one line that names it."""
