"""Series of one table as the channels of one system: at the same times, of one length."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.errors import ConfigurationError
from app.tasks.forecast.covariates.columns import MOST
from app.training.forecast.data import OWN, Series
from app.training.forecast.own import own_files

MOST_CHANNELS: Final = MOST + 1  # as many as a request may have


def channels_of(series: Sequence[Series]) -> list[Series]:
    """`series` at the same times, NaN where one has none; one season and one horizon for all.

    Raises:
        ConfigurationError: they are not the columns of one table, too few or too many; or what
            stands beside them differs.
    """
    if any(one.dataset != OWN for one in series):
        raise ConfigurationError("channels are the columns of one table of your own")
    if not 2 <= len(series) <= MOST_CHANNELS:
        raise ConfigurationError(
            f"{len(series)} series are no channels; 2 to {MOST_CHANNELS} of one table can be "
            "learned together"
        )
    if len({one.frequency for one in series}) > 1:
        raise ConfigurationError("channels have one frequency, and these have several")
    before = _before(series)
    length = max(skip + len(one.values) for skip, one in zip(before, series, strict=True))
    starts = [one.first for skip, one in zip(before, series, strict=True) if not skip]
    same = all(len(one.values) == length for one in series)
    if series[0].beside.past and not same:
        raise ConfigurationError(
            "channels with covariates have to begin and end at the same times; leave out the rows "
            "in which one of them is missing"
        )
    season, horizon = (
        max(one.season_length for one in series),
        max(one.horizon for one in series),
    )
    return [
        replace(
            one,
            values=_padded(one, skip, length),
            first=starts[0],
            season_length=season,
            horizon=horizon,
        )
        for skip, one in zip(before, series, strict=True)
    ]


def names_of(data: Path, series: Sequence[Series]) -> list[str]:
    """What the table calls its columns. Raises ConfigurationError: there are several tables."""
    files = own_files(data)
    if len(files) != 1:
        raise ConfigurationError(
            f"channels are the columns of one table, and {data} has {len(files)}"
        )
    stem = files[0].name.split(".")[0]
    return [one.id.removeprefix(f"{stem}-") for one in series]


def _before(series: Sequence[Series]) -> list[int]:
    """How many steps after the first of all each one begins."""
    if series[0].frequency is None or any(one.first is None for one in series):
        if len({len(one.values) for one in series}) > 1:
            raise ConfigurationError(
                "channels without dates need a value in the first and in the last row"
            )
        return [0] * len(series)
    stamps = [pd.Timestamp(one.first) for one in series if one.first is not None]
    first = min(stamps)
    return [len(pd.date_range(first, each, freq=series[0].frequency)) - 1 for each in stamps]


def _padded(one: Series, before: int, length: int) -> NDArray[np.float64]:
    values = np.full(length, np.nan)
    values[before : before + len(one.values)] = one.values
    return values
