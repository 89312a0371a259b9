"""Limits how many batches run at a time, over all models. Knows counts; no model and no batch.

Each model has as many worker threads as there are cores. Without a limit several busy models
would run several times as many batches as there are cores, and each would slow the others down.
"""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Cores:
    """Permits to compute, shared by all models of a process.

    A model that computes nothing gets a permit at once, even if all cores are busy. Then more
    threads run than there are cores, and the system shares the cores between them, so no model
    waits for a long batch of another one. Further permits of a model need a free core, which goes
    to the waiting model with the fewest permits.
    """

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._changed = threading.Condition()
        self._running: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, int] = {}
        self._total = 0

    @contextmanager
    def permit(self, model: Hashable) -> Iterator[None]:
        """Wait for a permit, and hold it for the duration of the context."""
        with self._changed:
            self._waiting[model] = self._waiting.get(model, 0) + 1
            self._changed.wait_for(lambda: self._is_next(model))
            _count_down(self._waiting, model)
            self._running[model] = self._running.get(model, 0) + 1
            self._total += 1
        try:
            yield
        finally:
            with self._changed:
                _count_down(self._running, model)
                self._total -= 1
                if self._waiting:
                    self._changed.notify_all()

    def _is_next(self, model: Hashable) -> bool:
        mine = self._running.get(model, 0)
        if not mine:
            return True
        if self._total >= self._cores:
            return False
        return all(mine <= self._running.get(other, 0) for other in self._waiting)


def _count_down(counts: dict[Hashable, int], key: Hashable) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
