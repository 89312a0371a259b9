"""Knows the equations of the neural Turing machine: a controller that reads and writes a memory."""

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.cell import Cell, Names, State
from app.training.common.graph import Graph

_EPSILON = 1e-6
_FIRST = 1e-2  # what the memory holds at first


class TuringMachine(Cell):
    """A controller (an LSTM) with one head that writes and one that reads 64 slots of 16 numbers.

    Graves, Wayne and Danihelka 2014, "Neural Turing Machines" (arXiv 1410.5401), equations 2 to 9:
    a head finds a slot by its content, or goes on from where it was by a shift of -1, 0 or 1. It
    begins at the first slot. The output is linear in the controller's output and what was read.
    """

    states = (
        *("hidden_state", "controller_state", "cell_state", "read"),
        *("memory", "read_weights", "write_weights"),
    )
    gates = 4  # of the controller, in torch's order
    slots: ClassVar[int] = 64
    width: ClassVar[int] = 16

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        addressing = self.width + 6  # key, strength, gate, three shifts, sharpness
        heads = 2 * addressing + 2 * self.width  # the writing one erases and adds, too
        self.weight_read = nn.Parameter(torch.empty(4 * hidden_size, self.width))
        self.weight_heads = nn.Parameter(torch.empty(heads, hidden_size))
        self.bias_heads = nn.Parameter(torch.zeros(heads))
        self.weight_output = nn.Parameter(torch.empty(hidden_size, hidden_size + self.width))
        self.bias_output = nn.Parameter(torch.zeros(hidden_size))
        for weight in (self.weight_read, self.weight_heads, self.weight_output):
            nn.init.xavier_uniform_(weight)

    @classmethod
    def state_size(cls, state: str, hidden_size: int) -> int:
        sizes = {
            "read": cls.width,
            "memory": cls.slots * cls.width,
            "read_weights": cls.slots,
            "write_weights": cls.slots,
        }
        return sizes.get(state, hidden_size)

    @classmethod
    def initial_state(cls, state: str, hidden_size: int) -> NDArray[np.float32]:
        first = super().initial_state(state, hidden_size)
        if state == "memory":
            first[:] = _FIRST
        elif state.endswith("_weights"):
            first[0] = 1.0
        return first

    def reset_parameters(self) -> None:
        """As the LSTM: the forget gate starts open."""
        super().reset_parameters()
        nn.init.ones_(self.bias_ih.chunk(4)[1])

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        _, hidden, cell, read, flat, reading, writing = state
        gates = projected + functional.linear(hidden, weight_hh, self.bias_hh)
        gates = gates + functional.linear(read, self.weight_read)
        enter, forget, new, leave = gates.chunk(4, dim=1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
        hidden = torch.sigmoid(leave) * torch.tanh(cell)
        memory = flat.reshape(-1, self.slots, self.width)
        heads = functional.linear(hidden, self.weight_heads, self.bias_heads)
        sizes = [self.width + 6, self.width + 6, self.width, self.width]
        to_read, to_write, erase, add = torch.split(heads, sizes, dim=1)
        writing = self._address(to_write, memory, writing)
        erased = writing[:, :, None] * torch.sigmoid(erase)[:, None, :]  # (batch, slots, width)
        memory = memory * (1.0 - erased) + writing[:, :, None] * torch.tanh(add)[:, None, :]
        reading = self._address(to_read, memory, reading)
        read = torch.einsum("bs,bsw->bw", reading, memory)
        output = functional.linear(
            torch.cat([hidden, read], dim=1), self.weight_output, self.bias_output
        )
        return output, hidden, cell, read, memory.flatten(1), reading, writing

    def _address(self, head: Tensor, memory: Tensor, before: Tensor) -> Tensor:
        """Equations 5 to 9: weights over the slots (batch, slots), which add up to one."""
        key, strength, gate, shift, sharpness = torch.split(head, [self.width, 1, 1, 3, 1], dim=1)
        lengths = torch.sqrt((memory * memory).sum(2) + _EPSILON)  # (batch, slots)
        lengths = lengths * torch.sqrt((key * key).sum(1, keepdim=True) + _EPSILON)
        likeness = torch.einsum("bsw,bw->bs", memory, key) / lengths
        content = torch.softmax(functional.softplus(strength) * likeness, dim=1)
        gate = torch.sigmoid(gate)
        weights = gate * content + (1.0 - gate) * before
        back, stay, forth = torch.softmax(shift, dim=1).split_with_sizes([1, 1, 1], dim=1)
        weights = back * weights.roll(-1, 1) + stay * weights + forth * weights.roll(1, 1)
        sharp = (weights + _EPSILON) ** (1.0 + functional.softplus(sharpness))
        return sharp / sharp.sum(1, keepdim=True)

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        _, hidden, cell, read, flat, reading, writing = state
        one, width = np.array(1, np.float32), self.width
        product = graph.op("MatMul", hidden, graph.constant(self.weight_hh.T, "weight_hh"))
        product = graph.op("Add", product, graph.constant(self.bias_hh, "bias_hh"))
        gates = graph.op("Add", projected, product)
        product = graph.op("MatMul", read, graph.constant(self.weight_read.T, "weight_read"))
        gates = graph.op("Add", gates, product)
        enter, forget, new, leave = graph.op("Split", gates, outputs=4, axis=1, num_outputs=4)
        kept = graph.op("Mul", graph.op("Sigmoid", forget), cell)
        added = graph.op("Mul", graph.op("Sigmoid", enter), graph.op("Tanh", new))
        cell = graph.op("Add", kept, added)
        hidden = graph.op("Mul", graph.op("Sigmoid", leave), graph.op("Tanh", cell))
        memory = graph.op("Reshape", flat, np.array([-1, self.slots, width], np.int64))
        heads = graph.op("MatMul", hidden, graph.constant(self.weight_heads.T, "weight_heads"))
        heads = graph.op("Add", heads, graph.constant(self.bias_heads, "bias_heads"))
        sizes = np.array([width + 6, width + 6, width, width], np.int64)
        to_read, to_write, erase, add = graph.op("Split", heads, sizes, outputs=4, axis=1)
        writing = self._address_onnx(graph, to_write, memory, writing)
        column = graph.op("Unsqueeze", writing, np.array([2], np.int64))  # (batch, slots, 1)
        middle = np.array([1], np.int64)
        erase = graph.op("Unsqueeze", graph.op("Sigmoid", erase), middle)
        add = graph.op("Unsqueeze", graph.op("Tanh", add), middle)
        left = graph.op("Sub", one, graph.op("Mul", column, erase))
        memory = graph.op("Add", graph.op("Mul", memory, left), graph.op("Mul", column, add))
        reading = self._address_onnx(graph, to_read, memory, reading)
        read = graph.op("MatMul", graph.op("Unsqueeze", reading, middle), memory)
        read = graph.op("Squeeze", read, middle)
        both = graph.op("Concat", hidden, read, axis=1)
        output = graph.op("MatMul", both, graph.constant(self.weight_output.T, "weight_output"))
        output = graph.op("Add", output, graph.constant(self.bias_output, "bias_output"))
        return output, hidden, cell, read, graph.op("Flatten", memory, axis=1), reading, writing

    def _address_onnx(self, graph: Graph, head: str, memory: str, before: str) -> str:
        one, epsilon = np.array(1, np.float32), np.array(_EPSILON, np.float32)
        parts = np.array([self.width, 1, 1, 1, 1, 1, 1], np.int64)
        key, strength, gate, *shifts, sharpness = graph.op("Split", head, parts, outputs=7, axis=1)

        def length(value: str, axis: int, keepdims: int) -> str:
            squares = graph.op("Mul", value, value)
            axes = np.array([axis], np.int64)
            total = graph.op("ReduceSum", squares, axes, keepdims=keepdims)
            return graph.op("Sqrt", graph.op("Add", total, epsilon))

        last = np.array([2], np.int64)
        product = graph.op("MatMul", memory, graph.op("Unsqueeze", key, last))
        likeness = graph.op("Squeeze", product, last)  # (batch, slots)
        lengths = graph.op("Mul", length(memory, 2, 0), length(key, 1, 1))
        likeness = graph.op("Div", likeness, lengths)
        content = graph.op("Mul", graph.op("Softplus", strength), likeness)
        content = graph.op("Softmax", content, axis=1)
        gate = graph.op("Sigmoid", gate)
        kept = graph.op("Mul", graph.op("Sub", one, gate), before)
        weights = graph.op("Add", graph.op("Mul", gate, content), kept)
        share = graph.op("Softmax", graph.op("Concat", *shifts, axis=1), axis=1)
        back, stay, forth = graph.op("Split", share, outputs=3, axis=1, num_outputs=3)
        end = self.slots
        following = [graph.slices(weights, 1, end, 1), graph.slices(weights, 0, 1, 1)]
        preceding = [graph.slices(weights, end - 1, end, 1), graph.slices(weights, 0, end - 1, 1)]
        moved = graph.op("Mul", stay, weights)
        for share_, rolled in ((back, following), (forth, preceding)):
            turned = graph.op("Concat", *rolled, axis=1)
            moved = graph.op("Add", moved, graph.op("Mul", share_, turned))
        power = graph.op("Add", graph.op("Softplus", sharpness), one)
        sharp = graph.op("Pow", graph.op("Add", moved, epsilon), power)
        total = graph.op("ReduceSum", sharp, np.array([1], np.int64), keepdims=1)
        return graph.op("Div", sharp, total)
