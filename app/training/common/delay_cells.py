"""Knows networks that see a window of the past and feed nothing back: time delays, convolutions.

They have a state all the same, what the window holds, and so run step by step as any cell does.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.cell import Cell, Names, State
from app.training.common.graph import Graph
from app.training.common.sequence_cell import SequenceCell

DILATIONS: Final = (1, 2, 4, 8, 16)  # of the convolutions of one WaveNet
_REACH: Final = sum(DILATIONS)  # vectors that they keep
_END: Final = np.iinfo(np.int64).max


class TimeDelay(Cell):
    """Time-delay neural network over five steps: y = tanh(W0 x[t] + W1 x[t-1] + ... + W4 x[t-4]).

    Waibel, Hanazawa, Hinton, Shikano and Lang 1989, "Phoneme recognition using time-delay neural
    networks". The state holds what the inputs so far add to the output of this step and of the
    three after it.
    """

    states = ("hidden_state", "to_come")
    gates = 5  # delays, this step's first
    recurrent_gates = 0

    @classmethod
    def state_size(cls, state: str, hidden_size: int) -> int:
        return (cls.gates - 1) * hidden_size if state == "to_come" else hidden_size

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        del weight_hh
        size, coming = self.hidden_size, state[1]
        output = torch.tanh(projected[:, :size] + coming[:, :size])
        return output, functional.pad(coming[:, size:], (0, size)) + projected[:, size:]

    def unroll(
        self, inputs: Tensor, valid: Tensor | None, state: State, weight_hh: Tensor
    ) -> tuple[Tensor, State]:
        """All steps at once, and behind them those to which they still add."""
        del weight_hh
        (time, batch), later = inputs.shape[:2], self.gates - 1
        projected = self.project(inputs)
        if valid is not None:
            projected = projected * valid
        coming = state[1].reshape(batch, later, -1).transpose(0, 1)  # (delays, batch, hidden)
        sums = functional.pad(coming, (0, 0, 0, 0, 0, time))  # (delays + time, batch, hidden)
        for delay, part in enumerate(projected.chunk(self.gates, dim=2)):
            sums = sums + functional.pad(part, (0, 0, 0, 0, delay, later - delay))
        outputs, ends = torch.tanh(sums[:time]), None
        if valid is not None:
            outputs, ends = outputs * valid, valid[:, :, 0].sum(0)
        last = _behind(torch.cat([state[0][None], outputs]), ends, 1)[0]
        left = _behind(sums, ends, later).transpose(0, 1).reshape(batch, -1)
        return outputs, (last, left)

    def step_onnx(self, graph: Graph, projected: str, state: Names) -> Names:
        size, coming = self.hidden_size, state[1]
        now = graph.op("Add", graph.slices(projected, 0, size, 1), graph.slices(coming, 0, size, 1))
        later = graph.op("Pad", graph.slices(coming, size, _END, 1), np.array([0, 0, 0, size]))
        coming = graph.op("Add", later, graph.slices(projected, size, _END, 1))
        return graph.op("Tanh", now), coming


class WaveNet(SequenceCell):
    """Dilated causal convolutions over two steps each, gated, with residual and skip connections.

    van den Oord et al. 2016, "WaveNet: A Generative Model for Raw Audio" (arXiv 1609.03499),
    equation 2 and figure 4: one block with dilations 1 to 16, which sees 32 steps. The input is
    projected to the size of a layer first. The state holds the inputs of each convolution that it
    still needs, the oldest first.
    """

    states = ("hidden_state", "past")
    gates = 1
    recurrent_gates = 0

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        layers, size = len(DILATIONS), hidden_size
        # filter and gate, from this step and from the one before by the dilation
        self.weight_now = nn.Parameter(torch.empty(layers, 2 * size, size))
        self.weight_before = nn.Parameter(torch.empty(layers, 2 * size, size))
        self.bias_gate = nn.Parameter(torch.zeros(layers, 2 * size))
        self.weight_mix = nn.Parameter(torch.empty(layers, 2 * size, size))  # residual and skip
        self.bias_mix = nn.Parameter(torch.zeros(layers, 2 * size))
        self.weight_output = nn.Parameter(torch.empty(size, size))
        self.bias_output = nn.Parameter(torch.zeros(size))
        for weights in (self.weight_now, self.weight_before, self.weight_mix):
            for weight in weights:
                nn.init.xavier_uniform_(weight)
        nn.init.xavier_uniform_(self.weight_output)

    @classmethod
    def state_size(cls, state: str, hidden_size: int) -> int:
        return _REACH * hidden_size if state == "past" else hidden_size

    def step(self, projected: Tensor, state: State, weight_hh: Tensor) -> State:
        del weight_hh
        value, skips, kept = projected, torch.zeros_like(projected), []
        queues = torch.split(state[1], [each * self.hidden_size for each in DILATIONS], dim=1)
        for layer, queue in zip(self._layers(), queues, strict=True):
            kept.append(torch.cat([queue[:, self.hidden_size :], value], dim=1))
            value, skip = _convolve(layer, value, queue[:, : self.hidden_size])
            skips = skips + skip
        return self._output(skips), torch.cat(kept, dim=1)

    def unroll(
        self, inputs: Tensor, valid: Tensor | None, state: State, weight_hh: Tensor
    ) -> tuple[Tensor, State]:
        """All steps of a layer at once."""
        del weight_hh
        time, batch = inputs.shape[:2]
        ends = None if valid is None else valid[:, :, 0].sum(0)  # (batch,)
        value, kept = self.project(inputs), []  # (time, batch, hidden)
        skips = torch.zeros_like(value)
        past = state[1].reshape(batch, _REACH, self.hidden_size).transpose(0, 1)
        queues = torch.split(past, list(DILATIONS))  # (dilation, batch, hidden) each
        for layer, queue in zip(self._layers(), queues, strict=True):
            longer = torch.cat([queue, value])  # (dilation + time, batch, hidden)
            kept.append(_behind(longer, ends, len(queue)))
            value, skip = _convolve(layer, value, longer[:time])
            skips = skips + skip
        outputs = self._output(skips)
        if valid is not None:
            outputs = outputs * valid
        last = _behind(torch.cat([state[0][None], outputs]), ends, 1)[0]
        flat = torch.cat(kept).transpose(0, 1).reshape(batch, -1)
        return outputs, (last, flat)

    def _layers(self) -> Iterator[tuple[Tensor, ...]]:
        """The weights of each convolution, in the order that `_convolve` takes."""
        stacked = (
            self.weight_now,
            self.bias_gate,
            self.weight_before,
            self.weight_mix,
            self.bias_mix,
        )
        return zip(*(each.unbind(0) for each in stacked), strict=True)

    def _output(self, skips: Tensor) -> Tensor:
        return functional.linear(torch.relu(skips), self.weight_output, self.bias_output)

    def unroll_onnx(
        self, graph: Graph, inputs: str, valid: str | None, lengths: str | None, state: Names
    ) -> tuple[str, Names]:
        """All steps of a layer at once."""
        del valid
        value = self.project_onnx(graph, inputs)  # (time, batch, hidden)
        time = graph.op("Shape", value, start=0, end=1)
        shape = np.array([0, _REACH, self.hidden_size], np.int64)
        past = graph.op("Transpose", graph.op("Reshape", state[1], shape), perm=[1, 0, 2])
        start, kept, skips = 0, [], ""
        for layer, dilation in enumerate(DILATIONS):
            queue = graph.slices(past, start, start + dilation, 0)
            start += dilation
            longer = graph.op("Concat", queue, value, axis=0)  # (dilation + time, batch, hidden)
            kept.append(graph.behind(longer, lengths, dilation))
            first = np.array([0], np.int64)
            earlier = graph.op("Slice", longer, first, time, first)
            value, skip = self._layer_onnx(graph, layer, value, earlier)
            skips = graph.op("Add", skips, skip) if skips else skip
        weight = graph.constant(self.weight_output.T, "weight_output")
        output = graph.op("MatMul", graph.op("Relu", skips), weight)
        output = graph.op("Add", output, graph.constant(self.bias_output, "bias_output"))
        flat = graph.op("Flatten", graph.op("Concat", *kept, axis=1), axis=1)
        return output, (flat,)

    def _layer_onnx(self, graph: Graph, layer: int, now: str, before: str) -> tuple[str, str]:
        products = [
            graph.op("MatMul", value, graph.constant(weight[layer].T, name))
            for value, weight, name in (
                (now, self.weight_now, "weight_now"),
                (before, self.weight_before, "weight_before"),
            )
        ]
        bias = graph.constant(self.bias_gate[layer], "bias_gate")
        gates = graph.op("Add", graph.op("Add", *products), bias)
        filtered, gate = graph.op("Split", gates, outputs=2, axis=2, num_outputs=2)
        mixed = graph.op("Mul", graph.op("Tanh", filtered), graph.op("Sigmoid", gate))
        mixed = graph.op("MatMul", mixed, graph.constant(self.weight_mix[layer].T, "weight_mix"))
        mixed = graph.op("Add", mixed, graph.constant(self.bias_mix[layer], "bias_mix"))
        residual, skip = graph.op("Split", mixed, outputs=2, axis=2, num_outputs=2)
        return graph.op("Add", now, residual), skip


def _convolve(layer: tuple[Tensor, ...], now: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Output and skip of one convolution; all (..., hidden)."""
    weight_now, bias_gate, weight_before, weight_mix, bias_mix = layer
    gates = functional.linear(now, weight_now, bias_gate)
    gates = gates + functional.linear(before, weight_before)
    filtered, gate = gates.chunk(2, dim=-1)
    mixed = torch.tanh(filtered) * torch.sigmoid(gate)
    residual, skip = functional.linear(mixed, weight_mix, bias_mix).chunk(2, dim=-1)
    return now + residual, skip


def _behind(sequences: Tensor, ends: Tensor | None, count: int) -> Tensor:
    """The last `count` steps of (count + time, batch, size), or those behind each row's `ends`.

    Returns (count, batch, size). A row ends after so many of the steps after the first `count`.
    """
    if ends is None:
        return sequences[len(sequences) - count :]
    index = ends[None, :] + torch.arange(count, device=ends.device)[:, None]  # (count, batch)
    return sequences.gather(0, index[:, :, None].expand(-1, -1, sequences.shape[2]))
