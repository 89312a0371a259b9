"""The command `predict anomalies`: a file in; a table and a picture out. Knows no model."""

import json
from collections.abc import Mapping, Sequence
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
    FrequencyOption,
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

_SHORTEST: Final = 2  # values of a series that is asked about


def predict_anomalies(
    file: Annotated[
        Path, typer.Argument(help="A CSV or Parquet file, or a folder of such.", metavar="FILE")
    ],
    url: UrlOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Score of an anomaly, 0 to 1; else the model's.", min=0, max=1),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw them here: PNG, SVG.", metavar="FILE")
    ] = None,
    model: Annotated[str, typer.Option(help="Name of the model.")] = "forecast-stream",
    version: VersionOption = None,
    api_key: KeyOption = None,
    as_json: JsonOption = False,
    time: TimeOption = None,
    target: TargetOption = None,
    series: SeriesOption = None,
    frequency: FrequencyOption = None,
) -> None:
    """Find what is unusual in the series of your own files.

    What was read is told on standard error; docs/your-data.md lists the forms.
    """
    with errors_in_one_line():
        from app.training.forecast.own import read_own

        own = table_options(
            time=time,
            target=target,
            series=series,
            separator=None,
            decimal=None,
            encoding=None,
            day_first=None,
            header=None,
            frequency=frequency,
            missing=None,
        )
        tell_left_out(file)
        found = read_own(file, own, shortest=_SHORTEST, tell=tell_table)
        if not found:
            raise ConfigurationError(f"{file} is no CSV or Parquet file, nor a folder with some")
        facts = {"threshold": threshold, "model": model, "version": version}
        results = []
        answer: Mapping[str, Any] = {}
        with service(address(url), api_key=api_key) as client:
            for one in found:
                answer = client.ask("/anomalies", facts | _body(one))
                with expected():
                    results.append({"series": one.id} | answer["results"][0])
        by = {name: answer.get(name) for name in ("model", "version")}
        if picture is not None:
            _draw(picture, found, results)
        if as_json:
            typer.echo(json.dumps({**by, "results": results}, indent=2))
        else:
            _show(results, by)


def _body(one: "OwnSeries") -> dict[str, Any]:
    values = [value if value == value else None for value in one.table.values.tolist()]
    known = {"series": values, "frequency": one.table.frequency}
    return known | {"start": one.table.first if one.table.frequency is not None else None}


def _show(results: Sequence[Mapping[str, Any]], by: Mapping[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    with expected():
        for one in results:
            console.print(plain(str(one["series"])), style="bold")
            rows = [
                [
                    str(each.get("timestamp") or each["index"]).removesuffix("T00:00:00"),
                    *(f"{each[name]:.6g}" for name in ("value", "expected", "score")),
                ]
                for each in one["anomalies"]
            ]
            if rows:
                console.print(table(["", "value", "expected", "score"], rows, cut=False))
            told = f"{len(rows)} of {len(one['scores'])} values reach {one['threshold']:.6g}"
            console.print(plain(told), style="dim")
    console.print(plain(f"answered by {by['model']} {by['version']}"), style="dim")


def _draw(path: Path, found: "Sequence[OwnSeries]", results: Sequence[Mapping[str, Any]]) -> None:
    """Raises ConfigurationError: the file cannot be written, or nothing to draw with is there."""
    try:
        from app.training.anomalies.picture import Panel, draw
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "app":
            raise
        raise ConfigurationError(
            f"--picture: {error.name} is missing; install it with: pip install -e '.[train]'"
        ) from None
    panels = [
        Panel(
            str(one["series"]),
            own.table.values,
            one["scores"],
            [int(each["index"]) for each in one["anomalies"]],
        )
        for own, one in zip(found, results, strict=True)
    ]
    try:
        draw(path, panels)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be written: {error}") from None
