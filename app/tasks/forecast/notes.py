"""What a reader of a forecast should know, in words. Knows series and answers; no network."""

import numpy as np
from numpy.typing import NDArray

from app.features.series import Window
from app.tasks.forecast.distribution import Bounds

Array = NDArray[np.float64]

_FEW = 6  # points that tell next to nothing of how far a series moves
_RARE = 0.5  # share of values other than 0 below which demand is intermittent
_STEADY = 0.98  # share of its variance that a line explains of a steady trend
_STEADY_POINTS = 10
_FAR = 50.0  # logarithms beyond are no trend
_BEHIND = 0.75  # of a steady trend: a forecast that keeps less of it is told of


def notes_on_points(values: Array, dropped: int, bounds: Bounds, seldom: bool = False) -> list[str]:
    """On the values that were used (time,), NaN = missing, and those before that were not;
    `seldom` is whether demand is rare and answered as such."""
    missing = int(np.isnan(values).sum())
    known = len(values) - missing
    other = int(np.count_nonzero(values)) - missing  # NaN is not zero
    notes = []
    if missing:
        notes.append(f"{missing} missing value{' was' if missing == 1 else 's were'} imputed")
    if dropped:
        notes.append(f"the last {len(values)} of {dropped + len(values)} points were used")
    if known < _FEW:
        notes.append(
            f"{known} point{' says' if known == 1 else 's say'} little of how far the series "
            "moves: intervals are a guess"
        )
    if not other:
        notes.append("every value is 0: how far one that is not would be from it cannot be known")
    elif seldom and other == known:
        notes.append(
            "the values vary as counts do: the distribution is that of earlier values, newer ones "
            "counting for more, and not the network's"
        )
    elif seldom:
        notes.append(
            f"{other} of {known} values are not 0: the distribution is that of earlier values, "
            "newer ones counting for more, and not the network's"
        )
    elif known >= _FEW and other < _RARE * known:
        notes.append(
            f"{other} of {known} values are not 0: for demand as rare as that the model has "
            "learned no chance of exactly 0, and its upper quantiles are too low"
        )
    outside = int(((values < bounds.minimum) | (values > bounds.maximum)).sum())
    if outside:
        notes.append(
            f"{outside} value{' lies' if outside == 1 else 's lie'} outside of minimum and maximum"
        )
    return notes


def notes_on_season(asked: int | None, window: Window) -> list[str]:
    """On a season length that was asked for and is not the one that was looked for alone."""
    if asked is None or asked < 2:
        return []
    cycles, points = window.cycles, len(window.x)
    if asked not in (cycles.short, cycles.long):
        return [f"this model looks for no season of {asked} steps"]
    if points < 2 * asked:
        return [f"a season of {asked} steps cannot be seen in {points} points: two are needed"]
    if asked == cycles.long and cycles.short > 1:
        return [f"the season of {cycles.short} steps was looked for as well as that of {asked}"]
    return []


def note_on_trend(window: Window, median: Array) -> str | None:
    """On a steady trend that the forecast does not go on with.

    median (horizon,): of the network, in units of the window. The line is fitted to the
    seasonally adjusted end of the series, to values or their logarithms, whichever is straighter.
    """
    past = window.adjusted[-len(window.context) :]
    if len(past) < _STEADY_POINTS or window.exact:
        return None
    ahead = min(len(median), len(past))
    path = window.level + window.unit(len(median))[:, 0] * median
    curves = [(past, float(path[ahead - 1]))]
    if window.log:  # of values, too: a straight line in logarithms is a steady growth
        curves += [(_exp(past - past[-1]), float(_exp(path[ahead - 1] - past[-1])))]
    lines = [(*_line(line), end) for line, end in curves]
    explained, slope, last, end = max(lines)
    expected, answered = slope * ahead, end - last
    if explained < _STEADY or answered / expected > _BEHIND:
        return None
    kept = max(round(100 * answered / expected), 0)
    return (
        f"the series has a steady trend, and the forecast keeps {kept} % of it over {ahead} steps: "
        "a trend this steady is outside of what the model has learned"
    )


def _exp(logs: Array) -> Array:
    return np.exp(np.clip(logs, -_FAR, _FAR))


def _line(values: Array) -> tuple[float, float, float]:
    """(share of the variance that a line explains, its slope, where it ends), of values (time,)."""
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    mean = float(values.mean())
    power = float(((values - mean) ** 2).sum())
    slope = float(steps @ values) / float(steps @ steps)
    explained = slope**2 * float(steps @ steps) / power if power > 0 else 0.0
    return explained, slope, mean + slope * float(steps[-1])


def notes_on_horizon(horizon: int, trained: int) -> list[str]:
    """On steps beyond those that the network was trained for."""
    if horizon <= trained:
        return []
    return [f"steps beyond {trained} reach further than the network was trained for"]
