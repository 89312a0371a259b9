"""What every network of the waves costs to serve, and to train, beside what it reaches.

Knows ONNX graphs in this process and the results of `benchmarks.waves`; no HTTP and no training to
an end: weights do not change what a step costs.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from app.serving.runtime.session import Session
from app.training.common.cards import markdown_table
from app.training.common.cells import CELLS
from app.training.common.graph import Graph
from app.training.common.loop import LoopOptions, fit
from app.training.common.precision import mixed_precision
from app.training.common.publish import library_versions
from app.training.common.recurrent import Recurrent
from app.training.forecast.network import Forecaster, forecaster_graph, pinball
from app.training.waves.fit import batch_of, steps_ahead, training_batch
from app.training.waves.recipe import WavesRecipe
from benchmarks.waves import NETWORKS, Results, recipe_of

Array = NDArray[np.float32]
UNITS, ROWS = 64, 32
HEADER = (
    "network",
    "parameters",
    "ONNX, KB",
    "state, numbers",
    "step alone, us",
    f"step in {ROWS}, us a row",
    "request alone, ms",
    f"request in {ROWS}, ms a row",
    "training step, ms",
    "error of ten steps",
)


@dataclass
class Row:
    """Figures in the order of `HEADER`; times are medians, an error is None without a training."""

    network: str
    parameters: int
    kilobytes: float
    state: int
    step_alone: float = 0.0
    step_together: float = 0.0
    request_alone: float = 0.0
    request_together: float = 0.0
    training: float = 0.0
    error: float | None = None


def main(
    rounds: Annotated[int, typer.Option(help="Times each is measured, by turns.", min=1)] = 30,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
) -> None:
    """Measure every network by turns, print the table and keep it as cells.json and cells.md."""
    torch.set_num_threads(1)
    rows, runs = [], []
    for name, (cell, layers) in NETWORKS.items():
        recipe = recipe_of(cell, layers, None, 0, True)
        torch.manual_seed(0)
        network = Forecaster(recipe.network)
        graph = forecaster_graph([network]).SerializeToString()
        parameters = sum(p.numel() for p in network.parameters())
        row = Row(
            name, parameters, len(graph) / 1e3, layers * _state(cell), error=_error(out, name)
        )
        rows.append(row)
        runs.append((row, dict(_runs(network, graph, recipe))))
    found: dict[tuple[str, str], list[float]] = {}
    for turn in range(-1, rounds):  # the first one warms up
        for row, measured in runs:
            for what, (run, repeats, unit) in measured.items():
                if what == "training" and turn >= max(2, rounds // 10):
                    continue
                start = time.process_time()
                for _ in range(repeats):
                    run()
                passed = (time.process_time() - start) / repeats * unit
                if turn >= 0:
                    found.setdefault((row.network, what), []).append(passed)
    for row in rows:
        for what in (
            "step_alone",
            "step_together",
            "request_alone",
            "request_together",
            "training",
        ):
            setattr(row, what, float(np.median(found[row.network, what])))
    lines = [
        (
            row.network,
            f"{row.parameters:,}",
            f"{row.kilobytes:,.0f}",
            f"{row.state:,}",
            f"{row.step_alone:.0f}",
            f"{row.step_together:.1f}",
            f"{row.request_alone:.2f}",
            f"{row.request_together:.3f}",
            f"{row.training:.0f}",
            "" if row.error is None else f"{row.error:.5f}",
        )
        for row in rows
    ]
    table = markdown_table(HEADER, lines)
    typer.echo(table)
    out.mkdir(parents=True, exist_ok=True)
    result = {"libraries": library_versions(), "rows": [asdict(row) for row in rows]}
    (out / "cells.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (out / "cells.md").write_text(table + "\n", encoding="utf-8")


def _state(cell: str) -> int:
    """Numbers that a layer keeps from step to step."""
    return sum(CELLS[cell].state_size(name, UNITS) for name in CELLS[cell].states)


def _error(folder: Path, name: str) -> float | None:
    """The error of ten steps after fresh series: the mean over seeds of what is there of them."""
    rows = [row for row in Results(folder).rows if row.method == name and row.series is None]
    chosen = [row for row in rows if row.bfloat16] or rows
    return float(np.mean([row.scores[-1] for row in chosen])) if chosen else None


Run = tuple[Callable[[], object], int, float]
"""What is timed, how often in a row, and the unit's share of a second, by the rows it answers."""


def _runs(network: Forecaster, graph: bytes, recipe: WavesRecipe) -> Iterator[tuple[str, Run]]:
    step, whole = Session(_step_graph(network.encoder)), Session(graph)
    for name, rows in (("alone", 1), ("together", ROWS)):
        feeds = _feeds(step, rows)
        yield f"step_{name}", (lambda feeds=feeds: step.run(feeds), 20, 1e6 / rows)  # type: ignore[misc]
        asked = _request(recipe, rows)
        yield f"request_{name}", (lambda asked=asked: whole.run(asked), 1, 1e3 / rows)  # type: ignore[misc]
    yield "training", (_training(network, recipe), 1, 1e3)


def _step_graph(stack: Recurrent) -> bytes:
    """One step or more of the encoder, from its state to its state, as a stream takes them."""
    graph = Graph("step")
    inputs = graph.input("inputs", np.float32, ("time", "batch", stack.input_size))
    layers = stack.layers()
    kind = type(layers[0][0])
    shapes = [(len(layers), "batch", kind.state_size(one, UNITS)) for one in stack.states]
    pairs = list(zip(stack.states, shapes, strict=True))
    state = tuple(graph.input(name, np.float32, shape) for name, shape in pairs)
    outputs, final = stack.to_onnx(graph, inputs, None, state)
    graph.output("outputs", outputs, np.float32, ("time", "batch", UNITS))
    for (name, shape), value in zip(pairs, final, strict=True):
        graph.output(f"new_{name}", value, np.float32, shape)
    built: bytes = graph.build().SerializeToString()
    return built


def _feeds(session: Session, rows: int) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    sizes = {"time": 1, "batch": rows}
    feeds = {}
    for spec in session.inputs:
        shape = [each if isinstance(each, int) else sizes[str(each)] for each in spec.shape]
        feeds[spec.name] = np.abs(rng.normal(size=shape)).astype(np.float32)
    return feeds


def _request(recipe: WavesRecipe, rows: int) -> dict[str, NDArray[np.generic]]:
    """50 known values and ten steps ahead, as the service hands them to the graph."""
    series = np.random.default_rng(0).normal(size=(rows, recipe.context_length + recipe.horizon))
    batch = batch_of(0.3 * series, recipe)
    ahead = np.repeat(steps_ahead(recipe)[None], rows, axis=0)
    return {"context": batch.context.numpy(), "lengths": batch.lengths.numpy(), "future": ahead}


def _training(network: Forecaster, recipe: WavesRecipe) -> Callable[[], object]:
    """One step of training on a batch that is there already; it moves the weights."""
    batch, levels = training_batch(recipe, 0)(0), torch.tensor(recipe.network.levels)
    options = LoopOptions(steps=1, learning_rate=1e-9, weight_decay=0.0)

    def loss(module: torch.nn.Module, drawn: object) -> torch.Tensor:
        del drawn
        with mixed_precision(recipe.bfloat16):
            answer = module(batch.context, batch.lengths, batch.future).float()
        return pinball(answer, batch.target, levels).mean()

    return lambda: fit(network, lambda step: None, loss, lambda module: 0.0, options)


if __name__ == "__main__":
    typer.run(main)
