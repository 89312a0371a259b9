"""Near-duplicates: exact against the definition, whatever the order and the company."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.training.sentiment.near_duplicates import near_duplicate_groups, text_key, words_of


def grouped(texts: Sequence[str]) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for i, first in enumerate(near_duplicate_groups(texts).tolist()):
        groups.setdefault(first, set()).add(i)
    assert all(first == min(members) for first, members in groups.items())
    return {frozenset(members) for members in groups.values()}


def by_definition(texts: Sequence[str]) -> set[frozenset[int]]:
    """Every pair is compared; components by repeated merging."""

    def alike(a: str, b: str) -> bool:
        if text_key(a) == text_key(b):
            return True
        one, two = ({w[i : i + 3] for i in range(len(w) - 2)} for w in (words_of(a), words_of(b)))
        fewer = min(len(one), len(two))
        return fewer >= 3 and len(one & two) >= 0.8 * fewer

    groups = [{i} for i in range(len(texts))]
    for i, j in combinations(range(len(texts)), 2):
        if alike(texts[i], texts[j]):
            a = next(g for g in groups if i in g)
            b = next(g for g in groups if j in g)
            if a is not b:
                groups.remove(b)
                a |= b
    return {frozenset(group) for group in groups}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("@united Thank you!", "@JetBlue thank you"),
        ("Flight 1181 was late", "flight 22 was LATE..."),
        ("see https://t.co/abc now", "see http://t.co/xyz now"),
        ("a lot<br /><br />of  fun", "a lot of fun"),
        ("@JetBlue: Our fleet's on fleek", "please stop this “Our fleet's on fleek” oh no"),
        ("the quick brown fox jumps over it", "today the quick brown fox jumps over it again"),
    ],
)
def test_small_changes_make_no_other_text(one: str, other: str) -> None:
    assert grouped([one, "something else", other]) == {frozenset({0, 2}), frozenset({1})}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("good", "not good"),
        ("the food was good", "the food was not good"),
        ("thank you", "thank you so much"),
        ("@united 😂", "@united 😭"),
        ("", "good"),
    ],
)
def test_different_texts_stay_apart(one: str, other: str) -> None:
    assert len(grouped([one, other])) == 2


def test_groups_are_chained() -> None:
    chain = ["a b c d e f g", "b c d e f g h", "c d e f g h i", "d e f g h i j"]
    assert grouped(chain) == {frozenset(range(4))}


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=9).map(" ".join), max_size=12))
@settings(max_examples=200, deadline=None)
def test_every_pair_and_no_other_is_found(texts: list[str]) -> None:
    assert grouped(texts) == by_definition(texts)


def test_no_texts_have_no_groups() -> None:
    assert near_duplicate_groups([]).tolist() == []
    assert near_duplicate_groups(["", "a"]).dtype == np.intp
