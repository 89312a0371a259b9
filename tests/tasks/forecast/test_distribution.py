"""Expected values against formulas, bounds against what is possible."""

import numpy as np
import pytest
from scipy.stats import norm

from app.errors import InvalidInput
from app.tasks.forecast.distribution import Bounds, nodes

LEVELS = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


@pytest.mark.parametrize("fine", [False, True])
def test_nodes_integrate_normal_and_lognormal_distributions(fine: bool) -> None:
    grid = nodes(LEVELS, fine=fine)
    assert grid.weights.sum() == pytest.approx(1.0)
    values = 3.0 + 2.0 * grid.deviates
    assert values @ grid.weights == pytest.approx(3.0)
    assert (values - 3.0) ** 2 @ grid.weights == pytest.approx(4.0, rel=0.01)
    assert np.exp(0.5 * grid.deviates) @ grid.weights == pytest.approx(np.exp(0.125), rel=1e-3)


def test_fine_nodes_integrate_whole_numbers() -> None:
    grid = nodes(LEVELS, fine=True)
    values = Bounds(0.0, np.inf, True).apply(0.4 + 0.9 * grid.deviates)
    whole = np.arange(8)
    mass = norm.cdf((whole + 0.5 - 0.4) / 0.9) - norm.cdf((whole - 0.5 - 0.4) / 0.9)
    assert values @ grid.weights == pytest.approx(float(whole @ mass), abs=0.01)


def test_bounds() -> None:
    values = np.array([-2.0, 0.2, 0.7, 9.6])
    assert Bounds.of(0, 5, False).apply(values).tolist() == [0.0, 0.2, 0.7, 5.0]
    assert Bounds.of(None, None, True).apply(values).tolist() == [-2.0, 0.0, 1.0, 10.0]
    assert Bounds.of(0.5, 9.5, True).apply(values).tolist() == [1.0, 1.0, 1.0, 9.0]
    assert Bounds.of(None, None, False).apply(values).tolist() == values.tolist()


@pytest.mark.parametrize("case", [(2, 1, False), (0.2, 0.8, True)])
def test_bounds_without_a_possible_value_are_refused(case: tuple[float, float, bool]) -> None:
    with pytest.raises(InvalidInput) as caught:
        Bounds.of(*case)
    assert caught.value.field == "maximum"
