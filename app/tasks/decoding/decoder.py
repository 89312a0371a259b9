"""Takes one step of many searches with one graph. Knows arrays by name; no words.

The graph computes one step of any number of rows: `token_ids` (rows) int64, states and contexts ->
`log_probabilities` and `next_token_ids` (rows, k) of the likeliest continuations, the likeliest
first, and `attention` (rows, places) if it attends. An input `x` with an output `next_x` is a
state; any other input is a context that stays the same in all steps.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.errors import InferenceFailed
from app.serving.runtime.session import Session
from app.tasks.decoding.run import SearchRun

Array = npt.NDArray[Any]

TOKENS: Final = "token_ids"
ATTENTION: Final = "attention"
_ANSWERS: Final = ("log_probabilities", "next_token_ids")
_NEXT: Final = "next_"


class StepDecoder:
    """One graph of steps. Called from one thread."""

    def __init__(self, session: Session, *, attends: bool) -> None:
        """`attends` tells whether its `attention` is wanted; see `problems`."""
        self._session = session
        self._attends = attends
        answers = {each.name for each in session.outputs}
        inputs = [each.name for each in session.inputs if each.name != TOKENS]
        self._states = tuple(name for name in inputs if f"{_NEXT}{name}" in answers)
        self._contexts = tuple(name for name in inputs if name not in self._states)
        self._answers = (*_ANSWERS, *(f"{_NEXT}{name}" for name in self._states))
        self._kept: tuple[tuple[tuple[SearchRun, int], ...], dict[str, Array]] = ((), {})

    def problems(self, file: str, given: Mapping[str, set[str]]) -> list[str]:
        """What keeps the graph `file` from being used; `given` has outputs by the file's name."""
        answers = {each.name for each in self._session.outputs}
        needed = {*_ANSWERS, *((ATTENTION,) if self._attends else ())}
        found = [f"{file} has no output {name}" for name in sorted(needed - answers)]
        for first, names in given.items():
            wanted = (*self._states, *self._contexts)
            found += [f"{first} has no output {name}" for name in wanted if name not in names]
        if TOKENS not in {each.name for each in self._session.inputs}:
            found.append(f"{file} has no input {TOKENS}")
        return found

    def split(
        self, first: Mapping[str, Array], row: int
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """(states, contexts) of one row of what a sequence begins with, each (1, ...)."""
        part = {name: value[row : row + 1] for name, value in first.items()}
        return (
            {name: part[name] for name in self._states},
            {name: part[name] for name in self._contexts},
        )

    def step(self, runs: Sequence[SearchRun]) -> None:
        """One id for every row of `runs`, none of which is finished; all of them or none.

        Raises:
            InferenceFailed: an answer is not a number.
        """
        groups: dict[Any, list[SearchRun]] = {}
        for run in runs:
            groups.setdefault(run.group, []).append(run)
        outputs = [(each, self._computed(each)) for each in groups.values()]
        for each, found in outputs:
            self._advance(each, found)

    def _computed(self, runs: Sequence[SearchRun]) -> dict[str, Array]:
        feeds = {TOKENS: np.array([each for run in runs for each in run.search.ids], np.int64)}
        for name in self._states:
            feeds[name] = joined([run.states[name] for run in runs])
        feeds |= self._contexts_of(runs)
        seen = (ATTENTION,) if any(run.attends for run in runs) else ()
        outputs = self._session.run(feeds, (*self._answers, *seen))
        if np.isnan(outputs[_ANSWERS[0]]).any():
            raise InferenceFailed("the decoder's answer is not a number")
        return outputs

    def _advance(self, runs: Sequence[SearchRun], outputs: Mapping[str, Array]) -> None:
        value_rows, id_rows = (outputs[name].tolist() for name in _ANSWERS)  # (rows, k)
        first = 0
        places: list[int] = []
        for run in runs:
            rows = slice(first, first + run.rows)
            attention = outputs[ATTENTION][rows] if run.attends else None
            parents = run.advance(value_rows[rows], id_rows[rows], attention)
            places += [first + parent for parent in parents]
            first = rows.stop
        if not places:
            self._kept = ((), {})  # keep nothing of what has ended
            return
        states = {name: outputs[_NEXT + name][places] for name in self._states}
        first = 0
        for run in runs:
            last = first + run.rows
            run.states = {name: value[first:last] for name, value in states.items()}
            first = last

    def _contexts_of(self, runs: Sequence[SearchRun]) -> dict[str, Array]:
        """Each context, with the values of a run repeated for its rows.

        Cached, since the values may be large and rows seldom change between two steps.
        """
        key = tuple((run, run.rows) for run in runs)
        if self._kept[0] != key:
            counts = [run.rows for run in runs]
            self._kept = (
                key,
                {
                    name: np.repeat(joined([run.contexts[name] for run in runs]), counts, axis=0)
                    for name in self._contexts
                },
            )
        return self._kept[1]


def joined(arrays: Sequence[Array]) -> Array:
    """Arrays (rows, ...) one behind the other."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
