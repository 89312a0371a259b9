"""How one network of the generated waves is fitted: batches as served, loss, validation.

Values reach the network as they are, unscaled. Knows no files.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.features.cycles import choose_cycles
from app.features.series import CONTEXT_FEATURES, future, prepare
from app.tasks.forecast.distribution import mean_weights
from app.training.common.loop import Fit, Progress, fit
from app.training.common.precision import mixed_precision
from app.training.forecast.network import Forecaster, pinball
from app.training.waves.data import draw
from app.training.waves.recipe import WavesRecipe

Array = NDArray[np.float64]
_UNIT = 0.03  # about the error that the noise forces; brings the losses near one


class Batch(NamedTuple):
    """What the network reads, and the values that follow: target (batch, horizon)."""

    context: Tensor
    lengths: Tensor
    future: Tensor
    target: Tensor


def as_served(
    past: Array, lengths: NDArray[np.int64], recipe: WavesRecipe
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The very context that `ForecastTask.encode` makes of the last `lengths` values of each row.

    past (rows, context_length), NaN = missing -> context (rows, context_length, features),
    padded with zeros, and its lengths. Rows without gaps are done at once; a test compares them.
    """
    rows, time = past.shape
    shifted = np.arange(time) + (time - lengths)[:, None]  # (rows, time)
    valid = shifted < time
    x = np.where(valid, np.take_along_axis(past, np.minimum(shifted, time - 1), axis=1), 0.0)
    step = np.diff(x, axis=1, prepend=x[:, :1])
    context = np.zeros((rows, time, CONTEXT_FEATURES), np.float32)
    context[:, :, 0] = context[:, :, 1] = np.arcsinh(x) / 2.0
    context[:, :, 2] = np.arcsinh(step) / 2.0
    context[:, :, 5] = 1.0
    context[~valid] = 0.0
    lengths = lengths.copy()
    for row in np.flatnonzero(np.isnan(x).any(axis=1)):
        values = x[row, : lengths[row]]
        values = values[np.flatnonzero(~np.isnan(values))[0] :]
        cycles = choose_cycles(values, None, None)
        lengths[row] = len(values)
        context[row] = 0.0
        context[row, : len(values)] = prepare(values, cycles, recipe.series_options()).context
    return context, lengths


def steps_ahead(recipe: WavesRecipe) -> NDArray[np.float32]:
    """Decoder inputs (horizon, features): without scale and season, the same for every series."""
    empty = prepare(np.zeros(2), choose_cycles(np.zeros(2), None, None), recipe.series_options())
    ahead = future(empty, recipe.horizon, recipe.horizon)
    return ahead.astype(np.float32)


def batch_of(series: Array, recipe: WavesRecipe, rng: np.random.Generator | None = None) -> Batch:
    """series (rows, context_length + horizon) -> tensors; with `rng`, some are cut or have gaps."""
    past, target = np.split(series, [recipe.context_length], axis=1)
    lengths = np.full(len(series), recipe.context_length, np.int64)
    if rng is not None:
        cut = rng.random(len(series)) < recipe.short
        lengths[cut] = rng.integers(2, recipe.context_length, cut.sum())
        gaps = rng.random(len(series)) < recipe.gaps
        missing = gaps[:, None] & (rng.random(past.shape) < 0.1)
        missing[:, -1] = False  # something must be known, however short the row is
        past = np.where(missing, np.nan, past)
    context, lengths = as_served(past, lengths, recipe)
    ahead = torch.from_numpy(steps_ahead(recipe)).expand(len(series), -1, -1)
    return Batch(
        torch.from_numpy(context),
        torch.from_numpy(lengths),
        ahead,  # (rows, horizon, features)
        torch.from_numpy(target.astype(np.float32)),
    )


def training_batch(recipe: WavesRecipe, member: int) -> Callable[[int], Batch]:
    """What `member` learns from at each step: a function of the step alone."""
    rng = np.random.default_rng([recipe.seed, 1])
    known = draw(rng, recipe.series, recipe) if recipe.series is not None else None

    def batch(step: int) -> Batch:
        rng = np.random.default_rng([recipe.seed + member, 3, step])
        if known is None:
            return batch_of(draw(rng, recipe.batch_size, recipe), recipe, rng)
        return batch_of(known[rng.integers(0, len(known), recipe.batch_size)], recipe, rng)

    return batch


def train_member(
    recipe: WavesRecipe,
    member: int,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Train one network; its seed is the recipe's plus its number."""
    loop = replace(recipe.loop, seed=recipe.seed + member)
    torch.manual_seed(loop.seed)
    network = Forecaster(recipe.network)
    levels = torch.tensor(recipe.network.levels)
    shares = torch.from_numpy(mean_weights(recipe.network.levels).astype(np.float32))
    rng = np.random.default_rng([recipe.seed, 2])
    judged = batch_of(draw(rng, recipe.validation, recipe), recipe)

    def loss(module: nn.Module, drawn: Batch) -> Tensor:
        with mixed_precision(recipe.bfloat16):
            answer = module(drawn.context, drawn.lengths, drawn.future).float()
        quantiles = pinball(answer, drawn.target, levels).mean() / _UNIT
        squares = ((answer @ shares - drawn.target) ** 2).mean() / _UNIT**2
        total: Tensor = quantiles + recipe.squared * squares
        return total

    def validate(module: nn.Module) -> float:
        answer = module(judged.context, judged.lengths, judged.future)
        return float(((answer @ shares - judged.target) ** 2).mean())

    batch = training_batch(recipe, member)
    return fit(network, batch, loss, validate, loop, checkpoint=checkpoint, progress=progress)
