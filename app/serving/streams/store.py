"""What keeps streams. Knows records and their order; three files of this folder implement it.

All calls are made from one event loop. A call that waits may be cancelled; what it asked for may
be done all the same, which the next call that names a position finds out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from app.serving.streams.records import Kept, Key, Listed, Record

# How long a name is remembered after its stream has expired, so that it can be said.
REMEMBERED_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Commit:
    """One change of one stream: `after` takes the place of `before`, if that is still there.

    kept: inputs to keep with it; forget: those that were kept go, or of those all that begin before
    this position.
    """

    key: Key
    before: Record
    after: Record
    kept: Kept | None = None
    forget_before: int | None = None


class Store(Protocol):
    """Streams by key. Every method but `secret` may raise StoreFailed."""

    @property
    def kind(self) -> str:
        """What it is, in one word."""
        ...

    async def open(self) -> None:
        """Get ready; call it once, before anything else."""
        ...

    async def close(self) -> None:
        """Finish what was asked for and let go of everything."""
        ...

    async def secret(self) -> bytes:
        """A key for seals that all who share the store have; made when it is first asked for."""
        ...

    async def create(
        self, key: Key, record: Record, limit: int, kept: Sequence[Kept] = ()
    ) -> Record | None:
        """Keep a new stream, also in the place of one that has expired; None says that it is done.

        If there is a live one, that is returned and nothing is changed.

        Raises:
            TooManyStreams: `limit` streams are kept already.
        """
        ...

    async def load(self, key: Key) -> Record:
        """The stream as it is now.

        Raises:
            StreamNotFound: there is none; StreamExpired if it has expired not long ago.
        """
        ...

    async def commit(self, commit: Commit) -> bool:
        """Compare and set: whether the stream was still at the token and position of `before`.

        When it returns, the change is as safe as the store can make it.
        """
        ...

    async def commit_all(self, commits: Sequence[Commit]) -> list[bool | BaseException]:
        """What `commit` returns or raises for each of several streams, for the price of one wait.

        If it raises itself, none, some or all of the changes were made.
        """
        ...

    async def delete(self, key: Key) -> bool:
        """Forget a stream and what it keeps; whether there was one."""
        ...

    async def kept(self, key: Key) -> list[Kept]:
        """The inputs that are kept, in the order of their positions."""
        ...

    async def page(self, owner: str, *, model: str | None, after: str, limit: int) -> list[Listed]:
        """Up to `limit` live streams whose names follow `after`, in the order of their names."""
        ...

    async def expire(self, limit: int) -> int:
        """Let go of up to `limit` streams whose time is over; how many these were."""
        ...

    async def count(self) -> int:
        """How many streams are kept."""
        ...

    async def holds(self, model: str, version: str) -> bool:
        """Whether any live stream with the policy `pin` is of this version of this model.

        model: the name of the model, without that of a graph.
        """
        ...
