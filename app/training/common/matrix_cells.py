"""Knows cells whose state is a matrix a head, in which values are kept under keys."""

from abc import abstractmethod
from math import gcd

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.cell import Cell, Names, State
from app.training.common.chunks import CHUNK, delta_rule, exponential_gates
from app.training.common.graph import Graph
from app.training.common.scalar_lstm import NOTHING
from app.training.common.sequence_cell import SequenceCell

_EPSILON = 1e-6  # in the length of a key


def heads_of(hidden_size: int) -> int:
    """How many heads a layer has: four, or fewer where four do not divide `hidden_size`."""
    return gcd(hidden_size, 4)


class MatrixCell(Cell):
    """What cells with a matrix share: queries, keys, values and an output gate, two numbers a head.

    A head has hidden_size / heads units; its memory (units, units) has a row a unit of the key.
    """

    gates = 4  # query, key, value, output
    recurrent_gates = 0

    @classmethod
    def state_size(cls, state: str, hidden_size: int) -> int:
        heads = heads_of(hidden_size)
        if state == "memory":
            return hidden_size * (hidden_size // heads)
        return heads if state == "stabiliser" else hidden_size

    @classmethod
    def extra_rows(cls, hidden_size: int) -> int:
        return 2 * heads_of(hidden_size)

    @property
    def heads(self) -> int:
        """Heads of this layer."""
        return heads_of(self.hidden_size)

    @abstractmethod
    def chunk(self, projected: Tensor, valid: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Some steps at once: `project`ed inputs (time, batch, projected_size) and all states but
        the first. Returns what is found (batch, heads, time, units) and those states after it."""

    def unroll(
        self, inputs: Tensor, valid: Tensor | None, state: State, weight_hh: Tensor
    ) -> tuple[Tensor, State]:
        """Chunk after chunk."""
        del weight_hh
        projected = self.project(inputs).to(state[0].dtype)
        leave = projected[..., 3 * self.hidden_size : 4 * self.hidden_size]
        found, others = [], state[1:]
        with torch.autocast(inputs.device.type, enabled=False):  # small products, long sums
            for start in range(0, len(inputs), CHUNK):
                part = slice(start, start + CHUNK)
                here = None if valid is None else valid[part]
                one, others = self.chunk(projected[part], here, others)
                found.append(one.permute(2, 0, 1, 3).flatten(2))  # (time, batch, hidden)
        outputs = torch.sigmoid(leave) * torch.cat(found)
        last = outputs[-1]
        if valid is not None:
            outputs = outputs * valid
            longer = torch.cat([state[0][None], outputs])  # (1 + time, batch, hidden)
            last = longer.gather(0, valid.sum(0).expand(1, -1, self.hidden_size))[0]
        return outputs, (last, *others)

    def _heads_first(self, projected: Tensor) -> tuple[Tensor, ...]:
        """`_parts` without the output gate: (batch, heads, time, ...) each."""
        query, key, value, _, first, second = self._parts(projected)
        vectors = [each.permute(1, 2, 0, 3) for each in (query, key, value)]
        return (*vectors, first.permute(1, 2, 0), second.permute(1, 2, 0))

    def _parts(self, projected: Tensor) -> tuple[Tensor, ...]:
        """Query, key, value (..., heads, units), output gate (..., hidden), two of (..., heads)."""
        sizes = [self.hidden_size] * 4 + [self.heads] * 2
        query, key, value, leave, first, second = torch.split(projected, sizes, dim=-1)
        heads = [each.reshape(*each.shape[:-1], self.heads, -1) for each in (query, key, value)]
        return (*heads, leave, first, second)

    def _parts_onnx(self, graph: Graph, projected: str, lead: list[int]) -> list[str]:
        """The same in ONNX; `lead` are the first axes of `projected` in a Reshape (0 keeps one)."""
        sizes = np.array([self.hidden_size] * 4 + [self.heads] * 2, np.int64)
        parts = list(graph.op("Split", projected, sizes, outputs=6, axis=len(lead)))
        shape = np.array([*lead, self.heads, self.hidden_size // self.heads], np.int64)
        return [graph.op("Reshape", each, shape) for each in parts[:3]] + parts[3:]


class MatrixLstm(MatrixCell):
    """mLSTM: exponential gates on a matrix of keys and values.

    Beck et al. 2024 (arXiv 2405.04517), equations 19 to 27, with a sigmoid forget gate. Memory and
    normaliser are kept divided by exp(stabiliser).
    """

    states = ("hidden_state", "memory", "normaliser", "stabiliser")

    @classmethod
    def initial_state(cls, state: str, hidden_size: int) -> NDArray[np.float32]:
        size = cls.state_size(state, hidden_size)
        return np.full(size, NOTHING if state == "stabiliser" else 0.0, np.float32)

    def reset_parameters(self) -> None:
        """The forget gates start open."""
        super().reset_parameters()
        nn.init.constant_(self.bias_ih[-self.heads :], 3.0)

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        del weight_hh
        _, memory, normaliser, stabiliser = state
        query, key, value, leave, enter, forget = self._parts(projected)
        key = key / key.shape[-1] ** 0.5
        kept = functional.logsigmoid(forget) + stabiliser
        stabiliser = torch.maximum(kept, enter)
        enter = torch.exp(enter - stabiliser)[..., None]  # (batch, heads, 1)
        forget = torch.exp(kept - stabiliser)[..., None]
        # (batch, heads, key, value)
        memory = memory.reshape(-1, self.heads, key.shape[-1], key.shape[-1])
        memory = forget[..., None] * memory + (enter * key)[..., None] * value[..., None, :]
        normaliser = forget * normaliser.reshape(-1, self.heads, key.shape[-1]) + enter * key
        found = torch.einsum("bhk,bhkv->bhv", query, memory)
        weight = (query * normaliser).sum(-1, keepdim=True).abs()
        found = found / torch.maximum(weight, torch.exp(-stabiliser)[..., None])
        output = torch.sigmoid(leave) * found.flatten(1)
        return output, memory.flatten(1), normaliser.flatten(1), stabiliser

    def chunk(self, projected: Tensor, valid: Tensor | None, state: State) -> tuple[Tensor, State]:
        memory, normaliser, stabiliser = state
        query, key, value, enter, forget = self._heads_first(projected)
        key, kept = key / key.shape[-1] ** 0.5, functional.logsigmoid(forget)
        if valid is not None:  # padding enters with nothing and forgets nothing
            here = valid.permute(1, 2, 0)  # (batch, 1, time)
            key, kept = key * here[..., None], kept * here
            enter = enter.masked_fill(~here, NOTHING)
        heads = (-1, self.heads, key.shape[-1])
        found, memory, normaliser, stabiliser = exponential_gates(
            query,
            key,
            value,
            enter,
            kept,
            memory.reshape(*heads, heads[-1]),
            normaliser.reshape(heads),
            stabiliser,
        )
        return found, (memory.flatten(1), normaliser.flatten(1), stabiliser)

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        _, memory, normaliser, stabiliser = state
        units = self.hidden_size // self.heads
        query, key, value, leave, enter, forget = self._parts_onnx(graph, projected, [-1])
        key = graph.op("Mul", key, np.array(units**-0.5, np.float32))
        kept = graph.op("Sub", stabiliser, graph.op("Softplus", graph.op("Neg", forget)))
        stabiliser = graph.op("Max", kept, enter)
        last, before_last = np.array([-1], np.int64), np.array([-2], np.int64)
        enter = graph.op("Unsqueeze", graph.op("Exp", graph.op("Sub", enter, stabiliser)), last)
        forget = graph.op("Unsqueeze", graph.op("Exp", graph.op("Sub", kept, stabiliser)), last)
        key = graph.op("Mul", enter, key)  # (batch, heads, units)
        memory = graph.op("Reshape", memory, np.array([-1, self.heads, units, units], np.int64))
        column, row = graph.op("Unsqueeze", key, last), graph.op("Unsqueeze", value, before_last)
        memory = graph.op("Mul", graph.op("Unsqueeze", forget, last), memory)
        memory = graph.op("Add", memory, graph.op("Mul", column, row))
        normaliser = graph.op("Reshape", normaliser, np.array([-1, self.heads, units], np.int64))
        normaliser = graph.op("Add", graph.op("Mul", forget, normaliser), key)
        found = graph.op("MatMul", graph.op("Unsqueeze", query, before_last), memory)
        found = graph.op("Squeeze", found, before_last)  # (batch, heads, units)
        weight = graph.op("ReduceSum", graph.op("Mul", query, normaliser), last, keepdims=1)
        least = graph.op("Unsqueeze", graph.op("Exp", graph.op("Neg", stabiliser)), last)
        found = graph.op("Div", found, graph.op("Max", graph.op("Abs", weight), least))
        output = graph.op("Mul", graph.op("Sigmoid", leave), graph.op("Flatten", found, axis=1))
        flat = [graph.op("Flatten", each, axis=1) for each in (memory, normaliser)]
        return (output, *flat, stabiliser)


class GatedDelta(MatrixCell, SequenceCell):
    """Gated delta rule: what a key recalls is corrected towards its new value, the rest fades.

    Yang, Kautz and Hatamizadeh 2024, "Gated Delta Networks: Improving Mamba2 with Delta Rule"
    (arXiv 2412.06464), equation 10: S = a S + b k (v - a S'k)', with keys and queries of length
    one, a decay a and a strength b in (0, 1) a head, and an output gate. In ONNX it is the operator
    LinearAttention of ONNX Runtime.
    """

    states = ("hidden_state", "memory")

    def reset_parameters(self) -> None:
        """Memory fades slowly at first: a tenth of it in two steps."""
        super().reset_parameters()
        nn.init.constant_(self.bias_ih[-2 * self.heads : -self.heads], 3.0)

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        del weight_hh
        query, key, value, leave, decay, strength = self._parts(projected)
        query, key = _unit(query), _unit(key)
        # (batch, heads, key, value)
        memory = state[1].reshape(-1, self.heads, key.shape[-1], key.shape[-1])
        memory = torch.sigmoid(decay)[..., None, None] * memory
        missing = value - torch.einsum("bhk,bhkv->bhv", key, memory)
        change = torch.sigmoid(strength)[..., None] * missing
        memory = memory + key[..., None] * change[..., None, :]
        found = torch.einsum("bhk,bhkv->bhv", query, memory)
        return torch.sigmoid(leave) * found.flatten(1), memory.flatten(1)

    def chunk(self, projected: Tensor, valid: Tensor | None, state: State) -> tuple[Tensor, State]:
        query, key, value, decay, strength = self._heads_first(projected)
        kept, strength = functional.logsigmoid(decay), torch.sigmoid(strength)
        if valid is not None:  # padding changes nothing and lets nothing fade
            here = valid.permute(1, 2, 0)  # (batch, 1, time)
            kept, strength = kept * here, strength * here
        memory = state[0].reshape(-1, self.heads, key.shape[-1], key.shape[-1])
        found, memory = delta_rule(_unit(query), _unit(key), value, kept, strength, memory)
        return found, (memory.flatten(1),)

    def unroll_onnx(
        self, graph: Graph, inputs: str, valid: str | None, lengths: str | None, state: Names
    ) -> tuple[str, Names]:
        """One operator over all steps.

        It knows no lengths: at padded steps the key is zero and nothing fades, so that the memory
        waits.
        """
        del lengths
        projected = self.project_onnx(graph, inputs)
        units, zero = self.hidden_size // self.heads, np.array(0, np.float32)
        if valid is not None:
            projected = graph.op("Where", valid, projected, zero)  # padding may hold NaN
        query, key, value, leave, decay, strength = self._parts_onnx(graph, projected, [0, 0])
        decay = graph.op("Neg", graph.op("Softplus", graph.op("Neg", decay)))  # a logarithm
        if valid is not None:
            decay = graph.op("Where", valid, decay, zero)
        flat = np.array([0, 0, -1], np.int64)
        heads = [_unit_onnx(graph, query), _unit_onnx(graph, key), value]
        sequences = [graph.op("Reshape", each, flat) for each in heads]
        sequences += [decay, graph.op("Sigmoid", strength)]
        rows = [graph.op("Transpose", each, perm=[1, 0, 2]) for each in sequences]
        shape = np.array([-1, self.heads, units, units], np.int64)
        found, last = graph.op(
            "LinearAttention",
            *rows[:3],
            graph.op("Reshape", state[1], shape),
            *rows[3:],
            outputs=2,
            domain="com.microsoft",
            q_num_heads=self.heads,
            kv_num_heads=self.heads,
            update_rule="gated_delta",
            scale=1.0,
        )
        found = graph.op("Transpose", found, perm=[1, 0, 2])  # (time, batch, hidden)
        output = graph.op("Mul", graph.op("Sigmoid", leave), found)
        return output, (graph.op("Flatten", last, axis=1),)


def _unit(vectors: Tensor) -> Tensor:
    """`vectors` (..., units) at length one."""
    return vectors / torch.sqrt((vectors * vectors).sum(-1, keepdim=True) + _EPSILON)


def _unit_onnx(graph: Graph, vectors: str) -> str:
    squares = graph.op("Mul", vectors, vectors)
    total = graph.op("ReduceSum", squares, np.array([-1], np.int64), keepdims=1)
    length = graph.op("Sqrt", graph.op("Add", total, np.array(_EPSILON, np.float32)))
    return graph.op("Div", vectors, length)
