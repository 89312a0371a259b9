"""Inputs that are computed by whoever asks, in that thread. Knows costs; not what an example holds.

Where a network takes less time than the way to a worker and back, those who wait for a worker lose
nothing by it. What is there at once shares batches, and nobody waits for more to come.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, NamedTuple, TypeAlias

from app.errors import UnrollError
from app.serving.scheduling.batches import batch_of
from app.serving.scheduling.costs import Costs, kind_of, timed
from app.serving.scheduling.entry import Outcome, P, failure_of
from app.serving.scheduling.meter import Meter
from app.serving.task import E
from app.telemetry import tracing

Result: TypeAlias = Outcome[P] | UnrollError | None

# A run is over so soon that looking at its cost each time would be a part of it.
_NOTED: Final = 8


class _Row(NamedTuple):
    """What a batch is chosen by."""

    group: Hashable
    length: int
    place: int


class Inline(Generic[E, P]):
    """Computes what is cheap with `worker`. For one thread only."""

    def __init__(
        self,
        worker: Callable[[Sequence[E]], Sequence[P]],
        costs: Costs,
        meter: Meter,
        *,
        model: str,
        max_batch_size: int,
        max_batch_steps: int,
    ) -> None:
        self._worker = worker
        self._costs = costs
        self._meter = meter
        self._model = model
        self._max_batch_size = max_batch_size
        self._max_batch_steps = max_batch_steps
        self._runs = 0

    def takes(self, kind: Hashable) -> bool:
        """Whether examples of this kind are cheap, the shortest of them at least."""
        return self._costs.is_cheap(kind, 1)

    def run(self, examples: Sequence[E], since: Sequence[float]) -> list[Result[P]]:
        """What comes of each, in order: an outcome, an error, or None for one that is not cheap.

        since: when each of them began to wait, in `time.monotonic()` values.
        """
        found: list[Result[P]] = [None] * len(examples)
        rows: dict[tuple[Hashable, Hashable], list[_Row]] = {}
        for place, example in enumerate(examples):
            kind, length = kind_of(example), example.length
            if self._costs.is_cheap(kind, length):
                row = _Row(getattr(example, "group", None), length, place)
                rows.setdefault((kind, row.group), []).append(row)
        for (kind, _), waiting in rows.items():
            waiting.sort(key=_length)
            cost = self._costs.table_of(kind).seconds
            at = 0
            while at < len(waiting):
                window = waiting[at : at + self._max_batch_size]
                chosen = batch_of(window, cost, self._max_batch_size, self._max_batch_steps)
                at += len(chosen)  # they are sorted: the nearest ones are the next ones
                places = [row.place for row in window[: len(chosen)]]
                self._compute(places, examples, since, found)
        return found

    def _compute(
        self,
        places: Sequence[int],
        examples: Sequence[E],
        since: Sequence[float],
        found: list[Result[P]],
    ) -> None:
        batch = [examples[place] for place in places]
        start = time.monotonic()
        self._runs += 1
        noted = not self._runs % _NOTED
        try:
            if noted:
                predictions, _, cost = timed(lambda: self._worker(batch))
            else:
                predictions = self._worker(batch)
        except Exception as error:
            if len(batch) == 1:
                found[places[0]] = failure_of(error, self._model)
                return
            for place in places:  # only the bad one fails
                self._compute([place], examples, since, found)
            return
        seconds = time.monotonic() - start
        if noted:
            self._costs.note(batch, cost)
        waits = [start - since[place] for place in places]
        self._meter.at_once(waits, [example.length for example in batch], seconds)
        runs = tracing.runs_since(start)
        for place, wait, prediction in zip(places, waits, predictions, strict=True):
            found[place] = Outcome(prediction, wait, seconds, len(batch), runs)


def _length(row: _Row) -> int:
    return row.length
