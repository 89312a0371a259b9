"""Trains the encoder to see what the teacher sees. Knows losses and batches; no files' layout.

The loss of Hinton et al. 2015 (section 2: soft targets at a temperature) on what the teacher's own
classifier makes of the pooled features, and regression on the features themselves, every channel
by its own spread (Romero et al. 2015, "FitNets").
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.encoder.network import Features
from app.training.encoder.teacher import Floats, Scale
from app.training.encoder.teacher_views import Lessons
from app.training.encoder.views import Bytes

MEAN: Final = (0.485, 0.456, 0.406)  # what image networks are usually given
STD: Final = (0.229, 0.224, 0.225)

_SAMPLE: Final = 2000  # views that the spreads are taken from
_PARTS: Final = (1.0, 1.0, 0.25)  # weights of map, pooled vector, classes


@dataclass(frozen=True)
class Scales:
    """How the bytes of the teacher are read."""

    map: Scale
    pooled: Scale
    logits: Scale


class Target(NamedTuple):
    """What the teacher says of a batch of views."""

    map: Tensor  # (batch, channels, grid, grid)
    pooled: Tensor  # (batch, channels)
    logits: Tensor  # (batch, classes)


class Lesson(NamedTuple):
    """A batch: what the encoder is shown and what it should see."""

    images: Tensor  # (batch, 3, size, size)
    target: Target


def target_of(lessons: Lessons, rows: Sequence[int], scales: Scales) -> Target:
    """What the teacher says of the views `rows`."""
    places = list(rows)
    return Target(
        torch.from_numpy(scales.map.read(lessons.map[places])).permute(0, 3, 1, 2),
        torch.from_numpy(scales.pooled.read(lessons.pooled[places])),
        torch.from_numpy(scales.logits.read(lessons.logits[places])),
    )


class DistillationLoss(nn.Module):
    """How far features are from the teacher's; see the module."""

    def __init__(
        self, sample: Target, weights: Floats, bias: Floats, temperature: float = 2.0
    ) -> None:
        """`sample` gives the spreads, (classes, channels) `weights` and `bias` the classifier."""
        super().__init__()
        self.map_spread = sample.map.std((0, 2, 3)).clamp_min(1e-3)[:, None, None]
        self.pooled_spread = sample.pooled.std(0).clamp_min(1e-2)
        self.weights, self.bias = torch.from_numpy(weights), torch.from_numpy(bias)
        self.temperature = temperature

    def parts(self, features: Features, target: Target) -> Tensor:
        """(3,): of the map, of the pooled vector (both in squared spreads), of the classes."""
        own = features.pooled
        of_map = ((features.narrow.float() - target.map) / self.map_spread).square().mean()
        of_pooled = ((own - target.pooled) / self.pooled_spread).square().mean()
        logits = functional.linear(own, self.weights, self.bias)
        classes = functional.kl_div(
            functional.log_softmax(logits / self.temperature, -1),
            functional.log_softmax(target.logits / self.temperature, -1),
            log_target=True,
            reduction="batchmean",
        )
        return torch.stack([of_map, of_pooled, classes * self.temperature**2])

    def forward(self, features: Features, target: Target) -> Tensor:
        """The weighted sum of the parts, a scalar."""
        return (self.parts(features, target) * torch.tensor(_PARTS)).sum()


def to_input(pixels: Bytes) -> Tensor:
    """Bytes (batch, size, size, 3) as what the encoder takes, (batch, 3, size, size)."""
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return ((values - mean) / std).contiguous(memory_format=torch.channels_last)


class LessonBatches:
    """The batch of a step: the next views in their order, from the first again after the last.

    A step whose views the teacher has not seen yet waits for it; the one after a step is made
    ready while that step is computed.
    """

    def __init__(
        self,
        lessons: Lessons,
        scales: Scales,
        pixels: Callable[[int], Bytes],
        rows: int,
        total: int,
    ) -> None:
        """`pixels(view)` gives (size, size, 3); batches of `rows`, views below `total`."""
        self._lessons, self._scales, self._pixels, self._rows = lessons, scales, pixels, rows
        self._total = total
        self._ahead: dict[int, Future[Lesson]] = {}
        self._pool = ThreadPoolExecutor(1)

    def __call__(self, step: int) -> Lesson:
        future = self._ahead.pop(step, None)
        self._ahead = {step + 1: self._pool.submit(self._make, step + 1)}
        return self._make(step) if future is None else future.result()

    def views(self, step: int) -> list[int]:
        """The numbers of the views of a step."""
        return [(step * self._rows + row) % self._total for row in range(self._rows)]

    def _make(self, step: int) -> Lesson:
        views = self.views(step)
        while self._lessons.count <= max(views):
            time.sleep(1.0)
        pixels: npt.NDArray[np.uint8] = np.stack([self._pixels(view) for view in views])
        return Lesson(to_input(pixels), target_of(self._lessons, views, self._scales))


def look(encoder: nn.Module, images: Tensor) -> Features:
    """The features of some images, in bfloat16 inside."""
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder(images)
    return Features(features.narrow.float(), features.map.float())
