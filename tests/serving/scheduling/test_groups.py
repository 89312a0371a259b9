"""Only examples of one group share a batch."""

from dataclasses import dataclass

from tests.serving.scheduling.workers import PATIENCE, Doubler, Item, running


@dataclass(frozen=True)
class Grouped(Item):
    group: str = ""


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
