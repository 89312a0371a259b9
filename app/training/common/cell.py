"""Knows how a recurrent cell runs over time, in torch and in ONNX; knows no cell's equations."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.graph import Graph

State = tuple[Tensor, ...]
"""One tensor (batch, size) per name in `Cell.states`; see `Cell.state_size`."""
Names = tuple[str, ...]
"""The same in an ONNX graph."""


class Cell(nn.Module, ABC):
    """One recurrent layer in one direction, written as equations of a single step.

    The weights have torch's layout: `gates` blocks of `hidden_size` rows, then those of
    `extra_rows`. A subclass gives `step`, and may replace `unroll` by something faster than a loop
    over it. Cells whose gates see the input alone (`recurrent_gates` 0) have an empty `weight_hh`.
    """

    states: ClassVar[tuple[str, ...]]
    gates: ClassVar[int]
    recurrent_gates: ClassVar[int | None] = (
        None  # blocks of weight_hh, where not all gates have one
    )

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        rows = self.projected_size
        recurrent = self.gates if self.recurrent_gates is None else self.recurrent_gates
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(recurrent * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(recurrent * hidden_size))
        self.reset_parameters()

    @classmethod
    def state_size(cls, state: str, hidden_size: int) -> int:
        """How many numbers one row of this state has."""
        del state
        return hidden_size

    @classmethod
    def initial_state(cls, state: str, hidden_size: int) -> NDArray[np.float32]:
        """What this state begins with: (size,); zeros unless a cell says otherwise."""
        return np.zeros(cls.state_size(state, hidden_size), np.float32)

    @classmethod
    def extra_rows(cls, hidden_size: int) -> int:
        """Numbers that are projected from the input besides the gates, such as one a head."""
        del hidden_size
        return 0

    @property
    def projected_size(self) -> int:
        """How many numbers `project` gives for a step."""
        return self.gates * self.hidden_size + self.extra_rows(self.hidden_size)

    def reset_parameters(self) -> None:
        """Glorot input weights, orthogonal recurrent weights per gate, no biases."""
        for gate in torch.split(self.weight_ih, self.hidden_size):
            nn.init.xavier_uniform_(gate)
        for gate in torch.split(self.weight_hh, self.hidden_size):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(self.bias_ih)
        nn.init.zeros_(self.bias_hh)

    def project(self, inputs: Tensor) -> Tensor:
        """The part of the gates that needs no state: (..., input) to (..., projected_size)."""
        return functional.linear(inputs, self.weight_ih, self.bias_ih)

    @abstractmethod
    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        """The equations: one step's `project`ed input (batch, projected_size), state to state.

        The first state is also the output. `weight_hh` is passed in because recurrent dropout
        thins it out.
        """

    def forward(
        self,
        inputs: Tensor,
        lengths: Tensor | None = None,
        state: State | None = None,
        *,
        reverse: bool = False,
        recurrent_dropout: float = 0.0,
    ) -> tuple[Tensor, State]:
        """Run over `inputs` (time, batch, input); rows end at `lengths` (batch,), or at the end.

        Returns the outputs (time, batch, hidden), zero past a row's end, and the state after its
        last step. `reverse` starts at a row's own last step. A row of length 0 keeps the state it
        was given, or the initial one. `recurrent_dropout` (0 to 1) drops hidden-to-hidden weights,
        the same ones at every step of this call, in training mode only (Merity, Keskar and Socher
        2018, "Regularizing and Optimizing LSTM Language Models", section 2).
        """
        batch = inputs.shape[1]
        if state is None:
            first = [self.initial_state(name, self.hidden_size) for name in self.states]
            state = tuple(inputs.new_tensor(one).expand(batch, -1) for one in first)
        weight_hh = functional.dropout(self.weight_hh, recurrent_dropout, self.training)
        if lengths is not None and bool((lengths == inputs.shape[0]).all()):
            lengths = None  # a batch without padding takes the faster way
        valid = None
        if lengths is not None:
            valid = valid_steps(inputs.shape[0], lengths.to(inputs.device))
            inputs = inputs.masked_fill(~valid, 0.0)  # so that padding may hold anything, even NaN
        if reverse:
            inputs = flip_time(inputs, lengths)
        outputs, final = self.unroll(inputs, valid, state, weight_hh)
        if reverse:
            outputs = flip_time(outputs, lengths)
        return outputs, final

    def unroll(
        self, inputs: Tensor, valid: Tensor | None, state: State, weight_hh: Tensor
    ) -> tuple[Tensor, State]:
        """`forward` without its options: a plain loop over `step`, right for every cell.

        `valid` (time, batch, 1) tells steps from padding; None where there is no padding.
        """
        outputs = []
        for time, projected in enumerate(self.project(inputs).unbind(0)):
            new = self.step(projected, state, weight_hh)
            if valid is None:
                outputs.append(new[0])
                state = new
            else:
                here = valid[time]  # (batch, 1)
                outputs.append(new[0] * here)
                state = tuple(torch.where(here, n, s) for n, s in zip(new, state, strict=True))
        return torch.stack(outputs), state  # (time, batch, hidden)

    def project_onnx(self, graph: Graph, inputs: str) -> str:
        """`project` in ONNX."""
        product = graph.op("MatMul", inputs, graph.constant(self.weight_ih.T, "weight_ih"))
        return graph.op("Add", product, graph.constant(self.bias_ih, "bias_ih"))

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        """`step` in ONNX."""
        raise NotImplementedError(f"{type(self).__name__} has no ONNX form of one step")

    @classmethod
    def to_onnx(
        cls,
        graph: Graph,
        layer: Sequence[Self],
        inputs: str,
        lengths: str | None,
        state: Names | None,
    ) -> tuple[str, Names]:
        """Add a layer, one cell or a forward and a backward one, with the meaning of `forward`.

        Takes `inputs` (time, batch, input), `lengths` (batch,) int64 and states of (directions,
        batch, hidden); returns outputs (time, batch, directions * hidden) and the final states.
        The input product stands before the Scan, where it is one large product for all steps.
        """
        valid = None if lengths is None else graph.valid_steps(inputs, lengths)
        outputs, finals = [], []
        for direction, cell in enumerate(layer):
            if state is None:
                initial = tuple(cell.initial_onnx(graph, inputs, name) for name in cls.states)
            else:
                at = np.array(direction, np.int64)
                initial = tuple(graph.op("Gather", s, at, axis=0) for s in state)
            sequences = [cell.project_onnx(graph, inputs)]
            if valid is not None:
                sequences.append(valid)
            body = cell._scan_body(graph, masked=valid is not None)
            # From the end, padding comes first, and the state waits in it for the row to begin.
            *final, output = graph.scan(
                body, initial, sequences, num_outputs=1, reverse=direction == 1
            )
            outputs.append(output)
            finals.append([graph.op("Unsqueeze", f, np.array([0], np.int64)) for f in final])
        return (
            graph.op("Concat", *outputs, axis=2),
            tuple(graph.op("Concat", *ends, axis=0) for ends in zip(*finals, strict=True)),
        )

    def initial_onnx(self, graph: Graph, inputs: str, state: str) -> str:
        """What this state begins with, for the rows of `inputs` (time, batch, input)."""
        first = self.initial_state(state, self.hidden_size)
        batch = graph.op("Shape", inputs, start=1, end=2)
        shape = graph.op("Concat", batch, np.array([len(first)], np.int64), axis=0)
        if (first == first[0]).all():
            first = first[:1]
        return graph.op("Expand", first[None], shape)

    def _scan_body(self, graph: Graph, *, masked: bool) -> Graph:
        body = graph.subgraph("step")
        with graph.scope(body.name):
            shapes = [("batch", self.state_size(s, self.hidden_size)) for s in self.states]
            state = tuple(
                body.input(f"{body.name}/{name}", np.float32, shape)
                for name, shape in zip(self.states, shapes, strict=True)
            )
            size = ("batch", self.projected_size)
            projected = body.input(f"{body.name}/projected", np.float32, size)
            new = self.step_onnx(body, projected, state)
            output = new[0]
            if masked:
                here = body.input(f"{body.name}/valid", np.bool_, ("batch", 1))
                output = body.op("Where", here, output, np.array(0, np.float32))
                pairs = zip(new, state, strict=True)
                new = tuple(body.op("Where", here, after, before) for after, before in pairs)
            for name, value, shape in zip(self.states, new, shapes, strict=True):
                body.output(f"{body.name}/new_{name}", value, np.float32, shape)
            body.output(f"{body.name}/output", output, np.float32, ("batch", self.hidden_size))
        return body


def valid_steps(time: int, lengths: Tensor) -> Tensor:
    """Which steps come before a row's end: (time, batch, 1) of bool."""
    steps = torch.arange(time, device=lengths.device)
    return (steps[:, None] < lengths[None, :])[:, :, None]


def flip_time(sequences: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn the first `lengths` steps of (time, batch, size) round; the padding stays in place."""
    if lengths is None:
        return sequences.flip(0)
    time = sequences.shape[0]
    steps = torch.arange(time, device=sequences.device)[:, None]  # (time, 1)
    ends = lengths.to(sequences.device)[None, :]  # (1, batch)
    index = torch.where(steps < ends, ends - 1 - steps, steps)  # (time, batch)
    return sequences.gather(0, index[:, :, None].expand_as(sequences))
