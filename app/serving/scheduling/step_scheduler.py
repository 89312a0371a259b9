"""Workers whose runs join and leave between steps. Knows rows; not what a step computes.

Also called continuous batching. A worker holds runs. Before each step it ends the runs that were
cancelled or have expired, and begins queued entries as far as there is room: up to
`max_step_rows` rows in a step, and no more than its share while another worker has fewer rows. So
no entry waits for a whole batch to end, and a long run does not delay the others.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic

from app.errors import DeadlineExceeded, InferenceFailed, NotReady
from app.serving.runtime.threads import lower_priority
from app.serving.scheduling.base import QueuedScheduler
from app.serving.scheduling.batches import batch_of
from app.serving.scheduling.cores import Cores
from app.serving.scheduling.costs import Costs
from app.serving.scheduling.entry import Entry, Outcome, P
from app.serving.scheduling.options import SchedulerOptions
from app.serving.scheduling.step_runs import Stepper
from app.serving.task import E, Run
from app.telemetry import metrics, tracing
from app.telemetry.log import get_logger

_LOOK_AHEAD: Final = 64  # entries
# Entries that begin together while other runs are active: beginning takes as long as many steps.
_MAX_JOINING: Final = 2
_log = get_logger(__name__)


@dataclass(slots=True)
class _ActiveRun(Generic[E, P]):
    """An entry that has begun, and its run.

    joined: when it began. seconds: its part of the time of the steps that it took; over all runs
    they add up to the time that the worker was busy. row_steps: steps times rows. batch_size: the
    most runs that shared a step with it. network_runs: as `Outcome.runs`.
    """

    entry: Entry[E, P]
    run: Run[Any]
    joined: float
    seconds: float = 0.0
    row_steps: int = 0
    batch_size: int = 1
    network_runs: list[tuple[float, float]] = field(default_factory=list)


class StepScheduler(QueuedScheduler[E, P]):
    """One bounded queue and one thread per stepper.

    A deadline and a cancelled future also end a run that has begun, at its next step.
    """

    def __init__(
        self,
        workers: Sequence[Stepper],
        *,
        model: str,
        version: str,
        options: SchedulerOptions | None = None,
        costs: Costs | None = None,
        cores: Cores | None = None,
    ) -> None:
        """`costs` may hold what batches take; `cores` are shared with other models."""
        super().__init__(
            len(workers),
            model=model,
            version=version,
            options=options or SchedulerOptions(),
            costs=costs,
            cores=cores,
            look_ahead=_LOOK_AHEAD,
        )
        self._steppers = list(workers)
        self._step_seconds = metrics.STEP_SECONDS.labels(model, version)
        self._step_rows = metrics.STEP_ROWS.labels(model, version)
        # Rows of each worker, written by its own thread; `_choose` reads them all.
        self._rows = [0] * len(workers)
        self._start_all()

    def _choose(self, worker: int, window: Sequence[Entry[Any, Any]]) -> set[int]:
        """With the queue's lock held: the places of the entries that the worker begins now.

        In their order, so that an entry with many rows is not passed over. A worker without rows
        always takes at least one entry, since it has less than its share of rows.
        """
        own = self._rows[worker]
        waiting = sum(entry.example.rows for entry in window)
        share = (sum(self._rows) + waiting) / len(self._rows)
        if own >= share:
            return set()
        options = self._options
        first = window[0]
        if first.example.graph is not None:
            cost = self._costs.table(first.example.graph).seconds
            return set(batch_of(window, cost, options.max_batch_size, options.max_batch_steps))
        chosen: set[int] = set()
        most = min(_MAX_JOINING, options.max_batch_size) if own else options.max_batch_size
        for index, entry in enumerate(window[:most]):
            rows = entry.example.rows
            if own >= share or (own and own + rows > options.max_step_rows):
                break
            if entry.group != first.group:
                break
            chosen.add(index)
            own += rows
        self._rows[worker] = own
        return chosen

    def _live(self, worker: int) -> None:
        lower_priority()
        stepper = self._steppers[worker]
        active: list[_ActiveRun[E, P]] = []
        while True:
            choose = partial(self._choose, worker)
            taken = self._queue.take(choose, wait=not active, worker=worker)
            if taken is None:
                return
            try:
                with self._cores.permit(self):
                    self._iterate(stepper, active, taken)
            except BaseException:
                # The thread must not end: it is not replaced.
                for entry in (*taken, *(each.entry for each in active)):
                    if not entry.future.done():
                        entry.future.set_exception(InferenceFailed("the worker failed"))
                active.clear()
                _log.exception("worker_error", model=self._model)
            self._rows[worker] = sum(each.entry.example.rows for each in active)
            if not active:
                self._queue.done(worker)
            del taken  # frees the arrays while this thread waits

    def _iterate(
        self, stepper: Stepper, active: list[_ActiveRun[E, P]], taken: Sequence[Entry[E, P]]
    ) -> None:
        """Begin new entries, end runs that are over, take one step with the others."""
        if taken:
            active += self._begin(stepper, taken)
        now = time.monotonic()
        active[:] = [each for each in active if self._continues(each, now)]
        if active:
            self._step(stepper, active)
            now = time.monotonic()
            active[:] = [each for each in active if self._continues(each, now)]

    def _begin(self, stepper: Stepper, entries: Sequence[Entry[E, P]]) -> list[_ActiveRun[E, P]]:
        """Begin the runs of entries; if that fails, each alone, so that only the bad one fails."""
        start = time.monotonic()
        try:
            runs = stepper.begin([entry.example for entry in entries])
            if len(runs) != len(entries):
                raise RuntimeError(f"{len(runs)} runs for {len(entries)} examples")
        except BaseException as error:
            if len(entries) == 1:
                self._fail(entries[0], error)
                return []
            _log.warning(
                "batch_failed", model=self._model, rows=len(entries), error=type(error).__name__
            )
            return [each for entry in entries for each in self._begin(stepper, [entry])]
        seconds = (time.monotonic() - start) / len(entries)
        network_runs = tracing.runs_since(start)
        return [
            _ActiveRun(entry, run, start, seconds, 0, len(entries), list(network_runs))
            for entry, run in zip(entries, runs, strict=True)
        ]

    def _step(self, stepper: Stepper, active: list[_ActiveRun[E, P]]) -> None:
        """One step of all runs; if it fails, of each alone. Runs that failed are removed."""
        start = time.monotonic()
        rows = [each.run.rows for each in active]
        try:
            stepper.step([each.run for each in active])
        except BaseException as error:
            if len(active) == 1:
                self._fail(active[0].entry, error)
                active.clear()
                return
            _log.warning(
                "step_failed", model=self._model, rows=len(active), error=type(error).__name__
            )
            alone = [[each] for each in active]
            for one in alone:
                self._step(stepper, one)
            active[:] = [each for one in alone for each in one]
            return
        seconds = time.monotonic() - start
        network_runs = tracing.runs_since(start)
        total, batch_size = sum(rows), len(active)
        self._step_seconds.observe(seconds)
        self._step_rows.observe(total)
        for each, own in zip(active, rows, strict=True):
            each.seconds += seconds * own / total
            each.row_steps += own
            if batch_size > each.batch_size:
                each.batch_size = batch_size
            if network_runs:
                each.network_runs += network_runs

    def _continues(self, active: _ActiveRun[E, P], now: float) -> bool:
        """Whether a run takes another step; if not, its future is resolved here."""
        entry = active.entry
        if active.run.finished:
            self._finish(active, now)
        elif entry.future.cancel_requested:
            self._metrics.rejected("cancelled")
            entry.future.set_exception(DeadlineExceeded("it was cancelled while it was computed"))
        elif entry.expired(now):
            self._metrics.rejected("deadline")
            entry.future.set_exception(
                DeadlineExceeded("the deadline passed before the computation was done")
            )
        elif self._time_is_up:
            self._metrics.rejected("not_ready")
            entry.future.set_exception(NotReady("the model was shut down before it was done"))
        else:
            return True
        return False

    def _finish(self, active: _ActiveRun[E, P], now: float) -> None:
        entry = active.entry
        try:
            prediction = active.run.prediction()
        except BaseException as error:
            self._fail(entry, error)
            return
        self._queue.observe(entry.seconds, active.seconds)
        self._metrics.computed([max(1, active.row_steps)], active.seconds)
        waited, seconds = active.joined - entry.arrived, now - active.joined
        runs = tuple(active.network_runs)
        entry.future.set_result(Outcome(prediction, waited, seconds, active.batch_size, runs))
