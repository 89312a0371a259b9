"""Forecasts of lists, arrays and frames. Knows their options; frames are read elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict, overload

from unroll_client.ahead import ahead_of
from unroll_client.answers import Forecast
from unroll_client.base import Progress, collected
from unroll_client.errors import UnrollError, WrongArgument
from unroll_client.frames import Columns, Frame, FrameT, is_frame, table_of
from unroll_client.many import Items
from unroll_client.series import SERIES, Covariates, Numbers, SeriesTasks, Starts

if TYPE_CHECKING:
    from typing_extensions import Unpack


class ForecastOptions(TypedDict, total=False):
    """Options of `iter_forecast` that `forecast` passes on."""

    quantiles: Sequence[float] | None
    season_length: int | None
    start: Starts
    past_covariates: Covariates
    future_covariates: Covariates
    holidays: str | None
    multivariate: bool
    minimum: float | None
    maximum: float | None
    integer: bool | None
    return_imputed: bool
    model: str
    version: str | None
    progress: Progress
    deadline: float | None


class ForecastTasks(SeriesTasks):
    """What is asked about the steps that follow series."""

    def iter_forecast(
        self,
        series: Numbers,
        horizon: int,
        *,
        quantiles: Sequence[float] | None = None,
        frequency: str | None = None,
        season_length: int | None = None,
        start: Starts = None,
        past_covariates: Covariates = None,
        future_covariates: Covariates = None,
        holidays: str | None = None,
        multivariate: bool = False,
        minimum: float | None = None,
        maximum: float | None = None,
        integer: bool | None = None,
        return_imputed: bool = False,
        model: str = "forecast",
        version: str | None = None,
        progress: Progress = False,
        deadline: float | None = None,
    ) -> Items[Forecast | UnrollError]:
        """Forecasts of `horizon` steps of any number of series; one that is refused has its error.

        series: the numbers of one, or any number of such: lists, arrays, series of pandas or
        polars; a missing value is None or NaN. start, past_covariates, future_covariates: one for
        all series, or a list with one for each. multivariate: the series are channels of one, each
        of which sees the past of the others; they are sent in one request, and an error is raised.
        progress and deadline are as for `iter_sentiment`; docs/api.md tells what the other options
        do.
        """
        options = {
            **{"horizon": horizon, "quantiles": None if quantiles is None else list(quantiles)},
            **{"frequency": frequency, "season_length": season_length, "holidays": holidays},
            **{"minimum": minimum, "maximum": maximum, "integer": integer},
            **({"multivariate": True} if multivariate else {}),
            **({"return_imputed": True} if return_imputed else {}),
            **{"model": model, "version": version},
        }
        written = horizon * (4 if quantiles is None else len(quantiles) + 2)
        each = {
            "start": start,
            "past_covariates": past_covariates,
            "future_covariates": future_covariates,
        }
        return self._series(
            "/forecast",
            series,
            each,
            options,
            answer="forecasts",
            written=written,
            again=(0 if not return_imputed else 4 if quantiles is None else len(quantiles) + 1),
            count=SERIES,
            together=multivariate,
            progress=progress,
            deadline=deadline,
        )

    _forecast = collected(iter_forecast)

    @overload
    async def forecast(
        self,
        /,
        series: FrameT,
        horizon: int,
        *,
        time: str | None = None,
        target: str | None = None,
        series_column: str | None = None,
        covariates: Sequence[str] = (),
        future: Frame | None = None,
        frequency: str | None = None,
        **options: Unpack[ForecastOptions],
    ) -> FrameT: ...

    @overload
    async def forecast(
        self,
        /,
        series: Numbers,
        horizon: int,
        *,
        frequency: str | None = None,
        **options: Unpack[ForecastOptions],
    ) -> list[Forecast]: ...

    async def forecast(
        self,
        /,
        series: Any,
        horizon: int,
        *,
        time: str | None = None,
        target: str | None = None,
        series_column: str | None = None,
        covariates: Sequence[str] = (),
        future: Frame | None = None,
        frequency: str | None = None,
        **options: Unpack[ForecastOptions],
    ) -> Any:
        """Forecasts of `horizon` steps: a list for lists and arrays, a frame for a frame.

        series: as for `iter_forecast`, which tells the options, too; or a frame of pandas or
        polars. A frame in long form has a row a value, with the columns `unique_id`, `ds` and `y`
        or those that `series_column`, `time` and `target` name; in wide form it has a column a
        series, and times in its index or in a column. `covariates` names columns that hold what
        else is known of each step, in wide form for all series; `future` is a frame with those
        that are known ahead, a row for each coming step, or for each of every series.

        The frame that comes back is in long form: series, time, `mean`, and a column a quantile,
        such as `q0.9`. With `return_imputed` the past comes first, and a column `kind` says which
        rows are `known`, `imputed` and `forecast`. The first error is raised.
        """
        if not is_frame(series):
            if time or target or series_column or covariates or future is not None:
                named = "time, target, series_column and covariates"
                raise WrongArgument(f"{named} name columns of a frame, and future is one")
            return await self._forecast(series, horizon, frequency=frequency, **options)
        columns = Columns(time, target, series_column, tuple(covariates))
        table = table_of(series, columns, frequency)
        given: ForecastOptions = {**options}
        if table.starts is not None:
            given["start"] = table.starts
        if covariates:
            given["past_covariates"] = table.covariates
        if future is not None:
            given["future_covariates"] = ahead_of(table, future, horizon)
        found = await self._forecast(table.values, horizon, frequency=table.frequency, **given)
        return table.frame(found)
