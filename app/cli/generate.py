"""The commands that train and evaluate language models. Knows arguments; all else by import."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from app.cli.common import (
    REPOSITORY,
    CellOption,
    HiddenOption,
    JsonOption,
    LayersOption,
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

_TextOption: TypeAlias = Annotated[
    Path, typer.Option("--data", help="A text file, or a folder of such.", metavar="PATH")
]


def train_generate(
    data: _TextOption,
    unit: Annotated[
        Literal["character", "subword"], typer.Option(help="What is read and written in a step.")
    ] = "character",
    cell: CellOption = "lstm",
    hidden_size: HiddenOption = 512,
    layers: LayersOption = 1,
    steps: StepsOption = None,
    seed: SeedOption = 0,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
) -> None:
    """Train a language model on text files (*.txt, *.txt.gz), and publish it.

    The last tenth of each file is for validation. Ctrl-C ends the training and publishes the best
    network so far; running the same command again goes on from the checkpoint in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from dataclasses import replace

        from app.training.generate.data import read_texts
        from app.training.generate.evaluate import generate_score
        from app.training.generate.recipe import GenerateRecipe
        from app.training.generate.served import served_language_model
        from app.training.generate.train import train_generate as run

        name = name_to_publish(name, "generate", out, promote)
        recipe = GenerateRecipe(
            unit=unit, cell=cell, hidden_size=hidden_size, num_layers=layers, seed=seed
        )
        if steps is not None:
            recipe = replace(recipe, loop=replace(recipe.loop, steps=steps))
        folder = run(data, recipe, name=name, repository=out, work=work)

        def score(version: str) -> "Score":
            with served_language_model(folder.parent.name, out, version=version) as model:
                return generate_score(model, read_texts(data))

        settle(folder, promote, score)


def evaluate_generate(
    data: _TextOption,
    name: NameOption = "generate",
    version: VersionOption = None,
    models_dir: ModelsOption = None,
    record: RecordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score the language model on the last tenth of each file, as the service answers."""
    with errors_in_one_line(), training_extra():
        from rich.console import Console

        from app.settings import load_settings
        from app.training.generate.data import read_texts
        from app.training.generate.evaluate import (
            drawn_samples,
            record_generate_figures,
        )
        from app.training.generate.evaluate import evaluate_generate as run
        from app.training.generate.reports import generate_table
        from app.training.generate.served import served_language_model

        root = load_settings(models_dir=models_dir).models_dir
        texts = read_texts(data)
        with (
            Console(stderr=True).status("reading the data") as status,
            served_language_model(name, root, version=version) as model,
        ):
            rows = run(model, texts, progress=status.update)
            if record:
                samples = drawn_samples(model, texts.parts[-1].val[:60])
                record_generate_figures(model.folder, rows, samples)
        print_rows(generate_table(rows), [row.to_json() for row in rows], as_json)
