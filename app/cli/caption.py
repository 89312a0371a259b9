"""The commands that train and evaluate captions. Knows arguments; all else by import."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.cli.common import (
    REPOSITORY,
    CellOption,
    EncodingOption,
    HiddenOption,
    ImagesOption,
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


def train_caption(
    data: ImagesOption,
    encoder: Annotated[
        Path,
        typer.Option("--encoder", help="ONNX file: images to a map or vector.", metavar="FILE"),
    ],
    start: Annotated[
        Path | None,
        typer.Option("--start", help="Version whose decoder this one goes on from.", metavar="DIR"),
    ] = None,
    critical: Annotated[
        bool,
        typer.Option("--critical", help="Learn from the scores of what it says; needs a start."),
    ] = False,
    cell: CellOption = "lstm",
    hidden_size: HiddenOption = 512,
    attention: Annotated[
        int, typer.Option(help="Units of the attention over the encoder's map; 0: none.", min=0)
    ] = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the captions; else the recipe's.", min=1)
    ] = None,
    seed: SeedOption = 0,
    encoding: EncodingOption = None,
    name: PublishNameOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
) -> None:
    """Train a decoder that says what an encoder sees, and publish both as one model.

    Any encoder will do: docs/models.md tells how. Ctrl-C ends the training and
    publishes the best network so far; running the same command again goes on from
    the checkpoints in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from dataclasses import replace

        from app.serving.models.manifest import read_manifest
        from app.training.caption.data import read_captions
        from app.training.caption.evaluate import caption_score
        from app.training.caption.recipe import CaptionRecipe
        from app.training.caption.served import served_captions
        from app.training.caption.train import train_caption as run

        name = name_to_publish(name, "caption", out, promote)
        recipe = CaptionRecipe(
            cell=cell, hidden_size=hidden_size, attention_size=attention, seed=seed
        )
        recipe = replace(recipe, critical=critical)
        if start is not None:
            told: Any = read_manifest(start).training.get("recipe")
            recipe = recipe.going_on(told, epochs)
        elif critical:
            raise typer.BadParameter("--critical needs a --start: it only mends what is learned")
        elif epochs is not None:
            recipe = replace(recipe, epochs=epochs)
        folder = run(
            data,
            encoder,
            recipe,
            name=name,
            repository=out,
            work=work,
            encoding=encoding,
            start=start,
        )

        def score(version: str) -> "Score":
            with served_captions(folder.parent.name, out, version=version) as model:
                return caption_score(model, read_captions(data, seed=seed))

        settle(folder, promote, score)


def train_caption_confidence(
    data: ImagesOption,
    name: NameOption = "caption",
    encoding: EncodingOption = None,
    promote: PromoteOption = False,
    out: OutOption = REPOSITORY,
    work: WorkOption = Path("runs"),
) -> None:
    """Teach the served captioner when to abstain and how sure to be.

    Publishes it again with the same weights. What it abstains from is learned from
    drawn pages, screens and figures; how sure it may be from the validation images.
    """
    with errors_in_one_line(), training_extra():
        from app.training.caption.confidence import add_confidence
        from app.training.caption.data import read_captions
        from app.training.caption.served import served_captions

        with served_captions(name, out) as model:
            served, seed = model.folder, model.seed
        folder, report = add_confidence(
            served, read_captions(data, seed=seed, encoding=encoding), work / f"{name}-confidence"
        )
        for kind, share in report.caught.items():
            typer.echo(f"{kind}: {100 * share:.0f} % abstained, as learned from the others")
        typer.echo(
            f"validation photographs: {100 * report.abstained:.1f} % abstained; "
            f"confidence: calibration error {report.calibration_error:.3f}"
        )
        settle(folder, promote, None)


def evaluate_caption(
    data: ImagesOption,
    name: NameOption = "caption",
    version: VersionOption = None,
    models_dir: ModelsOption = None,
    baselines: Annotated[
        Literal["none", "simple", "all"],
        typer.Option(help="all adds the nearest image, other search: minutes."),
    ] = "simple",
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Keep features and checkpoints.", metavar="DIR")
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            "--teacher", help="Its features (train, val): trains a decoder on them.", metavar="DIR"
        ),
    ] = None,
    encoding: EncodingOption = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write figures and examples into the model card.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score the captioner on the validation images, as the service answers.

    BLEU, CIDEr-D, ROUGE-L and METEOR against all references of an image, by one tokeniser.
    """
    with errors_in_one_line(), training_extra():
        from rich.console import Console

        from app.settings import load_settings
        from app.training.caption.data import read_captions
        from app.training.caption.evaluate import evaluate_captions, record_caption_figures
        from app.training.caption.reports import caption_table
        from app.training.caption.served import served_captions

        root = load_settings(models_dir=models_dir).models_dir
        with (
            Console(stderr=True).status("reading the data") as status,
            served_captions(name, root, version=version) as model,
        ):
            images = read_captions(data, seed=model.seed, encoding=encoding)
            rows, said = evaluate_captions(
                model,
                images,
                baselines=baselines,
                cache=cache,
                teacher=teacher,
                progress=status.update,
            )
        if record:
            record_caption_figures(model.folder, rows, images, said)
        print_rows(caption_table(rows), [row.to_json() for row in rows], as_json)
