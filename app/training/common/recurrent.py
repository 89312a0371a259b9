"""Knows how to stack cells into a deep, residual or bidirectional network; knows no task."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.cell import Cell, Names, State
from app.training.common.cells import CELLS
from app.training.common.graph import Graph
from app.training.common.native_cell import NativeCell


class Recurrent(nn.Module):
    """`num_layers` layers of one cell, in one direction or both.

    With `residual`, every layer but the first adds its input to its output. `dropout` falls on
    what a layer reads from the one below, never on that sum; `recurrent_dropout` acts inside the
    cells. Both work in training mode only.
    A state is one tensor per name in `states`, of (num_layers * num_directions, batch, hidden),
    forward before backward in each layer, as in torch.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"unknown cell {cell!r}: expected one of {', '.join(CELLS)}")
        kind = CELLS[cell]
        self.states = kind.states
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_directions = 2 if bidirectional else 1
        self.residual = residual
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.output_size = hidden_size * self.num_directions
        sizes = [input_size] + [self.output_size] * num_layers
        self.cells = nn.ModuleList(
            kind(size, hidden_size)
            for size, _ in pairwise(sizes)
            for _ in range(self.num_directions)
        )

    def layers(self) -> list[list[Cell]]:
        """The cells of each layer: one, or forward and backward."""
        cells = [cell for cell in self.cells if isinstance(cell, Cell)]
        return [
            cells[at : at + self.num_directions] for at in range(0, len(cells), self.num_directions)
        ]

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """`inputs` (time, batch, input), `lengths` (batch,) in steps, or None for no padding.

        Returns the last layer's outputs (time, batch, num_directions * hidden), zero past a row's
        end, and every layer's state after a row's last step.
        """
        finals: list[State] = []
        for depth, layer in enumerate(self.layers()):
            thinned = functional.dropout(inputs, self.dropout, self.training and depth > 0)
            directions = []
            for direction, cell in enumerate(layer):
                at = depth * self.num_directions + direction
                outputs, final = cell(
                    thinned,
                    lengths,
                    None if state is None else tuple(s[at] for s in state),
                    reverse=direction == 1,
                    recurrent_dropout=self.recurrent_dropout,
                )
                directions.append(outputs)
                finals.append(final)
            outputs = torch.cat(directions, dim=2) if len(directions) > 1 else directions[0]
            inputs = outputs + inputs if self.residual and depth else outputs
        return inputs, tuple(torch.stack(layers) for layers in zip(*finals, strict=True))

    def to_onnx(
        self, graph: Graph, inputs: str, lengths: str | None = None, state: Names | None = None
    ) -> tuple[str, Names]:
        """Add `forward` to a graph: the same arguments and results, as names; lengths in int64.

        With `state`, sequences may be fed in pieces, carrying the returned states over. Raises
        ValueError for a bidirectional network, whose backward half must begin at the end.
        """
        if state is not None and self.num_directions == 2:
            raise ValueError("a bidirectional network cannot carry its state from step to step")
        finals: list[Names] = []
        for depth, layer in enumerate(self.layers()):
            with graph.scope(f"layer_{depth}"):
                before = None
                if state is not None:
                    before = tuple(graph.slices(s, depth, depth + 1, axis=0) for s in state)
                outputs, after = type(layer[0]).to_onnx(graph, layer, inputs, lengths, before)
                finals.append(after)
                skips = self.residual and depth
                inputs = graph.op("Add", outputs, inputs) if skips else outputs
        states = zip(*finals, strict=True)
        return inputs, tuple(graph.op("Concat", *layers, axis=0) for layers in states)


def last_step(sequences: Tensor, lengths: Tensor | None) -> Tensor:
    """The last valid step of (time, batch, size): (batch, size); step 0 for a length of 0."""
    if lengths is None:
        return sequences[-1]
    last = (lengths - 1).clamp(min=0)
    return sequences[last, torch.arange(len(lengths), device=lengths.device)]


def single_step(graph: Graph, cell: Cell, entry: str, state: Sequence[str]) -> Names:
    """One step of a cell in a graph: `entry` (rows, input) and states (rows, hidden) to states.

    A cell without an operator of its own is written as its equations.
    """
    if not isinstance(cell, NativeCell):
        return cell.step_onnx(graph, cell.project_onnx(graph, entry), tuple(state))
    first = np.array([0], np.int64)
    sequence = graph.op("Unsqueeze", entry, first)  # (1, rows, input)
    before = tuple(graph.op("Unsqueeze", value, first) for value in state)
    _, after = type(cell).to_onnx(graph, [cell], sequence, None, before)
    return tuple(graph.op("Squeeze", value, first) for value in after)
