"""Anomalies and backtests, and how series are sent. Knows lists of series; no frame."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from unroll_client import values
from unroll_client.answers import Anomalies, Backtest
from unroll_client.base import Progress, Tasks, ask_many, ask_together, collected
from unroll_client.errors import UnrollError
from unroll_client.many import Items, Size

Covariates: TypeAlias = "Mapping[str, Any] | Sequence[Mapping[str, Any]] | None"
Numbers: TypeAlias = "Iterable[Any] | AsyncIterable[Any]"
Starts: TypeAlias = "str | Sequence[str] | None"

SERIES: Final = 50  # in a request
_POINTS: Final = 200_000  # of them, and of their answers
_BACKTESTED: Final = 5


class SeriesTasks(Tasks):
    """What is asked about series that lie in the past."""

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
            count=SERIES,
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

    anomalies = collected(iter_anomalies)
    backtest = collected(iter_backtest)

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
        again: int = 0,
        together: bool = False,
    ) -> Items[Any]:
        """`each` are the fields that may differ from series to series; `written` are the numbers
        that the answer to one series holds besides, and `again` those for each of its values."""

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
            return (1 + again) * len(sent["series"]) + further + written

        def body(sent: list[dict[str, Any]]) -> dict[str, Any]:
            lists = {name: [one[name] for one in sent] for name in ("series", *each)}
            return {
                **{name: one for name, one in lists.items() if any(x is not None for x in one)},
                **options,
            }

        listed = [series] if values.is_one_series(series) else series
        if together:
            return ask_together(
                self.transport,
                path,
                listed,
                prepare=prepare,
                body=body,
                answer=answer,
                deadline=deadline,
            )
        return ask_many(
            self.transport,
            path,
            listed,
            prepare=prepare,
            weigh=weigh,
            body=body,
            answer=answer,
            fields=("series", *each),
            size=Size(count, _POINTS),
            progress=progress,
            deadline=deadline,
        )
