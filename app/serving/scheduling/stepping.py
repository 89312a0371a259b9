"""Worker threads whose requests join and leave between steps. Knows rows; not what a step does.

A worker holds runs. Before each step it lets go of those that nobody waits for, and takes in what
waits as far as there is room: up to `max_rows` rows in a step, and no more than its share while
another worker has less to do. So nobody waits for a batch to end, and a long run holds up nobody.
"""

import threading
import time
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic

from app.errors import DeadlineExceeded, InferenceFailed, NotReady
from app.serving.runtime.threads import step_back
from app.serving.scheduling.batches import batch_of
from app.serving.scheduling.cores import Cores
from app.serving.scheduling.costs import Costs
from app.serving.scheduling.entry import Entry, Outcome, P, failure_of
from app.serving.scheduling.inline import Result
from app.serving.scheduling.meter import Meter
from app.serving.scheduling.queue import Queue
from app.serving.scheduling.runs import Stepper, graph_of, rows_of
from app.serving.task import E, Run
from app.telemetry import metrics, tracing
from app.telemetry.log import get_logger

_LOOK_AHEAD: Final = 64  # entries
# To begin takes as long as many steps. While others are under way so many join at once, at most.
_JOINING: Final = 2
_log = get_logger(__name__)


@dataclass(slots=True)
class _Seat(Generic[E, P]):
    """An entry with its run.

    seconds: its part of the time of the steps it took; together those of all runs are the time
    that the worker was busy. row_steps: steps times rows. mates: the most runs that shared a step.
    """

    entry: Entry[E, P]
    run: Run[Any]
    joined: float
    seconds: float = 0.0
    row_steps: int = 0
    mates: int = 1
    computed: list[tuple[float, float]] = field(default_factory=list)


