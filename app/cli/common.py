"""What the commands share: options, errors in one line, tables. Knows no task.

`app.training` is imported inside the commands alone: the service is installed without torch.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from app.errors import ConfigurationError, UnrollError
from app.telemetry import log

if TYPE_CHECKING:
    from rich.table import Table

_WRONG_USAGE: Final = 2

ModelsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--models-dir", help="Model repository; else UNROLL_MODELS_DIR.", metavar="DIR"),
]


REPOSITORY: Final = Path("models")  # the default of every `--out`; `_repository` says what it means


def _repository(context: typer.Context, parameter: typer.CallbackParam, value: Path) -> Path:
    """Where models are published: where a service finds them, unless the caller names a folder."""
    source = context.get_parameter_source(str(parameter.name))
    if source is None or source.name != "DEFAULT":
        return value
    from app.settings import load_settings

    with errors_in_one_line():
        return load_settings().models_dir


OutOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--out",
        help="Model repository to publish to; else UNROLL_MODELS_DIR.",
        metavar="DIR",
        callback=_repository,
        show_default=False,
    ),
]
WorkOption: TypeAlias = Annotated[
    Path, typer.Option("--work", help="Folder of checkpoints.", metavar="DIR")
]
CellOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--cell",
        help="Recurrent cell: rnn, jordan, gru, lstm, peephole_lstm, working_memory_lstm, "
        "layernorm_lstm, indrnn, mingru, minlstm, slstm, mlstm, gated_delta, tdnn, wavenet or ntm.",
    ),
]
HiddenOption: TypeAlias = Annotated[int, typer.Option(help="Units of a layer.", min=1)]
LayersOption: TypeAlias = Annotated[int, typer.Option(help="Layers of the network.", min=1)]
StepsOption: TypeAlias = Annotated[
    int | None, typer.Option(help="Training steps; else the recipe's.", min=1)
]
UrlOption: TypeAlias = Annotated[
    str | None, typer.Option("--url", help="Ask this service instead of the repository.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")]
SeedOption: TypeAlias = Annotated[int, typer.Option("--seed", help="Repeats a training exactly.")]
ImagesOption: TypeAlias = Annotated[
    Path,
    typer.Option("--data", help="Images with captions, as in Flickr8k.", metavar="DIR"),
]
EncodingOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--encoding", help="Of texts that are neither UTF-8 nor marked, such as cp1252."),
]
NameOption: TypeAlias = Annotated[str, typer.Option(help="Name of the model.")]
VersionOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--version", help="Its version, such as a candidate; else the served one."),
]
RecordOption: TypeAlias = Annotated[
    bool, typer.Option("--record", help="Write the figures into the model card.")
]


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
