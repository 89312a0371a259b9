"""The command `predict forecast`: files in, a table, a file and a picture out. Knows no model."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli.answers import (
    JsonOption,
    KeyOption,
    UrlOption,
    VersionOption,
    address,
    expected,
    plain,
    table,
)
from app.cli.common import errors_in_one_line
from app.cli.tables import (
    CovariateOption,
    DayFirstOption,
    DecimalOption,
    EncodingOption,
    FrequencyOption,
    HeaderOption,
    MissingOption,
    MultivariateOption,
    SeparatorOption,
    SeriesOption,
    TargetOption,
    TimeOption,
    table_options,
    tell_left_out,
    tell_table,
)
from app.errors import ConfigurationError
from app.remote import service

if TYPE_CHECKING:
    from app.training.forecast.own import OwnSeries

_SHORTEST: Final = 2  # values that the service needs of a series
_SENT: Final = 5000  # last points of a series: no model looks further back
_SENT_WITH_COVARIATES: Final = 40_000  # what they do is learned from more
_SHOWN: Final = 5  # series in the terminal


@dataclass(frozen=True)
class Forecast:
    """The answer to one series: its quantiles by level, as the service writes them."""

    name: str
    answer: Mapping[str, Any]

    @property
    def rows(self) -> list[tuple[str, float, dict[str, float]]]:
        """(time or number of the step, mean, quantiles) of every step."""
        mean, quantiles = self.answer["mean"], self.answer["quantiles"]
        times = self.answer.get("timestamps") or [str(step + 1) for step in range(len(mean))]
        return [
            (time, float(mean[i]), {level: float(quantiles[level][i]) for level in quantiles})
            for i, time in enumerate(times)
        ]


def predict_forecast(
    file: Annotated[
        Path, typer.Argument(help="A CSV or Parquet file, or a folder of such.", metavar="FILE")
    ],
    url: UrlOption = None,
    horizon: Annotated[
        int | None, typer.Option(help="Steps ahead; else about a season.", min=1)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write all steps to this CSV.", metavar="FILE")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw them here: PNG, SVG.", metavar="FILE")
    ] = None,
    model: Annotated[str, typer.Option(help="Name of the model.")] = "forecast",
    version: VersionOption = None,
    api_key: KeyOption = None,
    as_json: JsonOption = False,
    time: TimeOption = None,
    target: TargetOption = None,
    series: SeriesOption = None,
    covariate: CovariateOption = None,
    holidays: Annotated[
        str | None, typer.Option(help="Holidays are a covariate: a country, DE or DE-BY.")
    ] = None,
    multivariate: MultivariateOption = False,
    separator: SeparatorOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    day_first: DayFirstOption = None,
    header: HeaderOption = None,
    frequency: FrequencyOption = None,
    missing: MissingOption = None,
) -> None:
    """Forecast the series of your own files.

    What was read is told on standard error; docs/your-data.md lists the forms.
    """
    with errors_in_one_line():
        from app.training.forecast.own import read_own

        own = table_options(
            time=time,
            target=target,
            series=series,
            separator=separator,
            decimal=decimal,
            encoding=encoding,
            day_first=day_first,
            header=header,
            frequency=frequency,
            missing=missing,
            covariates=covariate,
        )
        tell_left_out(file)
        found = read_own(file, own, shortest=_SHORTEST, tell=tell_table)
        if not found:
            raise ConfigurationError(f"{file} is no CSV or Parquet file, nor a folder with some")
        asked = {"model": model, "version": version, "holidays": holidays}
        forecasts, by = _asked(address(url), found, horizon, multivariate, asked, api_key)
        if out is not None:
            _write(out, forecasts)
        if picture is not None:
            _draw(picture, found, forecasts)
        if as_json:
            listed = [
                {"series": one.name} | {k: v for k, v in one.answer.items() if k not in by}
                for one in forecasts
            ]
            typer.echo(json.dumps({**by, "forecasts": listed}, indent=2))
        else:
            _show(forecasts, by)


def _asked(
    url: str,
    found: "Sequence[OwnSeries]",
    horizon: int | None,
    multivariate: bool,
    options: Mapping[str, Any],
    api_key: str | None,
) -> tuple[list[Forecast], dict[str, str]]:
    """The forecasts in the order of `found`, and the model and version that gave them."""
    groups: dict[tuple[str | None, int], list[int]] = {}
    if multivariate and len({(len(o.table.values), o.table.first) for o in found}) > 1:
        raise ConfigurationError("--multivariate: channels have to begin and end at the same times")
    longest = max(one.horizon for one in found) if multivariate else None
    for i, one in enumerate(found):
        key = one.table.frequency, horizon or longest or one.horizon
        groups.setdefault(key, []).append(i)
    answers: dict[int, Mapping[str, Any]] = {}
    with service(url, api_key=api_key) as client:
        for (frequency, steps), members in groups.items():
            sent = [_request(found[i]) for i in members]
            starts = [first for _, first in sent if first is not None]
            series = [values for values, _ in sent]
            dated = frequency is not None and len(starts) == len(sent)
            got = client.forecast(
                series,
                steps,
                frequency=frequency,
                start=starts if dated else None,
                **_covariates([found[i] for i in members], steps),
                multivariate=multivariate,
                **options,
            )
            answers |= dict(zip(members, got, strict=True))
    last = answers[len(found) - 1]
    by = {name: str(last[name]) for name in ("model", "version")}
    with expected():
        forecasts = [Forecast(one.id, answers[i]) for i, one in enumerate(found)]
        for each in forecasts:  # noticed here and not while a file is written
            assert each.rows
    return forecasts, by


def _request(one: "OwnSeries") -> tuple[list[float | None], str | None]:
    """The last values of a series, null where missing, and the time of the first of them."""
    from app.features.calendar import timestamps

    values, first = one.table.values, one.table.first
    skipped = max(0, len(values) - (_SENT_WITH_COVARIATES if one.table.beside.past else _SENT))
    if skipped and first is not None and one.table.frequency is not None:
        first = timestamps(first, one.table.frequency, skipped, 1)[0][0]
    numbers = [value if value == value else None for value in values[skipped:].tolist()]
    return numbers, first


def _covariates(found: "Sequence[OwnSeries]", steps: int) -> dict[str, Any]:
    """The fields of covariates, if there are any; one without values ahead has no future."""
    past, future = [], []
    for one in found:
        beside = one.table.beside
        sent = min(len(one.table.values), _SENT_WITH_COVARIATES)
        past.append({name: cells[-sent:] for name, cells in beside.past.items()})
        ahead = {name: cells[:steps] for name, cells in beside.ahead.items() if cells}
        for name, cells in ahead.items():
            if len(cells) < steps:
                raise ConfigurationError(
                    f"{one.id}: {name} is known for {len(cells)} steps ahead, and {steps} are "
                    f"asked for; pass --horizon {len(cells)}, or leave its future empty"
                )
        future.append(ahead)
    return {"past_covariates": past, "future_covariates": future} if any(past) else {}


def _show(forecasts: Sequence[Forecast], by: Mapping[str, str]) -> None:
    from rich.console import Console

    console = Console()
    for one in forecasts[:_SHOWN]:
        levels = list(one.rows[0][2])
        head = ["", "mean", *(_percent(level) for level in levels)]
        rows = [
            [_date(time), _number(mean), *(_number(quantiles[level]) for level in levels)]
            for time, mean, quantiles in one.rows
        ]
        console.print(plain(one.name), style="bold")
        console.print(table(head, rows, cut=False))
        for note in one.answer.get("notes", ()):
            console.print(plain(f"note: {note}"), style="dim")
    if len(forecasts) > _SHOWN:
        console.print(f"and {len(forecasts) - _SHOWN} more series: see --out and --json")
    console.print(plain(f"answered by {by['model']} {by['version']}"))


def _percent(level: str) -> str:
    return f"{100 * float(level):g} %"


def _number(value: float) -> str:
    return f"{value:.6g}"


def _date(time: str) -> str:
    return time.removesuffix("T00:00:00")


def _write(path: Path, forecasts: Sequence[Forecast]) -> None:
    """All steps of all series in long form, as `unroll train forecast` reads it.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def lines() -> Iterator[list[str]]:
        levels = list(forecasts[0].rows[0][2])
        yield ["unique_id", "ds", "mean", *(f"q{level}" for level in levels)]
        for one in forecasts:
            for time, mean, quantiles in one.rows:
                yield [one.name, time, repr(mean), *(repr(quantiles[level]) for level in levels)]

    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(lines())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None


def _draw(path: Path, found: "Sequence[OwnSeries]", forecasts: Sequence[Forecast]) -> None:
    """Raises ConfigurationError: the file cannot be written, or nothing to draw with is there."""
    try:
        from app.training.forecast.picture import Panel, draw
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "app":
            raise
        raise ConfigurationError(
            f"--picture: {error.name} is missing; install it with: pip install -e '.[train]'"
        ) from None
    panels = [
        Panel(
            one.name,
            own.table.values,
            [mean for _, mean, _ in one.rows],
            {float(level): [q[level] for _, _, q in one.rows] for level in one.rows[0][2]},
        )
        for own, one in zip(found, forecasts, strict=True)
    ]
    try:
        draw(path, panels)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"--picture: {path} cannot be drawn: {error}") from None
