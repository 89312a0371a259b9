"""The commands that train and evaluate authorship. Knows arguments; all else by import."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from app.cli.common import (
    REPOSITORY,
    EncodingOption,
    JsonOption,
    ModelsOption,
    NameOption,
    OutOption,
    RecordOption,
    SeedOption,
    VersionOption,
    WorkOption,
    errors_in_one_line,
    print_rows,
    training_extra,
)
from app.cli.publishing import PromoteOption, PublishNameOption, name_to_publish, settle

if TYPE_CHECKING:
    from rich.table import Table

    from app.training.authorship.scores import Row

TextsOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--data",
        help="A folder of .txt files per author (and one called Unknown), or a public collection.",
        metavar="DIR",
    ),
]


def train_authorship(
    data: TextsOption,
    style_words: Annotated[
        int | None,
        typer.Option(
            help="Leave so many frequent words in the texts, mask the others; 0: all.", min=0
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(help="Folds of the held-out report; 0: the latest texts instead.", min=0),
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Else the recipe's.", min=0.01)] = None,
    members: Annotated[
        int | None, typer.Option(help="Networks that are averaged; else the recipe's.", min=1)
    ] = None,
    seed: SeedOption = 0,
    encoding: EncodingOption = None,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
) -> None:
    """Learn to tell the authors of texts apart, report on held-out texts, publish.

    Headers, bylines and the authors' names are taken out of the texts. The same
    command goes on from the checkpoints in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from app.training.authorship.evaluate import authorship_score
        from app.training.authorship.recipe import recipe_for
        from app.training.authorship.train import train_authorship as run

        name = name_to_publish(name, "authorship", out, promote)
        recipe = recipe_for(
            data,
            encoding=encoding,
            style_words=style_words,
            folds=folds,
            epochs=epochs,
            members=members,
            seed=seed,
        )
        folder, rows = run(
            data,
            recipe,
            name=name,
            repository=out,
            work=work,
            encoding=encoding,
            tell=lambda line: typer.echo(line, err=True),
        )
        print_rows(_table(rows), [row.to_json() for row in rows], False)
        settle(
            folder,
            promote,
            lambda version: authorship_score(out, folder.parent.name, version, folder.name),
        )


def evaluate_authorship(
    data: TextsOption,
    name: NameOption = "authorship",
    version: VersionOption = None,
    models_dir: ModelsOption = None,
    baselines: Annotated[
        bool, typer.Option(help="Train the baselines too, on what the model has learned.")
    ] = True,
    encoding: EncodingOption = None,
    record: RecordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score an authorship model on texts that it never learned.

    Texts without a known author (the folder Unknown) are listed with the answer.
    """
    with errors_in_one_line(), training_extra():
        from app.settings import load_settings
        from app.training.authorship.evaluate import evaluate_authorship as run
        from app.training.authorship.evaluate import record_authorship

        root = load_settings(models_dir=models_dir).models_dir
        rows, guesses = run(
            root, name, data, baselines=baselines, encoding=encoding, version=version
        )
        if record:
            record_authorship(root, name, rows, version)
        print_rows(_table(rows), [row.to_json() for row in rows], as_json)
        if not as_json:
            for text, author, probability in guesses:
                typer.echo(f"{text}: {author} ({probability:.2f})")


def _table(rows: "Sequence[Row]") -> "Table":
    from rich.table import Table

    table = Table("method", "texts")
    for column in ("right", "accuracy", "macro recall", "ECE"):
        table.add_column(column, justify="right")
    for row in rows:
        error = "-" if row.calibration_error is None else f"{row.calibration_error:.3f}"
        table.add_row(
            row.method,
            row.texts,
            f"{row.right} of {row.count}",
            f"{row.accuracy:.3f}",
            f"{row.macro_recall:.3f}",
            error,
        )
    return table
