"""Knows the equations of the sLSTM: exponential gates, with a normaliser and a stabiliser."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.cell import Cell, Names, State
from app.training.common.graph import Graph

NOTHING = -1e30  # logarithm of the scale of a state in which nothing is yet


class ScalarLstm(Cell):
    """LSTM with an exponential input gate, which can outweigh all that was kept before.

    Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory" (arXiv 2405.04517), equations 8 to
    17, with a sigmoid forget gate and one head. Cell and normaliser are kept divided by
    exp(stabiliser), so that nothing overflows; the stabiliser begins so low that the first input
    replaces it.
    """

    states = ("hidden_state", "cell_state", "normaliser", "stabiliser")
    gates = 4  # input, forget, cell, output

    @classmethod
    def initial_state(cls, state: str, hidden_size: int) -> NDArray[np.float32]:
        return np.full(hidden_size, NOTHING if state == "stabiliser" else 0.0, np.float32)

    def reset_parameters(self) -> None:
        """As the LSTM: the forget gate starts open."""
        super().reset_parameters()
        nn.init.constant_(self.bias_ih.chunk(4)[1], 3.0)

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        hidden, cell, normaliser, stabiliser = state
        gates = projected + functional.linear(hidden, weight_hh, self.bias_hh)
        enter, forget, new, leave = gates.chunk(4, dim=1)
        kept = functional.logsigmoid(forget) + stabiliser
        stabiliser = torch.maximum(kept, enter)
        enter, forget = torch.exp(enter - stabiliser), torch.exp(kept - stabiliser)
        cell = forget * cell + enter * torch.tanh(new)
        normaliser = forget * normaliser + enter
        return torch.sigmoid(leave) * cell / normaliser, cell, normaliser, stabiliser

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        hidden, cell, normaliser, stabiliser = state
        product = graph.op("MatMul", hidden, graph.constant(self.weight_hh.T, "weight_hh"))
        product = graph.op("Add", product, graph.constant(self.bias_hh, "bias_hh"))
        gates = graph.op("Add", projected, product)
        enter, forget, new, leave = graph.op("Split", gates, outputs=4, axis=1, num_outputs=4)
        kept = graph.op("Sub", stabiliser, graph.op("Softplus", graph.op("Neg", forget)))
        stabiliser = graph.op("Max", kept, enter)
        enter = graph.op("Exp", graph.op("Sub", enter, stabiliser))
        forget = graph.op("Exp", graph.op("Sub", kept, stabiliser))
        added = graph.op("Mul", enter, graph.op("Tanh", new))
        cell = graph.op("Add", graph.op("Mul", forget, cell), added)
        normaliser = graph.op("Add", graph.op("Mul", forget, normaliser), enter)
        output = graph.op("Mul", graph.op("Sigmoid", leave), graph.op("Div", cell, normaliser))
        return output, cell, normaliser, stabiliser
