"""How many batches run at once, over all models."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.serving.scheduling.batch_scheduler import BatchScheduler
from app.serving.scheduling.cores import Cores
from tests.serving.scheduling.workers import PATIENCE, Constant, Doubler, Item


class Holder:
    """A thread that holds a permit from `got` to `release`."""

    def __init__(self, cores: Cores, model: str) -> None:
        self.got = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(cores, model))
        self._thread.start()

    def _hold(self, cores: Cores, model: str) -> None:
        with cores.permit(model):
            self.got.set()
            assert self._end.wait(PATIENCE)

    def release(self) -> None:
        self._end.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@contextmanager
def holders(cores: Cores, *models: str) -> Iterator[list[Holder]]:
    found = [Holder(cores, model) for model in models]
    try:
        yield found
    finally:
        for each in found:
            each.release()


def test_one_model_gets_every_core_and_no_more() -> None:
    cores = Cores(2)
    with holders(cores, "a", "a", "a") as three:
        while sum(each.got.is_set() for each in three) < 2:
            pass
        [waits] = [each for each in three if not each.got.is_set()]
        next(each for each in three if each.got.is_set()).release()
        assert waits.got.wait(PATIENCE)


def test_a_model_that_computes_nothing_never_waits() -> None:
    cores = Cores(1)
    with holders(cores, "a", "b", "c") as three:
        assert all(each.got.wait(PATIENCE) for each in three)


def test_a_free_core_goes_to_the_model_with_the_fewest() -> None:
    cores = Cores(4)
    with holders(cores, "a", "a", "a", "b") as [one, two, *others]:
        assert all(each.got.wait(PATIENCE) for each in (one, two, *others))
        with holders(cores, "a", "b") as [third, second]:
            one.release()
            assert second.got.wait(PATIENCE)
            assert not third.got.is_set()
            two.release()
            assert third.got.wait(PATIENCE)


def test_a_model_whose_batches_are_long_does_not_hold_up_another() -> None:
    cores = Cores(1)
    slow, quick = Doubler(), Doubler()
    quick.free.set()
    busy, calm = (
        BatchScheduler[Item, int]([worker], model=name, version="1", costs=Constant(4), cores=cores)
        for name, worker in (("busy", slow), ("calm", quick))
    )
    try:
        futures = busy.submit_many([Item(key) for key in range(20)])
        assert slow.started.wait(PATIENCE)
        assert calm.submit(Item(7)).result(PATIENCE).prediction == 14
        slow.free.set()
        assert [each.result(PATIENCE).prediction for each in futures] == list(range(0, 40, 2))
    finally:
        slow.free.set()
        assert busy.close(timeout=PATIENCE)
        assert calm.close(timeout=PATIENCE)
