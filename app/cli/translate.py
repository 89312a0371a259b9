"""The commands that train and evaluate translators. Knows arguments; all else by import."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

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
    StepsOption,
    VersionOption,
    WorkOption,
    errors_in_one_line,
    print_rows,
    training_extra,
)
from app.cli.publishing import PromoteOption, PublishNameOption, name_to_publish, settle

if TYPE_CHECKING:
    from app.training.common.comparison import Score

_PairsOption: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--data",
        help="Folder of train.LANGUAGE files, or FILE.tsv:en-fr; may be repeated.",
        metavar="PLACE",
    ),
]
_SourceOption: TypeAlias = Annotated[
    str, typer.Option("--source", help="The language that is translated from.")
]


def train_translate(
    data: _PairsOption,
    source: _SourceOption = "en",
    cell: CellOption = "gru",
    hidden_size: HiddenOption = 512,
    attention: Annotated[
        Literal["multiplicative", "additive", "none"],
        typer.Option(help="How the decoder attends to the source."),
    ] = "multiplicative",
    vocabulary: Annotated[
        int | None, typer.Option(help="Subwords; else the recipe's.", min=500)
    ] = None,
    steps: StepsOption = None,
    threads: Annotated[int, typer.Option(help="Idle cores to train on.", min=1)] = 1,
    seed: SeedOption = 0,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
) -> None:
    """Train a translator on sentence pairs, and publish it.

    Into all languages of the data. Ctrl-C ends the training and publishes the best network so far;
    running the same command again goes on from the checkpoint in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from dataclasses import replace

        from app.training.translate.data import read_pairs
        from app.training.translate.evaluate import translate_score
        from app.training.translate.recipe import TranslateRecipe
        from app.training.translate.served import served_translator
        from app.training.translate.train import train_translate as run

        name = name_to_publish(name, "translate", out, promote)
        recipe = TranslateRecipe(cell=cell, hidden_size=hidden_size, attention=attention, seed=seed)
        if steps is not None:
            recipe = replace(recipe, loop=replace(recipe.loop, steps=steps))
        if vocabulary is not None:
            recipe = replace(recipe, vocabulary_size=vocabulary)
        folder = run(
            data, recipe, source=source, name=name, repository=out, work=work, threads=threads
        )

        def score(version: str) -> "Score":
            with served_translator(folder.parent.name, out, version=version) as model:
                return translate_score(model, list(read_pairs(data, source).corpora))

        settle(folder, promote, score)


def evaluate_translate(
    data: _PairsOption,
    part: Annotated[
        str, typer.Option("--part", help="Files of the folders that are scored.")
    ] = "val",
    name: NameOption = "translate",
    version: VersionOption = None,
    beside: Annotated[
        str | None,
        typer.Option(
            "--beside", help="Another model to score, too: its name or folder.", metavar="MODEL"
        ),
    ] = None,
    models_dir: ModelsOption = None,
    record: RecordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score the translator on pairs that it has not learned, as the service answers.

    BLEU and chrF by sacreBLEU, cased and detokenised, whose signatures are printed.
    """
    with errors_in_one_line(), training_extra():
        from contextlib import ExitStack

        from rich.console import Console

        from app.settings import load_settings
        from app.training.translate.data import read_pairs, read_part
        from app.training.translate.evaluate import (
            drawn_alignments,
            record_translate_figures,
        )
        from app.training.translate.evaluate import evaluate_translate as run
        from app.training.translate.reports import translate_table
        from app.training.translate.scores import signatures
        from app.training.translate.served import served_translator

        root = load_settings(models_dir=models_dir).models_dir
        with ExitStack() as stack:
            status = stack.enter_context(Console(stderr=True).status("reading the data"))
            model = stack.enter_context(served_translator(name, root, version=version))
            other = beside and stack.enter_context(served_translator(*_named(beside, root)))
            source = model.features.source
            if part == "val":
                corpora = list(read_pairs(data, source).corpora)
            else:
                corpora = [each for place in data for each in read_part(Path(place), part, source)]
            rows = run(model, corpora, beside=other or None, progress=status.update)
            if record:
                drawn = drawn_alignments(model, corpora)
                record_translate_figures(model.folder, rows, part, drawn)
        title = f"{part}; BLEU {signatures()[0]}"
        print_rows(translate_table(rows, title), [row.to_json() for row in rows], as_json)


def _named(model: str, root: Path) -> tuple[str, Path]:
    """Name and repository of a model that is told by its name, or by its folder elsewhere."""
    folder = Path(model)
    return (folder.name, folder.parent) if len(folder.parts) > 1 else (model, root)
