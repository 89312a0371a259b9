"""Ways to form batches, without HTTP, beside the best that can be done when all is known.

Knows rows and the large network. The same trace of arrivals is replayed for each: rows that are
there, and rows that come as they were drawn. Ours is the scheduler that serves.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client import REGISTRY

from app.features.padding import pad
from app.main import TASKS
from app.serving.models.loader import LoadedModel, ServingOptions, load_version
from app.serving.runtime.session import Session
from benchmarks.load.corpus import arrivals, rows, word

THREADS: Final = 2
OUTSTANDING: Final = 32  # as many as there are clients
_BEST_BATCH: Final = 8
_WAIT_SECONDS: Final = 0.005

Row = NDArray[np.int64]
Submit = Callable[[Row], "Future[Any]"]


@dataclass(frozen=True)
class Policy:
    """rows_per_second: with 32 rows waiting; useful: steps that are not padding; p99 in seconds,
    of rows that come at `LOAD` of the offline best."""

    name: str
    rows_per_second: float
    useful: float
    p50: float
    p99: float


LOAD: Final = 0.7


def compare(folder: Path, count: int, seconds: float) -> tuple[float, list[Policy]]:
    """(rows a second of the offline best, every policy) on the version in `folder`."""
    trace = [np.array(each, np.int64) for each in rows(count, seed=9)]
    best = offline_best(folder, trace)
    due = [at / 1e6 for at, _ in arrivals(LOAD * best, seconds, 1)]
    found = []
    for name, size, threads, cores in (
        ("one by one, two threads", 1, THREADS, 1),
        ("first come, padded, 8", 8, 1, THREADS),
        ("first come, padded, 32", 32, 1, THREADS),
    ):
        with _Fifo(folder, size, threads, cores) as fifo:
            rate = _saturated(fifo.submit, trace)
            useful = fifo.useful / fifo.steps
            found.append(Policy(name, rate, useful, *_paced(fifo.submit, trace, due)))
    model = load_version(folder, TASKS, ServingOptions(workers=THREADS))
    try:
        found.append(_ours(model, trace, due))
    finally:
        model.close()
    return best, found


def offline_best(folder: Path, trace: Sequence[Row]) -> float:
    """Rows a second when all rows are known: sorted by length, eight a batch, two threads."""
    ordered = sorted(trace, key=len)
    batches = [ordered[at : at + _BEST_BATCH] for at in range(0, len(ordered), _BEST_BATCH)]
    sessions = [Session(folder / "model.onnx") for _ in range(THREADS)]
    for session in sessions:
        _compute(session, batches[0])
    left = queue.SimpleQueue[list[Row]]()
    for batch in reversed(batches):  # the longest first, so that both threads end together
        left.put(batch)

    def work(session: Session) -> None:
        while True:
            try:
                _compute(session, left.get_nowait())
            except queue.Empty:
                return

    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, sessions))
    return len(trace) / (time.perf_counter() - start)


def _compute(session: Session, batch: Sequence[Row]) -> NDArray[Any]:
    token_ids, lengths = pad(batch)
    return session.run({"token_ids": token_ids, "lengths": lengths}, ("logits",))["logits"]


def _ours(model: LoadedModel, trace: Sequence[Row], due: Sequence[float]) -> Policy:
    def submit(row: Row) -> "Future[Any]":
        return model.scheduler.submit(model.task.encode(" ".join(map(word, row))))

    before = _steps(model)
    rate = _saturated(submit, trace)
    steps, padded = (now - start for now, start in zip(_steps(model), before, strict=True))
    return Policy("Unroll", rate, 1 - padded / steps, *_paced(submit, trace, due))


def _steps(model: LoadedModel) -> tuple[float, float]:
    """Steps that this version computed so far, and those of them that were padding."""
    labels = {"model": model.name, "version": model.version}
    names = ("unroll_steps_total", "unroll_padded_steps_total")
    steps, padded = (REGISTRY.get_sample_value(name, labels) or 0.0 for name in names)
    return steps, padded


def _saturated(submit: Submit, trace: Sequence[Row]) -> float:
    """Rows a second while OUTSTANDING of them wait at any time."""
    free = threading.Semaphore(OUTSTANDING)
    start = time.perf_counter()
    futures = []
    for row in trace:
        free.acquire()
        future = submit(row)
        future.add_done_callback(lambda _: free.release())
        futures.append(future)
    wait(futures)
    return len(trace) / (time.perf_counter() - start)


def _paced(submit: Submit, trace: Sequence[Row], due: Sequence[float]) -> tuple[float, float]:
    """(median, 99th percentile) of the seconds from when a row is due to its answer."""
    took: list[float] = []
    start = time.perf_counter()
    futures = []
    for index, moment in enumerate(due):
        time.sleep(max(0.0, start + moment - time.perf_counter()))
        future = submit(trace[index % len(trace)])
        future.add_done_callback(
            lambda _, at=start + moment: took.append(time.perf_counter() - at)  # type: ignore[misc]
        )
        futures.append(future)
    wait(futures)
    return float(np.percentile(took, 50)), float(np.percentile(took, 99))


class _Fifo:
    """First come, first served: a batch waits a moment to fill, and is padded to its longest."""

    def __init__(self, folder: Path, size: int, threads: int, cores: int) -> None:
        self._size = size
        self._waiting = queue.SimpleQueue[tuple[Row, "Future[Any]"] | None]()
        self.steps = self.useful = 0
        sessions = [Session(folder / "model.onnx", intra_op_threads=cores) for _ in range(threads)]
        self._threads = [threading.Thread(target=self._work, args=(each,)) for each in sessions]

    def __enter__(self) -> "_Fifo":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, row: Row) -> "Future[Any]":
        future: Future[Any] = Future()
        self._waiting.put((row, future))
        return future

    def _work(self, session: Session) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            end = time.perf_counter() + _WAIT_SECONDS
            while len(batch) < self._size and (left := end - time.perf_counter()) > 0:
                try:
                    more = self._waiting.get(timeout=left)
                except queue.Empty:
                    break
                if more is None:
                    self._waiting.put(None)
                    break
                batch.append(more)
            _compute(session, [row for row, _ in batch])
            lengths = [len(row) for row, _ in batch]
            self.steps += max(lengths) * len(batch)
            self.useful += sum(lengths)
            for _, future in batch:
                future.set_result(None)
