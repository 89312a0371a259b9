"""Knows how a recurrent cell runs over time, in torch and in ONNX; knows no cell's equations."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.graph import Graph

State = tuple[Tensor, ...]
"""One tensor (batch, hidden) per name in `Cell.states`."""
Names = tuple[str, ...]
"""The same in an ONNX graph."""


class Cell(nn.Module, ABC):
    """One recurrent layer in one direction, written as equations of a single step.

    The weights have torch's layout: `gates` blocks of `hidden_size` rows. A subclass gives
    `step`, and may replace `unroll` by something faster than a loop over it.
    """

    states: ClassVar[tuple[str, ...]]
    gates: ClassVar[int]

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        rows = self.gates * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot input weights, orthogonal recurrent weights per gate, no biases."""
        for gate in self.weight_ih.chunk(self.gates):
            nn.init.xavier_uniform_(gate)
        for gate in self.weight_hh.chunk(self.gates):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(self.bias_ih)
        nn.init.zeros_(self.bias_hh)

    def project(self, inputs: Tensor) -> Tensor:
        """The part of the gates that needs no state: (..., input) to (..., gates * hidden)."""
        return functional.linear(inputs, self.weight_ih, self.bias_ih)

    @abstractmethod
    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        """The equations: one step's `project`ed input (batch, gates * hidden) and state to state.

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
        was given, or zeros. `recurrent_dropout` (0 to 1) drops hidden-to-hidden weights, the same
        ones at every step of this call, in training mode only (Merity, Keskar and Socher 2018,
        "Regularizing and Optimizing LSTM Language Models", section 2).
        """
        batch = inputs.shape[1]
        if state is None:
            zeros = inputs.new_zeros(batch, self.hidden_size)
            state = tuple(zeros for _ in self.states)
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
                initial = (cell._zeros_onnx(graph, inputs),) * len(cls.states)
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

    def _zeros_onnx(self, graph: Graph, inputs: str) -> str:
        batch = graph.op("Shape", inputs, start=1, end=2)
        shape = graph.op("Concat", batch, np.array([self.hidden_size], np.int64), axis=0)
        return graph.op("Expand", np.zeros((1, 1), np.float32), shape)

    def _scan_body(self, graph: Graph, *, masked: bool) -> Graph:
        body = graph.subgraph("step")
        with graph.scope(body.name):
            shape = ("batch", self.hidden_size)
            state = tuple(body.input(f"{body.name}/{s}", np.float32, shape) for s in self.states)
            size = self.gates * self.hidden_size
            projected = body.input(f"{body.name}/projected", np.float32, ("batch", size))
            new = self.step_onnx(body, projected, state)
            output = new[0]
            if masked:
                here = body.input(f"{body.name}/valid", np.bool_, ("batch", 1))
                output = body.op("Where", here, output, np.array(0, np.float32))
                pairs = zip(new, state, strict=True)
                new = tuple(body.op("Where", here, after, before) for after, before in pairs)
            for name, value in zip(self.states, new, strict=True):
                body.output(f"{body.name}/new_{name}", value, np.float32, shape)
            body.output(f"{body.name}/output", output, np.float32, shape)
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


class NativeCell(Cell):
    """A cell that torch and ONNX have an operator for; `step` stays its reference in tests.

    `gate_order` lists torch's gates in the order of ONNX's `operator`.

    Padding is run and thrown away: the kernel for packed sequences is slower than that even when
    half of a batch is padding. What the padded steps do to a state that is no output is undone by
    `hold`: gate inputs, added at padded steps only, which make a step leave that state as it is.
    """

    operator: ClassVar[str]
    gate_order: ClassVar[tuple[int, ...]]
    attributes: ClassVar[dict[str, int]] = {}
    hold: ClassVar[tuple[float, ...] | None] = None

    @abstractmethod
    def kernel(
        self, inputs: Tensor, state: list[Tensor], weights: list[Tensor]
    ) -> tuple[Tensor, ...]:
        """Torch's operator: outputs (time, batch, hidden), states (1, batch, hidden)."""

    def unroll(
        self, inputs: Tensor, valid: Tensor | None, state: State, weight_hh: Tensor
    ) -> tuple[Tensor, State]:
        weight_ih: Tensor = self.weight_ih
        if valid is not None and self.hold is not None:
            inputs = torch.cat([inputs, (~valid).to(inputs.dtype)], dim=2)
            column = inputs.new_tensor(self.hold).repeat_interleave(self.hidden_size)
            weight_ih = torch.cat([weight_ih, column[:, None]], dim=1)
        weights = [weight_ih, weight_hh, self.bias_ih, self.bias_hh]
        outputs, *final = self.kernel(inputs, [s[None] for s in state], weights)
        states = [f[0] for f in final]
        if valid is not None:
            outputs = outputs * valid
            last = torch.cat([state[0][None], outputs]).gather(  # (1 + time, batch, hidden)
                0, valid.sum(0).expand(1, -1, self.hidden_size)
            )
            states[0] = last[0]
        return outputs, tuple(states)

    @classmethod
    def to_onnx(
        cls,
        graph: Graph,
        layer: Sequence[Self],
        inputs: str,
        lengths: str | None,
        state: Names | None,
    ) -> tuple[str, Names]:
        """As every cell, but as one node for both directions."""
        recurrent = [graph.constant(torch.stack(blocks)) for blocks in cls._onnx_weights(layer)]
        outputs, *final = graph.op(
            cls.operator,
            inputs,
            *recurrent,
            None if lengths is None else graph.op("Cast", lengths, to=onnx.TensorProto.INT32),
            *([None] * len(cls.states) if state is None else state),
            *cls._more_onnx_inputs(graph, layer),
            outputs=1 + len(cls.states),
            hidden_size=layer[0].hidden_size,
            direction="forward" if len(layer) == 1 else "bidirectional",
            **cls.attributes,
        )
        # (time, directions, batch, hidden) to (time, batch, directions * hidden)
        rows = graph.op("Transpose", outputs, perm=[0, 2, 1, 3])
        outputs = graph.op("Reshape", rows, np.array([0, 0, -1], np.int64))
        if lengths is None or state is None:
            return outputs, tuple(final)
        # The operator gives zeros after an empty row, where the state should have been kept.
        empty = graph.op("Equal", lengths, np.array(0, np.int64))
        empty = graph.op("Unsqueeze", empty, np.array([0, 2], np.int64))  # (1, batch, 1)
        pairs = zip(state, final, strict=True)
        return outputs, tuple(graph.op("Where", empty, before, after) for before, after in pairs)

    @classmethod
    def _more_onnx_inputs(cls, graph: Graph, layer: Sequence[Self]) -> list[str]:
        """What the operator takes after the initial states."""
        return []

    @classmethod
    def _onnx_weights(cls, layer: Sequence[Self]) -> list[list[Tensor]]:
        def ordered(parameter: Tensor) -> Tensor:
            blocks = parameter.detach().chunk(cls.gates)
            return torch.cat([blocks[gate] for gate in cls.gate_order])

        return [
            [ordered(cell.weight_ih) for cell in layer],
            [ordered(cell.weight_hh) for cell in layer],
            [torch.cat([ordered(cell.bias_ih), ordered(cell.bias_hh)]) for cell in layer],
        ]
