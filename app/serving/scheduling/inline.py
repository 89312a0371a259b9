"""Computes cheap examples in the thread that asks. Knows costs; not what an example holds.

Waking a worker and waiting for it takes longer than a small network does, so computing inline does
not delay the other requests of that thread. Where there are no others, some milliseconds delay
nobody either. Examples that arrive together share batches.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, NamedTuple

from app.serving.scheduling.batches import batch_of
from app.serving.scheduling.costs import Costs, timed
from app.serving.scheduling.entry import Outcome, P, Result, failure_of
from app.serving.scheduling.options import SchedulerOptions
from app.serving.scheduling.queue_metrics import QueueMetrics
from app.serving.task import E
from app.telemetry import tracing

# Every so many runs the cost is measured: a run is so short that measuring would be a part of it.
_MEASURE_EVERY: Final = 8


class _Row(NamedTuple):
    """What a batch is chosen by, and the example's place in the call."""

    group: Hashable
    length: int
    place: int


class InlineRunner(Generic[E, P]):
    """Computes what is cheap with `worker`. For one thread only."""

    def __init__(
        self,
        worker: Callable[[Sequence[E]], Sequence[P]],
        costs: Costs,
        metrics: QueueMetrics,
        *,
        model: str,
        options: SchedulerOptions,
    ) -> None:
        self._worker = worker
        self._costs = costs
        self._metrics = metrics
        self._model = model
        self._max_batch_size = options.max_batch_size
        self._max_batch_steps = options.max_batch_steps
        self._runs = 0

    def accepts(self, graph: str | None) -> bool:
        """Whether examples of this graph are cheap, at least the shortest ones."""
        return self._costs.is_cheap(graph, 1)

    def run(
        self, examples: Sequence[E], since: Sequence[float], *, idle: bool = False
    ) -> list[Result[P]]:
        """For each example, in order: an outcome, an error, or None for one that is not cheap.

        `since`: when each of them began to wait, in `time.monotonic()` values. `idle`: no other
        request waits.
        """
        results: list[Result[P]] = [None] * len(examples)
        if len(examples) == 1:
            if self._costs.is_cheap(examples[0].graph, examples[0].length, idle=idle):
                self._compute([0], examples, since, results)
            return results
        rows: dict[tuple[str | None, Hashable], list[_Row]] = {}
        for place, example in enumerate(examples):
            graph, length = example.graph, example.length
            if self._costs.is_cheap(graph, length, idle=idle):
                row = _Row(example.group, length, place)
                rows.setdefault((graph, row.group), []).append(row)
        for (graph, _), waiting in rows.items():
            waiting.sort(key=_length)
            cost = self._costs.table(graph).seconds
            at = 0
            while at < len(waiting):
                window = waiting[at : at + self._max_batch_size]
                chosen = batch_of(window, cost, self._max_batch_size, self._max_batch_steps)
                at += len(chosen)  # the rows are sorted, so the nearest ones come next
                places = [row.place for row in window[: len(chosen)]]
                self._compute(places, examples, since, results)
        return results

    def _compute(
        self,
        places: Sequence[int],
        examples: Sequence[E],
        since: Sequence[float],
        results: list[Result[P]],
    ) -> None:
        batch = [examples[place] for place in places]
        start = time.monotonic()
        self._runs += 1
        measured = not self._runs % _MEASURE_EVERY
        try:
            if measured:
                predictions, _, cost = timed(lambda: self._worker(batch))
            else:
                predictions = self._worker(batch)
        except Exception as error:
            if len(batch) == 1:
                results[places[0]] = failure_of(error, self._model)
                return
            for place in places:  # each alone, so that only the bad one fails
                self._compute([place], examples, since, results)
            return
        seconds = time.monotonic() - start
        if measured:
            self._costs.note(batch, cost)
        waits = [start - since[place] for place in places]
        self._metrics.computed_inline(waits, [example.length for example in batch], seconds)
        runs = tracing.runs_since(start)
        for place, wait, prediction in zip(places, waits, predictions, strict=True):
            results[place] = Outcome(prediction, wait, seconds, len(batch), runs)


def _length(row: _Row) -> int:
    return row.length
