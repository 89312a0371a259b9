"""How one forecaster is fitted: windows, loss, validation. Knows no files and no other member."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.features.cycles import choose_cycles
from app.features.series import Window, prepare, restore
from app.features.trends import CANDIDATES
from app.training.common.loop import Fit, LoopOptions, Progress, fit
from app.training.forecast.data import OWN, Series
from app.training.forecast.network import Forecaster, pinball
from app.training.forecast.recipe import ForecastRecipe
from app.training.forecast.split import split
from app.training.forecast.start import Start, start_from
from app.training.forecast.synthetic import MADE_AHEAD, made_series
from app.training.forecast.windows import GROUPS, Group, Windows, cut, held_out, naive_error
from app.training.waves.data import mixtures

Key = tuple[str, str | None]
MADE = "made"  # collection of the series of `synthetic`
_GENERATED: Key = ("generated", None)
_MADE: Key = (MADE, None)
_CHOOSING = 400  # made series whose ends help to choose the epoch
_SPARE = 100  # generated series that choose the epoch where no other can
_CLEAN = 0.02  # units: smaller past errors of the best candidate count as this
_LARGEST = (
    60.0  # larger targets are cut to this many units, so that rare extremes do not decide the loss
)


@dataclass(frozen=True)
class Material:
    """What all members learn from: windows by group, and the windows that choose the epoch."""

    groups: dict[Key, Windows]
    scales: dict[Key, tuple[float, float]]
    select: dict[str, "Selection"]
    split: str  # in words


@dataclass(frozen=True)
class Selection:
    """Held-out ends of the `select` part of one collection."""

    series: list[Series]
    prepared: list[Window]
    windows: Windows


def build_material(series: list[Series], recipe: ForecastRecipe) -> Material:
    """Cut the training windows; `split` says which series teach and which ends choose."""
    rng = np.random.default_rng(recipe.seed)
    options = recipe.series_options()
    generated = [_generated(rng, i) for i in range(recipe.generated)]
    parts = split(series)
    known: dict[Key, list[Series]] = {}
    for one in parts.train:
        known.setdefault(group_of(one), []).append(one)
    known[_GENERATED] = generated
    made = [_made(rng, i) for i in range(recipe.made)]
    if made:
        known[_MADE] = made
    groups = {}
    for key, members in known.items():
        share = 1.0 if key in (_GENERATED, _MADE) else recipe.window_share
        windows = cut(members, group(key), options, recipe.trained_horizon, rng, share)
        if windows is not None:
            groups[key] = windows
    select: dict[str, Selection] = {}
    for name in sorted({one.dataset for one in parts.select}):
        select[name] = selection([s for s in parts.select if s.dataset == name], recipe)
    choosing = [_made(rng, i) for i in range(min(recipe.made, _CHOOSING))]
    if choosing and any(name != OWN for name in select):
        select[_MADE[0]] = selection(choosing, recipe)
    if not select:  # series too short to hold anything out: generated ones must choose
        spare = [_held_out(one) for one in generated[:_SPARE]]
        select[_GENERATED[0]] = selection(spare, recipe)
    return Material(groups, {key: _scale(w) for key, w in groups.items()}, select, parts.how)


def group_of(series: Series) -> Key:
    return series.dataset, series.frequency


def group(key: Key) -> Group:
    """Known collections have their own pace; another one is treated like a middling one."""
    return GROUPS.get(key, Group(horizon=48, per_series=50, weight=5))


def selection(series: list[Series], recipe: ForecastRecipe) -> Selection:
    options = recipe.series_options()
    prepared = []
    for one in series:
        cycles = choose_cycles(one.known(), one.frequency, one.season_length)
        prepared.append(prepare(one.known(), cycles, options))
    return Selection(series, prepared, held_out(series, options, recipe.trained_horizon))


def train_member(
    material: Material,
    recipe: ForecastRecipe,
    member: int,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    start: Start | None = None,
) -> Fit:
    """Train one network of the ensemble; its seed is the recipe's plus its number. It begins with
    the weights of the same member of `start`, or of the one as many members before, and ends with
    a share of them: the mean of both forgets less (Wortsman et al. 2022, "Robust fine-tuning of
    zero-shot models", section 3)."""
    seed = recipe.seed + member
    loop = LoopOptions(**{**vars(recipe.loop), "seed": seed})
    torch.manual_seed(seed)
    network = Forecaster(recipe.network)
    if start is not None:
        start_from(network, start.options, start.members[member % len(start.members)])
    first = copy.deepcopy(network.state_dict())
    levels = torch.tensor(recipe.network.levels)
    keys = list(material.groups)
    weights = np.array([group(key).weight for key in keys], np.float64)
    made = np.array([key == _MADE for key in keys])
    if made.any() and not made.all():
        weights[made] = recipe.made_share / (1.0 - recipe.made_share) * weights[~made].sum()
    weights /= weights.sum()

    def batch(step: int) -> tuple[Key, Windows]:
        rng = np.random.default_rng([seed, step])
        key = keys[rng.choice(len(keys), p=weights)]
        windows = material.groups[key]
        rows = rng.integers(0, len(windows), 4 * recipe.batch_size)
        # neighbours in length waste no steps on padding
        rows = rows[np.argsort(windows.lengths[rows], kind="stable")]
        at = int(rng.integers(0, 4)) * recipe.batch_size
        return key, windows.take(rows[at : at + recipe.batch_size])

    def loss(module: nn.Module, drawn: tuple[Key, Windows]) -> Tensor:
        key, windows = drawn
        relative, scaled = material.scales[key]
        target = torch.from_numpy(windows.target)
        known = ~torch.isnan(target)
        filled = torch.where(known, target, 0.0).clamp(-_LARGEST, _LARGEST)
        answer = module(*inputs(windows))
        # half the weight is on relative errors (sMAPE), half on errors in naive steps (MASE)
        worth = torch.from_numpy(windows.relative / relative + windows.scaled / scaled) / 2.0
        if (
            key == _MADE and recipe.network.candidates
        ):  # the cleaner a trend, the more an error weighs
            errors = torch.from_numpy(windows.future[..., -CANDIDATES:]).amin(dim=2).exp()
            worth = worth * errors.clamp(_CLEAN, 1.0) ** -0.7
        worth = torch.minimum(worth, 6.0 * worth.mean())
        return (pinball(answer, filled, levels) * worth * known).sum() / known.sum()

    found = fit(
        network,
        batch,
        loss,
        lambda module: score(module, material),
        loop,
        checkpoint=checkpoint,
        progress=progress,
    )
    if start is not None:
        last = network.state_dict()
        mean = {name: last[name].lerp(value, recipe.kept) for name, value in first.items()}
        network.load_state_dict(mean)
    return found


def inputs(windows: Windows) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(windows.context),
        torch.from_numpy(windows.lengths),
        torch.from_numpy(windows.future),
    )