class StepScheduler(Generic[E, P]):
    """One bounded queue and one thread per stepper; used like a `Scheduler`.

    A deadline also ends what runs already, at its next step, and so does cancelling its future.
    """

    def __init__(
        self,
        workers: Sequence[Stepper],
        *,
        model: str,
        version: str,
        max_batch_size: int = 8,
        max_rows: int = 32,
        max_queue_size: int = 4096,
        max_queue_seconds: float | None = None,
        max_batch_steps: int = 20_000,
        costs: Costs | None = None,
        cores: Cores | None = None,
    ) -> None:
        """max_batch_size: runs that begin together. max_rows: rows in one step; an example with
        more has its steps to itself. `costs` may know already what batches take; `cores` are shared
        with other models."""
        if not workers or max_batch_size < 1 or max_rows < 1 or max_queue_size < 1:
            raise ValueError("workers and sizes must be at least 1")
        self._model = model
        self._max_batch_size = max_batch_size
        self._max_rows = max_rows
        self._max_batch_steps = max_batch_steps
        self._costs = costs or Costs(max_batch_size)
        self._cores = cores or Cores(len(workers))
        self._meter = Meter(model, version, workers=len(workers), queue_limit=max_queue_size)
        self._step_seconds = metrics.STEP_SECONDS.labels(model, version)
        self._step_rows = metrics.STEP_ROWS.labels(model, version)
        self._queue = Queue[E, P](
            self._meter,
            max_entries=max_queue_size,
            max_seconds=max_queue_seconds,
            servers=len(workers),
            look_ahead=_LOOK_AHEAD,
            work_of=self._costs.share,
        )
        # Rows of each worker, written by its own thread; `_choose` reads them all.
        self._rows = [0] * len(workers)
        self._given_up = False
        self._threads = [
            threading.Thread(None, self._work, f"{model}-{version}-{i}", (i, worker), daemon=True)
            for i, worker in enumerate(workers)
        ]
        for thread in self._threads:
            try:
                thread.start()
            except RuntimeError:  # no more threads are to be had; let go of those that run
                self.stop()
                raise

    @property
    def waiting(self) -> int:
        """Entries that wait now."""
        return self._queue.waiting

    def submit(self, example: E, *, deadline: float | None = None) -> Future[Outcome[P]]:
        """Queue one example; see `submit_many`."""
        return self.submit_many([example], deadline=deadline)[0]

    def submit_many(
        self, examples: Sequence[E], *, deadline: float | None = None
    ) -> list[Future[Outcome[P]]]:
        """Queue all of `examples` or, raising, none of them, as `Queue.submit_many` does."""
        return self._queue.submit_many(examples, deadline=deadline)

    def is_full(self, patience: float) -> bool:
        """Whether whatever comes now, and has so many seconds, would be refused."""
        return self._queue.is_full(patience)

    def runs_here(self, kind: Hashable) -> bool:
        """No: nothing that takes steps is computed in the caller's thread."""
        return False

    def run_now(self, examples: Sequence[E], since: Sequence[float]) -> list[Result[P]]:
        """None for each."""
        return [None] * len(examples)

    def stop(self) -> None:
        """Accept nothing more; what was accepted still runs. Does not wait."""
        self._queue.stop()

    def close(self, *, drain: bool = True, timeout: float | None = None) -> bool:
        """Stop, and wait until every worker is idle, `timeout` seconds at most.

        Without `drain`, entries that still wait fail with NotReady; when the time is up, so does
        what runs, at its next step. Returns whether all workers ended. May be called again.
        """
        end = None if timeout is None else time.monotonic() + timeout
        self.stop()
        if not drain:
            self._queue.abandon()
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
        self._given_up = True
        self._queue.abandon()
        return not any(thread.is_alive() for thread in self._threads)

    def _choose(self, place: int, window: Sequence[Entry[Any, Any]]) -> set[int]:
        """With the queue's lock held: which of the next entries the worker at `place` takes in.

        In their order, so that none is passed by for being wide. A worker without rows always
        takes one: it has less than its share of them.
        """
        mine = self._rows[place]
        waiting = sum(rows_of(entry.example) for entry in window)
        share = (sum(self._rows) + waiting) / len(self._rows)
        if mine >= share:
            return set()
        if graph_of(window[0].example) is not None:
            cost = self._costs.table(window[0].example).seconds
            return set(batch_of(window, cost, self._max_batch_size, self._max_batch_steps))
        chosen: set[int] = set()
        most = min(_JOINING, self._max_batch_size) if mine else self._max_batch_size
        for index, entry in enumerate(window[:most]):
            rows = rows_of(entry.example)
            if mine >= share or (mine and mine + rows > self._max_rows):
                break
            if entry.group != window[0].group:
                break
            chosen.add(index)
            mine += rows
        self._rows[place] = mine
        return chosen

    def _work(self, place: int, worker: Stepper) -> None:
        step_back()
        seats: list[_Seat[E, P]] = []
        while True:
            taken = self._queue.take(partial(self._choose, place), wait=not seats, server=place)
            if taken is None:
                return
            try:
                with self._cores.permit(self):
                    self._turn(worker, seats, taken)
            except BaseException:
                # A thread that ends here would be missed until the queue is full.
                for entry in (*taken, *(seat.entry for seat in seats)):
                    if not entry.future.done():
                        entry.future.set_exception(InferenceFailed("the worker failed"))
                seats.clear()
                _log.exception("worker_error", model=self._model)
            self._rows[place] = sum(rows_of(seat.entry.example) for seat in seats)
            if not seats:
                self._queue.done(place)
            del taken  # frees the arrays while this thread waits

    def _turn(
        self, worker: Stepper, seats: list[_Seat[E, P]], taken: Sequence[Entry[E, P]]
    ) -> None:
        """Take in what is new, let go of what is over, take one step with the rest."""
        if taken:
            seats += self._begun(worker, taken)
        seats[:] = [seat for seat in seats if self._stays(seat)]
        if seats:
            self._step(worker, seats)
            seats[:] = [seat for seat in seats if self._stays(seat)]

    def _begun(self, worker: Stepper, entries: Sequence[Entry[E, P]]) -> list[_Seat[E, P]]:
        """Begin the runs of entries; if that fails, each alone, so that only the bad one fails."""
        start = time.monotonic()
        try:
            runs = worker.begin([entry.example for entry in entries])
            if len(runs) != len(entries):
                raise RuntimeError(f"{len(runs)} runs for {len(entries)} examples")
        except BaseException as error:
            if len(entries) == 1:
                self._fail(entries[0], error)
                return []
            _log.warning("batch_failed", model=self._model, rows=len(entries), error=repr(error))
            return [seat for entry in entries for seat in self._begun(worker, [entry])]
        seconds = (time.monotonic() - start) / len(entries)
        computed = tracing.runs_since(start)
        return [
            _Seat(entry, run, start, seconds, 0, len(entries), list(computed))
            for entry, run in zip(entries, runs, strict=True)
        ]

    def _step(self, worker: Stepper, seats: list[_Seat[E, P]]) -> None:
        """One step of all seats; if it fails, of each alone. Those that failed are taken out."""
        start = time.monotonic()
        rows = [seat.run.rows for seat in seats]
        try:
            worker.step([seat.run for seat in seats])
        except BaseException as error:
            if len(seats) == 1:
                self._fail(seats[0].entry, error)
                seats.clear()
                return
            _log.warning("step_failed", model=self._model, rows=len(seats), error=repr(error))
            alone = [[seat] for seat in seats]
            for each in alone:
                self._step(worker, each)
            seats[:] = [seat for each in alone for seat in each]
            return
        seconds = time.monotonic() - start
        computed = tracing.runs_since(start)
        self._step_seconds.observe(seconds)
        self._step_rows.observe(sum(rows))
        for seat, own in zip(seats, rows, strict=True):
            seat.seconds += seconds * own / sum(rows)
            seat.row_steps += own
            seat.mates = max(seat.mates, len(seats))
            seat.computed += computed

    def _stays(self, seat: _Seat[E, P]) -> bool:
        """Whether a run goes on; one that does not has its future resolved here."""
        entry = seat.entry
        now = time.monotonic()
        if seat.run.finished:
            self._finish(seat, now)
        elif entry.future.unwanted:
            self._meter.rejected("cancelled")
            entry.future.set_exception(DeadlineExceeded("nobody waits for it any more"))
        elif entry.expired(now):
            self._meter.rejected("deadline")
            entry.future.set_exception(
                DeadlineExceeded("the deadline passed before the computation was done")
            )
        elif self._given_up:
            self._meter.rejected("not_ready")
            entry.future.set_exception(NotReady("the model was shut down before it was done"))
        else:
            return True
        return False

    def _finish(self, seat: _Seat[E, P], now: float) -> None:
        entry = seat.entry
        try:
            prediction = seat.run.prediction()
        except BaseException as error:
            self._fail(entry, error)
            return
        self._queue.learn(entry.seconds, seat.seconds)
        self._meter.computed([max(1, seat.row_steps)], seat.seconds)
        waited, seconds = seat.joined - entry.arrived, now - seat.joined
        entry.future.set_result(
            Outcome(prediction, waited, seconds, seat.mates, tuple(seat.computed))
        )

    def _fail(self, entry: Entry[E, P], error: BaseException) -> None:
        entry.future.set_exception(entry.context.run(failure_of, error, self._model))
