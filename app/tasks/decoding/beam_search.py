"""Beam search, one step at a time. Knows log-probabilities and ids; no network and no words.

Each step looks at the best `2 * beam_width` continuations of the open sequences. An end id among
the first `beam_width` of them ends a sequence; the best `beam_width` without an end id stay open.
So a width of 1 is greedy search. The search is over when `beam_width` sequences have ended, when no
open sequence can become one of the wanted ones, or at `max_length`, where open sequences count as
ended; so they do where every continuation would repeat something. No sequence is empty.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from app.tasks.decoding.repetition import ALLOWED, RepetitionOptions, repeating

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Ids: TypeAlias = npt.NDArray[np.int64]
# From the last ids (rows) and the rows of the step before that they continue (rows) to
# log-probabilities and ids of the likeliest continuations (rows, k), the likeliest first.
Step: TypeAlias = Callable[[Ids, Ids], tuple[Floats, Ids]]

# A sequence as a linked list: the last id, the sequence before it, what the caller passed as `seen`
# for its step. Plain tuples, since they are created in every step for every row.
Chain: TypeAlias = "tuple[int, Chain, Any] | None"

MAX_BEAM_WIDTH: Final = 10
_TOTAL = itemgetter(0)


@dataclass(frozen=True, slots=True)
class BeamOptions:
    """How to search."""

    # Sequences that are kept open.
    beam_width: int
    # Ids of a sequence at most, without the end id.
    max_length: int
    # Exponent of the length in `score`; 0 prefers short sequences, 1 is the mean per id.
    length_penalty: float
    # The id that ends a sequence.
    end: int
    # Sequences that `best` returns, at most `beam_width`.
    wanted: int = 1
    # Ids that never continue a sequence.
    never: frozenset[int] = frozenset()
    # What no sequence may say again.
    repetition: RepetitionOptions = ALLOWED

    def score(self, total: float, length: int) -> float:
        """The score of a sequence: `total` divided by `length` to the power of the length penalty.

        Wu et al. 2016, "Google's Neural Machine Translation System", section 7, divide by
        ((5 + length) / 6) to that power; with the length alone a penalty of 1 gives the mean per
        id.
        """
        return total / math.pow(length, self.length_penalty)


@dataclass(frozen=True, slots=True)
class EndedSequence:
    """An ended sequence: its ids, without the end, and the caller's `seen` for each of them.

    total: the sum of the log-probabilities of `length` ids, with the end unless `cut`.
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
        self._ended: list[EndedSequence] = []
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
        """Take a step with the network's answer, both (rows, k).

        Returns, for each row of the next step, the row that it continues. `seen` holds one value
        per row, which is kept in the sequences that continue the row.
        """
        options = self._options
        width = options.beam_width
        candidates = self._candidates(log_probabilities, token_ids)
        # A stable sort: equal ones stay in the order of rows, then of a row's continuations.
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
        elif not going and not self._ended:
            self._length -= 1
            if self._length:
                self._ended += [self._sequenced(*each, cut=True) for each in self._open]
        elif self._length == options.max_length:
            room = width - len(self._ended)
            self._ended += [self._sequenced(*each, cut=True) for each in going[:room]]
            going = []
        self._open = going
        self.ids = [link[0] for _, link in going if link is not None]
        return parents[: len(going)]

    def newest(self) -> int | None:
        """The last id of the likeliest open sequence; None when the search is over."""
        return self.ids[0] if self.ids else None

    def best(self) -> list[EndedSequence]:
        """The wanted sequences, the best first. Call it when the search is over."""
        ranked = sorted(self._ended, key=lambda each: -each.score)
        return ranked[: self._options.wanted]

    def _candidates(
        self, log_probabilities: Sequence[Sequence[float]], token_ids: Sequence[Sequence[int]]
    ) -> list[tuple[float, int, int]]:
        """(total, row, id) of possible continuations of each row, the likeliest first."""
        options = self._options
        never = options.never if self._length else options.never | {options.end}
        # One more than can stay open, since one of them may be the end.
        most = options.beam_width + 1
        kept = never
        found: list[tuple[float, int, int]] = []
        for row, (total, before) in enumerate(self._open):
            end = len(found) + most
            if options.repetition.no_repeat_ngram:
                again = repeating(_ids(before), options.repetition)
                kept = never | again if again else never
            for value, token in zip(log_probabilities[row], token_ids[row], strict=True):
                if token not in kept:
                    found.append((total + value, row, token))
                    if len(found) == end:
                        break
        return found

    def _is_decided(self, going: Sequence[tuple[float, Chain]]) -> bool:
        """Whether no open sequence can become better than the wanted ones."""
        options = self._options
        if len(self._ended) < options.wanted:
            return False
        if not going:
            return True
        # A total only falls, and the divisor is at most that of the longest sequence.
        longest = options.max_length if options.length_penalty > 0 else self._length
        bound = options.score(going[0][0], longest)
        worst = sorted((each.score for each in self._ended), reverse=True)[options.wanted - 1]
        return worst >= bound

    def _sequenced(self, total: float, link: Chain, *, cut: bool) -> EndedSequence:
        ids, seen = [], []
        while link is not None:
            token, link, value = link
            ids.append(token)
            seen.append(value)
        return EndedSequence(
            ids=tuple(reversed(ids)),
            seen=tuple(reversed(seen)),
            total=total,
            length=self._length,
            score=self._options.score(total, self._length),
            cut=cut,
        )


def _ids(link: Chain) -> list[int]:
    """The ids of a sequence, the first one first."""
    ids = []
    while link is not None:
        token, link, _ = link
        ids.append(token)
    ids.reverse()
    return ids


def beam_search(step: Step, begin: int, options: BeamOptions) -> list[EndedSequence]:
    """The best sequences after `begin`; `step` keeps the states of its rows."""
    search = BeamSearch(options, begin)
    parents = [0]
    while search.rows:
        ids, rows = np.array(search.ids, np.int64), np.array(parents, np.int64)
        values, found = step(ids, rows)
        parents = search.advance(values.tolist(), found.tolist())
    return search.best()
