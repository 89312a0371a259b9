"""The image encoder: a small residual network. Knows its layers; neither images nor losses.

Dense 3 x 3 convolutions only: on a CPU they are faster than depthwise ones of the same worth.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class EncoderOptions:
    """Sizes of the encoder."""

    size: int = 128  # pixels of the image, each way
    grid: int = 7  # cells of the map, each way
    # channels of each stage; a stage has half the grid of the one before it
    widths: tuple[int, ...] = (64, 128, 256, 384)
    blocks: tuple[int, ...] = (1, 2, 2, 1)  # residual blocks of each stage
    map_channels: int = 320  # of the map
    channels: int = 1280  # of the pooled vector


class Features(NamedTuple):
    """What the encoder gives: the narrow map before the last layer, and the map after it."""

    narrow: Tensor  # (batch, map_channels, grid, grid)
    map: Tensor  # (batch, channels, grid, grid), 0 to 6

    @property
    def pooled(self) -> Tensor:
        """The mean over the grid, (batch, channels)."""
        return self.map.mean((2, 3))


class Block(nn.Module):
    """Two 3 x 3 convolutions and a way around them (He et al. 2016, section 3.3)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.way: nn.Conv2d | None = None
        if stride != 1 or inputs != outputs:
            self.way = nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, height, width) to (batch, outputs, height / stride, width / stride)."""
        inner = functional.relu(self.norm1(self.conv1(x)))
        around = x if self.way is None else self.way(x)
        return functional.relu(self.norm2(self.conv2(inner)) + around)


def pooling(given: int, wanted: int) -> Tensor:
    """The matrix (wanted, given) that averages one axis of a grid down to `wanted` cells."""
    edges = np.linspace(0, given, wanted + 1)
    cells = np.arange(given)
    low = np.maximum(edges[:-1, None], cells)
    high = np.minimum(edges[1:, None], cells + 1)
    overlap = np.maximum(high - low, 0)
    return torch.tensor(overlap / overlap.sum(1, keepdims=True), dtype=torch.float32)


class Encoder(nn.Module):
    """Pixels to a feature map; the last two stages, fine and coarse, both add to it."""

    def __init__(self, options: EncoderOptions) -> None:
        super().__init__()
        self.options = options
        widths = options.widths
        self.stem = nn.Conv2d(3, widths[0], 4, 4, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList()
        inputs = widths[0]
        for stage, (width, blocks) in enumerate(zip(widths, options.blocks, strict=True)):
            layers = []
            for block in range(blocks):
                layers.append(Block(inputs, width, 2 if block == 0 and stage > 0 else 1))
                inputs = width
            self.stages.append(nn.Sequential(*layers))
        self.fine = nn.Conv2d(widths[-2], options.map_channels, 1)
        self.coarse = nn.Conv2d(widths[-1], options.map_channels, 1)
        self.expand = nn.Conv2d(options.map_channels, options.channels, 1)
        # The order in memory that convolutions on a CPU are fastest with.
        for weight in self.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Features:
        """Images (batch, 3, size, size), normalised, to their features."""
        x = functional.relu(self.norm(self.stem(images)))
        for stage in self.stages[:-1]:
            x = stage(x)
        narrow = self._to_grid(self.fine(x)) + self._to_grid(self.coarse(self.stages[-1](x)))
        return Features(narrow, functional.relu6(self.expand(narrow)))

    def _to_grid(self, values: Tensor) -> Tensor:
        """(batch, channels, height, width) to (batch, channels, grid, grid)."""
        rows = pooling(values.shape[2], self.options.grid).to(values.dtype)
        columns = pooling(values.shape[3], self.options.grid).to(values.dtype)
        return rows @ values @ columns.T
