"""Knows how a cell runs whose ONNX form takes all steps at once; knows no cell's equations."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np

from app.training.common.cell import Cell, Names
from app.training.common.graph import Graph


class SequenceCell(Cell):
    """A cell that needs no Scan: a subclass gives `unroll_onnx`, for rows read forwards."""

    @abstractmethod
    def unroll_onnx(
        self, graph: Graph, inputs: str, valid: str | None, lengths: str | None, state: Names
    ) -> tuple[str, Names]:
        """`unroll` in ONNX, from states (batch, size).

        Outputs may hold anything at padded steps; the first state is taken from them elsewhere, so
        that only the others are returned.
        """

    @classmethod
    def to_onnx(
        cls,
        graph: Graph,
        layer: Sequence[Self],
        inputs: str,
        lengths: str | None,
        state: Names | None,
    ) -> tuple[str, Names]:
        """As every cell; a backward one reads each row turned round."""
        valid = None if lengths is None else graph.valid_steps(inputs, lengths)
        first, zero = np.array([0], np.int64), np.array(0, np.float32)
        outputs, finals = [], []
        for direction, cell in enumerate(layer):
            if state is None:
                before = tuple(cell.initial_onnx(graph, inputs, name) for name in cls.states)
            else:
                at = np.array(direction, np.int64)
                before = tuple(graph.op("Gather", each, at, axis=0) for each in state)
            turned = graph.turned(inputs, lengths) if direction else inputs
            output, others = cell.unroll_onnx(graph, turned, valid, lengths, before)
            if valid is not None:
                output = graph.op("Where", valid, output, zero)
            # (1 + time, batch, hidden): a row without steps keeps the output it was given
            longer = graph.op("Concat", graph.op("Unsqueeze", before[0], first), output, axis=0)
            last = graph.op("Flatten", graph.behind(longer, lengths, 1), axis=1)
            outputs.append(graph.turned(output, lengths) if direction else output)
            finals.append([graph.op("Unsqueeze", each, first) for each in (last, *others)])
        return (
            graph.op("Concat", *outputs, axis=2),
            tuple(graph.op("Concat", *ends, axis=0) for ends in zip(*finals, strict=True)),
        )
