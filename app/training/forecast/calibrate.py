"""Makes stated quantiles hold on data that was not trained on; knows arrays only."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def stretch_factors(
    quantiles: Array, truth: Array, levels: tuple[float, ...], *, shrink: float = 30.0
) -> tuple[float, ...]:
    """Factors by which each level's distance from the median is to be stretched.

    quantiles (n, horizon, levels) and truth (n, horizon), NaN where unknown. For a level p
    above the median the share of known truths below `median + factor * distance` becomes p:
    split conformal prediction with the distance as the measure of how unusual a value is
    (Romano, Patterson and Candes 2019, "Conformalized quantile regression", in the scaled form
    of their section 6). Factors from few series are drawn towards 1, as if `shrink` series had
    shown it.
    """
    middle = levels.index(0.5)
    median = quantiles[:, :, middle]
    known = ~np.isnan(truth)
    series = int(known.any(axis=1).sum())
    trust = series / (series + shrink)
    factors = []
    for at, level in enumerate(levels):
        if at == middle:
            factors.append(1.0)
            continue
        distance = quantiles[:, :, at] - median
        ratio = ((truth - median) / np.where(distance == 0.0, np.nan, distance))[known]
        ratio = ratio[np.isfinite(ratio)]
        # below the median both are negative: the ratio of p is exceeded by a share of p
        wanted = level if at > middle else 1.0 - level
        factor = float(np.quantile(ratio, wanted)) if len(ratio) else 1.0
        factors.append(float(np.exp(trust * np.log(np.clip(factor, 0.2, 5.0)))))
    return tuple(round(factor, 4) for factor in factors)
