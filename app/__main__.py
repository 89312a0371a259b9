"""The command line: serve, train, evaluate, models. Knows arguments; everything else by import.

Imports lie inside the commands, so that `--help` is quick and `serve` never meets torch.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from app.errors import ConfigurationError, UnrollError

if TYPE_CHECKING:
    from rich.table import Table

_WRONG_USAGE: Final = 2

cli = typer.Typer(
    name="unroll",
    help="Serve, train and evaluate recurrent neural networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
train = typer.Typer(help="Train a model and publish it.", no_args_is_help=True)
evaluate = typer.Typer(help="Score a served model against baselines.", no_args_is_help=True)
cli.add_typer(train, name="train")
cli.add_typer(evaluate, name="evaluate")

DataOption: TypeAlias = Annotated[
    Path, typer.Option("--data", help="Folder of the public data sets.", metavar="DIR")
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
    str, typer.Option("--cell", help="Recurrent cell: rnn, gru, lstm or layernorm_lstm.")
]
UrlOption: TypeAlias = Annotated[
    str | None, typer.Option("--url", help="Ask this service instead of the repository.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")]
SeedOption: TypeAlias = Annotated[int, typer.Option("--seed", help="Repeats a training exactly.")]


@cli.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Serve, train and evaluate recurrent neural networks."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"unroll {installed('unroll')}")
        raise typer.Exit


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    models_dir: ModelsOption = None,
    worker_threads: Annotated[
        int | None, typer.Option(help="Threads per model; 0 means every usable core.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.", metavar="LEVEL")
    ] = None,
    log_format: Annotated[
        Literal["auto", "json", "console"] | None, typer.Option(help="How a log line looks.")
    ] = None,
) -> None:
    """Answer requests over HTTP until SIGTERM or Ctrl-C.

    Options win over the UNROLL_* environment variables, which hold every other
    setting too; docs/operations.md lists them.
    """
    with _errors_in_one_line():
        from app.settings import load_settings

        settings = load_settings(
            host=host,
            port=port,
            models_dir=models_dir,
            worker_threads=worker_threads,
            log_level=log_level,
            log_format=log_format,
        )
        if not settings.models_dir.is_dir():
            raise ConfigurationError(
                f"UNROLL_MODELS_DIR: there is no such folder (got '{settings.models_dir}')"
            )
    from app import server
    from app.main import create_app

    if not server.serve(create_app(settings), settings):
        raise typer.Exit(1)


@cli.command()
def models(models_dir: ModelsOption = None) -> None:
    """List what the model repository holds, and which version is served."""
    with _errors_in_one_line():
        from app.settings import load_settings

        settings = load_settings(models_dir=models_dir)
    from rich.console import Console

    from app.inventory import list_versions, versions_table

    root = settings.models_dir
    versions = list_versions(root, settings.pinned_versions)
    Console().print(versions_table(versions, str(root)) if versions else f"{root} holds no model.")


@train.command("forecast")
def train_forecast(
    data: DataOption,
    cell: CellOption = "gru",
    hidden_size: Annotated[int, typer.Option(help="Units of a layer.", min=1)] = 64,
    num_layers: Annotated[int, typer.Option(help="Layers of each stack.", min=1)] = 2,
    members: Annotated[int, typer.Option(help="Networks whose answers are averaged.", min=1)] = 4,
    steps: Annotated[int, typer.Option(help="Batches per network.", min=1)] = 8000,
    jobs: Annotated[int, typer.Option(help="Networks trained side by side.", min=1)] = 1,
    collection: Annotated[
        list[str] | None,
        typer.Option(help="Only this collection of the data; may be repeated."),
    ] = None,
    seed: SeedOption = 0,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "forecast",
    out: OutOption = Path("models"),
    work: WorkOption = Path("runs"),
) -> None:
    """Train the general forecaster on a folder of series and publish it.

    Ctrl-C stops early and publishes the best networks so far; running the same
    command again goes on from the checkpoints in the work folder.
    """
    with _errors_in_one_line(), _training_extra():
        from app.training.forecast_recipe import ForecastRecipe
        from app.training.loop import LoopOptions
        from app.training.networks import ForecasterOptions
        from app.training.train_forecast import train_forecast as run

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
    cell: CellOption = "gru",
    seed: SeedOption = 0,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "forecast-waves",
    out: OutOption = Path("models"),
) -> None:
    """Train the forecaster of the generated two-sine series; needs no data.

    Ctrl-C stops early and keeps the best network so far.
    """
    with _errors_in_one_line(), _training_extra():
        from app.training.waves_recipe import train as run

        run(cell=cell, seed=seed, name=name, out=out)


@evaluate.command("forecast")
def evaluate_forecast(
    data: DataOption,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "forecast",
    models_dir: ModelsOption = None,
    url: UrlOption = None,
    baselines: Annotated[
        Literal["none", "simple", "all"],
        typer.Option(help="all adds AutoETS and AutoTheta, which take hours."),
    ] = "simple",
    cache: Annotated[
        Path | None, typer.Option(help="Keep baseline forecasts here.", metavar="DIR")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Score so many series of a collection only.", min=1)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score the general forecaster on series that training never saw."""
    with _errors_in_one_line(), _training_extra():
        from rich.console import Console

        from app.settings import load_settings
        from app.training.evaluate import evaluate_forecast as score
        from app.training.reports import forecast_table

        root = load_settings(models_dir=models_dir).models_dir
        with Console(stderr=True).status("reading the data") as status:
            rows = score(
                name,
                root,
                data,
                url=url,
                baselines=baselines,
                cache=cache,
                limit=limit,
                progress=lambda label, done: status.update(f"{label}: {done} series"),
            )
        _print_rows(forecast_table(rows), [row.to_json() for row in rows], as_json)


@evaluate.command("forecast-waves")
def evaluate_forecast_waves(
    name: Annotated[str, typer.Option(help="Name of the model.")] = "forecast-waves",
    models_dir: ModelsOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score the forecaster of the generated series on fresh ones."""
    with _errors_in_one_line(), _training_extra():
        from app.settings import load_settings
        from app.training.evaluate import evaluate_waves
        from app.training.reports import wave_table

        root = load_settings(models_dir=models_dir).models_dir
        rows = evaluate_waves(root, name, url=url)
        _print_rows(wave_table(rows), [row.to_json() for row in rows], as_json)


def _print_rows(table: "Table", rows: Sequence[object], as_json: bool) -> None:
    from rich.console import Console

    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        Console().print(table)


def main() -> None:
    """The console script `unroll`, and `python -m app`."""
    cli(prog_name="unroll")


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """What is wrong with the call is one line on standard error, not a traceback."""
    try:
        yield
    except UnrollError as error:
        print(error.message, file=sys.stderr)
        raise typer.Exit(_WRONG_USAGE if isinstance(error, ConfigurationError) else 1) from None


@contextmanager
def _training_extra() -> Iterator[None]:
    """The service is installed without torch; say how to get it."""
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


if __name__ == "__main__":
    main()
