"""Paths through a forecast that is known step by step. Knows quantiles; no request."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Final

import numpy as np

_SEED: Final = 0
_NORMAL: Final = NormalDist()


def sample_paths(quantiles: Mapping[str, Sequence[float]], count: int) -> list[list[float]]:
    """`count` paths over all steps, drawn from the quantiles of each step: the same every time.

    The forecaster tells how each step is distributed, not how steps hang together. Steps are
    joined here as those of a random walk are, whose errors grow with the root of time as the
    forecaster's unit does: a Gaussian copula with the correlation sqrt(i / j) of steps i < j
    (Nelsen, An Introduction to Copulas, 2006, section 2.3). Between two of `quantiles` values are
    interpolated; beyond the outermost there are none.
    """
    levels = np.array([float(level) for level in quantiles])
    values = np.array(list(quantiles.values()))  # (levels, horizon)
    order = np.argsort(levels)
    horizon = values.shape[1]
    walk = np.random.default_rng(_SEED).standard_normal((count, horizon)).cumsum(axis=1)
    scores = walk / np.sqrt(np.arange(1, horizon + 1))  # (count, horizon), standard normal
    # The quantile of a score, by interpolation between the scores of the levels.
    known = np.array([_NORMAL.inv_cdf(level) for level in levels[order]])
    paths = [np.interp(scores[:, step], known, values[order, step]) for step in range(horizon)]
    drawn: list[list[float]] = np.stack(paths, axis=1).tolist()  # (count, horizon)
    return drawn
