"""Beam search, one step at a time. Knows log-probabilities and ids; no network and no words.

Of the best `2 * beam_width` continuations of the open sequences, an end among the first
`beam_width` is an ended sequence, and the best that are no ends stay open. So a width of 1 is
greedy. The search is over with `beam_width` ended sequences, when no open one can come among those
that are wanted, or at `max_length`, where open ones count as ended. No sequence is empty.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Ids: TypeAlias = npt.NDArray[np.int64]
# From the last ids (rows), and which row each came from (rows), to log-probabilities and ids of
# the likeliest continuations (rows, k), from the likeliest down.
Step: TypeAlias = Callable[[Ids, Ids], tuple[Floats, Ids]]

# The id at the end of a sequence, what came before it, what the caller gave for its step. Plain
# tuples: some are made in every step for every row.
Chain: TypeAlias = "tuple[int, Chain, Any] | None"

MAX_BEAM_WIDTH: Final = 10
_TOTAL = itemgetter(0)


@dataclass(frozen=True, slots=True)
class BeamOptions:
    """How to search. max_length: most ids without the end. wanted: how many ended sequences
    somebody will look at, at most `beam_width`. never: ids that are no continuation."""

    beam_width: int
    max_length: int
    length_penalty: float
    end: int
    wanted: int = 1
    never: frozenset[int] = frozenset()

    def score(self, total: float, length: int) -> float:
        """What sequences are ordered by: `total` over `length` to the length penalty.

        Wu et al. 2016, "Google's Neural Machine Translation System", section 7, normalise in the
        same way, by ((5 + length) / 6) to that power; with the length alone a penalty of 1 is the
        mean per id.
        """
        return total / math.pow(length, self.length_penalty)


@dataclass(frozen=True, slots=True)
class Sequenced:
    """A sequence: its ids, without the end, and what the caller gave for each of their steps.

    total: the sum of log-probabilities over `length` ids, the end included unless it was cut.
    """

    ids: tuple[int, ...]
    seen: tuple[Any, ...]
    total: float
    length: int
    score: float
    cut: bool

    @property
    def probability(self) -> float:
        """The geometric mean of the ids' probabilities."""
        return math.exp(self.total / self.length)


class BeamSearch:
    """The state of one search. Row r of the next step continues `ids[r]`."""

    def __init__(self, options: BeamOptions, begin: int) -> None:
        self._options = options
        self._open: list[tuple[float, Chain]] = [(0.0, None)]
        self._ended: list[Sequenced] = []
        self._length = 0  # of the open ones
        self.ids: list[int] = [begin]

    @property
    def rows(self) -> int:
        """Rows of the next step; 0 when the search is over."""
        return len(self._open)

    def advance(
        self,
        log_probabilities: Sequence[Sequence[float]],
        token_ids: Sequence[Sequence[int]],
        seen: Sequence[Any] | None = None,
    ) -> list[int]:
        """Take in a step's answer, both (rows, k); which row each of the next rows came from.

        `seen` holds one value per row, to be found in the sequences that go on from it.
        """
        options = self._options
        width = options.beam_width
        candidates = self._candidates(log_probabilities, token_ids)
        # Stable: equal ones stay in the order of rows and of a row's own answer.
        candidates.sort(key=_TOTAL, reverse=True)
        self._length += 1
        parents: list[int] = []
        going: list[tuple[float, Chain]] = []
        for rank, (total, row, token) in enumerate(candidates[: 2 * width]):
            before = self._open[row][1]
            if token == options.end:
                if rank < width and len(self._ended) < width:
                    self._ended.append(self._sequenced(total, before, cut=False))
            elif len(going) < width:
                going.append((total, (token, before, None if seen is None else seen[row])))
                parents.append(row)
        if len(self._ended) == width or self._is_decided(going):
            going = []
        elif self._length == options.max_length:
            room = width - len(self._ended)
            self._ended += [self._sequenced(*each, cut=True) for each in going[:room]]
            going = []
        self._open = going
        self.ids = [link[0] for _, link in going if link is not None]
        return parents[: len(going)]

    def newest(self) -> int | None:
        """The id that the likeliest open sequence ends in; None when the search is over."""
        return self.ids[0] if self.ids else None

    def best(self) -> list[Sequenced]:
        """The ended sequences that are wanted, the best one first. Call it when it is over."""
        ranked = sorted(self._ended, key=lambda each: -each.score)
        return ranked[: self._options.wanted]

    def _candidates(
        self, log_probabilities: Sequence[Sequence[float]], token_ids: Sequence[Sequence[int]]
    ) -> list[tuple[float, int, int]]:
        """(total, row, id) of what may go on from each row, from the likeliest down."""
        options = self._options
        never = options.never if self._length else options.never | {options.end}
        # One more than can stay open, since one of them may be the end.
        most = options.beam_width + 1
        found: list[tuple[float, int, int]] = []
        for row, (total, _) in enumerate(self._open):
            end = len(found) + most
            for value, token in zip(log_probabilities[row], token_ids[row], strict=True):
                if token not in never:
                    found.append((total + value, row, token))
                    if len(found) == end:
                        break
        return found

    def _is_decided(self, going: Sequence[tuple[float, Chain]]) -> bool:
        """Whether whatever may still end comes behind all that are wanted."""
        options = self._options
        if len(self._ended) < options.wanted:
            return False
        if not going:
            return True
        # A total only falls, and is divided by no more than the longest sequence's penalty.
        longest = options.max_length if options.length_penalty > 0 else self._length
        bound = options.score(going[0][0], longest)
        worst = sorted((each.score for each in self._ended), reverse=True)[options.wanted - 1]
        return worst >= bound

    def _sequenced(self, total: float, link: Chain, *, cut: bool) -> Sequenced:
        ids, seen = [], []
        while link is not None:
            token, link, value = link
            ids.append(token)
            seen.append(value)
        return Sequenced(
            ids=tuple(reversed(ids)),
            seen=tuple(reversed(seen)),
            total=total,
            length=self._length,
            score=self._options.score(total, self._length),
            cut=cut,
        )


def beam_search(step: Step, begin: int, options: BeamOptions) -> list[Sequenced]:
    """The best ended sequences that begin with `begin`, by a step that keeps its own states."""
    search = BeamSearch(options, begin)
    parents = [0]
    while search.rows:
        ids, rows = np.array(search.ids, np.int64), np.array(parents, np.int64)
        values, found = step(ids, rows)
        parents = search.advance(values.tolist(), found.tolist())
    return search.best()
