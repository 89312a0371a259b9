"""A record of a stream as a hash in Redis. Knows fields and bytes; asks nothing."""

from collections.abc import Sequence
from typing import Any, Final

from app.serving.streams.records import Answer, Kept, Listed, Record

LISTED: Final = (*("model", "version", "policy", "ttl", "created", "expires", "position"),)


def fields_of(record: Record) -> list[Any]:
    """Names and values of a hash, what steps change at the end."""
    answer = record.answer or Answer(0, 0, b"", "", b"")
    return [
        *("token", record.token, "model", record.model, "version", record.version),
        *("digest", record.digest, "policy", record.policy, "ttl", record.ttl),
        *("created", record.created, "expires", record.expires),
        *("position", record.position, "state", record.state),
        *("answer_start", answer.start, "answer_count", answer.count),
        *("answer_digest", answer.digest, "answer_version", answer.version),
        *("answer", answer.content),
    ]


FIRST_CHANGED: Final = 16  # of fields_of


def record_from(found: dict[bytes, bytes]) -> Record:
    """What `fields_of` made this hash of."""
    text = {name.decode(): value for name, value in found.items()}
    count = int(text["answer_count"])
    answer = Answer(
        int(text["answer_start"]),
        count,
        text["answer_digest"],
        text["answer_version"].decode(),
        text["answer"],
    )
    policy: Any = text["policy"].decode()
    return Record(
        token=int(text["token"]),
        model=text["model"].decode(),
        version=text["version"].decode(),
        digest=text["digest"].decode(),
        policy=policy,
        ttl=float(text["ttl"]),
        created=float(text["created"]),
        expires=float(text["expires"]),
        position=int(text["position"]),
        state=text["state"],
        answer=answer if count else None,
    )


def listed_from(name: bytes, row: Sequence[bytes]) -> Listed:
    """A line of a list; `row` are the values of LISTED."""
    model, version, policy, *times, position = row
    kind: Any = policy.decode()
    ttl, created, expires = map(float, times)
    return Listed(
        name.decode(), model.decode(), version.decode(), kind, ttl, created, expires, int(position)
    )


def packed(kept: Kept) -> bytes:
    """Kept inputs as a member of a sorted set, which no two are."""
    return b"%d:%d:%b" % (kept.start, kept.count, kept.content)


def unpacked(content: bytes) -> Kept:
    """What `packed` made this of."""
    start, count, rest = content.split(b":", 2)
    return Kept(int(start), int(count), rest)
