"""Workers that compute one batch after the other. Knows lengths and costs of examples only.

Work-conserving: a free worker takes what is queued at once, so batches are larger while all
workers are busy. A batch is the next entry and, of its group, as many of the entries nearest to
it in length as make a useful step the cheapest (see `batches`). So no entry starves, and no entry
pays for the padding of a much longer one.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from app.errors import InferenceFailed
from app.serving.runtime.threads import lower_priority
from app.serving.scheduling.base import QueuedScheduler
from app.serving.scheduling.batches import batch_of
from app.serving.scheduling.cores import Cores
from app.serving.scheduling.costs import Costs, timed
from app.serving.scheduling.entry import Entry, Outcome, P, Result
from app.serving.scheduling.inline import InlineRunner
from app.serving.scheduling.options import SchedulerOptions
from app.serving.task import E
from app.telemetry import tracing
from app.telemetry.log import get_logger

Worker: TypeAlias = Callable[[Sequence[E]], Sequence[P]]

# A batch is chosen among this many batches' worth of entries.
_LOOK_AHEAD: Final = 8

_log = get_logger(__name__)


class BatchScheduler(QueuedScheduler[E, P]):
    """One bounded queue and one thread per worker, which is a function of a batch.

    Each function is only ever called from its own thread, so it may hold what other threads must
    not see. `inline`, if there is one, is called by `run_inline`, in its caller's thread.
    """

    def __init__(
        self,
        workers: Sequence[Worker[E, P]],
        *,
        model: str,
        version: str,
        options: SchedulerOptions | None = None,
        costs: Costs | None = None,
        cores: Cores | None = None,
        inline: Worker[E, P] | None = None,
    ) -> None:
        """`costs` may hold what batches take; `cores` are shared with other models."""
        options = options or SchedulerOptions()
        super().__init__(
            len(workers),
            model=model,
            version=version,
            options=options,
            costs=costs,
            cores=cores,
            look_ahead=_LOOK_AHEAD * options.max_batch_size,
            rows_per_take=options.max_batch_size,
        )
        self._predict = list(workers)
        self._inline = inline and InlineRunner(
            inline, self._costs, self._metrics, model=model, options=options
        )
        self._start_all()

    def runs_inline(self, graph: str | None) -> bool:
        return self._inline is not None and self._inline.accepts(graph)

    def run_inline(
        self, examples: Sequence[E], since: Sequence[float], *, idle: bool = False
    ) -> list[Result[P]]:
        if self._inline is None or self._queue.closed:
            return [None] * len(examples)
        return self._inline.run(examples, since, idle=idle)

    def _live(self, worker: int) -> None:
        """If an error ends the thread, another one replaces it."""
        lower_priority()
        while True:
            try:
                return self._work(worker)
            except BaseException:
                _log.exception("worker_died", model=self._model, version=self._version)
                self._metrics.replaced()
                try:
                    return self._start(worker)
                except RuntimeError:  # the system has no more threads; this one continues
                    continue

    def _work(self, worker: int) -> None:
        predict = self._predict[worker]
        while self._queue.wait():
            looked = time.monotonic()
            with self._cores.permit(self):
                batch = self._queue.take(self._batch_of, wait=False, worker=worker)
                if not batch:
                    continue
                work = sum(entry.seconds for entry in batch)
                try:
                    self._compute(predict, batch)
                except BaseException:
                    for entry in batch:
                        if not entry.future.done():
                            entry.future.set_exception(InferenceFailed("the worker failed"))
                    self._queue.done(worker)
                    raise
                self._queue.done(worker, work, time.monotonic() - looked)
                del batch  # frees the arrays while this thread waits

    def _batch_of(self, window: Sequence[Entry[E, P]]) -> list[int]:
        cost = self._costs.table(window[0].example.graph).seconds
        return batch_of(window, cost, self._options.max_batch_size, self._options.max_batch_steps)

    def _compute(self, predict: Worker[E, P], batch: list[Entry[E, P]]) -> None:
        """Compute a batch; if that fails, each entry alone, so that only the bad one fails."""
        start = time.monotonic()
        examples = [entry.example for entry in batch]
        try:
            predictions, seconds, cost = timed(lambda: predict(examples))
            if len(predictions) != len(batch):
                raise RuntimeError(f"{len(predictions)} predictions for {len(batch)} examples")
        except BaseException as error:
            del examples
            if len(batch) == 1:
                self._fail(batch[0], error)
            else:
                _log.warning(
                    "batch_failed", model=self._model, rows=len(batch), error=type(error).__name__
                )
                for entry in batch:
                    if entry.expired(time.monotonic()):
                        self._queue.drop([entry])
                    else:
                        self._compute(predict, [entry])
                del entry
            # The error refers to this frame: a batch that stays in it would not be freed.
            batch.clear()
            return
        self._costs.note(examples, cost)
        runs = tracing.runs_since(start)
        self._metrics.computed([entry.length for entry in batch], seconds)
        for entry, prediction in zip(batch, predictions, strict=True):
            waited = start - entry.arrived
            entry.future.set_result(Outcome(prediction, waited, seconds, len(batch), runs))
