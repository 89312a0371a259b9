"""Beam search against greedy search and against looking at everything."""

import math
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tasks.decoding.beam_search import (
    BeamOptions,
    BeamSearch,
    EndedSequence,
    Floats,
    Ids,
    beam_search,
)

BEGIN, END = 1, 2
Model = Callable[[tuple[int, ...]], Floats]


def network(seed: int, words: int, tempo: float = 1.0) -> Model:
    """Log-probabilities (words) of what follows a sequence; ids 0 and 1 never do."""

    def after(sequence: tuple[int, ...]) -> Floats:
        draw = np.random.default_rng([seed, *sequence])
        logits = draw.normal(scale=2.0, size=words)
        logits[:2] = -np.inf
        logits[END] += tempo * (len(sequence) - 2)
        values: Floats = logits - np.logaddexp.reduce(logits)
        return values

    return after


def stepper(model: Model, top: int) -> Callable[[Ids, Ids], tuple[Floats, Ids]]:
    """A step that remembers its rows' sequences, as a decoder remembers their states."""
    rows: list[tuple[int, ...]] = [()]

    def step(ids: Ids, parents: Ids) -> tuple[Floats, Ids]:
        rows[:] = [(*rows[p], int(t)) for p, t in zip(parents, ids, strict=True)]
        logs = np.stack([model(row) for row in rows])
        order = np.argsort(-logs, axis=1, kind="stable")[:, :top]
        return np.take_along_axis(logs, order, axis=1), order.astype(np.int64)

    return step


def options(width: int, length: int, penalty: float = 0.0, wanted: int = 1) -> BeamOptions:
    return BeamOptions(width, length, penalty, END, wanted, frozenset((0, BEGIN)))


def greedy(model: Model, length: int) -> tuple[int, ...]:
    sequence: tuple[int, ...] = (BEGIN,)
    while len(sequence) <= length:
        logs = model(sequence).copy()
        if len(sequence) == 1:
            logs[END] = -np.inf
        best = int(logs.argmax())
        if best == END:
            break
        sequence = (*sequence, best)
    return sequence[1:]


def everything(
    model: Model, words: int, length: int, penalty: float
) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Score and ids of every sequence: ended ones, and those cut at `length`."""
    for size in range(1, length + 1):
        for ids in product(range(END + 1, words), repeat=size):
            total = 0.0
            sequence: tuple[int, ...] = (BEGIN,)
            for token in ids:
                total += float(model(sequence)[token])
                sequence = (*sequence, token)
            if size == length:
                yield total / size**penalty, ids
            else:
                total += float(model(sequence)[END])
                yield total / (size + 1) ** penalty, ids


SEEDS = st.integers(0, 10_000)
PENALTIES = st.sampled_from([0.0, 0.5, 0.7, 1.0, 2.0])


@given(SEEDS, st.integers(4, 9), st.integers(1, 8), PENALTIES)
def test_a_width_of_one_is_greedy(seed: int, words: int, length: int, penalty: float) -> None:
    model = network(seed, words)
    (found,) = beam_search(stepper(model, words), BEGIN, options(1, length, penalty))
    assert found.ids == greedy(model, length)


@given(SEEDS, st.integers(1, 3), PENALTIES)
def test_a_beam_that_holds_everything_finds_the_best(
    seed: int, length: int, penalty: float
) -> None:
    words = 5  # two of them words
    model = network(seed, words)
    found = beam_search(stepper(model, words), BEGIN, options(20, length, penalty, wanted=3))
    expected = sorted(everything(model, words, length, penalty), reverse=True)[:3]
    assert [each.ids for each in found] == [ids for _, ids in expected]
    np.testing.assert_allclose([each.score for each in found], [score for score, _ in expected])


@given(SEEDS, st.integers(1, 6), st.integers(1, 8), PENALTIES, st.data())
def test_asking_for_more_changes_nothing_about_the_first(
    seed: int, width: int, length: int, penalty: float, data: st.DataObject
) -> None:
    model = network(seed, 9)
    wanted = data.draw(st.integers(1, width))
    fewer = beam_search(stepper(model, 9), BEGIN, options(width, length, penalty, wanted))
    more = beam_search(stepper(model, 9), BEGIN, options(width, length, penalty, width))
    assert fewer == more[:wanted]
    assert len(fewer) >= 1


def describe(model: Model, found: EndedSequence) -> None:
    """Everything that a sequence says about itself follows from its ids."""
    total = 0.0
    sequence: tuple[int, ...] = (BEGIN,)
    for token in found.ids:
        total += float(model(sequence)[token])
        sequence = (*sequence, token)
    if not found.cut:
        total += float(model(sequence)[END])
    assert found.length == len(found.ids) + (not found.cut)
    assert found.total == pytest.approx(total)
    assert found.probability == pytest.approx(math.exp(total / found.length))


@given(SEEDS, st.integers(1, 10), st.integers(1, 8), PENALTIES)
def test_a_sequence_says_what_it_is(seed: int, width: int, length: int, penalty: float) -> None:
    model = network(seed, 14)
    found = beam_search(stepper(model, 11), BEGIN, options(width, length, penalty, wanted=width))
    assert len({each.ids for each in found}) == len(found)
    assert [each.score for each in found] == sorted((e.score for e in found), reverse=True)
    for each in found:
        assert 1 <= len(each.ids) <= length
        assert {0, BEGIN, END}.isdisjoint(each.ids)
        assert each.score == pytest.approx(each.total / each.length**penalty)
        describe(model, each)


def test_what_is_seen_follows_its_sequence() -> None:
    model = network(3, 9)
    search = BeamSearch(options(3, 5, wanted=3), BEGIN)
    rows: list[tuple[int, ...]] = [()]
    parents = [0]
    while search.rows:
        rows = [(*rows[parent], token) for parent, token in zip(parents, search.ids, strict=True)]
        logs = np.stack([model(row) for row in rows])
        order = np.argsort(-logs, axis=1, kind="stable")
        values = np.take_along_axis(logs, order, axis=1)
        parents = search.advance(values.tolist(), order.tolist(), rows)  # the row saw itself
    for each in search.best():
        assert each.seen == tuple((BEGIN, *each.ids[:place]) for place in range(len(each.ids)))


def test_equal_ones_stay_in_order() -> None:
    def step(ids: Ids, parents: Ids) -> tuple[Floats, Ids]:
        logs = np.full((len(ids), 4), np.log(0.25))
        return logs, np.tile(np.array([5, 3, 4, END]), (len(ids), 1))

    found = beam_search(step, BEGIN, options(2, 2, wanted=2))
    assert [each.ids for each in found] == [(5, 5), (5, 3)]


def test_a_network_without_words_finds_nothing() -> None:
    def step(ids: Ids, parents: Ids) -> tuple[Floats, Ids]:
        return np.zeros((len(ids), 2)), np.zeros((len(ids), 2), np.int64)

    assert beam_search(step, BEGIN, options(3, 5)) == []
