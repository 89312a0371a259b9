"""Refuses forecast requests that have no answer; knows numbers, no network."""

from collections.abc import Sequence, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput

Array = NDArray[np.float64]
MIN_POINTS = 2
MAX_SEASON_LENGTH = 100_000
_NAMED = 10  # channels in a message


def check_request(
    points: int,
    values: Array,
    horizon: int,
    quantiles: Sequence[float],
    season_length: int | None,
    field: str = "series",
) -> None:
    """`points` were given, of which `values` (time,), NaN = missing, are looked at; as `field`.

    Raises:
        InvalidInput: too short, all missing, a bad quantile, horizon or season length.
    """
    if points < MIN_POINTS:
        raise InvalidInput(
            f"{points} point{'' if points == 1 else 's'} cannot be forecast from",
            field=field,
            allowed=f"at least {MIN_POINTS} points",
        )
    if np.isnan(values).all():
        raise InvalidInput(
            "every value is missing" if points == len(values) else "every recent value is missing",
            field=field,
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


def channels_in(series: Any, names: Sequence[str], multivariate: bool) -> Sequence[Any]:
    """The channels that `series` holds, for a model that has learned those of `names` together;
    without names `series` itself is one.

    Raises:
        InvalidInput: they are not as many as were learned, or not of one length.
    """
    if not names:
        return [series]
    listed = ", ".join(names[:_NAMED]) + (" ..." if len(names) > _NAMED else "")
    allowed = f"{len(names)} series of one length, in this order: {listed}"
    if not multivariate:
        raise InvalidInput(
            f"this model forecasts {len(names)} channels together",
            field="multivariate",
            allowed=f"true, with {allowed}",
        )
    if len(series) != len(names):
        raise InvalidInput(
            f"{len(series)} channels, and this model has learned {len(names)} together",
            field="series",
            allowed=allowed,
        )
    check_one_length(series)
    channels: Sequence[Any] = series
    return channels


def check_one_length(channels: Sequence[Sized]) -> None:
    """Raises InvalidInput where a channel has more or fewer values than the first."""
    for place, one in enumerate(channels):
        if len(one) != len(channels[0]):
            raise InvalidInput(
                f"it has {len(one)} values, and series[0] has {len(channels[0])}",
                field=f"series[{place}]",
                allowed="channels of one length, with null where one is missing",
            )
