"""CIDEr-D, ROUGE-L and METEOR against cases computed by hand."""

import math

import pytest

from app.training.caption.meteor import meteor
from app.training.caption.scores import CiderD, rouge_l
from app.training.caption.words import words_of


def test_a_caption_that_is_its_only_reference_scores_ten() -> None:
    references = [[words_of("a b c d e")], [words_of("f g h i j")]]
    assert CiderD(references).one(0, references[0][0]) == pytest.approx(10.0)


def test_what_every_image_has_weighs_nothing() -> None:
    """log(2 / 2) = 0 for every n-gram: no vector has a length, so nothing is alike."""
    references = [[["a", "dog"]], [["a", "dog"]]]
    assert CiderD(references).mean([["a", "dog"], ["a", "dog"]]) == 0.0


def test_one_word_in_two_is_scored_as_by_hand() -> None:
    """Two images, "red car" and "blue car": car weighs 0, all others ln 2, so do new n-grams.

    "red bus" for "red car". Order 1: candidate (red ln 2, bus ln 2), reference (red ln 2, car 0):
    ln2^2 / (sqrt(2) ln2 * ln2) = 1 / sqrt(2). Order 2: nothing in common. Orders 3 and 4: nothing.
    No difference of lengths. 10 * (1 / sqrt(2)) / 4.
    """
    cider = CiderD([[["red", "car"]], [["blue", "car"]]])
    assert cider.one(0, ["red", "bus"]) == pytest.approx(10 / math.sqrt(2) / 4)


def test_counts_are_clipped_and_lengths_punished_as_by_hand() -> None:
    """Two images, "red" and "blue". "red red red" for "red": order 1 has candidate 3 ln 2, clipped
    to ln 2, over norms 3 ln 2 * ln 2: 1/3. Two words too many: exp(-4 / 72). 10 / 4 of it."""
    cider = CiderD([[["red"]], [["blue"]]])
    assert cider.one(0, ["red"] * 3) == pytest.approx(10 / 4 / 3 * math.exp(-4 / 72))


def test_document_frequency_counts_images_not_references() -> None:
    """red is in two references of one image of two: ln 2 still; the mean is over references."""
    cider = CiderD([[["red"], ["red"], ["green"]], [["blue"]]])
    assert cider.one(0, ["red"]) == pytest.approx(10 / 4 * 2 / 3)


def test_the_mean_is_over_images_and_needs_one_caption_each() -> None:
    cider = CiderD([[["red"]], [["blue"]]])
    assert cider.mean([["red"], ["green"]]) == pytest.approx(10 / 4 / 2)
    assert cider.mean([[], []]) == 0.0
    with pytest.raises(ValueError, match="as many captions"):
        cider.mean([["red"]])


def test_rouge_l_is_the_best_subsequence_as_by_hand() -> None:
    """ "a c d" against "a b c d" (3 in common) and "d" (1): precision 1, recall max(3/4, 1) = 1."""
    assert rouge_l([words_of("a c d")], [[words_of("a b c d"), ["d"]]]) == pytest.approx(1.0)
    precision, recall, square = 2 / 3, 2 / 4, 1.44
    expected = (1 + square) * precision * recall / (recall + square * precision)
    assert rouge_l([words_of("b x a")], [[words_of("b c a d")]]) == pytest.approx(expected)
    assert rouge_l([["x"], []], [[["y"]], [["y"]]]) == 0.0


def test_a_constant_caption_has_the_same_score_the_quick_way() -> None:
    references = [
        [words_of("a black dog runs"), words_of("the dog")],
        [words_of("a child on a red swing"), words_of("one small child swings high")],
        [words_of("two dogs run")],
    ]
    cider = CiderD(references)
    quick = cider.everywhere()
    for caption in ("a black dog", "child", "the dog runs on one red swing", "unheard of"):
        words = words_of(caption)
        assert quick(words) == pytest.approx(cider.mean([words] * 3))
    repeated = words_of("dog dog dog")
    assert quick(repeated) >= cider.mean([repeated] * 3)


def test_meteor_matches_stems_and_punishes_pieces_as_by_hand() -> None:
    """The mean of recall 9 to precision 1, less half the cube of pieces over matches."""
    assert meteor([words_of("dogs running")], [[words_of("dog runs")]]) == pytest.approx(
        1 - 0.5 * (1 / 2) ** 3
    )
    # 3 of 4 words, 3 of 3 found, in two pieces; the other reference has less
    mean = 10 * (3 / 4) * 1 / (1 + 9 * 3 / 4)
    found = meteor([words_of("a red big dog")], [[words_of("a red dog"), words_of("a cat")]])
    assert found == pytest.approx(mean * (1 - 0.5 * (2 / 3) ** 3))
    assert meteor([[], ["x"]], [[["a"]], [["a"]]]) == 0.0
