"""AutoETS, as statsforecast fits it: an optional package. Knows arrays; no request.

`POST /backtest` and `unroll evaluate forecast` fit with the same function.
"""

import warnings
from importlib.util import find_spec
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.tasks.forecast.backtest import Guess

Array = NDArray[np.float64]

_PER_CENT = 80  # of the interval that tells the deviation; any other would tell the same
_DEVIATE = NormalDist().inv_cdf(0.5 + _PER_CENT / 200)


def available() -> bool:
    """Whether the package is installed; imports nothing."""
    return find_spec("statsforecast") is not None


def autoets(known: Array, season_length: int, horizon: int) -> Guess:
    """The model of exponential smoothing with the least AICc, its intervals normal.

    known: (time,), without NaN. Hyndman, Koehler, Snyder and Grose (2002), "A state space
    framework for automatic forecasting using exponential smoothing methods", Int. J. Forecasting
    18(3).

    Raises:
        ImportError: the package is not installed.
        ValueError: no model could be fitted, as to a handful of values.
    """
    from statsforecast.models import AutoETS  # at its first use, because that takes seconds

    model: Any = AutoETS(season_length=season_length)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # what it warns of (too few residuals, no convergence) is judged by the result
        warnings.simplefilter("ignore")
        try:
            answer = model.forecast(y=known, h=horizon, level=[_PER_CENT])
        except Exception as error:  # anything from ZeroDivisionError to bare Exception
            raise ValueError(str(error)) from error
    point = np.asarray(answer["mean"], dtype=np.float64)
    if not np.all(np.isfinite(point)):
        raise ValueError("the forecast is not finite")
    upper = np.asarray(answer[f"hi-{_PER_CENT}"], dtype=np.float64)
    return Guess(point, (upper - point) / _DEVIATE)
