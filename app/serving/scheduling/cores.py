"""How many batches run at once, over all models. Knows counts; no model and no batch.

Each model has as many worker threads as there are cores, and so several busy models would have
several times as many batches under way, each of them slowed down by all the others.
"""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Cores:
    """Permits to compute, shared by all models of a process.

    A model that computes nothing gets a permit at once, whatever the others do: then one thread
    more than there are cores may run for a batch, and the system shares the cores between them,
    so nobody waits for another model's long batch. Beyond its first, a model gets what is free,
    and of those that wait for one the model that has the fewest.
    """

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._changed = threading.Condition()
        self._running: dict[Hashable, int] = {}
        self._wanting: dict[Hashable, int] = {}
        self._total = 0

    @contextmanager
    def permit(self, model: Hashable) -> Iterator[None]:
        """Wait for one, and hold it."""
        with self._changed:
            self._wanting[model] = self._wanting.get(model, 0) + 1
            self._changed.wait_for(lambda: self._is_next(model))
            _count_down(self._wanting, model)
            self._running[model] = self._running.get(model, 0) + 1
            self._total += 1
        try:
            yield
        finally:
            with self._changed:
                _count_down(self._running, model)
                self._total -= 1
                if self._wanting:
                    self._changed.notify_all()

    def _is_next(self, model: Hashable) -> bool:
        mine = self._running.get(model, 0)
        if not mine:
            return True
        if self._total >= self._cores:
            return False
        return all(mine <= self._running.get(other, 0) for other in self._wanting)


def _count_down(counts: dict[Hashable, int], key: Hashable) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
