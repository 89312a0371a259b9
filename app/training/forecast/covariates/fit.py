"""How one forecaster with covariates is fitted: batches, loss, validation. Knows no files.

Each member leaves out another part of the time: that part chooses its epoch, and what it foretells
there calibrates the whole. So all of the time is learned by most of the members, and nothing is
judged by what it has learned.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.tasks.forecast.covariates.learned import LearnedCovariates
from app.tasks.forecast.features import ForecastFeatures
from app.training.common.loop import Fit, LoopOptions, Progress, fit
from app.training.forecast.calibrate import stretch_factors
from app.training.forecast.covariates.learn import lay
from app.training.forecast.covariates.network import (
    CovariateForecaster,
    repeated,
    without_calendar,
)
from app.training.forecast.covariates.recipe import CovariateRecipe
from app.training.forecast.covariates.windows import Windows, cut
from app.training.forecast.data import Series
from app.training.forecast.network import pinball

_BATCH = 256  # windows that are validated at a time
_TINY = 1e-9
_APART = 3  # parts of the time; ten parts have each their turn


@dataclass(frozen=True)
class Material:
    """What all members learn from; columns, categories and channels are those of the networks."""

    windows: Windows
    columns: int
    categories: tuple[int, ...]
    channels: int


def build_material(
    series: list[Series], features: ForecastFeatures, recipe: CovariateRecipe
) -> Material:
    """Cut the windows of all series, without their last horizons.

    Raises:
        ValueError: no series is long enough.
    """
    learned = LearnedCovariates(features)
    systems = [series] if features.channels else [[one] for one in series]
    windows = cut(
        [lay(channels, learned) for channels in systems],
        learned,
        horizon=features.trained_horizon,
        memory=features.memory,
        folds=recipe.folds,
        most=recipe.windows,
        seed=recipe.seed,
    )
    categories = tuple(1 + len(one.categories) for one in learned.categories)
    channels = windows.target.shape[2]
    return Material(windows, len(learned.numbers), categories, channels)


def left_out(recipe: CovariateRecipe, member: int) -> int:
    """The part of the time that a member leaves out, however many members there are: of the first
    one the last, of the next ones parts that lie apart."""
    return (recipe.folds - 1 - _APART * member) % recipe.folds


def parts(windows: Windows, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(windows that teach, windows that judge) where the part `fold` of the time is left out.

    Of few windows all may have to do both.
    """
    first, last = windows.folds.T
    inside = (first <= fold) & (fold <= last)
    judges = np.flatnonzero(windows.aligned & (first == fold) & (last == fold))
    if not len(judges):
        judges = np.flatnonzero(first == fold)
    teaches = np.flatnonzero(~inside)
    every = np.arange(len(windows))
    return (teaches if len(teaches) else every), (judges if len(judges) else every)


def train_member(
    material: Material,
    recipe: CovariateRecipe,
    member: int,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Train one network of the ensemble; its seed is the recipe's plus its number."""
    seed = recipe.seed + member
    loop = LoopOptions(**{**vars(recipe.loop), "seed": seed})
    torch.manual_seed(seed)
    network = CovariateForecaster(
        recipe.network, material.columns, material.categories, material.channels
    )
    levels = torch.tensor(recipe.network.levels)
    network.left_out = left_out(recipe, member)
    teaches, judges = parts(material.windows, network.left_out)
    judged = material.windows.take(judges)

    def batch(step: int) -> Windows:
        rng = np.random.default_rng([seed, step])
        return material.windows.take(rng.choice(teaches, recipe.batch_size))

    def loss(module: nn.Module, windows: Windows) -> Tensor:
        context, lengths, future, *codes = inputs(windows)
        # drawn by torch, whose state the loop sets at each step
        undated = torch.rand(len(windows)) < recipe.without_calendar
        context, future = (without_calendar(each, undated) for each in (context, future))
        if codes:
            strange = torch.rand(len(windows), 1, codes[0].shape[2]) < recipe.strange
            codes = [each.masked_fill(strange, 0) for each in codes]
        target = torch.from_numpy(windows.target)
        known = ~torch.isnan(target)
        answer = module(context, lengths, future, *codes)
        missed = pinball(answer, torch.where(known, target, 0.0), levels)
        return (missed * known).sum() / known.sum()

    return fit(
        network,
        batch,
        loss,
        lambda module: score(module, judged),
        loop,
        checkpoint=checkpoint,
        progress=progress,
    )


def inputs(windows: Windows) -> list[Tensor]:
    """What `CovariateForecaster.forward` takes."""
    arrays = [windows.context, windows.lengths, windows.future]
    if windows.context_codes.shape[2]:
        arrays += [windows.context_codes, windows.future_codes]
    return [torch.from_numpy(each) for each in arrays]


def predict(module: nn.Module, windows: Windows) -> NDArray[np.float64]:
    """Quantiles (n, horizon, channels, levels) as the network answers them, in eval mode."""
    module.eval()
    answers = []
    with torch.no_grad():
        for at in range(0, len(windows), _BATCH):
            rows = np.arange(at, min(at + _BATCH, len(windows)))
            answers.append(module(*inputs(windows.take(rows))).numpy())
    return np.concatenate(answers).astype(np.float64)


def score(module: nn.Module, windows: Windows) -> float:
    """The error of the medians in that of repeating the last cycle, each in units of its window."""
    answer = predict(module, windows)
    middle = answer.shape[3] // 2
    truth = np.sinh(windows.target.astype(np.float64))  # (n, horizon, channels)
    ours = np.abs(np.sinh(answer[..., middle]) - truth)
    last = repeated(torch.from_numpy(windows.future), truth.shape[2]).numpy()
    theirs = np.abs(np.sinh(last.astype(np.float64)) - truth)
    known = np.isfinite(truth)
    return float((ours[known].mean() + _TINY) / (theirs[known].mean() + _TINY))


def calibration(
    networks: list[CovariateForecaster], material: Material, levels: tuple[float, ...]
) -> tuple[float, ...]:
    """Stretch factors by level, from what each member foretells of the time that it left out."""
    quantiles, truth = [], []
    for network in networks:
        _, judges = parts(material.windows, network.left_out)
        windows = material.windows.take(judges)
        answer, target = predict(network, windows), windows.target.astype(np.float64)
        for channel in range(network.channels):
            quantiles.append(answer[:, :, channel])
            truth.append(target[:, :, channel])
    return stretch_factors(np.concatenate(quantiles), np.concatenate(truth), levels)
