"""Writes an encoder as an ONNX graph, normalisations folded into convolutions. Knows no images."""

import numpy as np
import torch
from torch import Tensor, nn

from app.training.common.graph import Graph
from app.training.encoder.network import Block, Encoder, pooling

OUTPUT = "features"


def encoder_graph(encoder: Encoder, *, half: bool = True) -> bytes:
    """`image` (batch, 3, size, size) float32 to `features` (batch, channels, grid, grid) float32.

    `half` keeps the weights as float16, in half the room; all computation is in float32.
    """
    encoder.eval()
    options = encoder.options
    builder = _Builder(Graph("encoder"), half)
    graph = builder.graph
    side = options.size
    x = graph.input("image", np.float32, ("batch", 3, side, side))
    with graph.scope("stem"):
        x = graph.op("Relu", builder.conv(x, encoder.stem, encoder.norm))
    side //= encoder.stem.stride[0]
    fine, fine_side = x, side
    for number, stage in enumerate(encoder.stages):
        fine, fine_side = x, side
        with graph.scope(f"stage{number}"):
            for block in stage.children():
                assert isinstance(block, Block)
                x = builder.block(x, block)
                side //= block.conv1.stride[0]
    with graph.scope("features"):
        fine = builder.to_grid(builder.conv(fine, encoder.fine), fine_side, options.grid)
        coarse = builder.to_grid(builder.conv(x, encoder.coarse), side, options.grid)
        narrow = graph.op("Add", fine, coarse)
        wide = builder.conv(narrow, encoder.expand)
        zero, six = np.float32(0), np.float32(6)
        features = graph.op("Clip", wide, np.array(zero), np.array(six))
    shape = ("batch", options.channels, options.grid, options.grid)
    graph.output(OUTPUT, features, np.float32, shape)
    return bytes(graph.build().SerializeToString())


class _Builder:
    """Puts layers into a graph."""

    def __init__(self, graph: Graph, half: bool) -> None:
        self.graph = graph
        self.half = half

    def weight(self, values: Tensor) -> str:
        """A constant, float32 to whoever uses it."""
        array = values.detach().float().numpy()
        if not self.half:
            return self.graph.constant(array)
        stored = self.graph.constant(array.astype(np.float16))
        return self.graph.op("Cast", stored, to=1)  # done once, when the session is made

    def conv(self, x: str, layer: nn.Conv2d, norm: nn.BatchNorm2d | None = None) -> str:
        """The convolution and what normalises its outputs, as one."""
        weight, bias = folded(layer, norm)
        kernel, stride, padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
        return self.graph.op(
            "Conv",
            x,
            self.weight(weight),
            bias.numpy(),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[padding] * 4,
        )

    def block(self, x: str, block: Block) -> str:
        inner = self.graph.op("Relu", self.conv(x, block.conv1, block.norm1))
        inner = self.conv(inner, block.conv2, block.norm2)
        around = x if block.way is None else self.conv(x, block.way)
        return self.graph.op("Relu", self.graph.op("Add", inner, around))

    def to_grid(self, x: str, side: int, grid: int) -> str:
        matrix = pooling(side, grid).numpy()
        rows = self.graph.op("MatMul", matrix, x)
        return self.graph.op("MatMul", rows, np.ascontiguousarray(matrix.T))


def folded(layer: nn.Conv2d, norm: nn.BatchNorm2d | None) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with its normalisation (in eval mode) in them."""
    with torch.no_grad():
        outputs = layer.weight.shape[0]
        bias = torch.zeros(outputs) if layer.bias is None else layer.bias.detach().float()
        weight = layer.weight.detach().float()
        if norm is None:
            return weight, bias
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        factor = norm.weight / torch.sqrt(variance + norm.eps)
        return weight * factor[:, None, None, None], (bias - mean) * factor + norm.bias
