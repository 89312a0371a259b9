"""Chooses the cycles of one series, from its frequency or from its values; knows no network."""

import numpy as np
from numpy.typing import NDArray

from app.features.calendar import Cycles, cycles_of
from app.features.seasonal import moving_average, seasonal_index

Array = NDArray[np.float64]

_CANDIDATES = 4  # peaks that are looked at, of each autocorrelation
_LEAST_GAIN = 0.2  # share of the error that a season must take away


def choose_cycles(
    values: NDArray[np.float64], frequency: str | None, season_length: int | None
) -> Cycles:
    """Cycles of one series (time,), NaN = missing.

    `season_length` replaces the short cycle and leaves the frequency's long one (a year of
    weeks, a week of hours) in view; without either, the cycle is inferred from the values.
    """
    if frequency is not None:
        usual = cycles_of(frequency)
        if season_length is None or season_length == usual.short:
            return usual
        if season_length == usual.long:
            return usual
        return Cycles(season_length, usual.long if season_length < usual.long else 1, usual.kind)
    short = infer_season_length(values) if season_length is None else season_length
    # without a calendar, a season length still tells what the steps usually are
    by_length = {
        4: Cycles(4, 1, "quarterly"),
        7: Cycles(7, 365, "daily"),
        12: Cycles(12, 1, "monthly"),
        24: Cycles(24, 168, "hourly"),
        48: Cycles(48, 336, "hourly"),
        52: Cycles(1, 52, "weekly"),
        96: Cycles(96, 672, "hourly"),
        168: Cycles(24, 168, "hourly"),
    }
    return by_length.get(short, Cycles(short, 1, None))


def infer_season_length(values: Array, longest: int = 400) -> int:
    """The cycle that foretells a series (time,) best, NaN = missing; 1 when none does.

    Candidates are the highest peaks of two autocorrelations: of the differences, and of the
    detrended values past their first zero. A candidate counts if three whole cycles are there
    and smoothing phases from cycle to cycle (`seasonal_index`) foretells the next one at least
    20 % better than no season does, more where there is little evidence. The shortest one that
    comes close to the best is taken, since multiples of a season foretell as well; of cycles that
    differ by a step, the best, since one that is a little too short comes close, too.
    """
    known = ~np.isnan(values)
    if known.sum() < 9:
        return 1
    steps = np.arange(len(values))
    x = np.interp(steps, steps[known], values[known])
    size = float(np.abs(x).max())
    x = x / size if size > 0 else x
    if float(np.ptp(x)) < 1e-9:
        return 1
    last = min(longest, len(x) // 3)
    slope = np.polynomial.Polynomial.fit(steps, x, 1)(steps)
    candidates = _peaks(np.diff(x), last, start=2) | _peaks(x - slope, last, start=None)
    gains = {period: _gain(x, period) for period in candidates}
    for best in sorted(gains, key=lambda p: -gains[p])[:1]:  # noise moves a peak by a step
        gains |= {p: _gain(x, p) for p in (best - 1, best + 1) if 2 <= p <= last}
    least = _LEAST_GAIN + 1.0 / np.sqrt(len(x))
    good = {period: gain for period, gain in gains.items() if gain > least}
    if not good:
        return 1
    found = min(period for period, gain in good.items() if gain > 0.95 * max(good.values()))
    while (best := max((found - 1, found, found + 1), key=lambda p: good.get(p, 0.0))) != found:
        found = best
    return found


def _peaks(x: Array, last: int, start: int | None) -> set[int]:
    """The highest peaks of the autocorrelation of x, from lag `start` (None: from the first
    lag at which it is negative) to `last`."""
    x = x - x.mean()
    power = float(x @ x)
    if power <= 1e-24 or last < 2:
        return set()
    padded = 1 << (2 * len(x) - 1).bit_length()
    spectrum = np.fft.rfft(x, padded)
    acf = np.fft.irfft(spectrum * np.conj(spectrum), padded)[: last + 2] / power
    acf *= len(x) / (len(x) - np.arange(len(acf)))  # the usual estimate shrinks long lags
    if start is None:
        below = np.flatnonzero(acf < 0)
        start = int(below[0]) if len(below) else last + 1
    lags = np.arange(max(start, 2), min(last, len(acf) - 2) + 1)
    tops = lags[(acf[lags] >= acf[lags - 1]) & (acf[lags] >= acf[lags + 1]) & (acf[lags] > 0.1)]
    return {int(lag) for lag in tops[np.argsort(-acf[tops])][:_CANDIDATES]}


def _gain(x: Array, period: int) -> float:
    """Share of the deviations from the moving average that a season foretells, up to 1."""
    rest = x - moving_average(x, period)
    plain = float(np.abs(rest[period:]).mean())
    return 1.0 - seasonal_index(rest, period)[3] / plain if plain > 1e-12 else 0.0
