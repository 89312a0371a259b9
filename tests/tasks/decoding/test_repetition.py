"""Which ids would repeat a phrase; and that no search says one twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tasks.decoding.beam_search import BeamOptions, Floats, Ids, beam_search
from app.tasks.decoding.repetition import RepetitionOptions, repeating
from app.training.common.repetition import repeating_share, repeats

WORDS = ("a", "yellow", "shirt", "and", "black", "dog", "man", "in", "##est")
ID = {word: place + 10 for place, word in enumerate(WORDS)}
BLOCKED = RepetitionOptions(3, frozenset((ID["##est"],)), frozenset((ID["and"],)))


@pytest.mark.parametrize(
    ("said", "forbidden"),
    [
        ("", ""),
        ("a yellow shirt in a yellow", "shirt"),
        ("a yellow shirt in a", ""),
        ("a yellow shirt and a yellow", "shirt"),
        ("a shirt and a", "shirt"),
        ("a man in a shirt and", "shirt"),
        ("a man in a shirt and a", "shirt"),
        ("a man and a yellow", ""),
        ("and", ""),
        ("a yellow ##est shirt in a yellow ##est", "shirt"),
        ("a yellow ##est shirt in a yellow", ""),
        ("a a", ""),
        ("a a a", "a"),
        ("yellow ##est and", "yellow"),
    ],
)
def test_what_would_repeat(said: str, forbidden: str) -> None:
    found = repeating([ID[word] for word in said.split()], BLOCKED)
    assert found == {ID[word] for word in forbidden.split()}


def test_nothing_is_forbidden_where_everything_may_come_again() -> None:
    ids = [ID[word] for word in ["a", "yellow", "shirt", "and", "a", "yellow"]]
    assert repeating(ids, RepetitionOptions(0, joining=BLOCKED.joining)) == frozenset()


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=9),
    st.integers(0, 3),
    st.integers(1, 4),
)
def test_exactly_the_words_that_complete_an_ngram(ids: list[int], new: int, n: int) -> None:
    def grams(sequence: list[int]) -> list[tuple[int, ...]]:
        return [tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1)]

    completes = grams([*ids, new])[-1:]
    again = len(ids) >= n and completes[0] in grams(ids)
    assert (new in repeating(ids, RepetitionOptions(n))) == again


@given(st.integers(0, 5000), st.integers(1, 5))
def test_no_search_says_a_phrase_twice(seed: int, width: int) -> None:
    """On a network that would go in circles: what comes next depends on the last word alone."""
    table = np.random.default_rng(seed).normal(scale=3.0, size=(8, 8))
    table[:, :2] = -np.inf
    table[:, 2] -= 6.0  # it seldom ends
    logs = table - np.logaddexp.reduce(table, axis=1, keepdims=True)

    def step(ids: Ids, parents: Ids) -> tuple[Floats, Ids]:
        order = np.argsort(-logs[ids], axis=1, kind="stable")
        return np.take_along_axis(logs[ids], order, axis=1), order.astype(np.int64)

    rules = RepetitionOptions(3, joining=frozenset((3,)))
    never = frozenset((0, 1))
    options = BeamOptions(width, 30, 0.7, 2, width, never, rules)
    for each in beam_search(step, 1, options):
        words = ["and" if token == 3 else str(token) for token in each.ids]
        assert words
        assert not repeats(words)
        assert np.isfinite(each.total)


def test_where_everything_repeats_the_sequence_is_cut() -> None:
    """A network that knows one word and no end."""

    def step(ids: Ids, parents: Ids) -> tuple[Floats, Ids]:
        return np.zeros((len(ids), 1)), np.full((len(ids), 1), 5)

    (found,) = beam_search(
        step, 1, BeamOptions(2, 30, 0.7, 2, 1, frozenset(), RepetitionOptions(3))
    )
    assert found.ids == (5, 5, 5)
    assert found.cut
    assert found.length == 3


def test_the_share_of_texts_that_repeat() -> None:
    texts = [
        "a woman in a yellow shirt and a yellow shirt",
        "a shirt and a shirt",
        "two men and two women",
        "black and black",
        "a dog runs",
    ]
    assert [repeats(text.split()) for text in texts] == [True, True, False, True, False]
    assert repeating_share([text.split() for text in texts]) == 0.6
