"""Factors of a classifier's parts: calibrated, and fair between sources."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.training.sentiment.blend import Array, blend, combine


def _group(seed: int, texts: int, scale: float) -> tuple[Array, NDArray[np.int64]]:
    """Labels drawn from the softmax of logits that are then stated `scale` times too boldly."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(texts, 3)) * 2.0
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in chances])
    return logits * scale, labels


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_finds_how_much_too_bold_the_logits_are(scale: float) -> None:
    logits, labels = _group(0, 4000, scale)
    (factor,) = blend([([logits], labels)])
    assert factor == pytest.approx(1.0 / scale, rel=0.1)


def test_a_part_that_knows_nothing_counts_nothing() -> None:
    logits, labels = _group(0, 4000, 1.0)
    noise = np.random.default_rng(5).normal(size=logits.shape)
    known, unknown = blend([([logits, noise], labels)])
    assert known == pytest.approx(1.0, rel=0.1)
    assert unknown < 0.1


def test_two_halves_of_the_truth_count_alike() -> None:
    logits, labels = _group(0, 4000, 1.0)
    half = logits * np.random.default_rng(1).uniform(0.0, 1.0, logits.shape)
    factors = blend([([half, logits - half], labels)])
    np.testing.assert_allclose(factors, 1.0, rtol=0.2)
    np.testing.assert_allclose(combine([half, logits - half], (1.0, 1.0)), logits)


def test_a_small_source_counts_as_much_as_a_large_one() -> None:
    (large, of_large), (small, of_small) = _group(0, 4000, 1.0), _group(1, 400, 3.0)
    (together,) = blend([([large], of_large), ([small], of_small)])
    (alone,) = blend([([large], of_large)])
    assert together < 0.8 * alone
    repeated = np.tile(large, (3, 1)), np.tile(of_large, 3)
    (again,) = blend([([repeated[0]], repeated[1]), ([small], of_small)])
    assert again == pytest.approx(together, rel=1e-3)
