"""What there is to know of the covariates of one's own series: kinds, units, categories.

Knows cells and series; no network.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.errors import ConfigurationError
from app.features.calendar import Cycles
from app.features.covariates import memory_for
from app.features.cycles import choose_cycles
from app.tasks.forecast.covariates.columns import MOST, MOST_CHARACTERS
from app.tasks.forecast.covariates.learned import LearnedCovariates, code_column, number_column
from app.tasks.forecast.features import CovariateFeatures, ForecastFeatures, LearnedCovariate
from app.training.forecast.covariates.recipe import CovariateRecipe
from app.training.forecast.data import Series
from app.training.forecast.tables.covariates import Cells

Array = NDArray[np.float64]

_MOST_CATEGORIES: Final = 1000
_YEARS: Final = 2.0  # of data from which the time of the year is learned


@dataclass(frozen=True)
class Laid:
    """A series, or the channels of a system, as windows are cut from it, without the last horizon.

    values (channels, time); rows (time, numbers); codes (time, categories); calendar (time,
    calendar).
    """

    values: Array
    rows: Array
    codes: NDArray[np.int64]
    calendar: Array
    cycles: Cycles

    @property
    def steps(self) -> int:
        return int(self.values.shape[1])


def features_of(
    series: Sequence[Series],
    recipe: CovariateRecipe,
    past_only: Collection[str] = (),
    channels: Sequence[str] = (),
) -> ForecastFeatures:
    """What the manifest says of a model that learns `series`; `past_only` names covariates whose
    future is not known. channels: names of the series, if they are learned together.

    Raises:
        ConfigurationError: series that have not the same covariates, or too many.
    """
    names = list(series[0].beside.past)
    for one in series:
        if len(one.values) < 2 * one.horizon:
            raise ConfigurationError(
                f"{one.id} has {len(one.values)} values, and {one.horizon} steps ahead need "
                f"{2 * one.horizon}; pass a shorter --horizon"
            )
        if list(one.beside.past) != names:
            raise ConfigurationError(
                f"{one.id} has the covariates {', '.join(one.beside.past) or 'none'}, and "
                f"{series[0].id} has {', '.join(names) or 'none'}; all series need the same ones"
            )
    if len(names) > MOST:
        raise ConfigurationError(f"{len(names)} covariates are too many, {MOST} is the most")
    unknown = sorted(set(past_only) - set(names))
    if unknown:
        raise ConfigurationError(f"there is no covariate {unknown[0]!r}; known: {', '.join(names)}")
    cycles = [_cycles(one) for one in series]
    longest = max(cycles, key=lambda each: each.short)
    context, scale = recipe.context_length(longest), recipe.scale_length(longest)
    frequencies = {one.frequency for one in series}
    seasons = {one.season_length for one in series}
    frequency = frequencies.pop() if len(frequencies) == 1 else None
    season = seasons.pop() if len(seasons) == 1 and frequency is None else None
    told = series[:1] if channels else series  # what channels have beside them is the same
    columns = [_column(name, told, name not in past_only) for name in names]
    return ForecastFeatures(
        context_length=context,
        memory=max(memory_for(context, scale, each) for each in cycles),
        trained_horizon=max(one.horizon for one in series),
        levels=recipe.network.levels,
        covariates=CovariateFeatures(
            columns=tuple(each for each in columns if each is not None),
            scale_length=scale,
            years=max(map(_years, series)) >= _YEARS,
            frequency=frequency,
            season_length=season,
        ),
        channels=tuple(channels),
    )


def lay(channels: Sequence[Series], learned: LearnedCovariates) -> Laid:
    """Channels of one length, or one series, as the network reads them; no last horizon."""
    series = channels[0]
    values = series.known()
    past = {name: cells[: len(values)] for name, cells in series.beside.past.items()}
    cycles = _cycles(series)
    empty = np.zeros((len(values), 0))
    numbers = [number_column(one, past[one.name], None, 0) for one in learned.numbers]
    codes = [code_column(one, past[one.name], None, 0) for one in learned.categories]
    return Laid(
        np.stack([one.known() for one in channels]),
        np.column_stack([empty, *numbers]),
        np.column_stack([empty.astype(np.int64), *codes]),
        learned.calendar(series.first, series.frequency, cycles, 0, len(values)),
        cycles,
    )


def _cycles(series: Series) -> Cycles:
    return choose_cycles(series.values, series.frequency, series.season_length)


def _years(series: Series) -> float:
    """How long the series is."""
    if series.first is None or series.frequency is None:
        return 0.0
    step = pd.tseries.frequencies.to_offset(series.frequency)
    first = pd.Timestamp("2001-01-01")
    return len(series.values) * float((first + step - first) / pd.Timedelta(days=365.25))


def _column(name: str, series: Sequence[Series], ahead: bool) -> LearnedCovariate | None:
    """What is learned of one covariate; None where it has no value at all."""
    if not name or len(name) > MOST_CHARACTERS:
        raise ConfigurationError(
            f"the name of a covariate has 1 to {MOST_CHARACTERS} characters (got {name[:80]!r})"
        )
    parts: list[Cells] = [
        [cell for cell in one.beside.past[name][: len(one.known())] if cell is not None]
        for one in series
    ]
    cells = [cell for part in parts for cell in part]
    if not cells:
        return None
    static = len(series) > 1 and all(len(set(part)) <= 1 for part in parts)
    texts = sorted({cell for cell in cells if isinstance(cell, str)})
    if texts and {text.strip().casefold() for text in texts} <= {"true", "false"}:
        cells = [float(str(cell).strip().casefold() == "true") for cell in cells]
        return _of_numbers(name, "boolean", ahead, static, cells)
    if not texts:
        return _of_numbers(name, "number", ahead, static, cells)
    if len(texts) > _MOST_CATEGORIES:
        raise ConfigurationError(
            f"{name} has {len(texts)} categories, and {_MOST_CATEGORIES} is the most; if it is no "
            "covariate, name those that are with --covariate"
        )
    long = next((text for text in texts if len(text) > MOST_CHARACTERS), None)
    if long is not None:
        raise ConfigurationError(
            f"{name} has the category {long[:80]!r}..., and {MOST_CHARACTERS} characters is the "
            "most; if it is no covariate, name those that are with --covariate"
        )
    return LearnedCovariate(
        name=name, kind="category", ahead=ahead, static=static, categories=tuple(texts)
    )


def _of_numbers(
    name: str, kind: Literal["number", "boolean"], ahead: bool, static: bool, cells: Cells
) -> LearnedCovariate:
    values = np.array(cells, dtype=np.float64)
    return LearnedCovariate(
        name=name,
        kind=kind,
        ahead=ahead,
        static=static,
        centre=float(values.mean()),
        scale=float(values.std()) or 1.0,
        lowest=float(values.min()),
        highest=float(values.max()),
    )
