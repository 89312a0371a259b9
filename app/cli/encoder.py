"""The command that trains an image encoder. Knows arguments; all else by import."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import (
    EncodingOption,
    ImagesOption,
    SeedOption,
    WorkOption,
    errors_in_one_line,
    training_extra,
)


def train_encoder(
    data: ImagesOption,
    teacher: Annotated[
        Path,
        typer.Option("--teacher", help="MobileNetV2 as a quantised TFLite file.", metavar="FILE"),
    ],
    others: Annotated[
        Path | None,
        typer.Option("--others", help="More images: .npz files of JPEG streams.", metavar="DIR"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Batches of either stage, for trying out.", min=1)
    ] = None,
    seed: SeedOption = 0,
    encoding: EncodingOption = None,
    work: WorkOption = Path("runs"),
) -> None:
    """Train an image encoder to see what a pretrained one sees.

    It is for `train caption --encoder`, and needs the packages of the extra
    `encoder`. Ctrl-C ends the stage that runs with what it has; running the same
    command again goes on from the checkpoints in the work folder.
    """
    with errors_in_one_line(), training_extra():
        from app.training.encoder.recipe import EncoderRecipe, shortened
        from app.training.encoder.train import train_encoder_from

        recipe = EncoderRecipe(seed=seed)
        if steps is not None:
            recipe = shortened(recipe, steps)
        path = train_encoder_from(
            data, others, teacher, recipe, work / "encoder", encoding=encoding
        )
        typer.echo(f"wrote {path}")
