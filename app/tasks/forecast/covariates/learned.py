"""The covariates of a request for a network that has learned them. Knows names and values; no
network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.features.calendar import Cycles, times
from app.features.covariates import (
    CALENDAR_FEATURES,
    calendar_beside,
    context_of,
    future_of,
    prepare_beside,
)
from app.features.seasonal import impute
from app.features.series import Window
from app.tasks.forecast.covariates.columns import MOST_CHARACTERS, check_names, kind_of
from app.tasks.forecast.features import ForecastFeatures, LearnedCovariate

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

_TRUE_OR_FALSE: Final = {"true": True, "false": False}
_BEYOND: Final = 0.1  # of what was seen: numbers further out are told of
_NAMED: Final = 5  # covariates in a note


@dataclass(frozen=True)
class BesideSeries:
    """rows (time + horizon, columns) in units of what was learned, NaN where not known ahead;
    codes (time + horizon, categories); notes on what is outside of what was learned."""

    rows: Array
    codes: Codes
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Encoded:
    """A series, or the channels of a system, as the graph takes them; see `ForecastExample`.

    windows: one for each channel.
    """

    windows: tuple[Window, ...]
    context: Array
    future: Array
    codes: tuple[Codes, Codes] | None = None
    notes: tuple[str, ...] = ()


class LearnedCovariates:
    """What one version has learned: reads covariates, and lays them beside a series."""

    def __init__(self, features: ForecastFeatures) -> None:
        assert features.covariates is not None
        self._features = features.covariates
        self._options = features.beside_options()
        self.numbers = tuple(one for one in self._features.columns if one.kind != "category")
        self.categories = tuple(one for one in self._features.columns if one.kind == "category")
        self._known = np.array([one.ahead for one in self.numbers], bool)
        self._codes_known = np.array([one.ahead for one in self.categories], bool)

    @property
    def frequency(self) -> str | None:
        """Of the data that was learned, if it had one."""
        return self._features.frequency

    @property
    def season_length(self) -> int | None:
        """Of the data that was learned, if it had no frequency and one season."""
        return self._features.season_length

    def read(
        self,
        past: Mapping[str, Sequence[Any]],
        future: Mapping[str, Sequence[Any]],
        points: int,
        horizon: int,
        kept: int,
    ) -> BesideSeries:
        """The covariates of the last `kept` of `points` values, and of the steps ahead.

        Raises:
            InvalidInput: one that was learned is not there, or is not what was learned.
        """
        check_names(past, future)
        notes = []
        for one in self._features.columns:
            self._check(one, past, future, points, horizon)
            notes += _notes(one, past[one.name], future.get(one.name))
        others = [name for name in past if all(one.name != name for one in self._features.columns)]
        if others:
            listed = ", ".join(each[:MOST_CHARACTERS] for each in others[:_NAMED])
            more = " and others" if len(others) > _NAMED else ""
            notes.append(f"this model has not learned {listed}{more}: left out")
        return BesideSeries(
            self._table(self.numbers, number_column, np.float64, past, future, horizon, kept),
            self._table(self.categories, code_column, np.int64, past, future, horizon, kept),
            tuple(notes),
        )

    def calendar(
        self, start: str | None, frequency: str | None, cycles: Cycles, skip: int, steps: int
    ) -> Array:
        """(steps, CALENDAR_FEATURES) after the first `skip` steps; zeros without dates."""
        if start is None or frequency is None:
            return np.zeros((steps, CALENDAR_FEATURES))
        dates = times(start, frequency, skip, steps)[0].tz_localize(None)
        return calendar_beside(dates, cycles.kind, years=self._features.years)

    def encode(
        self,
        channels: Sequence[Array],
        points: int,
        horizon: int,
        past: Mapping[str, Sequence[Any]],
        future: Mapping[str, Sequence[Any]],
        start: str | None,
        frequency: str | None,
        cycles: Cycles,
    ) -> Encoded:
        """Each of `channels` (time,): the last ones of `points`, NaN = missing. One, or as many as
        were learned together.

        Raises:
            InvalidInput: as `read`.
        """
        kept = len(channels[0])
        read = self.read(past, future, points, horizon, kept)
        calendar = self.calendar(start, frequency, cycles, points - kept, kept + horizon)
        encoded = self.arrays(channels, read.rows, read.codes, calendar, cycles)
        return replace(encoded, notes=read.notes)

    def arrays(
        self,
        channels: Sequence[Array] | Array,
        rows: Array,
        codes: Codes,
        calendar: Array,
        cycles: Cycles,
    ) -> Encoded:
        """channels (channels, time); rows and codes as of `BesideSeries`, and calendar, (time +
        horizon)."""
        points = len(channels[0])
        beside = np.concatenate([rows, calendar], axis=1)
        windows = tuple(
            prepare_beside(values, beside[:points], cycles, self._options) for values in channels
        )
        context = context_of(windows)
        future = future_of(windows, beside, self._known, self._options)
        ahead = np.where(self._codes_known, codes[points:], codes[points - 1])
        both = codes[points - len(context) : points], ahead
        return Encoded(windows, context, future, both if self.categories else None)

    def _check(
        self,
        one: LearnedCovariate,
        past: Mapping[str, Any],
        future: Mapping[str, Any],
        points: int,
        horizon: int,
    ) -> None:
        needed = {"past_covariates": past}
        if one.ahead and not one.static:
            needed["future_covariates"] = future
        for field, values in needed.items():
            if one.name not in values:
                names = [
                    each.name
                    for each in self._features.columns
                    if field == "past_covariates" or (each.ahead and not each.static)
                ]
                raise InvalidInput(
                    f"this model has learned {one.name}, which is not there",
                    field=field,
                    allowed=f"{', '.join(names)}, each a list",
                )
        ahead = future.get(one.name) if one.ahead else None
        given = kind_of(one.name, past[one.name], ahead, points, horizon)
        text = one.kind == "category"
        if one.kind == "boolean" and given == "text":
            return  # as files have them; `number_column` reads them
        if text != (given == "text"):
            raise InvalidInput(
                f"this model has learned {one.kind} values of {one.name}",
                field=f"past_covariates.{one.name}",
                allowed="texts" if text else "numbers, or true and false",
            )

    def _table(
        self,
        covariates: Sequence[LearnedCovariate],
        column: Any,
        dtype: Any,
        past: Mapping[str, Any],
        future: Mapping[str, Any],
        horizon: int,
        kept: int,
    ) -> NDArray[Any]:
        table = np.zeros((kept + horizon, len(covariates)), dtype)
        for i, one in enumerate(covariates):
            cells = list(past[one.name][-kept:])
            known = future.get(one.name) if one.ahead and not one.static else None
            table[:, i] = column(one, cells, known, horizon)
        return table


def number_column(
    one: LearnedCovariate, past: Sequence[Any], future: Sequence[Any] | None, horizon: int
) -> Array:
    """(time + horizon,) in units of what was learned; what is not known ahead is as at the end."""
    cells = [*past, *(future or ())]
    if one.kind == "boolean":
        cells = [_TRUE_OR_FALSE.get(str(cell).strip().casefold(), cell) for cell in cells]
        cells = [None if isinstance(cell, str) else cell for cell in cells]
    values = np.array(cells, dtype=np.float64)  # None becomes NaN
    known = np.isfinite(values)
    if not known.all():
        values = impute(values, 1) if known.any() else np.full(len(values), one.centre)
    if future is None:
        values = np.concatenate([values, np.full(horizon, values[-1])])
    return np.asarray((values - one.centre) / one.scale)


def code_column(
    one: LearnedCovariate, past: Sequence[Any], future: Sequence[Any] | None, horizon: int
) -> Codes:
    """(time + horizon,) codes; what is not known ahead is as at the end."""
    codes = {category: code for code, category in enumerate(one.categories, start=1)}
    last = next((codes.get(cell, 0) for cell in reversed(past) if cell is not None), 0)
    found = [last if one.static else codes.get(cell, 0) for cell in past]
    found += [last] * horizon if future is None else [codes.get(cell, 0) for cell in future]
    return np.array(found, np.int64)


def _notes(one: LearnedCovariate, past: Any, future: Any) -> list[str]:
    """On values of the future, or of a static covariate, that are outside of what was learned."""
    cells = list(past[-1:]) if one.static else list(future or ())
    if one.kind == "category":
        strange = [cell for cell in cells if cell is not None and cell not in one.categories]
        if not strange:
            return []
        named = repr(str(strange[0])[:MOST_CHARACTERS])
        return [
            f"{one.name}: {named} is no category that this model has learned: it is taken for one "
            "that was never seen"
        ]
    if one.kind == "boolean" or not cells:
        return []
    numbers = np.array(cells, dtype=np.float64)
    room = _BEYOND * (one.highest - one.lowest)
    if bool((numbers < one.lowest - room).any() or (numbers > one.highest + room).any()):
        return [
            f"{one.name} is outside of what this model has learned, {one.lowest:g} to "
            f"{one.highest:g}"
        ]
    return []
