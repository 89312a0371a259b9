"""Knows cells without a matrix from state to state: each unit goes on by itself."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.cell import Cell, Names, State
from app.training.common.graph import Graph
from app.training.common.linear_scan import linear_scan


class IndRnn(Cell):
    """Independently recurrent network: h = relu(W x + u * h + b), u a vector.

    Li, Li, Cook, Zhu and Gao 2018, "Independently Recurrent Neural Network (IndRNN): Building a
    Longer and Deeper RNN", equation 2. Each unit sees its own past only; layers are stacked so that
    units see each other. The recurrent weights begin evenly between 0 and 1, as there.
    """

    states = ("hidden_state",)
    gates = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight_hh = nn.Parameter(torch.rand(hidden_size))

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        return (torch.relu(projected + weight_hh * state[0] + self.bias_hh),)

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        product = graph.op("Mul", state[0], graph.constant(self.weight_hh, "weight_hh"))
        product = graph.op("Add", product, graph.constant(self.bias_hh, "bias_hh"))
        return (graph.op("Relu", graph.op("Add", projected, product)),)


class MixingCell(Cell):
    """A cell that goes a share of the way from its state to a candidate, both seen in the input."""

    states = ("hidden_state",)
    recurrent_gates = 0

    @abstractmethod
    def mixture(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        """The share, 0 to 1, and the candidate: (..., hidden) each."""

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        del weight_hh
        share, new = self.mixture(projected)
        (hidden,) = state
        return (hidden + share * (new - hidden),)

    def unroll(
        self, inputs: Tensor, valid: Tensor | None, state: State, weight_hh: Tensor
    ) -> tuple[Tensor, State]:
        """Gates and candidates of all steps at once; padded steps leave the state as it is."""
        del weight_hh
        share, new = (each.to(state[0].dtype) for each in self.mixture(self.project(inputs)))
        if valid is not None:
            share = share * valid
        outputs = linear_scan(1.0 - share, share * new, state[0])  # (time, batch, hidden)
        return outputs if valid is None else outputs * valid, (outputs[-1],)


class MinGru(MixingCell):
    """GRU whose gate and candidate see the input alone: h = (1 - z) h + z (W x + b).

    Feng, Tung, Ahmed, Bengio and Hajimirsadeghi 2024, "Were RNNs All We Needed?" (arXiv
    2410.01201), section 3.1. The state enters by one product with a number a unit.
    """

    gates = 2  # update, candidate

    def mixture(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        update, new = projected.chunk(2, dim=-1)
        return torch.sigmoid(update), new

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        update, new = graph.op("Split", projected, outputs=2, axis=1, num_outputs=2)
        change = graph.op("Sub", new, state[0])
        return (graph.op("Add", state[0], graph.op("Mul", graph.op("Sigmoid", update), change)),)


class MinLstm(MixingCell):
    """LSTM whose gates see the input alone, in shares that add up to one: h = f h + i (W x + b).

    Feng et al. 2024 (arXiv 2410.01201), section 3.2: f and i are the sigmoid gates divided by their
    sum, so that the state keeps its scale. The shares are computed from logarithms, since both
    gates may be closed.
    """

    gates = 3  # input, forget, candidate
    _forget_bias: ClassVar[float] = 1.0

    def reset_parameters(self) -> None:
        """As the LSTM: the forget gate starts open."""
        super().reset_parameters()
        nn.init.constant_(self.bias_ih.chunk(3)[1], self._forget_bias)

    def mixture(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        enter, forget, new = projected.chunk(3, dim=-1)
        closed = functional.softplus(-forget) - functional.softplus(-enter)
        return torch.sigmoid(closed), new  # the share of the input gate in both

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        enter, forget, new = graph.op("Split", projected, outputs=3, axis=1, num_outputs=3)
        closed = [graph.op("Softplus", graph.op("Neg", gate)) for gate in (forget, enter)]
        share = graph.op("Sigmoid", graph.op("Sub", *closed))
        change = graph.op("Sub", new, state[0])
        return (graph.op("Add", state[0], graph.op("Mul", share, change)),)
