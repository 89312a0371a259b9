"""Counts of each model version since the process started, as the inference protocol has them.

Knows counts and seconds. Prometheus metrics are updated by the same events at the same places, so
the two agree. They are separate because the protocol wants a sum per batch size, which histograms
do not have, and because metrics are written only, never read back.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Final

from app.telemetry.deferred import run_deferred


@dataclass(slots=True)
class Duration:
    """How often something happened, and how long it took in all."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds


@dataclass(slots=True)
class Snapshot:
    """Figures of one version at one moment.

    success and fail: requests, from their first byte to their answer. queue: inputs that waited
    for a worker. batches: by size, what was computed and how long the worker took. last: Unix time
    of the last request, 0 before the first.
    """

    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    batches: dict[int, Duration] = field(default_factory=dict)
    last: float = 0.0

    @property
    def inferences(self) -> int:
        """Inputs computed."""
        return sum(size * batch.count for size, batch in self.batches.items())

    @property
    def computed(self) -> Duration:
        """All batches together."""
        batches = self.batches.values()
        return Duration(sum(each.count for each in batches), sum(each.seconds for each in batches))


class Statistics:
    """Counts the events of one model version. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Snapshot()

    def answered(self, seconds: float, *, success: bool) -> None:
        """A request was answered, with success or an error, after so long."""
        with self._lock:
            (self._now.success if success else self._now.fail).add(seconds)
            self._now.last = time.time()

    def waited(self, seconds: float) -> None:
        """An input waited so long for its worker."""
        with self._lock:
            self._now.queue.add(seconds)

    def computed(self, rows: int, seconds: float) -> None:
        """A batch of so many inputs took so long."""
        with self._lock:
            self._now.batches.setdefault(rows, Duration()).add(seconds)

    def snapshot(self) -> Snapshot:
        """A copy of the figures."""
        run_deferred()
        with self._lock:
            now = self._now
            return Snapshot(
                _copy(now.success),
                _copy(now.fail),
                _copy(now.queue),
                {size: _copy(batch) for size, batch in sorted(now.batches.items())},
                now.last,
            )


# One for each version that was loaded, like the series of the metrics: they outlive a reload.
_ALL: Final[dict[tuple[str, str], Statistics]] = {}


def statistics_of(model: str, version: str) -> Statistics:
    """The statistics of one model version; new ones if there are none yet."""
    return _ALL.setdefault((model, version), Statistics())


def forget_statistics(model: str, version: str) -> None:
    """Drop the statistics of a version, together with its metrics."""
    _ALL.pop((model, version), None)


def _copy(duration: Duration) -> Duration:
    return Duration(duration.count, duration.seconds)
