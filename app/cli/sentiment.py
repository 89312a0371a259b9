"""The commands that train and evaluate sentiment. Knows arguments; all else by import."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from app.cli.common import (
    REPOSITORY,
    CellOption,
    JsonOption,
    ModelsOption,
    NameOption,
    OutOption,
    RecordOption,
    SeedOption,
    UrlOption,
    WorkOption,
    errors_in_one_line,
    print_rows,
    training_extra,
)
from app.cli.publishing import PromoteOption, PublishNameOption, name_to_publish, settle

if TYPE_CHECKING:
    from app.training.common.comparison import Score

TextsOption: TypeAlias = Annotated[
    Path,
    typer.Option("--data", help="Folder of labelled texts: the public sets.", metavar="DIR"),
]
BaselinesOption: TypeAlias = Annotated[
    Literal["none", "simple", "all"],
    typer.Option(help="all adds TF-IDF with a linear SVM: some minutes."),
]
CacheOption: TypeAlias = Annotated[
    Path | None, typer.Option("--cache", help="Keep answers of baselines here.", metavar="DIR")
]


def train_sentiment(
    data: TextsOption,
    cell: CellOption = "lstm",
    hidden_size: Annotated[
        int | None, typer.Option(help="Units of a layer; else the recipe's.", min=1)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Batches of every phase, for trying out.", min=1)
    ] = None,
    seed: SeedOption = 0,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit", help="Publish a second version, fitted on the held-out texts as well."
        ),
    ] = False,
    open_texts: Annotated[
        bool,
        typer.Option(
            "--open",
            help="Learn from made sentences, tatoeba.org and the Federalist alone: weights that "
            "may be used for anything, by the name sentiment-open.",
        ),
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a published version to go on from, which has not learned the held-out "
            "texts: minutes instead of hours.",
            metavar="DIR",
        ),
    ] = None,
    refit_start: Annotated[
        Path | None,
        typer.Option(help="For --refit: the refit of the version in --start.", metavar="DIR"),
    ] = None,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
) -> None:
    """Train the sentiment model on the public sets of labelled texts and publish it.

    With --open no set of tweets or reviews is read, and training takes minutes.

    Ctrl-C ends the phase that runs and publishes the best network so far; running
    the same command again goes on from the checkpoints in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from app.tasks.sentiment import SentimentTask
        from app.training.sentiment.data import read_texts
        from app.training.sentiment.evaluate import sentiment_score
        from app.training.sentiment.recipe import (
            SentimentRecipe,
            continued,
            open_recipe,
            shortened,
        )
        from app.training.sentiment.served import served_texts
        from app.training.sentiment.train import train_sentiment as run

        if open_texts and (refit or start is not None):
            raise ValueError("--open is for training from nothing, without --start and --refit")
        usual = "sentiment-open" if open_texts else "sentiment"
        name = name_to_publish(name, usual, out, promote)
        recipe = open_recipe() if open_texts else SentimentRecipe()
        recipe = replace(
            recipe, cell=cell, hidden_size=hidden_size or recipe.hidden_size, seed=seed
        )
        if start is not None:
            recipe = continued(recipe)
        if steps is not None:
            recipe = shortened(recipe, steps)
        starts = {"start": start, "refit_start": refit_start}
        folder = run(data, recipe, name=name, repository=out, work=work, refit=refit, **starts)

        def score(version: str) -> "Score":
            with served_texts(
                "sentiment", SentimentTask, folder.parent.name, out, version=version
            ) as model:
                return sentiment_score(model, read_texts(data, tuple(recipe.shares)))

        settle(folder, promote, score)


def evaluate_sentiment(
    data: TextsOption,
    name: NameOption = "sentiment",
    version: Annotated[
        str | None, typer.Option(help="Its version; else the one that is served.")
    ] = None,
    models_dir: ModelsOption = None,
    url: UrlOption = None,
    part: Annotated[
        Literal["report", "select"], typer.Option(help="Which part of the texts.")
    ] = "report",
    baselines: BaselinesOption = "simple",
    cache: CacheOption = None,
    limit: Annotated[
        int | None, typer.Option(help="Score so many texts of a set only.", min=1)
    ] = None,
    record: RecordOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score the sentiment model on texts that training never saw.

    No scored text has a near-duplicate among the training texts, and those of
    the part report chose nothing.
    """
    with errors_in_one_line(), training_extra():
        from rich.console import Console

        from app.settings import load_settings
        from app.tasks.sentiment import SentimentTask
        from app.training.sentiment.data import read_texts
        from app.training.sentiment.evaluate import evaluate_texts, record_text_figures
        from app.training.sentiment.reports import text_table
        from app.training.sentiment.served import served_texts

        root = load_settings(models_dir=models_dir).models_dir
        if record and (part != "report" or limit is not None):
            raise ValueError("--record is for all texts of the part report")
        with Console(stderr=True).status("reading the data") as status:
            split = read_texts(data)
            with served_texts(
                "sentiment", SentimentTask, name, root, version=version, url=url
            ) as model:
                rows = evaluate_texts(
                    model,
                    split,
                    part,
                    baselines=baselines,
                    cache=cache,
                    limit=limit,
                    progress=status.update,
                )
        if record:
            folder = root / model.model / model.version
            record_text_figures(folder, rows, baselines=baselines)
        print_rows(text_table(rows), [row.to_json() for row in rows], as_json)
