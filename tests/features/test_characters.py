"""What a network sees of a text: white space, masks, ids and the way back to the text."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.features.characters import (
    UNKNOWN_ID,
    CharacterOptions,
    chunk_bounds,
    frequent_characters,
    frequent_words,
    mask,
    read,
    squeeze,
)

ANY_TEXT = st.text(st.characters(), max_size=300)  # surrogates and control characters too


@given(ANY_TEXT)
def test_every_character_is_found_again_in_the_text(text: str) -> None:
    plain, positions = squeeze(text)
    assert len(plain) == len(positions)
    assert (np.diff(positions) > 0).all()
    assert plain.split() == squeeze(" ".join(text.split()))[0].split()
    for character, position in zip(plain, positions, strict=True):
        there = text[position]
        assert character == there or (character == " " and there.isspace()) or character in "'\"-"


def test_white_space_and_typography_do_not_matter() -> None:
    plain, positions = squeeze("  \u201cIt\u2019s\n\n here\u201d \u2014 now\t")
    assert plain == '"It\'s here" - now'
    assert positions[0] == 2
    assert positions[plain.index("h")] == 10


@given(ANY_TEXT, st.booleans())
def test_masking_keeps_the_length(text: str, distorted: bool) -> None:
    kept = frozenset({"the", "of"}) if distorted else None
    assert len(mask(text, kept, {"jay"})) == len(text)


def test_distortion_leaves_frequent_words_and_punctuation() -> None:
    seen = mask("The Union, of 13 States; don't ask Hamilton's men.", {"the", "of", "don't"}, set())
    assert seen == "the *****, of ## ******; don't *** ********** ***."


def test_names_are_masked_whatever_is_kept() -> None:
    assert mask("Jay's PUBLIUS, jays", None, {"jay", "publius"}) == "***** *******, jays"
    assert mask("Jay and jay", {"jay", "and"}, {"jay"}) == "*** and ***"


def test_the_most_frequent_words_are_counted_without_names() -> None:
    words = frequent_words(["To be or not to be", "Hamilton to Hamilton"], 3, {"hamilton"})
    assert words == ("to", "be", "not")


def test_ids_are_those_of_the_alphabet_and_one_for_the_rest() -> None:
    options = CharacterOptions(alphabet=frequent_characters(["abba", "b"], least=2))
    assert options.alphabet == "ba"
    assert options.ids("abz").tolist() == [3, 2, UNKNOWN_ID]
    assert CharacterOptions(alphabet="").ids("ab").tolist() == [UNKNOWN_ID, UNKNOWN_ID]


@pytest.mark.parametrize(
    "wrong", [{"alphabet": "aa"}, {"alphabet": "a", "chunk_length": 0}], ids=str
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"twice|positive"):
        CharacterOptions(**wrong)  # type: ignore[arg-type]


def test_of_a_long_text_the_head_is_read() -> None:
    options = CharacterOptions(alphabet="ab", max_characters=4)
    long = read("a b  a b a b", options)
    assert (long.text, long.truncated) == ("a b ", True)
    assert read("a  b", options).truncated is False
    assert read(" " * 100 + "ab", options).truncated is True, "what is not read is said"


@given(st.integers(1, 5000), st.integers(1, 700))
def test_chunks_cover_the_text_and_are_alike(length: int, chunk_length: int) -> None:
    bounds = chunk_bounds(length, chunk_length)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == length
    assert all(left[1] == right[0] for left, right in pairwise(bounds))
    sizes = [end - start for start, end in bounds]
    assert max(sizes) <= chunk_length
    assert max(sizes) - min(sizes) <= 1
    assert len(bounds) == -(-length // chunk_length)
