"""The commands that train and evaluate forecasters. Knows arguments; all else by import."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from app.cli.common import (
    REPOSITORY,
    CellOption,
    HiddenOption,
    JsonOption,
    ModelsOption,
    NameOption,
    OutOption,
    RecordOption,
    SeedOption,
    UrlOption,
    VersionOption,
    WorkOption,
    errors_in_one_line,
    print_rows,
    training_extra,
)
from app.cli.publishing import PromoteOption, PublishNameOption, name_to_publish, settle
from app.cli.tables import (
    DayFirstOption,
    DecimalOption,
    EncodingOption,
    FrequencyOption,
    HeaderOption,
    MissingOption,
    SeparatorOption,
    SeriesOption,
    TargetOption,
    TimeOption,
    YesOption,
    confirmed,
    table_options,
    tell_left_out,
    tell_table,
)

DataOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--data",
        help="A CSV or Parquet file, a folder of them, or the public collections.",
        metavar="PATH",
    ),
]
LayersOption: TypeAlias = Annotated[int, typer.Option(help="Layers of each stack.", min=1)]
MembersOption: TypeAlias = Annotated[int, typer.Option(help="Networks that are averaged.", min=1)]
StepsOption: TypeAlias = Annotated[int, typer.Option(help="Batches per network.", min=1)]
JobsOption: TypeAlias = Annotated[int, typer.Option(help="Networks trained side by side.", min=1)]
CollectionOption: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Only this collection of the data; may be repeated.")
]


def train_forecast(
    data: DataOption,
    cell: CellOption = "gru",
    hidden_size: HiddenOption = 64,
    num_layers: LayersOption = 2,
    members: MembersOption = 4,
    steps: StepsOption = 5000,
    jobs: JobsOption = 1,
    collection: CollectionOption = None,
    seed: SeedOption = 0,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
    yes: YesOption = False,
    time: TimeOption = None,
    target: TargetOption = None,
    series: SeriesOption = None,
    separator: SeparatorOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    day_first: DayFirstOption = None,
    header: HeaderOption = None,
    frequency: FrequencyOption = None,
    missing: MissingOption = None,
) -> None:
    """Train the general forecaster on series and publish it.

    What was read of your own files is told before training begins.

    Ctrl-C stops early and publishes the best networks so far; running the same
    command again goes on from the checkpoints in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from app.training.common.loop import LoopOptions
        from app.training.forecast.data import read_series
        from app.training.forecast.evaluate import forecast_score
        from app.training.forecast.network import ForecasterOptions
        from app.training.forecast.recipe import ForecastRecipe
        from app.training.forecast.train import train_forecast as run

        name = name_to_publish(name, "forecast", out, promote)
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
        )
        tell_left_out(data)
        found = read_series(data, tuple(collection or ()), own=own, tell=tell_table)
        if not confirmed(f"Train on these {len(found)} series?", yes):
            raise typer.Exit(1)
        recipe = ForecastRecipe(
            network=ForecasterOptions(cell=cell, hidden_size=hidden_size, num_layers=num_layers),
            loop=LoopOptions(steps=steps, validate_every=min(500, steps)),
            members=members,
            seed=seed,
        )
        folder = run(
            data,
            recipe,
            name=name,
            repository=out,
            work=work,
            jobs=jobs,
            series=found,
        )
        settle(
            folder,
            promote,
            lambda version: forecast_score(
                folder.parent.name, out, data, version, collections=tuple(collection or ()), own=own
            ),
        )


def train_forecast_waves(
    cell: Annotated[str | None, typer.Option(help="As of forecast; else the recipe's.")] = None,
    steps: Annotated[int | None, typer.Option(help="Batches; else the recipe's.", min=1)] = None,
    series: Annotated[
        int | None, typer.Option(help="Train on so many series; else fresh ones.", min=1)
    ] = None,
    seed: SeedOption = 0,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
) -> None:
    """Train the forecaster of the generated two-sine series; needs no data.

    Ctrl-C stops early and publishes the best network so far.
    """
    with errors_in_one_line(), training_extra():
        from dataclasses import replace

        from app.training.waves.evaluate import waves_score
        from app.training.waves.recipe import WavesRecipe
        from app.training.waves.train import train_waves

        name = name_to_publish(name, "forecast-waves", out, promote)
        recipe = WavesRecipe(series=series, seed=seed)
        if cell is not None:
            recipe = replace(recipe, network=replace(recipe.network, cell=cell))
        if steps is not None:
            every = min(recipe.loop.validate_every, steps)
            loop = replace(recipe.loop, steps=steps, validate_every=every)
            recipe = replace(recipe, loop=loop)
        folder = train_waves(recipe, name=name, repository=out, work=work)
        settle(folder, promote, lambda version: waves_score(out, folder.parent.name, version))


def evaluate_forecast(
    data: DataOption,
    name: NameOption = "forecast",
    version: VersionOption = None,
    models_dir: ModelsOption = None,
    url: UrlOption = None,
    collection: CollectionOption = None,
    part: Annotated[
        Literal["report+unseen", "report", "unseen", "select"],
        typer.Option(help="Which part of the series."),
    ] = "report+unseen",
    baselines: Annotated[
        Literal["none", "simple", "all"],
        typer.Option(help="all adds Theta, AutoETS and AutoTheta: a quarter of an hour."),
    ] = "simple",
    cache: Annotated[
        Path | None, typer.Option(help="Keep baseline forecasts here.", metavar="DIR")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Score so many series of a collection only.", min=1)
    ] = None,
    record: RecordOption = False,
    as_json: JsonOption = False,
    time: TimeOption = None,
    target: TargetOption = None,
    series: SeriesOption = None,
    separator: SeparatorOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    day_first: DayFirstOption = None,
    header: HeaderOption = None,
    frequency: FrequencyOption = None,
    missing: MissingOption = None,
) -> None:
    """Score the general forecaster on what training never saw.

    Scored are the last horizons of series whose ends chose nothing (report), and of
    series that were never trained on at all (unseen). Of your own series all are scored,
    on their last horizon.
    """
    with errors_in_one_line(), training_extra():
        from rich.console import Console

        from app.settings import load_settings
        from app.training.forecast.data import PARTS
        from app.training.forecast.evaluate import evaluate_forecast as score
        from app.training.forecast.reports import forecast_table
        from app.training.forecast.train import record_figures

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
        )
        tell_left_out(data)
        root = load_settings(models_dir=models_dir).models_dir
        with Console(stderr=True).status("reading the data") as status:
            rows = score(
                name,
                root,
                data,
                tuple(collection or ()),
                tuple(one for one in PARTS if one in part.split("+")),
                version=version,
                url=url,
                baselines=baselines,
                cache=cache,
                limit=limit,
                own=own,
                tell=tell_table,
                progress=lambda label, done: status.update(f"{label}: {done} series"),
            )
        if record:
            record_figures(root, name, rows, version)
        print_rows(forecast_table(rows), [row.to_json() for row in rows], as_json)


def evaluate_forecast_waves(
    name: NameOption = "forecast-waves",
    version: VersionOption = None,
    models_dir: ModelsOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score the forecaster of the generated series on fresh ones."""
    with errors_in_one_line(), training_extra():
        from app.settings import load_settings
        from app.training.waves.evaluate import evaluate_waves, wave_table

        root = load_settings(models_dir=models_dir).models_dir
        rows = evaluate_waves(root, name, version=version, url=url)
        print_rows(wave_table(rows), [row.to_json() for row in rows], as_json)
