"""Baselines of captions on images whose best answers are known by construction."""

import numpy as np
import pytest

from app.training.caption.baselines import (
    best_constant,
    human_row,
    most_frequent,
    nearest,
    references_of,
    shuffled,
)
from app.training.caption.data import Captioned
from app.training.caption.features import Features
from app.training.caption.reports import bleu_scores, caption_row
from app.training.caption.scores import CiderD
from app.training.caption.words import words_of

TRAIN = (
    Captioned("a", ("A dog runs .", "The black dog runs fast")),
    Captioned("b", ("a dog runs", "A dog jumps over it")),
    Captioned("c", ("A child on a swing", "A child swings in a park")),
)


def test_the_most_frequent_caption_is_counted_in_words() -> None:
    assert most_frequent(TRAIN) == ["a", "dog", "runs"]


def test_the_best_constant_caption_is_the_best_of_all_on_the_training_images() -> None:
    cider = CiderD(references_of(TRAIN))
    scores = {
        tuple(words): cider.mean([words] * len(TRAIN))
        for several in references_of(TRAIN)
        for words in several
    }
    found = best_constant(TRAIN)
    assert scores[tuple(found)] == max(scores.values())


def test_the_nearest_image_lends_its_most_typical_caption() -> None:
    pooled = np.array([[[3.0, 1.0]], [[1.0, 3.0]], [[-2.0, -2.0]]], np.float32)
    features = Features(("c", "b", "a"), pooled)
    asked = np.array([[9.0, 3.0], [-1.0, -1.5]], np.float32)
    found = nearest(TRAIN, features, asked)
    assert found[0] in references_of(TRAIN)[2]
    assert found[1] in references_of(TRAIN)[0]


def test_shuffled_captions_all_belong_to_other_images() -> None:
    captions = [[word] for word in "abcde"]
    moved = shuffled(captions)
    assert sorted(map(list, moved)) == captions
    assert all(one != other for one, other in zip(captions, moved, strict=True))


def test_a_row_counts_unique_and_copied_captions() -> None:
    references = references_of(TRAIN)
    said = [["a", "dog", "runs"], ["a", "dog", "runs"], ["a", "new", "thing", "here", "now"]]
    row = caption_row("it", said, references, {"a dog runs"})
    assert (row.images, row.references) == (3, 2)
    assert row.unique == pytest.approx(2 / 3)
    assert row.copied == pytest.approx(2 / 3)
    assert row.length == pytest.approx(11 / 3)
    assert row.cider_d == pytest.approx(CiderD(references).mean(said))


def test_bleu_is_as_by_hand_and_takes_unequal_numbers_of_references() -> None:
    """4 of 5 words, 2 of 4 pairs and 0 of 3 triples are in a reference; as long as the nearest."""
    captions = [words_of("the dog runs fast here")]
    references = [[words_of("the dog jumps fast here"), ["it"]]]
    found = bleu_scores(captions, references)
    assert found[0] == pytest.approx(4 / 5)
    assert found[1] == pytest.approx((4 / 5 * 2 / 4) ** 0.5)
    assert found[2:] == [0.0, 0.0]
    shorter = bleu_scores(
        [["the", "dog"], ["one"]], [[["the", "dog", "runs"]], [["one"], ["two", "of"]]]
    )
    assert shorter[0] == pytest.approx(np.exp(1 - 4 / 3))


def test_a_human_is_scored_by_the_others() -> None:
    """Three people of whom two agree: each turn has the other two as references."""
    images = [
        Captioned("a", ("one red ball lies there",) * 2 + ("nothing at all in common",)),
        Captioned("b", ("some green trees far away",) * 2 + ("yet another odd sentence",)),
    ]
    row = human_row(images, set())
    assert row.references == 2
    assert row.bleu_4 == pytest.approx(2 / 3)
    assert row.images == 2
