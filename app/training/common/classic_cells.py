"""Knows the equations of the cells of the textbooks; knows not how they are run over time."""

from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.cell import Cell, Names, State
from app.training.common.graph import Graph
from app.training.common.native_cell import NativeCell


class Rnn(NativeCell):
    """Elman's network: h = tanh(W x + U h + b)."""

    states = ("hidden_state",)
    gates = 1
    operator = "RNN"
    gate_order = (0,)

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        recurrent = functional.linear(state[0], weight_hh, self.bias_hh)
        return (torch.tanh(projected + recurrent),)

    def kernel(
        self, inputs: Tensor, state: list[Tensor], weights: list[Tensor]
    ) -> tuple[Tensor, ...]:
        return torch.rnn_tanh(inputs, state[0], weights, True, 1, 0.0, self.training, False, False)


class Jordan(Cell):
    """Jordan's network feeds its output back: h = tanh(W x + U y' + b), y = tanh(V h + c).

    Jordan 1986, "Serial order: a parallel distributed processing approach". y' is the output of the
    step before, the only state.
    """

    states = ("hidden_state",)
    gates = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight_output = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.bias_output = nn.Parameter(torch.zeros(hidden_size))
        nn.init.xavier_uniform_(self.weight_output)

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        hidden = torch.tanh(projected + functional.linear(state[0], weight_hh, self.bias_hh))
        return (torch.tanh(functional.linear(hidden, self.weight_output, self.bias_output)),)

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        product = graph.op("MatMul", state[0], graph.constant(self.weight_hh.T, "weight_hh"))
        product = graph.op("Add", product, graph.constant(self.bias_hh, "bias_hh"))
        hidden = graph.op("Tanh", graph.op("Add", projected, product))
        product = graph.op("MatMul", hidden, graph.constant(self.weight_output.T, "weight_output"))
        product = graph.op("Add", product, graph.constant(self.bias_output, "bias_output"))
        return (graph.op("Tanh", product),)


class Gru(NativeCell):
    """Gated recurrent unit with the reset gate after the recurrent product, as in torch."""

    states = ("hidden_state",)
    gates = 3
    operator = "GRU"
    gate_order = (1, 0, 2)
    attributes: ClassVar = {"linear_before_reset": 1}

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        (hidden,) = state
        reset_x, update_x, new_x = projected.chunk(3, dim=1)
        recurrent = functional.linear(hidden, weight_hh, self.bias_hh)
        reset_h, update_h, new_h = recurrent.chunk(3, dim=1)
        reset = torch.sigmoid(reset_x + reset_h)
        update = torch.sigmoid(update_x + update_h)
        new = torch.tanh(new_x + reset * new_h)
        return (new + update * (hidden - new),)

    def kernel(
        self, inputs: Tensor, state: list[Tensor], weights: list[Tensor]
    ) -> tuple[Tensor, ...]:
        return torch.gru(inputs, state[0], weights, True, 1, 0.0, self.training, False, False)


