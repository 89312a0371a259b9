"""Differences before a network, and sums behind it. Knows one kind of series, in small."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.training.study.finding import Finding, Report, Rows
from app.training.study.reader import Reader, made, taught

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
STEPS: Final = 300  # of training, for each way
SEASON: Final = 12
_PAST, _MONTHS, _HELD, _SERIES, _SEEDS = 36, 240, 72, 30, 3


def trending(rng: np.random.Generator, count: int) -> Array:
    """Months with a trend, a season of twelve and noise of 0.3: (count, months)."""
    months = np.arange(_MONTHS)
    slope = rng.uniform(0.02, 0.08, (count, 1))
    shape = rng.normal(size=(count, SEASON))
    noise = 0.3 * rng.normal(size=(count, _MONTHS))
    season = (shape - shape.mean(1, keepdims=True))[:, months % SEASON]
    found: Array = slope * months + season + noise
    return found


WAYS: Final[dict[str, tuple[int, ...]]] = {
    "as it is": (),
    "differences": (1,),
    "seasonal differences": (SEASON,),
    "both": (SEASON, 1),
}
"""The lags that are differenced before a network, one after the other."""


def differenced(series: Array, lags: tuple[int, ...]) -> Array:
    """(rows, time) to (rows, time - sum of lags)."""
    for lag in lags:
        series = series[:, lag:] - series[:, :-lag]
    return series


def undone(past: Array, ahead: Array, lags: tuple[int, ...]) -> Array:
    """The inverse, for what follows: past (rows, time) of the series, ahead (rows, horizon)."""
    for at in reversed(range(len(lags))):
        lag = lags[at]
        whole = differenced(past, lags[:at])  # (rows, time)
        for step in range(ahead.shape[1]):
            value = whole[:, -lag] + ahead[:, step]
            whole = np.hstack([whole, value[:, None]])
        ahead = whole[:, -ahead.shape[1] :]
    return ahead


def learned(series: Array, lags: tuple[int, ...], seed: int) -> Callable[[Array], Array]:
    """A network taught on `series`, that forecasts twelve months from the 36 before."""
    steps = differenced(series, lags)
    centre, scale = float(steps.mean()), float(steps.std())
    scaled = torch.from_numpy((steps - centre) / scale).float().T  # (time, series)
    network = made(lambda: Reader("gru", 1, 24, SEASON), seed)
    length = _PAST - sum(lags)

    def batch(rng: np.random.Generator) -> Tensor:
        first = rng.integers(0, len(scaled) - length - SEASON + 1, 64)
        row = torch.from_numpy(rng.integers(0, scaled.shape[1], 64))
        index = torch.from_numpy(first[None, :] + np.arange(length + SEASON)[:, None])
        return scaled[index, row[None, :]]  # (length + season, 64)

    def loss(module: nn.Module, drawn: Tensor) -> Tensor:
        answer, _ = module(drawn[:length, :, None])
        return nn.functional.mse_loss(answer[-1], drawn[length:].T)

    taught(network, batch, loss, steps=STEPS, rate=1e-2, seed=seed)

    def forecast(past: Array) -> Array:
        known = (differenced(past[:, -_PAST:], lags) - centre) / scale
        with torch.no_grad():
            answer, _ = network(torch.from_numpy(known).float().T[:, :, None])
        ahead = answer[-1].double().numpy() * scale + centre
        return undone(past[:, -_PAST:], ahead, lags)

    return forecast


def trend_season(report: Report) -> Finding:
    """Four ways to prepare a series, one network; the last six years are forecast."""
    rng = np.random.default_rng(5)
    series = trending(rng, _SERIES)
    known = series[:, :-_HELD]
    origins = range(_MONTHS - _HELD, _MONTHS - SEASON + 1, 6)
    pasts = [series[:, :origin] for origin in origins]
    targets = np.concatenate([series[:, origin : origin + SEASON] for origin in origins])
    naive = np.concatenate([past[:, -SEASON:] for past in pasts])
    rows = [["seasonal naive", f"{_rmse(naive, targets):.3f}", ""]]
    shown = {}
    for name, lags in WAYS.items():
        report(name)
        errors, inside = [], []
        for seed in range(_SEEDS):
            forecast = learned(known, lags, seed)
            answer = np.concatenate([forecast(past) for past in pasts])
            errors.append(_rmse(answer, targets))
            early = series[:, _PAST : _PAST + SEASON]  # months that it was taught on
            inside.append(_rmse(forecast(series[:, :_PAST]), early))
        rows.append([f"network, {name}", f"{np.mean(errors):.3f}", f"{np.mean(inside):.3f}"])
        shown[name] = forecast(pasts[-1][:1])[0]
    table = Rows(
        f"Root mean squared error over twelve months of {_SERIES} series, mean of {_SEEDS} "
        "repetitions; the noise alone is 0.300:",
        ("method", "months after those taught", "months that were taught"),
        rows,
    )
    return Finding(
        "Trend and season",
        _TEXT,
        [table],
        lambda figure: _draw(figure, series[0], shown),
        (9.0, 3.8),
    )


def _rmse(answer: Array, target: Array) -> float:
    return float(np.sqrt(((answer - target) ** 2).mean()))


def _draw(figure: "Figure", series: Array, shown: dict[str, Array]) -> None:
    axes = figure.subplots()
    months = np.arange(_MONTHS)
    axes.plot(months[-_HELD:], series[-_HELD:], color="black", linewidth=1, label="series")
    for name, ahead in shown.items():
        axes.plot(months[-SEASON:], ahead, label=name)
    axes.set_xlabel("month")
    axes.legend(fontsize=8)


_TEXT = """
A series that rises leaves the range that a network was taught on: fed as it is, it forecasts well
where it was taught and falls behind in the years after. Differences take the trend away, and
seasonal differences the season as well; what is left looks the same in every year. The forecast is
then summed up again from the last known values. Differences cost something, too: each adds the
noise of another month, so that doing both is not always best. The forecaster that is served
does this in `app/features/series.py`: level and season are taken off by what smoothing finds, and
put back behind the network.
"""
