"""Asks a running Unroll service. `Client` and `AsyncClient` are where to begin."""

from unroll_client.asynchronous import AsyncClient
from unroll_client.client import Client, Stream
from unroll_client.errors import (
    Busy,
    Conflict,
    DeadlineExceeded,
    Failed,
    FieldError,
    InvalidInput,
    NotFound,
    NotUnroll,
    Refused,
    Unanswered,
    Unauthorized,
    UnrollError,
    WrongArgument,
    WrongPosition,
)
from unroll_client.streams import AsyncStream

__all__ = [
    "AsyncClient",
    "AsyncStream",
    "Busy",
    "Client",
    "Conflict",
    "DeadlineExceeded",
    "Failed",
    "FieldError",
    "InvalidInput",
    "NotFound",
    "NotUnroll",
    "Refused",
    "Stream",
    "Unanswered",
    "Unauthorized",
    "UnrollError",
    "WrongArgument",
    "WrongPosition",
]
