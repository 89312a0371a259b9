"""One sequence that is being searched for: its search and its states. Knows no graph, no words.

`StepDecoder` of `app.tasks.decoding.decoder` takes the steps of runs.
"""

from collections.abc import Callable, Hashable
from typing import Any

import numpy.typing as npt

from app.tasks.decoding.beam_search import BeamOptions, BeamSearch

Array = npt.NDArray[Any]


class SearchRun:
    """A search between two steps, the states of its rows, its fixed contexts.

    states: each (rows, ...). contexts: each (1, ...), the same for all rows. listener: called with
    each id as soon as it is final, if `beam_width` is 1. group: only runs of one group are computed
    together, for contexts of one shape.
    """

    def __init__(
        self,
        search: BeamOptions,
        begin: int,
        states: dict[str, Array],
        contexts: dict[str, Array],
        *,
        attends: bool = False,
        listener: Callable[[int], None] | None = None,
        group: Hashable = None,
    ) -> None:
        self.search = BeamSearch(search, begin)
        self.states = states
        self.contexts = contexts
        self.attends = attends
        self.group = group
        self._listener = listener
        self._told = 0

    @property
    def rows(self) -> int:
        """Rows of its next step."""
        return self.search.rows

    @property
    def finished(self) -> bool:
        return not self.search.rows

    def advance(
        self, values: list[list[float]], ids: list[list[int]], attention: Array | None
    ) -> list[int]:
        """Take one step with the network's answer, each (rows, k or places).

        Returns, for each row of the next step, the row that it continues.
        """
        seen = None if attention is None else [row.copy() for row in attention]
        parents = self.search.advance(values, ids, seen)
        if self._listener is not None:
            newest = self.search.newest()
            if newest is not None:
                self._tell(newest)
            else:
                for each in self.search.best()[:1]:
                    for token in each.ids[self._told :]:  # the last one, if it was cut
                        self._tell(token)
        return parents

    def _tell(self, token: int) -> None:
        assert self._listener is not None
        self._told += 1
        self._listener(token)