def predict(module: nn.Module, windows: Windows, batch_size: int = 512) -> NDArray[np.float32]:
    """Quantiles (n, horizon, levels) in the network's unit, in eval mode."""
    module.eval()
    parts = []
    with torch.no_grad():
        for at in range(0, len(windows), batch_size):
            rows = np.arange(at, min(at + batch_size, len(windows)))
            parts.append(module(*inputs(windows.take(rows))).numpy())
    return np.concatenate(parts)


def score(module: nn.Module, material: Material) -> float:
    """Mean over collections of (sMAPE / naive's + MASE / naive's) / 2 on the `select` part.

    The medians are scored; the naive forecast repeats the smoothed level and the season.
    """
    ratios = []
    for chosen in material.select.values():
        answer = predict(module, chosen.windows).astype(np.float64)
        middle = answer.shape[2] // 2
        ours = _errors(chosen, answer[:, :, middle])
        plain = _errors(chosen, np.zeros(answer.shape[:2]))
        # series that are foretold without error, such as zeros, count as 1
        ratios.append(float(((ours + 1e-9) / (plain + 1e-9)).mean()))
    return float(np.mean(ratios))


def _errors(chosen: Selection, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean symmetric relative error and mean error in naive steps: (2,)."""
    errors = np.zeros((len(chosen.series), 2))
    for i, (one, window) in enumerate(zip(chosen.series, chosen.prepared, strict=True)):
        truth = one.future()
        path = restore(window, scaled[i, : len(truth), None])[:, 0]
        miss = np.abs(truth - path)
        errors[i, 0] = np.nanmean(2.0 * miss / (np.abs(truth) + np.abs(path) + 1e-9))
        errors[i, 1] = np.nanmean(miss) / (naive_error(one.known(), one.season_length) + 1e-9)
    mean: NDArray[np.float64] = np.nanmean(errors, axis=0)
    return mean


def _scale(windows: Windows) -> tuple[float, float]:
    """Mean error of answering zero, relative and in naive steps: what one unit of loss is."""
    miss = np.minimum(np.abs(windows.target), 50.0)
    relative = np.minimum(miss * windows.relative, 2.0)
    scaled = np.minimum(miss * windows.scaled, 20.0)
    return float(np.nanmean(relative)) + 1e-9, float(np.nanmean(scaled)) + 1e-9


def _held_out(one: Series) -> Series:
    return replace(one, horizon=max(1, min(12, len(one.values) // 4)))


def _made(rng: np.random.Generator, number: int) -> Series:
    values, frequency, season = made_series(rng)
    return Series(_MADE[0], str(number), values, frequency, season, MADE_AHEAD)


def _generated(rng: np.random.Generator, number: int) -> Series:
    values, frequency, season = mixtures(rng)
    return Series("generated", str(number), values, frequency, season, 1)
