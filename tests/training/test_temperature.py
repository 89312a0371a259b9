"""One temperature for all sources."""

import numpy as np
import pytest

from app.training.temperature import Array, temperature


def _group(seed: int, texts: int, scale: float) -> tuple[Array, np.ndarray]:
    """Labels drawn from the softmax of logits that are then stated `scale` times too boldly."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(texts, 3)) * 2.0
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in chances])
    return logits * scale, labels


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_finds_how_much_too_bold_the_logits_are(scale: float) -> None:
    assert temperature([_group(0, 4000, scale)]) == pytest.approx(scale, rel=0.1)


def test_a_small_source_counts_as_much_as_a_large_one() -> None:
    large, small = _group(0, 4000, 1.0), _group(1, 400, 3.0)
    together = temperature([large, small])
    assert temperature([large]) < together < temperature([small])
    repeated = np.tile(large[0], (3, 1)), np.tile(large[1], 3)
    assert temperature([repeated, small]) == pytest.approx(together)
