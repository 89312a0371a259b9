"""Four decoder cells on the same features, with as many weights and as many steps, several seeds.

Nothing is chosen on the images that are scored: a network is scored once, after its last step.
Knows no encoder and no HTTP. What is done is kept in `--work`, so that a run that was cut goes on.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import torch
import typer

from app.training.caption.data import read_captions
from app.training.caption.features import read_features
from app.training.caption.fit import Captions, Validation, fit_captioner, log_frequencies
from app.training.caption.network import Captioner
from app.training.caption.recipe import CaptionRecipe
from app.training.caption.reports import caption_row
from app.training.caption.train import Material
from app.training.caption.words import build_vocabulary, words_of
from app.training.common.cards import markdown_table

CELLS: Final = ("gru", "lstm", "peephole_lstm", "working_memory_lstm")
LEGEND: Final = (
    "Mean over seeds ± the standard deviation over seeds; `lead` is CIDEr-D over that of the plain "
    "LSTM, ± the standard error of a difference of two such means. {images:,} validation images, "
    "beam {beam}; hidden sizes chosen for the same number of weights, {epochs} epochs each."
)


@dataclass(frozen=True)
class Run:
    """One trained network: its size and its scores."""

    cell: str
    seed: int
    hidden_size: int
    parameters: int
    cider_d: float
    bleu_4: float
    unique: float
    seconds: int


def parameters(recipe: CaptionRecipe, vocabulary: int, channels: int) -> int:
    """Weights of the network that the recipe makes."""
    with torch.device("meta"):
        network = Captioner(recipe.network(vocabulary, channels))
    return sum(p.numel() for p in network.parameters())


def alike(recipe: CaptionRecipe, cell: str, vocabulary: int, channels: int) -> CaptionRecipe:
    """The recipe with another cell, of the width that comes nearest in weights."""
    wanted = parameters(recipe, vocabulary, channels)
    options = [replace(recipe, cell=cell, hidden_size=size) for size in range(64, 1025, 16)]
    return min(options, key=lambda one: abs(parameters(one, vocabulary, channels) - wanted))


def train(material: Material, recipe: CaptionRecipe) -> Run:
    """Train one network and score it after its last step."""
    started = time.monotonic()
    torch.manual_seed(recipe.seed)
    options = recipe.network(len(material.vocabulary), material.train.channels)
    network = Captioner(options)
    network.start_from(log_frequencies(material.vocabulary))
    captions = Captions(material.data.train, material.train, material.vocabulary, recipe.loop(1))
    loop = recipe.loop(captions.steps)
    loop = replace(loop, loop=replace(loop.loop, validate_every=loop.loop.steps))
    validation = Validation(material.data.val, material.val, material.vocabulary, recipe.search)
    fit_captioner(network, captions, validation, loop)
    said = validation.captions(network)
    row = caption_row(recipe.cell, said, validation.references, set(), cider=validation.cider)
    return Run(
        cell=recipe.cell,
        seed=recipe.seed,
        hidden_size=recipe.hidden_size,
        parameters=sum(p.numel() for p in network.parameters()),
        cider_d=row.cider_d,
        bleu_4=row.bleu_4,
        unique=row.unique,
        seconds=round(time.monotonic() - started),
    )


def remembered(file: Path, material: Material, recipe: CaptionRecipe) -> Run:
    """What `file` says, or what is trained and written there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(train(material, recipe))), encoding="utf-8")
    return Run(**json.loads(file.read_text(encoding="utf-8")))


def table(runs: Sequence[Run]) -> str:
    """The cells side by side, in Markdown."""
    of = {cell: [run for run in runs if run.cell == cell] for cell in CELLS}
    plain = [run.cider_d for run in of["lstm"]]
    rows = []
    for cell, own in of.items():
        scores = [run.cider_d for run in own]
        lead = ""
        if cell != "lstm":
            error = np.sqrt(
                np.var(scores, ddof=1) / len(scores) + np.var(plain, ddof=1) / len(plain)
            )
            lead = f"{np.mean(scores) - np.mean(plain):+.3f} ± {error:.3f}"
        rows.append(
            (
                cell,
                str(own[0].hidden_size),
                f"{own[0].parameters / 1e6:.2f} M",
                _spread(scores),
                lead,
                _spread([run.bleu_4 for run in own]),
                f"{100 * np.mean([run.unique for run in own]):.0f} %",
                f"{np.mean([run.seconds for run in own]):.0f}",
            )
        )
    header = ("cell", "hidden", "weights", "CIDEr-D", "lead", "BLEU-4", "unique", "seconds")
    return markdown_table(header, rows)


def _spread(scores: Sequence[float]) -> str:
    return f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f}"


def main(
    data: Annotated[Path, typer.Option(help="Images with captions.")],
    train_features: Annotated[Path, typer.Option(help="Folder of features of training images.")],
    val_features: Annotated[Path, typer.Option(help="Folder of features of validation images.")],
    seeds: Annotated[int, typer.Option(help="Networks of each cell.", min=2)] = 3,
    epochs: Annotated[int, typer.Option(help="Epochs of each.", min=1)] = 4,
    hidden_size: Annotated[int, typer.Option(help="Units of the plain LSTM.")] = 384,
    work: Annotated[Path, typer.Option(help="Keeps what is done.")] = Path("runs/caption-cells"),
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("benchmarks/results"),
) -> None:
    """Train and score them all, and write caption_cells.json and .md."""
    torch.set_num_threads(1)
    read = read_captions(data)
    vocabulary = build_vocabulary(words_of(c) for one in read.train for c in one.captions)
    material = Material(
        read, vocabulary, read_features(train_features), read_features(val_features)
    )
    base = CaptionRecipe(hidden_size=hidden_size, epochs=epochs)
    runs = []
    for seed in range(seeds):
        for cell in CELLS:
            recipe = replace(alike(base, cell, len(vocabulary), material.train.channels), seed=seed)
            runs.append(remembered(work / f"{cell}-{seed}.json", material, recipe))
            typer.echo(f"{cell} {seed}: CIDEr-D {runs[-1].cider_d:.4f}", err=True)
    legend = LEGEND.format(images=len(read.val), beam=base.search.beam_width, epochs=epochs)
    text = f"{legend}\n\n{table(runs)}\n"
    out.mkdir(parents=True, exist_ok=True)
    (out / "caption_cells.md").write_text(text, encoding="utf-8")
    content = json.dumps({"legend": legend, "runs": [asdict(run) for run in runs]}, indent=1)
    (out / "caption_cells.json").write_text(content + "\n", encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
