"""The errors of streams in words. Knows names and numbers."""

from app.errors import StreamExpired, StreamNotFound, TooManyStreams, WrongPosition
from app.serving.streams.records import Key, Record

_RETRY_SECONDS = 60.0  # streams end with time, not with work


def not_found(key: Key) -> StreamNotFound:
    """There is no stream of that name."""
    return StreamNotFound(f"there is no stream {key.name!r}")


def expired(key: Key) -> StreamExpired:
    """There was one."""
    return StreamExpired(
        f"the stream {key.name!r} has expired: no step came for longer than its ttl_seconds"
    )


def too_many(limit: int) -> TooManyStreams:
    """No more streams than the settings allow."""
    return TooManyStreams(
        f"{limit} streams are open, and more are not allowed: delete some or let them expire",
        retry_after=_RETRY_SECONDS,
    )


def wrong_position(record: Record, position: int) -> WrongPosition:
    """The caller is elsewhere than the stream."""
    where = f"the stream has taken {record.position} steps, and the request says {position}"
    if position > record.position:
        return WrongPosition(f"{where}: send the steps between first", position=record.position)
    return WrongPosition(
        f"{where}; these are not the steps of the last request, whose answer is kept",
        position=record.position,
    )
