"""Refuses forecast requests that have no answer; knows numbers, no network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput

Array = NDArray[np.float64]
MIN_POINTS = 2
MAX_SEASON_LENGTH = 100_000


def check_request(
    points: int,
    values: Array,
    horizon: int,
    quantiles: Sequence[float],
    season_length: int | None,
) -> None:
    """`points` were given, of which `values` (time,), NaN = missing, are looked at.

    Raises:
        InvalidInput: too short, all missing, a bad quantile, horizon or season length.
    """
    if points < MIN_POINTS:
        raise InvalidInput(
            f"{points} point{'' if points == 1 else 's'} cannot be forecast from",
            field="series",
            allowed=f"at least {MIN_POINTS} points",
        )
    if np.isnan(values).all():
        raise InvalidInput(
            "every value is missing" if points == len(values) else "every recent value is missing",
            field="series",
            allowed=f"at least one number among the last {len(values)} points",
        )
    if horizon < 1:
        raise InvalidInput(f"horizon is {horizon}", field="horizon", allowed="1 or more")
    for i, quantile in enumerate(quantiles):
        if not 0.0 < quantile < 1.0:
            raise InvalidInput(
                f"{quantile} is no quantile", field=f"quantiles[{i}]", allowed="between 0 and 1"
            )
    if season_length is not None and not 1 <= season_length <= MAX_SEASON_LENGTH:
        raise InvalidInput(
            f"{season_length} steps are no season",
            field="season_length",
            allowed=f"1 to {MAX_SEASON_LENGTH}",
        )
