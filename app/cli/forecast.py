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
    CovariateOption,
    DayFirstOption,
    DecimalOption,
    EncodingOption,
    FrequencyOption,
    HeaderOption,
    MissingOption,
    MultivariateOption,
    PastCovariateOption,
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
from app.errors import ConfigurationError

DataOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--data",
        help="A CSV or Parquet file, a folder of them, or the public collections.",
        metavar="PATH",
    ),
]
LayersOption: TypeAlias = Annotated[
    int | None, typer.Option(help="Layers of each stack; else 2, with covariates 1.", min=1)
]
MembersOption: TypeAlias = Annotated[int, typer.Option(help="Networks that are averaged.", min=1)]
_STEPS = 5000  # batches per network without covariates
_MADE_BESIDE_OWN = 1000  # generated series beside those of one's own
_FEWEST_GENERATED = 400  # the ends of these help to choose the epoch
StepsOption: TypeAlias = Annotated[
    int | None, typer.Option(help="Batches per network; else 5000, with covariates 1200.", min=1)
]
HorizonOption: TypeAlias = Annotated[
    int | None, typer.Option(help="Steps to learn, with covariates; else about a season.", min=1)
]
JobsOption: TypeAlias = Annotated[int, typer.Option(help="Networks trained side by side.", min=1)]
StartOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Begin with the weights of this published forecaster.", metavar="DIR"),
]
CollectionOption: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Only this collection of the data; may be repeated.")
]


def train_forecast(
    data: DataOption,
    cell: CellOption = "gru",
    hidden_size: HiddenOption = 64,
    num_layers: LayersOption = None,
    members: MembersOption = 4,
    steps: StepsOption = None,
    horizon: HorizonOption = None,
    multivariate: MultivariateOption = False,
    jobs: JobsOption = 1,
    collection: CollectionOption = None,
    seed: SeedOption = 0,
    start: StartOption = None,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
    yes: YesOption = False,
    time: TimeOption = None,
    target: TargetOption = None,
    series: SeriesOption = None,
    covariate: CovariateOption = None,
    past_covariate: PastCovariateOption = None,
    separator: SeparatorOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    day_first: DayFirstOption = None,
    header: HeaderOption = None,
    frequency: FrequencyOption = None,
    missing: MissingOption = None,
) -> None:
    """Train the general forecaster on series and publish it.

    A table with a column y and others learns a network that takes those as
    covariates; --multivariate one that forecasts all columns together. What was
    read of your own files is told before training begins.

    Ctrl-C stops early and publishes the best networks so far; running the same
    command again goes on from the checkpoints in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from dataclasses import replace

        from app.features.trends import CANDIDATES
        from app.training.common.loop import LoopOptions
        from app.training.forecast.covariates.network import CovariateSizes
        from app.training.forecast.covariates.recipe import CovariateRecipe, covariate_loop
        from app.training.forecast.covariates.train import train_with_covariates
        from app.training.forecast.data import OWN, read_series
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
            covariates=[*(covariate or ()), *(past_covariate or ())],
            others=not multivariate,
        )
        tell_left_out(data)
        found = read_series(data, tuple(collection or ()), own=own, tell=tell_table)
        if not confirmed(f"Train on these {len(found)} series?", yes):
            raise typer.Exit(1)
        beside = multivariate or any(one.beside.past for one in found)
        if horizon is not None and not beside:
            raise ConfigurationError(
                "--horizon: only networks with covariates or channels have one"
            )
        if start is not None and beside:
            raise ConfigurationError("--start: networks with covariates or channels begin anew")
        if horizon is not None:
            found = [replace(one, horizon=horizon) for one in found]
        if beside:
            folder = train_with_covariates(
                data,
                found,
                CovariateRecipe(
                    network=CovariateSizes(cell, hidden_size, num_layers or 1),
                    loop=covariate_loop(steps),
                    members=members,
                    seed=seed,
                ),
                past_only=past_covariate or (),
                multivariate=multivariate,
                name=name,
                repository=out,
                work=work,
                jobs=jobs,
            )
        else:
            steps = steps or _STEPS
            public = any(one.dataset != OWN for one in found)
            # what is learned already is not to be shaken
            rate = LoopOptions.learning_rate if start is None else LoopOptions.learning_rate / 2
            # a short training needs no more generated series than it can show
            most = max(_FEWEST_GENERATED, steps * ForecastRecipe.batch_size)
            folder = run(
                data,
                ForecastRecipe(
                    network=ForecasterOptions(
                        cell, hidden_size, num_layers or 2, candidates=CANDIDATES
                    ),
                    loop=LoopOptions(
                        steps=steps, learning_rate=rate, validate_every=min(500, steps)
                    ),
                    members=members,
                    generated=min(ForecastRecipe.generated, most),
                    made=min(ForecastRecipe.made if public else _MADE_BESIDE_OWN, most),
                    seed=seed,
                ),
                name=name,
                repository=out,
                work=work,
                jobs=jobs,
                series=found,
                start=start,
            )
        settle(
            folder,
            promote,
            lambda version: forecast_score(
                folder.parent.name, out, data, version, collections=tuple(collection or ()), own=own
            ),
        )


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
    covariate: CovariateOption = None,
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
            covariates=covariate,
            others=True,
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
