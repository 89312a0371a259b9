"""Groups share no batch, and one cheap input at a time may run where it is."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from app.errors import InferenceFailed, InvalidInput
from app.serving.batches import batch_of
from app.serving.costs import Costs
from app.serving.entry import Entry
from app.serving.scheduler import Scheduler
from tests.serving.workers import PATIENCE, Doubler, Item, running


@dataclass(frozen=True)
class Grouped(Item):
    group: str = ""
    graph: str | None = None


def test_only_one_group_shares_a_batch() -> None:
    worker = Doubler()
    with running(worker, held=True, batch=8) as scheduler:
        items = [Grouped(key, group="ab"[key % 2]) for key in range(6)]
        futures = scheduler.submit_many(items)
        worker.free.set()
        assert [future.result(PATIENCE).prediction for future in futures] == [0, 2, 4, 6, 8, 10]
    keys = [[item.key for item in batch] for batch in worker.batches]
    assert keys == [[-1], [0, 2, 4], [1, 3, 5]]


def test_the_nearest_of_a_group_come_along() -> None:
    worker = Doubler()
    with running(worker, held=True, batch=2) as scheduler:
        lengths = {0: 5, 1: 5, 2: 9, 3: 6}
        items = [Grouped(key, length, group="ab"[key == 1]) for key, length in lengths.items()]
        futures = scheduler.submit_many(items)
        worker.free.set()
        for future in futures:
            future.result(PATIENCE)
    keys = [[item.key for item in batch] for batch in worker.batches]
    assert keys == [[-1], [0, 3], [1], [2]]


def test_another_worker_takes_the_other_group() -> None:
    first, second = Doubler(), Doubler()
    first.free.set()
    with running(first, second) as scheduler:
        items = [Grouped(key, group=str(key)) for key in range(20)]
        futures = scheduler.submit_many(items)
        assert [future.result(PATIENCE).prediction for future in futures] == [
            2 * key for key in range(20)
        ]
    assert first.computed + second.computed == dict.fromkeys(range(20), 1)


class Inline:
    """Doubles where it is called; raises what it is told to."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.error: Exception | None = None

    def __call__(self, items: Sequence[Item]) -> list[int]:
        self.threads.append(threading.current_thread())
        if self.error is not None:
            raise self.error
        return [2 * item.key for item in items]


def scheduler_with(inline: Inline) -> Scheduler[Item, int]:
    return Scheduler[Item, int]([inline], model="test", version="1", inline=inline)


def test_what_is_known_to_be_cheap_runs_where_it_is() -> None:
    inline = Inline()
    scheduler = scheduler_with(inline)
    item = Grouped(3, length=5, graph="model.onnx")
    try:
        assert scheduler.run_now(item) is None, "nothing is known of it"
        assert scheduler.submit(item).result(PATIENCE).prediction == 6
        outcome = scheduler.run_now(item)
        assert outcome is not None
        assert (outcome.prediction, outcome.batch_size, outcome.queue_seconds) == (6, 1, 0.0)
        assert inline.threads[-1] is threading.current_thread()
        assert scheduler.run_now(Grouped(3, length=50, graph="model.onnx")) is None, "much longer"
        assert scheduler.run_now(Grouped(3, length=5, graph="other.onnx")) is None
        assert scheduler.run_now(Item(3, length=5)) is None, "tasks belong to their threads"
    finally:
        assert scheduler.close(timeout=PATIENCE)
    assert scheduler.run_now(item) is None, "it is closed"


def test_while_others_wait_nobody_runs_ahead() -> None:
    worker = Doubler()
    item = Grouped(1, length=5, graph="model.onnx")
    with running(worker, held=True) as scheduler:
        scheduler._inline = worker
        scheduler._costs.note(item, 1e-6)
        waiting = scheduler.submit(Item(7))
        assert scheduler.run_now(item) is None
        worker.free.set()
        assert waiting.result(PATIENCE).prediction == 14
        assert scheduler.run_now(item) is not None


@pytest.mark.parametrize(
    ("error", "kind"), [(ValueError("secret"), InferenceFailed), (InvalidInput("no"), InvalidInput)]
)
def test_failures_are_those_of_a_worker(error: Exception, kind: type[Exception]) -> None:
    inline = Inline()
    scheduler = scheduler_with(inline)
    item = Grouped(3, graph="model.onnx")
    try:
        scheduler.submit(item).result(PATIENCE)
        inline.error = error
        with pytest.raises(kind) as caught:
            scheduler.run_now(item)
        assert "secret" not in str(caught.value)
    finally:
        assert scheduler.close(timeout=PATIENCE)


def test_costs_are_the_shortest_and_drift_upwards() -> None:
    costs = Costs()
    item = Grouped(0, length=10, graph="model.onnx")
    costs.note(item, 1.0)
    assert not costs.is_cheap(item)
    costs.note(item, 10e-6)
    assert costs.is_cheap(item)
    costs.note(item, 300e-6)
    assert costs.is_cheap(item), "once is an accident"
    for _ in range(100):
        costs.note(item, 300e-6)
    assert not costs.is_cheap(item)
    assert not costs.is_cheap(Grouped(0, length=1000, graph="model.onnx"))


@pytest.mark.parametrize(
    ("lengths", "chosen"),
    [
        ([40, 40, 40, 40], {0, 1}),  # 80 of 100 steps; a third would make 120
        ([400, 1, 1], {0}),  # the oldest goes, and goes alone
        ([10, 60, 10, 10], {0, 2, 3}),  # the one that would pad all the others waits
        ([1] * 9, {0, 1, 2, 3}),  # no more than fit otherwise
    ],
)
def test_a_batch_has_so_many_steps_at_most(lengths: list[int], chosen: set[int]) -> None:
    window = [Entry[Item, int](Item(0, length), None, 0.0) for length in lengths]
    assert batch_of(window, 4, 100) == chosen
