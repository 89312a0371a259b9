"""The metrics of one queue and its workers. Knows numbers; not entries or futures."""

from collections.abc import Sequence

from app.serving.scheduling.statistics import statistics_of
from app.telemetry import metrics
from app.telemetry.deferred import defer


class QueueMetrics:
    """The metrics of one model version: Prometheus series and the protocol's statistics."""

    def __init__(self, model: str, version: str, *, workers: int, queue_limit: int) -> None:
        self._model = model
        self._labels = (model, version)
        self._queue_seconds = metrics.QUEUE_SECONDS.labels(model, version)
        self._inference_seconds = metrics.INFERENCE_SECONDS.labels(model, version)
        self._batch_size = metrics.BATCH_SIZE.labels(model, version)
        self._padding_ratio = metrics.PADDING_RATIO.labels(model, version)
        self._steps = metrics.STEPS.labels(model, version)
        self._padded_steps = metrics.PADDED_STEPS.labels(model, version)
        self._depth = metrics.QUEUE_DEPTH.labels(model, version)
        metrics.QUEUE_LIMIT.labels(model, version).set(queue_limit)
        metrics.WORKERS.labels(model, version).set(workers)
        metrics.WORKER_REPLACEMENTS.labels(model, version)
        self._statistics = statistics_of(model, version)

    def depth(self, waiting: int) -> None:
        """So many entries are in the queue now."""
        self._depth.set(waiting)

    def waited(self, seconds: float) -> None:
        """An entry waited so long for its worker."""
        self._queue_seconds.observe(seconds)
        self._statistics.waited(seconds)

    def computed(self, lengths: Sequence[int], seconds: float) -> None:
        """A batch of entries of these lengths took so long. Never empty."""
        steps = max(lengths) * len(lengths)
        padded = steps - sum(lengths)
        self._inference_seconds.observe(seconds)
        self._batch_size.observe(len(lengths))
        self._padding_ratio.observe(padded / steps if steps else 0.0)
        self._steps.inc(steps)
        if padded:
            self._padded_steps.inc(padded)
        self._statistics.computed(len(lengths), seconds)

    def computed_inline(
        self, waits: Sequence[float], lengths: Sequence[int], seconds: float
    ) -> None:
        """A batch was computed without a worker; its entries waited so long. Deferred work."""
        defer(self._computed_inline, waits, lengths, seconds)

    def _computed_inline(
        self, waits: Sequence[float], lengths: Sequence[int], seconds: float
    ) -> None:
        for wait in waits:
            self.waited(wait)
        self.computed(lengths, seconds)

    def replaced(self) -> None:
        """A worker's thread died and was replaced."""
        metrics.WORKER_REPLACEMENTS.labels(*self._labels).inc()

    def rejected(self, reason: str, entries: int = 1) -> None:
        """So many entries were not computed."""
        metrics.REJECTIONS.labels(self._model, reason).inc(entries)
