"""Fills gaps in a series: a forecast, a backcast and interpolations meet in each.

Knows the forecast task and arrays; knows no HTTP and runs nothing.

    filling = encode_gaps(task, series, ...)
    past = filling.filled(predictions of filling.examples, in their order)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.features.cycles import choose_cycles, infer_season_length
from app.tasks.forecast.backtest import interpolated
from app.tasks.forecast.checks import MIN_POINTS
from app.tasks.forecast.distribution import Bounds
from app.tasks.forecast.example import ForecastExample, ForecastPrediction
from app.tasks.forecast.interpolation import UsualErrors, ways
from app.tasks.forecast.task import ForecastTask

Array = NDArray[np.float64]
Cast = dict[float, Array]
"""By level, a path over a gap in the order of the series; at 0.5 the median."""
_LEAST: Final = 1e-12  # of a width, so that a certain side does not divide by zero
_SURE: Final = (0.1, 0.9)  # levels whose distance says how sure a side is
_WIDTH: Final = 2.0 * NormalDist().inv_cdf(_SURE[1])  # standard deviations between them
_POWER: Final = 2.0  # chosen on gaps of series that are not reported


@dataclass(frozen=True)
class Gap:
    """Missing values from index `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class ImputedPast:
    """values: the past with its gaps filled; quantiles: by level, the same for a value that was
    known, NaN where no side of a gap had enough points for a forecast."""

    values: Array
    quantiles: dict[str, Array]

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "values": self.values.tolist(),
            "quantiles": {
                level: [None if np.isnan(x) else float(x) for x in path]
                for level, path in self.quantiles.items()
            },
        }


@dataclass(frozen=True)
class Filling:
    """A series whose gaps are to be filled.

    sides: of each gap, the places of its forecast and its backcast among `examples`; None where
    that side has too few points. periods: of the seasons after which it is interpolated.
    """

    values: Array
    gaps: tuple[Gap, ...]
    examples: tuple[ForecastExample, ...]
    sides: tuple[tuple[int | None, int | None], ...]
    quantiles: tuple[float, ...]
    periods: tuple[int, ...]
    bounds: Bounds

    def filled(self, predictions: Sequence[ForecastPrediction]) -> ImputedPast:
        """The series with its gaps filled, from the predictions of `examples`.

        A gap with too few points on both sides is interpolated, without quantiles.
        """
        known = ~np.isnan(self.values)
        filled = ways(self.values, self.periods) if self.gaps else {}
        errors = UsualErrors(self.values, self.periods)
        values = interpolated(self.values)
        paths = {level: np.where(known, self.values, np.nan) for level in self.quantiles}
        for gap, (before, behind) in zip(self.gaps, self.sides, strict=True):
            forecast = None if before is None else _cast(predictions[before])
            backcast = None if behind is None else _cast(predictions[behind], backwards=True)
            met = meet(forecast, backcast)
            if met is not None and gap.start > 0 and gap.end < len(values):
                usual = errors.of(gap.size)
                guesses = [
                    (path[gap.start : gap.end], usual[way])
                    for way, path in filled.items()
                    if way in usual
                ]
                met = joined(met, guesses)
            if met is not None:
                met = {level: self.bounds.apply(path) for level, path in met.items()}
                values[gap.start : gap.end] = met[0.5]
                for level in self.quantiles:
                    paths[level][gap.start : gap.end] = met[level]
        return ImputedPast(values, {repr(float(level)): paths[level] for level in self.quantiles})


def find_gaps(values: Array) -> list[Gap]:
    """Every run of NaN in (time,), from the oldest on."""
    edges = np.diff(np.isnan(values).astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [Gap(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def encode_gaps(
    task: ForecastTask,
    series: Sequence[float | None] | Array,
    quantiles: Sequence[float],
    frequency: str | None = None,
    season_length: int | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    integer: bool = False,
) -> Filling:
    """What must be forecast to fill the gaps of `series` (oldest first, None or NaN for missing).

    A backcast is a forecast of the series turned round. Each side reads what is known there up to
    the other end of the series, other gaps included.

    Raises:
        InvalidInput: as `ForecastTask.encode`.
    """
    values = np.array(series, dtype=np.float64)
    bounds = Bounds.of(minimum, maximum, integer)
    if frequency is None and season_length is None:
        season_length = infer_season_length(values)  # one for both sides of every gap
    cycles = choose_cycles(values, frequency, season_length)
    periods = tuple(sorted({cycles.short, cycles.long} - {1}))
    levels = tuple(sorted({*quantiles, *_SURE}))
    examples: list[ForecastExample] = []

    def encoded(side: Array, size: int) -> int | None:
        # a task may look at the newest points of a side only, so some of them must be known
        if np.isfinite(side[-task.memory :]).sum() < MIN_POINTS:
            return None
        examples.append(
            task.encode(
                side,
                size,
                levels,
                frequency,
                season_length,
                minimum=minimum,
                maximum=maximum,
                integer=integer,
            )
        )
        return len(examples) - 1

    gaps = find_gaps(values)
    sides = [
        (encoded(values[: gap.start], gap.size), encoded(values[gap.end :][::-1], gap.size))
        for gap in gaps
    ]
    return Filling(
        values, tuple(gaps), tuple(examples), tuple(sides), tuple(quantiles), periods, bounds
    )


def meet(forecast: Cast | None, backcast: Cast | None) -> Cast | None:
    """Both sides of a gap as one; the other one where a side is None.

    Medians are weighted by the inverse of their variances, which are taken from the interval of
    80 %; distances from the median are those of the product of two independent normal errors
    (Bates and Granger 1969, "The Combination of Forecasts", equation 2 with no correlation). Of two
    random walks that is linear interpolation, with the interval of a Brownian bridge.
    """
    if forecast is None or backcast is None:
        return backcast if forecast is None else forecast
    low, high = _SURE
    one, other = (np.maximum(side[high] - side[low], _LEAST) ** -2 for side in (forecast, backcast))
    share = one / (one + other)
    median = share * forecast[0.5] + (1.0 - share) * backcast[0.5]
    met = {0.5: median}
    for level in forecast.keys() - {0.5}:
        one, other = (
            np.maximum(np.abs(side[level] - side[0.5]), _LEAST) ** -2
            for side in (forecast, backcast)
        )
        met[level] = median + np.sign(level - 0.5) * (one + other) ** -0.5
    return met


def joined(met: Cast, guesses: Sequence[tuple[Array, float]]) -> Cast:
    """Casts that have met, and other guesses over the gap with the deviations of their errors.

    A guess weighs by the inverse of its variance to the power of `_POWER`: the errors of guesses
    about one gap are alike, so that the best deserve more than if they were independent. As they
    are alike, the interval is not narrower than the mean of theirs.
    """
    low, high = _SURE
    own = np.maximum((met[high] - met[low]) / _WIDTH, _LEAST)
    paths = np.stack([met[0.5], *(path for path, _ in guesses)])  # (guesses, gap)
    deviations = np.stack(
        [own, *(np.full(len(own), max(deviation, _LEAST)) for _, deviation in guesses)]
    )
    weights = (deviations.min(axis=0) / deviations) ** (2.0 * _POWER)
    weights /= weights.sum(axis=0)
    median = (weights * paths).sum(axis=0)
    wider = (weights * deviations).sum(axis=0) / own
    others = met.keys() - {0.5}
    return {0.5: median} | {level: median + (met[level] - met[0.5]) * wider for level in others}


def _cast(prediction: ForecastPrediction, *, backwards: bool = False) -> Cast:
    found = {float(level): np.array(path) for level, path in prediction.quantiles.items()}
    found[0.5] = np.array(prediction.median)
    return {level: path[::-1] for level, path in found.items()} if backwards else found
