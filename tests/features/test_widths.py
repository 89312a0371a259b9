"""Widths of intervals: in the long run as many values lie outside as should."""

import numpy as np
import pytest

from app.features.widths import Widths


@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_the_share_outside_is_what_it_should_be(scale: float) -> None:
    widths, outside = Widths(), np.zeros(2)
    values = np.random.default_rng(1).normal(0, scale, 4000).tolist()
    for at, value in enumerate(values):
        less, more = widths.factors
        if at >= 1000:  # found by then
            outside += (value < -less, value > more)
        widths.take(value, -less, more, 0.1, 0.1)
    assert outside / 3000 == pytest.approx([0.1, 0.1], abs=0.005)


def test_widths_stay_within_bounds() -> None:
    widths = Widths()
    for _ in range(2000):
        widths.take(5.0, -1.0, 1.0, 0.1, 0.1)
    less, more = widths.factors
    assert less == pytest.approx(np.exp(-3.0))
    assert more == pytest.approx(np.exp(3.0))
