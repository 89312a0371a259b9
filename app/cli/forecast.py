"""The commands `train` and `evaluate`. Knows arguments; recipes and scores only by import.

Imports of `app.training` lie inside the commands: the service is installed without torch.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from app.errors import ConfigurationError, UnrollError
from app.telemetry import log

if TYPE_CHECKING:
    from rich.table import Table

_WRONG_USAGE: Final = 2

train = typer.Typer(help="Train a model and publish it.", no_args_is_help=True)
evaluate = typer.Typer(help="Score a published model against baselines.", no_args_is_help=True)

DataOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--data", help="Folder of series: CSV files, or the public collections.", metavar="DIR"
    ),
]
ModelsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--models-dir", help="Model repository; else UNROLL_MODELS_DIR.", metavar="DIR"),
]
OutOption: TypeAlias = Annotated[
    Path, typer.Option("--out", help="Model repository to publish to.", metavar="DIR")
]
WorkOption: TypeAlias = Annotated[
    Path, typer.Option("--work", help="Folder of checkpoints.", metavar="DIR")
]
CellOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--cell",
        help="Recurrent cell: rnn, gru, lstm, peephole_lstm, working_memory_lstm or "
        "layernorm_lstm.",
    ),
]
HiddenOption: TypeAlias = Annotated[int, typer.Option(help="Units of a layer.", min=1)]
LayersOption: TypeAlias = Annotated[int, typer.Option(help="Layers of each stack.", min=1)]
MembersOption: TypeAlias = Annotated[int, typer.Option(help="Networks that are averaged.", min=1)]
StepsOption: TypeAlias = Annotated[int, typer.Option(help="Batches per network.", min=1)]
JobsOption: TypeAlias = Annotated[int, typer.Option(help="Networks trained side by side.", min=1)]
UrlOption: TypeAlias = Annotated[
    str | None, typer.Option("--url", help="Ask this service instead of the repository.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")]
SeedOption: TypeAlias = Annotated[int, typer.Option("--seed", help="Repeats a training exactly.")]
CollectionOption: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Only this collection of the data; may be repeated.")
]


@train.command("forecast")
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
    name: Annotated[str, typer.Option(help="Name of the model.")] = "forecast",
    out: OutOption = Path("models"),
    work: WorkOption = Path("runs"),
) -> None:
    """Train the general forecaster on a folder of series and publish it.

    Ctrl-C stops early and publishes the best networks so far; running the same
    command again goes on from the checkpoints in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from app.training.common.loop import LoopOptions
        from app.training.forecast.network import ForecasterOptions
        from app.training.forecast.recipe import ForecastRecipe
        from app.training.forecast.train import train_forecast as run

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
            collections=tuple(collection or ()),
        )
        typer.echo(f"published {folder}")


@train.command("forecast-waves")
def train_forecast_waves(
    cell: Annotated[str | None, typer.Option(help="As of forecast; else the recipe's.")] = None,
    steps: Annotated[int | None, typer.Option(help="Batches; else the recipe's.", min=1)] = None,
    series: Annotated[
        int | None, typer.Option(help="Train on so many series; else fresh ones.", min=1)
    ] = None,
    seed: SeedOption = 0,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "forecast-waves",
    out: OutOption = Path("models"),
    work: WorkOption = Path("runs"),
) -> None:
    """Train the forecaster of the generated two-sine series; needs no data.

    Ctrl-C stops early and publishes the best network so far.
    """
    with errors_in_one_line(), training_extra():
        from dataclasses import replace

        from app.training.waves.recipe import WavesRecipe
        from app.training.waves.train import train_waves

        recipe = WavesRecipe(series=series, seed=seed)
        if cell is not None:
            recipe = replace(recipe, network=replace(recipe.network, cell=cell))
        if steps is not None:
            every = min(recipe.loop.validate_every, steps)
            loop = replace(recipe.loop, steps=steps, validate_every=every)
            recipe = replace(recipe, loop=loop)
        typer.echo(f"published {train_waves(recipe, name=name, repository=out, work=work)}")


@evaluate.command("forecast")
def evaluate_forecast(
    data: DataOption,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "forecast",
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
    record: Annotated[
        bool, typer.Option("--record", help="Write the figures into the model card.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score the general forecaster on what training never saw.

    Scored are the last horizons of series whose ends chose nothing (report), and of
    series that were never trained on at all (unseen).
    """
    with errors_in_one_line(), training_extra():
        from rich.console import Console

        from app.settings import load_settings
        from app.training.forecast.data import PARTS
        from app.training.forecast.evaluate import BENCHMARKS
        from app.training.forecast.evaluate import evaluate_forecast as score
        from app.training.forecast.reports import forecast_table
        from app.training.forecast.train import record_figures

        root = load_settings(models_dir=models_dir).models_dir
        with Console(stderr=True).status("reading the data") as status:
            rows = score(
                name,
                root,
                data,
                tuple(collection or BENCHMARKS),
                tuple(one for one in PARTS if one in part.split("+")),
                url=url,
                baselines=baselines,
                cache=cache,
                limit=limit,
                progress=lambda label, done: status.update(f"{label}: {done} series"),
            )
        if record:
            record_figures(root, name, rows)
        print_rows(forecast_table(rows), [row.to_json() for row in rows], as_json)


@evaluate.command("forecast-waves")
def evaluate_forecast_waves(
    name: Annotated[str, typer.Option(help="Name of the model.")] = "forecast-waves",
    models_dir: ModelsOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score the forecaster of the generated series on fresh ones."""
    with errors_in_one_line(), training_extra():
        from app.settings import load_settings
        from app.training.forecast.evaluate import evaluate_waves
        from app.training.forecast.reports import wave_table

        root = load_settings(models_dir=models_dir).models_dir
        rows = evaluate_waves(root, name, url=url)
        print_rows(wave_table(rows), [row.to_json() for row in rows], as_json)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """What is wrong with the call is one line on standard error, not a traceback."""
    try:
        yield
    except UnrollError as error:
        print(error.message, file=sys.stderr)
        raise typer.Exit(_WRONG_USAGE if isinstance(error, ConfigurationError) else 1) from None


def print_rows(table: "Table", rows: Sequence[object], as_json: bool) -> None:
    from rich.console import Console

    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        Console().print(table)


@contextmanager
def training_extra() -> Iterator[None]:
    """The service is installed without torch; say how to get it. Wrong data is one line too."""
    log.configure("auto", "WARNING")  # to standard error: what is printed is the result alone
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "app":
            raise
        print(
            f"{error.name} is missing: training and evaluation need more packages than the "
            "service; install them with: pip install -e '.[train]'",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(_WRONG_USAGE) from None