class Lstm(NativeCell):
    """Long short-term memory; gates in torch's order: input, forget, cell, output."""

    states = ("hidden_state", "cell_state")
    gates = 4
    operator = "LSTM"
    gate_order = (0, 3, 1, 2)
    hold = (-1e4, 1e4, 0.0, 0.0)  # nothing enters, nothing is forgotten

    def reset_parameters(self) -> None:
        """As every cell, but the forget gate starts open (Jozefowicz et al. 2015)."""
        super().reset_parameters()
        nn.init.ones_(self.bias_ih.chunk(4)[1])

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        hidden, cell = state
        gates = projected + functional.linear(hidden, weight_hh, self.bias_hh)
        enter, forget, new, leave = gates.chunk(4, dim=1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
        return torch.sigmoid(leave) * torch.tanh(cell), cell

    def kernel(
        self, inputs: Tensor, state: list[Tensor], weights: list[Tensor]
    ) -> tuple[Tensor, ...]:
        return torch.lstm(inputs, state, weights, True, 1, 0.0, self.training, False, False)


class PeepholeLstm(Lstm):
    """LSTM whose gates see the cell state: the input and forget gate that of the step before, the
    output gate the new one.

    Gers and Schmidhuber 2000, "Recurrent nets that time and count"; Gers, Schraudolph and
    Schmidhuber 2002, "Learning precise timing with LSTM recurrent networks", equations 4 to 10.
    The peepholes begin closed. ONNX has an operator for it and torch has none, so that training
    loops over the steps; ONNX Runtime runs it on the CPU only.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.peepholes = nn.Parameter(torch.zeros(3 * hidden_size))  # input, forget, output

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        hidden, cell = state
        gates = projected + functional.linear(hidden, weight_hh, self.bias_hh)
        enter, forget, new, leave = gates.chunk(4, dim=1)
        to_enter, to_forget, to_leave = self.peepholes.chunk(3)
        kept = torch.sigmoid(forget + to_forget * cell) * cell
        cell = kept + torch.sigmoid(enter + to_enter * cell) * torch.tanh(new)
        return torch.sigmoid(leave + to_leave * cell) * torch.tanh(cell), cell

    def unroll(
        self, inputs: Tensor, valid: Tensor | None, state: State, weight_hh: Tensor
    ) -> tuple[Tensor, State]:
        return Cell.unroll(self, inputs, valid, state, weight_hh)

    @classmethod
    def _more_onnx_inputs(cls, graph: Graph, layer: Sequence[Self]) -> list[str]:
        chunks = [cell.peepholes.chunk(3) for cell in layer]
        rows = [torch.cat([enter, leave, forget]) for enter, forget, leave in chunks]
        return [graph.constant(torch.stack(rows), "peepholes")]


class WorkingMemoryLstm(Cell):
    """LSTM whose gates see the cell state through a projection and a tanh.

    Landi, Baraldi, Cornia and Cucchiara 2021, "Working Memory Connections for LSTM" (arXiv
    2109.00020). As with peepholes the input and the forget gate see the cell state of the step
    before, the output gate the new one; but all of it, and bounded, where a peephole passes on
    one unbounded number. The projections have no biases, and begin as Glorot's.
    """

    states = ("hidden_state", "cell_state")
    gates = 4

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        memory = torch.empty(3 * hidden_size, hidden_size)
        self.weight_memory = nn.Parameter(memory)  # input, forget, output
        for gate in self.weight_memory.chunk(3):
            nn.init.xavier_uniform_(gate)

    def reset_parameters(self) -> None:
        """As the LSTM: the forget gate starts open."""
        super().reset_parameters()
        nn.init.ones_(self.bias_ih.chunk(4)[1])

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        hidden, cell = state
        gates = projected + functional.linear(hidden, weight_hh, self.bias_hh)
        enter, forget, new, leave = gates.chunk(4, dim=1)
        size = self.hidden_size
        seen = torch.tanh(functional.linear(cell, self.weight_memory[: 2 * size]))
        to_enter, to_forget = seen.chunk(2, dim=1)
        kept = torch.sigmoid(forget + to_forget) * cell
        cell = kept + torch.sigmoid(enter + to_enter) * torch.tanh(new)
        to_leave = torch.tanh(functional.linear(cell, self.weight_memory[2 * size :]))
        return torch.sigmoid(leave + to_leave) * torch.tanh(cell), cell

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        hidden, cell = state
        size = self.hidden_size
        product = graph.op("MatMul", hidden, graph.constant(self.weight_hh.T, "weight_hh"))
        product = graph.op("Add", product, graph.constant(self.bias_hh, "bias_hh"))
        gates = graph.op("Add", projected, product)
        enter, forget, new, leave = graph.op("Split", gates, outputs=4, axis=1, num_outputs=4)
        before, after = self.weight_memory[: 2 * size].T, self.weight_memory[2 * size :].T
        product = graph.op("MatMul", cell, graph.constant(before, "weight_memory"))
        seen = graph.op("Tanh", product)
        to_enter, to_forget = graph.op("Split", seen, outputs=2, axis=1, num_outputs=2)
        forget = graph.op("Sigmoid", graph.op("Add", forget, to_forget))
        enter = graph.op("Sigmoid", graph.op("Add", enter, to_enter))
        kept = graph.op("Mul", forget, cell)
        cell = graph.op("Add", kept, graph.op("Mul", enter, graph.op("Tanh", new)))
        product = graph.op("MatMul", cell, graph.constant(after, "weight_memory"))
        leave = graph.op("Sigmoid", graph.op("Add", leave, graph.op("Tanh", product)))
        return graph.op("Mul", leave, graph.op("Tanh", cell)), cell


class LayerNormLstm(Cell):
    """LSTM with layer norm on both products and on the new cell state.

    Ba, Kiros and Hinton 2016, "Layer Normalization", equations 20 to 22. Their shifts of the two
    products are left out, since they only add up to the bias. An input of a single feature loses
    its magnitude in the norm of its product: give this cell several features.
    """

    states = ("hidden_state", "cell_state")
    gates = 4
    epsilon: ClassVar[float] = 1e-5

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        del self.bias_hh  # there is one bias, outside both norms
        self.scale_ih = nn.Parameter(torch.ones(4 * hidden_size))
        self.scale_hh = nn.Parameter(torch.ones(4 * hidden_size))
        self.scale_cell = nn.Parameter(torch.ones(hidden_size))
        self.shift_cell = nn.Parameter(torch.zeros(hidden_size))

    def reset_parameters(self) -> None:
        """As the LSTM: the forget gate starts open."""
        super().reset_parameters()
        nn.init.ones_(self.bias_ih.chunk(4)[1])

    def project(self, inputs: Tensor) -> Tensor:
        product = functional.linear(inputs, self.weight_ih)
        return functional.layer_norm(
            product, product.shape[-1:], self.scale_ih, self.bias_ih, self.epsilon
        )

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        hidden, cell = state
        product = functional.linear(hidden, weight_hh)
        size = product.shape[-1:]
        gates = projected + functional.layer_norm(product, size, self.scale_hh, None, self.epsilon)
        enter, forget, new, leave = gates.chunk(4, dim=1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
        normed = functional.layer_norm(
            cell, cell.shape[-1:], self.scale_cell, self.shift_cell, self.epsilon
        )
        return torch.sigmoid(leave) * torch.tanh(normed), cell

    def project_onnx(self, graph: Graph, inputs: str) -> str:
        product = graph.op("MatMul", inputs, graph.constant(self.weight_ih.T, "weight_ih"))
        return graph.normalise(product, self.scale_ih, self.bias_ih, self.epsilon)

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        hidden, cell = state
        product = graph.op("MatMul", hidden, graph.constant(self.weight_hh.T, "weight_hh"))
        normed = graph.normalise(product, self.scale_hh, None, self.epsilon)
        gates = graph.op("Add", projected, normed)
        enter, forget, new, leave = graph.op("Split", gates, outputs=4, axis=1, num_outputs=4)
        kept = graph.op("Mul", graph.op("Sigmoid", forget), cell)
        added = graph.op("Mul", graph.op("Sigmoid", enter), graph.op("Tanh", new))
        cell = graph.op("Add", kept, added)
        normed = graph.normalise(cell, self.scale_cell, self.shift_cell, self.epsilon)
        return graph.op("Mul", graph.op("Sigmoid", leave), graph.op("Tanh", normed)), cell
