"""What a request for steps brings, what they lead to, and who computes them. Knows no store."""

from dataclasses import dataclass
from typing import Any, Protocol

from app.serving.streams.records import Key, Record


@dataclass(frozen=True, slots=True)
class Steps:
    """What a request brings. position: where it thinks the stream is, None if it does not say.

    digest: the same for the same steps only.
    """

    position: int | None
    digest: bytes


@dataclass(frozen=True, slots=True)
class Moved:
    """A stream on another version. told: what the caller is told of it."""

    record: Record
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Computed:
    """What steps have led to. inputs: the steps, packed, if they are to be kept."""

    count: int
    version: str
    state: bytes
    content: bytes
    inputs: bytes | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to a request. position: after its steps. moved: what `Moved.told` said, if so."""

    record: Record
    version: str
    position: int
    content: bytes
    replayed: bool = False
    moved: dict[str, Any] | None = None


class Network(Protocol):
    """What takes the steps of one request."""

    async def follow(self, key: Key, record: Record) -> Moved | None:
        """The stream on the version that it should be on; None if it is on it."""
        ...

    async def compute(self, record: Record) -> Computed:
        """Take the steps from the state of `record`. If it raises, none was taken."""
        ...
