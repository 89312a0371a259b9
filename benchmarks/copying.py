"""The copy task to 20 vectors of 8 bits: a neural Turing machine beside an LSTM.

Trains both, half an hour each on one busy core, scores them at 20 and 40, and asks the first as a
stream. What is done is kept in `--work`, so that a run that was cut goes on where it was.
"""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from app.training.common.cards import markdown_table
from app.training.common.loop import Progress
from app.training.study.copying import CopyOptions, learn, sequences, wrong_bits
from app.training.study.reader import Reader, served_stream

LENGTHS = (10, 20, 30, 40)
# units, learning rate, decay of the running mean of the weights
NETWORKS = {"ntm": (64, 3e-3, 0.99), "lstm": (256, 2e-3, 0.998)}


def main(
    work: Annotated[Path, typer.Option(help="Checkpoints.")] = Path("runs/benchmark-copying"),
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
) -> None:
    """Train, score and stream; print and keep the table."""
    torch.set_num_threads(1)
    rows: dict[str, dict[int | str, float]] = {}
    for cell, (units, rate, averaging) in NETWORKS.items():
        usual = CopyOptions()
        loop = replace(usual.loop, learning_rate=rate, averaging=averaging)
        options = replace(usual, cell=cell, hidden_size=units, loop=loop)
        start = time.monotonic()

        def progress(told: Progress, cell: str = cell, start: float = start) -> None:
            if told.score is not None:
                at = f"{told.step} of {told.steps}, {time.monotonic() - start:.0f} s"
                typer.echo(f"{cell}: {at}, loss {told.score:.5f}", err=True)

        network = learn(options, checkpoint=work / f"{cell}.pt", progress=progress).network
        rows[cell] = {each: wrong_bits(network, each, options.bits) for each in LENGTHS}
        if cell == "ntm":
            assert isinstance(network, Reader)
            rows[cell]["stream"] = apart(network, options.bits)
    table = markdown_table(
        ("network", *(f"wrong of {8 * length} bits" for length in LENGTHS)),
        [[cell, *(f"{row[length]:.2f}" for length in LENGTHS)] for cell, row in rows.items()],
    )
    typer.echo(f"{table}\n\nlargest difference as a stream: {rows['ntm']['stream']:.1e}")
    out.mkdir(parents=True, exist_ok=True)
    (out / "copying.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def apart(network: Reader, bits: int) -> float:
    """The largest difference of a logit between 20 vectors at once and one step at a time."""
    inputs, _ = sequences(np.random.default_rng(5), 20, 1, bits)
    with torch.no_grad():
        whole = network(inputs)[0][:, 0].numpy()
    with served_stream(network, "copy-ntm") as opened:
        take = opened()
        steps = np.concatenate([take(step) for step in inputs.numpy()])  # (time, bits)
    return float(np.abs(whole - steps).max())


if __name__ == "__main__":
    typer.run(main)
