"""The streams of late, in memory, so that a step need not read the store. Knows records only.

What is here may be behind the store where several processes share one: nothing is decided against
a caller without reading the store, and the store refuses what begins at a state that has passed.
"""

from dataclasses import dataclass

from app.serving.streams.records import Key, Record, now


@dataclass(frozen=True, slots=True)
class HotOptions:
    """How much is held in memory; what is more, or older, lies in the store only."""

    # Streams.
    streams: int = 10_000
    # Bytes of their states and answers.
    size: int = 64 * 1024 * 1024
    # Seconds since the last step.
    seconds: float = 600.0


class HotStreams:
    """The latest records by key, the one used last at the end. For one thread."""

    def __init__(self, options: HotOptions) -> None:
        self._options = options
        self._records: dict[Key, tuple[Record, float]] = {}  # and when it was used
        self._size = 0

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: Key) -> Record | None:
        """The record that was put last, unless it is not held any more or has expired."""
        found = self._records.get(key)
        if found is None:
            return None
        if found[0].expires <= now():
            self.drop(key)
            return None
        return found[0]

    def put(self, key: Key, record: Record) -> None:
        """Hold a record; the ones that were used longest ago make room."""
        self.drop(key)
        if record.size > self._options.size:
            return
        self._records[key] = (record, now())
        self._size += record.size
        while len(self._records) > self._options.streams or self._size > self._options.size:
            self.drop(next(iter(self._records)))

    def drop(self, key: Key) -> None:
        """Hold it no more."""
        found = self._records.pop(key, None)
        if found is not None:
            self._size -= found[0].size

    def trim(self) -> None:
        """Let go of what was not used for too long."""
        oldest = now() - self._options.seconds
        for key in [key for key, (_, used) in self._records.items() if used < oldest]:
            self.drop(key)
