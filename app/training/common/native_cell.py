"""Knows how a cell runs that torch and ONNX have an operator for; knows no cell's equations."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
import onnx
import torch
from torch import Tensor

from app.training.common.cell import Cell, Names, State
from app.training.common.graph import Graph


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
