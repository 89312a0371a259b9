"""The commands of the forecaster of generated series. Knows arguments; all else by import."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import (
    REPOSITORY,
    JsonOption,
    ModelsOption,
    NameOption,
    OutOption,
    SeedOption,
    UrlOption,
    VersionOption,
    WorkOption,
    errors_in_one_line,
    print_rows,
    training_extra,
)
from app.cli.publishing import PromoteOption, PublishNameOption, name_to_publish, settle


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
