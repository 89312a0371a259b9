"""Trains a language model on windows of a text; knows ids, not what they stand for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.tasks.generate.features import BEGIN
from app.training.common.loop import Fit, LoopOptions, Progress, fit
from app.training.common.precision import mixed_precision
from app.training.generate.network import LanguageModel, nats


@dataclass(frozen=True)
class WindowOptions:
    """What one step learns from."""

    rows: int = 32  # windows of a step
    steps: int = 192  # units of a window; gradients go no further
    bfloat16: bool = True  # products in bfloat16 where torch chooses it


class Windows:
    """Windows of a text, drawn anywhere; each begins as a text of its own."""

    def __init__(self, ids: Tensor, options: WindowOptions, seed: int) -> None:
        """Takes `ids` (n,) int64.

        Raises:
            ValueError: there are less than two units.
        """
        if len(ids) < 2:
            raise ValueError(f"a text of {len(ids)} units is too short to learn from")
        self._ids = ids
        self._rows = options.rows
        self._steps = min(options.steps, len(ids))
        self._seed = seed

    def batch(self, step: int) -> Tensor:
        """(time + 1, rows), the first row being the beginning; depends on seed and step alone."""
        draw = np.random.default_rng((self._seed, step))
        starts = draw.integers(0, len(self._ids) - self._steps + 1, self._rows)
        places = torch.from_numpy(starts)[None, :] + torch.arange(self._steps)[:, None]
        return torch.cat([torch.full((1, self._rows), BEGIN), self._ids[places]])


def window_loss(network: nn.Module, batch: Tensor, options: WindowOptions) -> Tensor:
    """The mean negative log-probability of the units of a batch, in nats."""
    with mixed_precision(options.bfloat16):
        logits, _ = network(batch[:-1])
    return functional.cross_entropy(logits.float().flatten(0, 1), batch[1:].flatten())


def fit_language_model(
    network: LanguageModel,
    train: Tensor,
    val: Tensor,
    windows: WindowOptions,
    loop: LoopOptions,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Train a new network; its best weights by nats a unit on `val`, both (n,) ids.

    Raises:
        ValueError: `train` is too short, or `checkpoint` belongs to another training.
    """

    def validate(one: nn.Module) -> float:
        assert isinstance(one, LanguageModel)
        return nats(one, val)

    return fit(
        network,
        Windows(train, windows, loop.seed).batch,
        lambda one, batch: window_loss(one, batch, windows),
        validate,
        loop,
        checkpoint=checkpoint,
        progress=progress,
    )
