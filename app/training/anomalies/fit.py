"""How the streaming forecaster is fitted: windows, loss, validation. Knows material, no files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from app.training.anomalies.material import Material
from app.training.anomalies.network import StreamForecaster
from app.training.anomalies.recipe import AnomalyRecipe
from app.training.common.loop import Fit, Progress, fit
from app.training.forecast.network import pinball

_SETTLING = 16  # values after which a window from the middle of a series counts
_MOST_WEIGHT = 10.0


class Batch(NamedTuple):
    """rows (time, batch, ROW), ahead (time, batch, asked, AHEAD), target and weight (time, batch,
    asked); weight 0 where nothing is learned."""

    rows: Tensor
    ahead: Tensor
    target: Tensor
    weight: Tensor


def draw(rng: np.random.Generator, material: Material, recipe: AnomalyRecipe) -> Batch:
    """Windows of series, each as long as the recipe says or as its series.

    A third begin where their series begins; in others the first values only lead up to the rest.
    """
    lengths = np.diff(material.begins)
    # long series are drawn more often, but not as often as they are longer
    share = np.sqrt(np.minimum(lengths, recipe.longest))
    chosen = rng.choice(len(lengths), recipe.batch_size, p=share / share.sum())
    window = recipe.window
    room = np.maximum(lengths[chosen] - window, 0)
    offset = (rng.random(len(chosen)) * (room + 1)).astype(np.int64)
    offset[rng.random(len(chosen)) < 1 / 3] = 0
    steps = np.arange(window)[:, None]  # (time, 1)
    inside = steps < (lengths[chosen] - offset)  # (time, batch)
    index = np.minimum(material.begins[chosen] + offset + steps, len(material.rows) - 1)
    target = material.target[index]  # (time, batch, asked)
    counted = np.isfinite(target) & inside[..., None]
    counted &= ((offset == 0) | (steps >= _SETTLING))[..., None]
    weight = np.where(counted, np.minimum(material.weight[index], _MOST_WEIGHT)[..., None], 0.0)
    return Batch(
        torch.from_numpy(np.where(inside[..., None], material.rows[index], 0.0).astype(np.float32)),
        torch.from_numpy(material.ahead[index]),
        torch.from_numpy(np.nan_to_num(target)),
        torch.from_numpy(weight.astype(np.float32)),
    )


def loss_of(network: nn.Module, batch: Batch) -> Tensor:
    """Weighted pinball loss of the steps ahead; the next step counts as much as all others."""
    assert isinstance(network, StreamForecaster)
    outputs, _ = network(batch.rows)
    asked = batch.ahead.shape[2]
    spread = outputs[:, :, None].expand(-1, -1, asked, -1)  # (time, batch, asked, hidden)
    quantiles = network.answer(spread, batch.ahead)
    levels = torch.tensor(network.options.levels)
    flat = quantiles.flatten(0, 1)  # (time * batch, asked, levels)
    loss = pinball(flat, batch.target.flatten(0, 1), levels)
    weight = batch.weight.flatten(0, 1)
    share = torch.full((asked,), 1.0 / max(asked - 1, 1))
    share[0] = 1.0
    weight = weight * share
    return (loss * weight).sum() / weight.sum().clamp(min=1.0)


def train_network(
    material: Material,
    validation: Material,
    recipe: AnomalyRecipe,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """The fit of one network. Raises what `fit` raises."""
    torch.manual_seed(recipe.seed)
    network = StreamForecaster(recipe.network)
    rng = np.random.default_rng(recipe.seed + 1)
    fixed = [draw(rng, validation, recipe) for _ in range(12)]

    def batch(step: int) -> Batch:
        return draw(np.random.default_rng((recipe.seed, step)), material, recipe)

    def validate(judged: nn.Module) -> float:
        return float(np.mean([float(loss_of(judged, each)) for each in fixed]))

    options = replace(recipe.loop, seed=recipe.seed)
    return fit(network, batch, loss_of, validate, options, checkpoint=checkpoint, progress=progress)
