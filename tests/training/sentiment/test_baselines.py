"""The simple text classifiers: fitted on training texts alone, and kept by what they depend on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.training.sentiment.baselines import BOARDS, METHODS, Board, baseline_answers
from app.training.sentiment.data import HELD_OUT, Text, TextSplit, read_texts
from tests.keywords import write_tweets

BOARD = BOARDS[0]
TWO = BOARDS[1]


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> TextSplit:
    root = tmp_path_factory.mktemp("texts")
    write_tweets(root)
    return read_texts(root, ("airline",))


def accuracy(board: Board, split: TextSplit, method: str) -> float:
    answers = baseline_answers(board, split, method)
    right = [answers[part].predicted == board.actual(board.of(split, part)) for part in HELD_OUT]
    return float(np.concatenate(right).mean())


def test_a_board_holds_the_texts_of_its_labels(split: TextSplit) -> None:
    texts = TWO.of(split, "train")
    assert {one.label for one in texts} == {"negative", "positive"}
    assert set(TWO.actual(texts).tolist()) == {0, 1}
    assert len(texts) < len(BOARD.of(split, "train")) == len(split.train)


def test_what_can_be_learned_is_learned(split: TextSplit) -> None:
    for board, chance in ((BOARD, 0.45), (TWO, 0.65)):
        assert accuracy(board, split, "most frequent") < chance
        assert accuracy(board, split, "naive Bayes") > 0.8
        assert accuracy(board, split, "linear SVM") > 0.8


def test_the_most_frequent_label_comes_with_the_shares_of_labels() -> None:
    train = tuple(Text("x", label, "airline") for label in ("neutral", "neutral", "negative"))
    split = TextSplit(train, (), (Text("y", "positive", "airline"),))
    answers = baseline_answers(BOARD, split, "most frequent")["report"]
    assert answers.predicted.tolist() == [1]
    assert answers.probabilities is not None
    np.testing.assert_allclose(answers.probabilities, [[1 / 3, 2 / 3, 0]])


@pytest.mark.parametrize("method", METHODS)
def test_labels_that_are_reported_do_not_matter(split: TextSplit, method: str) -> None:
    turned = replace(split, report=tuple(replace(one, label="neutral") for one in split.report))
    before, after = (baseline_answers(BOARD, one, method)["report"] for one in (split, turned))
    np.testing.assert_array_equal(before.predicted, after.predicted)


@pytest.mark.parametrize("method", METHODS)
def test_answers_are_kept_and_found_again(split: TextSplit, method: str, tmp_path: Path) -> None:
    first = baseline_answers(BOARD, split, method, tmp_path)
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    again = baseline_answers(BOARD, split, method, tmp_path)
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [written]
    for part in HELD_OUT:
        np.testing.assert_array_equal(first[part].predicted, again[part].predicted)
        assert (first[part].probabilities is None) == (again[part].probabilities is None)
    fewer = replace(split, train=split.train[1:])
    baseline_answers(BOARD, fewer, method, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_fitted_is_refused(split: TextSplit) -> None:
    with pytest.raises(ValueError, match="unknown baseline 'oracle'; known: most frequent, naive"):
        baseline_answers(BOARD, split, "oracle")
    with pytest.raises(ValueError, match="sst2 has no training texts"):
        baseline_answers(BOARDS[2], split, "most frequent")
