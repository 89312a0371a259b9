"""The commands that train and evaluate classifiers. Knows arguments; all else by import."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from app.cli.common import (
    REPOSITORY,
    CellOption,
    EncodingOption,
    HiddenOption,
    JsonOption,
    ModelsOption,
    NameOption,
    OutOption,
    SeedOption,
    VersionOption,
    WorkOption,
    errors_in_one_line,
    print_rows,
    training_extra,
)
from app.cli.publishing import PromoteOption, PublishNameOption, name_to_publish, settle

if TYPE_CHECKING:
    from app.training.common.comparison import Score

_DataOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--data",
        help="A CSV file with a text and its label a row, or a folder of .txt files per label.",
        metavar="PLACE",
    ),
]
_TextOption: TypeAlias = Annotated[str, typer.Option("--text", help="Column of the texts.")]
_LabelOption: TypeAlias = Annotated[str, typer.Option("--label", help="Column of the labels.")]
_SeparatorOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--label-separator", help="A text may have several labels or none; this parts them."
    ),
]


def train_classifier(
    data: _DataOption,
    text: _TextOption = "text",
    label: _LabelOption = "label",
    label_separator: _SeparatorOption = None,
    encoding: EncodingOption = None,
    cell: CellOption = "lstm",
    hidden_size: HiddenOption = 128,
    steps: Annotated[
        int | None, typer.Option(help="Batches of every phase, for trying out.", min=1)
    ] = None,
    seed: SeedOption = 0,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            help="Version to begin with, models/NAME/VERSION; its terms hold, too.",
            metavar="DIR",
        ),
    ] = None,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
) -> None:
    """Learn the labels of your own texts, report on held-out texts, publish.

    Nothing but your texts is learned, unless --start names a version. Ctrl-C ends the training and
    publishes the best network so far; the same command goes on from the checkpoints.
    """
    with errors_in_one_line(), training_extra():
        from app.training.classify.data import TableForm
        from app.training.classify.evaluate import (
            classifier_score,
            classifier_table,
            evaluate_classifier,
            record_classifier,
        )
        from app.training.classify.train import train_classifier as run

        name = name_to_publish(name, "classifier", out, promote)
        folder, parts = run(
            data,
            TableForm(text, label, label_separator, encoding),
            cell=cell,
            hidden_size=hidden_size,
            steps=steps,
            seed=seed,
            start=start,
            name=name,
            repository=out,
            work=work,
            tell=lambda line: typer.echo(line, err=True),
        )
        rows = evaluate_classifier(folder, parts)
        record_classifier(folder, rows)
        print_rows(classifier_table(rows), [row.to_json() for row in rows], False)

        def score(version: str) -> "Score":
            return classifier_score(folder.parent / version, parts["report"])

        settle(folder, promote, score)


def evaluate_classifier(
    data: _DataOption,
    text: _TextOption = "text",
    label: _LabelOption = "label",
    label_separator: _SeparatorOption = None,
    encoding: EncodingOption = None,
    name: NameOption = "classifier",
    version: VersionOption = None,
    models_dir: ModelsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a classifier on the held-out part of the texts that it has learned.

    Which texts are held out follows from the texts: name the data that it was trained on.
    """
    with errors_in_one_line(), training_extra():
        from app.settings import load_settings
        from app.training.classify.data import TableForm, read_labelled, split
        from app.training.classify.evaluate import classifier_table
        from app.training.classify.evaluate import evaluate_classifier as run
        from app.training.common.publish import served_version

        root = load_settings(models_dir=models_dir).models_dir
        parts = split(read_labelled(data, TableForm(text, label, label_separator, encoding)))
        rows = run(root / name / (version or served_version(root / name)), parts)
        print_rows(classifier_table(rows), [row.to_json() for row in rows], as_json)
