"""The commands that train and evaluate streaming forecasters. Knows arguments; else by import."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from app.cli.common import (
    HiddenOption,
    JsonOption,
    ModelsOption,
    NameOption,
    OutOption,
    RecordOption,
    SeedOption,
    StepsOption,
    VersionOption,
    WorkOption,
    errors_in_one_line,
    print_rows,
    training_extra,
)
from app.cli.publishing import PromoteOption, PublishNameOption, name_to_publish, settle

DataOption: TypeAlias = Annotated[
    Path, typer.Option("--data", help="Series, as for forecast.", metavar="PATH")
]


def train_forecast_stream(
    data: DataOption,
    hidden_size: HiddenOption = 96,
    steps: StepsOption = None,
    generated: Annotated[
        int | None, typer.Option(help="Series generated beside; else the recipe's.", min=0)
    ] = None,
    collection: Annotated[
        list[str] | None, typer.Option(help="Only this collection of the data; may be repeated.")
    ] = None,
    seed: SeedOption = 0,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = Path("models"),
    work: WorkOption = Path("runs"),
) -> None:
    """Train the forecaster that streams and scores anomalies, and publish it.

    Ctrl-C stops early and publishes the best network so far; running the same command again goes
    on from the checkpoint in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from dataclasses import replace

        from app.training.anomalies.evaluate import anomalies_score
        from app.training.anomalies.network import StreamForecasterOptions
        from app.training.anomalies.recipe import AnomalyRecipe
        from app.training.anomalies.train import train_anomalies

        name = name_to_publish(name, "forecast-stream", out, promote)
        recipe = AnomalyRecipe(network=StreamForecasterOptions(hidden_size=hidden_size), seed=seed)
        if generated is not None:
            recipe = replace(recipe, generated=generated)
        if steps is not None:
            every = min(recipe.loop.validate_every, steps)
            recipe = replace(recipe, loop=replace(recipe.loop, steps=steps, validate_every=every))
        folder = train_anomalies(
            data,
            recipe,
            name=name,
            repository=out,
            work=work,
            collections=tuple(collection or ()),
        )
        settle(
            folder,
            promote,
            lambda version: anomalies_score(folder.parent.name, out, data, version),
        )


def evaluate_forecast_stream(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            help="A folder of the Numenta Anomaly Benchmark, or one with `nab` and collections.",
            metavar="DIR",
        ),
    ],
    name: NameOption = "forecast-stream",
    version: VersionOption = None,
    models_dir: ModelsOption = None,
    file: Annotated[
        list[str] | None, typer.Option(help="Only this file of the benchmark; may be repeated.")
    ] = None,
    beside: Annotated[
        str, typer.Option(help="A forecaster that is sent 512 points a step; '' for none.")
    ] = "forecast",
    limit: Annotated[
        int | None, typer.Option(help="Score so many series of a collection only.", min=1)
    ] = None,
    record: RecordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score anomalies on labelled files, and one-step forecasts on held-out ends."""
    with errors_in_one_line(), training_extra():
        from app.settings import load_settings
        from app.training.anomalies.evaluate import evaluate_anomalies
        from app.training.anomalies.reports import evaluation_json, evaluation_table
        from app.training.anomalies.train import record_figures

        root = load_settings(models_dir=models_dir).models_dir
        found = evaluate_anomalies(
            name,
            root,
            data,
            version=version,
            files=tuple(file or ()),
            beside=beside or None,
            limit=limit,
        )
        facts = evaluation_json(found)
        if record:
            record_figures(root, name, facts, version)
        print_rows(evaluation_table(found), [facts], as_json)
