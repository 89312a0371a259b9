"""Ridge regression against the textbook's formula."""

import numpy as np

from app.features.regression import Ridge


def test_ridge_is_the_formula() -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(40, 3)) * [1.0, 100.0, 0.01] + 5.0
    targets = columns @ rng.normal(size=(3, 2)) + rng.normal(size=(40, 2))
    ridge = Ridge.of(columns, targets)
    scaled = (columns - columns.mean(0)) / columns.std(0)
    for strength in (1e-9, 0.3, 10.0):
        gram = scaled.T @ scaled / 40 + strength * np.eye(3)
        weights = np.linalg.solve(gram, scaled.T @ (targets - targets.mean(0)) / 40)
        expected = targets.mean(0) + scaled @ weights
        np.testing.assert_allclose(ridge.line(strength)(columns), expected, atol=1e-6)


def test_a_constant_column_has_no_weight_and_no_column_is_the_mean() -> None:
    columns, targets = np.ones((10, 1)), np.arange(10.0)[:, None]
    assert Ridge.of(columns, targets).line(0.1)(np.array([[7.0]])).tolist() == [[4.5]]
    nothing = Ridge.of(np.ones((10, 0)), targets).line(0.1)
    assert nothing(np.ones((2, 0))).tolist() == [[4.5], [4.5]]
