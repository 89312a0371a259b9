"""Forecasts, anomalies and backtests. Knows their options; frames are made into lists elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict, overload

from unroll_client import values
from unroll_client.answers import Anomalies, Backtest, Forecast
from unroll_client.base import Progress, Tasks, ask_many, collected
from unroll_client.errors import UnrollError, WrongArgument
from unroll_client.frames import Columns, FrameT, is_frame, table_of
from unroll_client.many import Items, Size

Covariates: TypeAlias = "Mapping[str, Any] | Sequence[Mapping[str, Any]] | None"
Numbers: TypeAlias = "Iterable[Any] | AsyncIterable[Any]"
Starts: TypeAlias = "str | Sequence[str] | None"

if TYPE_CHECKING:
    from typing_extensions import Unpack

_SERIES: Final = 50  # in a request
_POINTS: Final = 200_000  # of them, and of their answers
_BACKTESTED: Final = 5


class ForecastOptions(TypedDict, total=False):
    """Options of `iter_forecast` that `forecast` passes on."""

    quantiles: Sequence[float] | None
    season_length: int | None
    start: Starts
    past_covariates: Covariates
    future_covariates: Covariates
    holidays: str | None
    minimum: float | None
    maximum: float | None
    integer: bool | None
    model: str
    version: str | None
    progress: Progress
    deadline: float | None


class SeriesTasks(Tasks):
    """What is asked about series."""

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
        minimum: float | None = None,
        maximum: float | None = None,
        integer: bool | None = None,
        model: str = "forecast",
        version: str | None = None,
        progress: Progress = False,
        deadline: float | None = None,
    ) -> Items[Forecast | UnrollError]:
        """Forecasts of `horizon` steps of any number of series; one that is refused has its error.

        series: the numbers of one, or any number of such: lists, arrays, series of pandas or
        polars; a missing value is None or NaN. start, past_covariates, future_covariates: one for
        all series, or a list with one for each. progress and deadline are as for `iter_sentiment`;
        docs/api.md tells what the other options do.
        """
        options = {
            **{"horizon": horizon, "quantiles": None if quantiles is None else list(quantiles)},
            **{"frequency": frequency, "season_length": season_length, "holidays": holidays},
            **{"minimum": minimum, "maximum": maximum, "integer": integer},
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
            count=_SERIES,
            progress=progress,
            deadline=deadline,
        )

    def iter_anomalies(
        self,
        series: Numbers,
        *,
        frequency: str | None = None,
        season_length: int | None = None,
        start: Starts = None,
        threshold: float | None = None,
        model: str = "forecast-stream",
        version: str | None = None,
        progress: Progress = False,
        deadline: float | None = None,
    ) -> Items[Anomalies | UnrollError]:
        """How far each value of any number of series is out of the ordinary.

        A series that is refused has its error. Arguments are those of `iter_forecast`.
        """
        options = {
            "frequency": frequency,
            "threshold": threshold,
            "model": model,
            "version": version,
        }
        each = {"start": start}
        return self._series(
            "/anomalies",
            series,
            each,
            options,
            answer="results",
            written=0,
            count=_SERIES,
            progress=progress,
            deadline=deadline,
        )

    def iter_backtest(
        self,
        series: Numbers,
        horizon: int,
        *,
        windows: int | None = None,
        step: int | None = None,
        quantiles: Sequence[float] | None = None,
        frequency: str | None = None,
        season_length: int | None = None,
        start: Starts = None,
        minimum: float | None = None,
        maximum: float | None = None,
        integer: bool | None = None,
        model: str = "forecast",
        version: str | None = None,
        progress: Progress = False,
        deadline: float | None = None,
    ) -> Items[Backtest | UnrollError]:
        """How forecasts of any number of series would have done, from `windows` origins.

        A series that is refused has its error. Arguments are those of `iter_forecast`.
        """
        options = {
            **{"horizon": horizon, "windows": windows, "step": step},
            **{"quantiles": None if quantiles is None else list(quantiles)},
            **{"frequency": frequency, "season_length": season_length},
            **{"minimum": minimum, "maximum": maximum, "integer": integer},
            **{"model": model, "version": version},
        }
        each = {"start": start}
        return self._series(
            "/backtest",
            series,
            each,
            options,
            answer="backtests",
            written=0,
            count=_BACKTESTED,
            progress=progress,
            deadline=deadline,
        )

    _forecast = collected(iter_forecast)
    anomalies = collected(iter_anomalies)
    backtest = collected(iter_backtest)

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
        frequency: str | None = None,
        **options: Unpack[ForecastOptions],
    ) -> Any:
        """Forecasts of `horizon` steps: a list for lists and arrays, a frame for a frame.

        series: as for `iter_forecast`, which tells the options, too; or a frame of pandas or
        polars. A frame in long form has a row a value, with the columns `unique_id`, `ds` and `y`
        or those that `series_column`, `time` and `target` name; in wide form it has a column a
        series, and times in its index or in a column. The frame that comes back is in long form:
        series, time, `mean`, and a column a quantile, such as `q0.9`. The first error is raised.
        """
        if not is_frame(series):
            if time or target or series_column:
                raise WrongArgument("time, target and series_column name columns of a frame")
            return await self._forecast(series, horizon, frequency=frequency, **options)
        table = table_of(series, Columns(time, target, series_column), frequency)
        given: ForecastOptions = {**options}
        if table.starts is not None:
            given["start"] = table.starts
        found = await self._forecast(table.values, horizon, frequency=table.frequency, **given)
        return table.frame(found)

    def _series(
        self,
        path: str,
        series: Any,
        each: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        answer: str,
        written: int,
        count: int,
        progress: Progress,
        deadline: float | None,
    ) -> Items[Any]:
        """`each` are the fields that may differ from series to series; `written` are the numbers
        that the answer to one series holds besides."""

        def prepare(number: int, value: Any) -> dict[str, Any]:
            given = {name: values.one_or_each(name, one, number) for name, one in each.items()}
            columns = {
                name: values.covariates(one) if isinstance(one, Mapping) else one
                for name, one in given.items()
            }
            return {"series": values.series(f"series[{number}]", value), **columns}

        def weigh(sent: dict[str, Any]) -> int:
            columns = [one for one in sent.values() if isinstance(one, Mapping)]
            further = sum(len(column) for one in columns for column in one.values())
            return len(sent["series"]) + further + written

        def body(sent: list[dict[str, Any]]) -> dict[str, Any]:
            lists = {name: [one[name] for one in sent] for name in ("series", *each)}
            return {
                **{name: one for name, one in lists.items() if any(x is not None for x in one)},
                **options,
            }

        return ask_many(
            self.transport,
            path,
            [series] if values.is_one_series(series) else series,
            prepare=prepare,
            weigh=weigh,
            body=body,
            answer=answer,
            fields=("series", *each),
            size=Size(count, _POINTS),
            progress=progress,
            deadline=deadline,
        )
