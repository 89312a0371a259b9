"""What a backtest answers: forecasts of windows beside simple methods. Knows JSON; no path."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from app.api.forecasts.autoets import NAME as AUTOETS
from app.api.forecasts.forecasting import Asked
from app.api.responses import answer_json
from app.serving.models.loader import LoadedModel
from app.tasks.forecast.backtest import (
    IN_SAMPLE,
    METHODS,
    Guess,
    averaged,
    looked_at,
    pairs,
    score,
)
from app.tasks.forecast.fitting import Fit

Array = NDArray[np.float64]

_KINDS: Final = ("coverage", "width")
_WITH_UNITS: Final = ("mae", "rmse", "bias")


class Windows(Protocol):
    """Of a request: how far ahead, which quantiles, and how many windows of each series."""

    @property
    def horizon(self) -> int: ...
    @property
    def quantiles(self) -> list[float]: ...
    @property
    def windows(self) -> int: ...


def fits_of(body: Windows, cut: Sequence[Asked], predictions: Sequence[Any]) -> list[list[Fit]]:
    """What a method that is fitted is given: of each series of `cut`, its windows;
    for a thread.

    The season is that of the forecast, as it is for the simple methods.
    """
    every = [
        Fit(each.series, prediction.to_json()["season_length"], body.horizon)
        for each, prediction in zip(cut, predictions, strict=True)
    ]
    return [every[at : at + body.windows] for at in range(0, len(every), body.windows)]


def written(
    model: LoadedModel,
    body: Windows,
    asked: Sequence[Asked],
    cut: Sequence[Asked],
    predictions: Sequence[Any],
    fitted: Sequence[list[Guess] | str],
) -> bytes:
    """The answer to `asked`, whose windows are `cut`; for a thread."""
    backtests = []
    with np.errstate(all="ignore"):  # of errors that no number can hold: they become null
        for index, (each, guesses) in enumerate(zip(asked, fitted, strict=True)):
            part = slice(index * body.windows, (index + 1) * body.windows)
            forecasts = [one.to_json() for one in predictions[part]]
            values = np.array(each.series, dtype=np.float64)  # None becomes NaN
            backtests.append(_scored(values, body, cut[part], forecasts, guesses))
    unitless = [name for name in _names(body) if name not in _WITH_UNITS]
    over: dict[str, Mapping[str, float | None]] = {}
    for method in ("forecast", *METHODS, AUTOETS):
        parts = [
            {name: _number(one["scores"][method][name]) for name in unitless} for one in backtests
        ]
        absent = method == AUTOETS and any(isinstance(each, str) for each in fitted)
        # a mean over some of the series would stand beside means over others
        over[method] = dict.fromkeys(unitless) if absent else _nulls(averaged(parts))
    answer = {"model": model.name, "version": model.version, "backtests": backtests}
    return answer_json(answer | {"scores": over})


def _scored(
    values: Array,
    body: Windows,
    cut: Sequence[Asked],
    forecasts: Sequence[dict[str, Any]],
    fitted: list[Guess] | str,
) -> Any:
    """One series (time,) with the forecasts of its windows, which are `cut`."""
    levels = sorted(body.quantiles)
    windows, parts = [], []
    for index, (window, forecast) in enumerate(zip(cut, forecasts, strict=True)):
        origin, season = len(window.series), forecast["season_length"]
        actual = values[origin : origin + body.horizon]
        known = values[max(0, origin - IN_SAMPLE) : origin]
        paths = np.array([forecast["quantiles"][repr(float(level))] for level in levels])
        median, mean = np.array(forecast["median"]), np.array(forecast["mean"])
        made = {"forecast": score(actual, known, season, median, mean, paths, levels)}
        filled = looked_at(window.series)
        guesses = {name: method(filled, season, body.horizon) for name, method in METHODS.items()}
        if not isinstance(fitted, str):
            guesses[AUTOETS] = fitted[index]
        for name, guess in guesses.items():
            point, paths = guess.point, guess.quantiles(levels)
            made[name] = score(actual, known, season, point, point, paths, levels)
        if isinstance(fitted, str):
            made[AUTOETS] = dict.fromkeys(made["forecast"], math.nan)
        parts.append(made)
        kept = {key: forecast[key] for key in ("mean", "median", "quantiles", "notes")}
        stamps = {"timestamps": forecast["timestamps"]} if "timestamps" in forecast else {}
        actual_values = [value if math.isfinite(value) else None for value in actual.tolist()]
        of_window = {name: _nulls(each) for name, each in made.items()}
        windows.append(
            {"origin": origin, **kept, **stamps, "actual": actual_values, "scores": of_window}
        )
    over = {name: averaged([made[name] for made in parts]) for name in parts[0]}
    return {
        "windows": windows,
        "season_length": forecasts[-1]["season_length"],
        "scores": {name: _nulls(each) for name, each in over.items()},
        "notes": [fitted] if isinstance(fitted, str) else [],
    }


def _names(body: Windows) -> list[str]:
    kinds = [f"{kind}_{name}" for name, _, _ in pairs(sorted(body.quantiles)) for kind in _KINDS]
    return [*_WITH_UNITS, "smape", "mase", *kinds, "pinball"]


def _nulls(scores: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}


def _number(value: float | None) -> float:
    return math.nan if value is None else value
