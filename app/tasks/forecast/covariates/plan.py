"""A forecast with covariates: which forecasts it takes of the network, and what they come to.

Whether covariates help is judged by rolling origins inside the past: from each of them the network
forecasts the series as it is and what every regression leaves of it, and the quantiles that were
best are what counts, or the mean of two. Knows no network and no HTTP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.tasks.forecast.covariates.candidates import Candidate
from app.tasks.forecast.distribution import Bounds, nodes

Array = NDArray[np.float64]

AS_IT_IS: Final = "series"
_JUDGED: Final = (0.1, 0.5, 0.9)
_LEVELS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)
_HELPS: Final = 0.98  # of the error without: from there on covariates count
_SURE: Final = 1.5  # standard errors of the gain, over windows
_STRETCH: Final = (0.5, 3.0)  # of intervals, at least and at most
_SHRUNK: Final = 20.0  # judged steps that count as much as an interval that is right as it is
_GRID: Final = nodes(_LEVELS)


@dataclass(frozen=True)
class Ask:
    """One forecast of the network: what is encoded, and what is added to it."""

    request: Mapping[str, Any]  # keywords of `encode`
    candidate: str
    ahead: Array  # (horizon,) on the candidate's scale
    origin: int


@dataclass(frozen=True)
class Forecast:
    """A forecast and what the covariates had to do with it."""

    answer: dict[str, JsonValue]

    def to_json(self) -> dict[str, JsonValue]:
        """The fields of a forecast, and `covariates`."""
        return self.answer


@dataclass(frozen=True)
class Plan:
    """What is asked of the network for one series: `asks`, the last ones of the future itself.

    names: of the columns of the candidates' parts, by index.
    """

    series: Array  # (time,), NaN = missing
    horizon: int
    quantiles: tuple[float, ...]
    bounds: Bounds
    candidates: Mapping[str, Candidate]
    names: tuple[str, ...]
    asks: tuple[Ask, ...]
    notes: tuple[str, ...]

    def combine(self, answers: Sequence[Mapping[str, Any]]) -> Forecast:
        """The forecast, from the answers to `asks` as JSON has them, in order."""
        paths = [self._paths(ask, one) for ask, one in zip(self.asks, answers, strict=True)]
        plain = next(
            one
            for ask, one in zip(self.asks, answers, strict=True)
            if ask.candidate == AS_IT_IS and ask.origin == len(self.series)
        )
        judged: dict[str, list[Array]] = {}
        truth = []
        future: dict[str, Array] = {}
        for ask, path in zip(self.asks, paths, strict=True):
            if ask.origin == len(self.series):
                future[ask.candidate] = path
                continue
            judged.setdefault(ask.candidate, []).append(path)
            if ask.candidate == AS_IT_IS:
                truth.append(self.series[ask.origin : ask.origin + self.horizon])
        every = {name: np.concatenate(of, axis=1) for name, of in judged.items()}
        actual = np.concatenate(truth) if truth else np.zeros(0)
        proven = [name for name, each in self.candidates.items() if each.proven]
        chosen, errors = _chosen(every, actual, len(truth), proven)
        weights = {name: chosen.count(name) / len(chosen) for name in chosen}
        mixed: Array = np.sum([future[name] * share for name, share in weights.items()], axis=0)
        if every and set(weights) != {AS_IT_IS}:
            past = np.sum([every[name] * share for name, share in weights.items()], axis=0)
            mixed = _stretched(mixed, self._middle, _stretch(past, actual))
        return Forecast(self._answer(plain, mixed, weights, errors, future, len(truth)))

    @property
    def _middle(self) -> int:
        return len(self.quantiles)

    def _paths(self, ask: Ask, answer: Mapping[str, Any]) -> Array:
        """(levels, horizon) of values, in the order of the levels that were asked for."""
        levels = ask.request["quantiles"]
        path = np.array([answer["quantiles"][repr(float(level))] for level in levels])
        if ask.candidate == AS_IT_IS:
            return path
        values = self.candidates[ask.candidate].domain.invert(path + ask.ahead)
        lowest = 0.0 if float(np.nanmin(self.series)) >= 0.0 else -np.inf
        return np.maximum(values, lowest)

    def _answer(
        self,
        plain: Mapping[str, Any],
        mixed: Array,
        weights: Mapping[str, float],
        errors: tuple[float, float],
        future: Mapping[str, Array],
        windows: int,
    ) -> dict[str, JsonValue]:
        values = self.bounds.apply(mixed)
        asked, median, grid = np.split(values, [self._middle, self._middle + 1])
        order = np.argsort(self.quantiles, kind="stable")
        asked[order] = np.maximum.accumulate(asked[order], axis=0)
        weight = 1.0 - weights.get(AS_IT_IS, 0.0)
        notes = [*plain["notes"], *self.notes]
        if windows and not weight:
            notes.append(
                f"the covariates did not help in the last {windows} windows of {self.horizon} "
                "steps: they are left out"
            )
        contributions = {name: [0.0] * self.horizon for name in self.names}
        for name, share in weights.items():
            if name == AS_IT_IS:
                continue
            at = self.candidates[name].domain
            total = at.apply(future[name][self._middle])
            for index, part in self.candidates[name].parts().items():
                if index >= len(self.names):
                    continue
                added = share * (at.invert(total) - at.invert(total - part))
                path = contributions[self.names[index]]
                contributions[self.names[index]] = (np.array(path) + added).tolist()
        return {
            **plain,
            "mean": (_GRID.weights @ grid).tolist(),
            "median": median[0].tolist(),
            "quantiles": {repr(float(p)): asked[i].tolist() for i, p in enumerate(self.quantiles)},
            "notes": notes,
            "covariates": {
                "weight": weight,
                "windows": windows,
                "error": _number(errors[0]),
                "error_without": _number(errors[1]),
                "contributions": contributions,
            },
        }


def levels_of(quantiles: Sequence[float]) -> tuple[float, ...]:
    """The levels that the future is asked for: `quantiles`, the median, nodes of the mean."""
    normal = NormalDist()
    return (*quantiles, 0.5, *(normal.cdf(each) for each in _GRID.deviates.tolist()))


def asks_of(
    series: Array,
    request: Mapping[str, Any],
    candidates: Mapping[str, Candidate],
    origins: Sequence[int],
) -> tuple[Ask, ...]:
    """Every forecast that is needed: from each origin, and from the end of the series.

    request: of the series as it is, with its options.
    """
    horizon = request["horizon"]
    alike = {key: request[key] for key in ("horizon", "frequency", "season_length")}
    asks = []
    for origin in (*origins, len(series)):
        last = origin == len(series)
        levels = levels_of(request["quantiles"]) if last else _JUDGED
        whole = request if last else alike
        plain = {**whole, "series": series[:origin], "quantiles": levels}
        asks.append(Ask(plain, AS_IT_IS, np.zeros(horizon), origin))
        for name, candidate in candidates.items():
            rest, ahead = candidate.at(origin)
            asks.append(Ask({**alike, "series": rest, "quantiles": levels}, name, ahead, origin))
    return tuple(asks)


def _chosen(
    judged: Mapping[str, Array], actual: Array, windows: int, proven: Sequence[str]
) -> tuple[tuple[str, ...], tuple[float, float]]:
    """(the candidates whose mean is taken, (its error, that of the series as it is)).

    judged: of each candidate (levels, judged steps), the median in the middle. What is compared is
    the mean quantile loss: medians alone tell little of a series that is mostly zero. Covariates
    count only where they help by more than the windows differ from each other; those of `proven`
    also where they do no harm.
    """
    if not judged:
        return (AS_IT_IS,), (np.nan, np.nan)
    names = sorted(judged)
    paths = {
        (one, other): (judged[one] + judged[other]) / 2
        for i, one in enumerate(names)
        for other in names[i:]
    }
    losses = {pair: _losses(path, actual, windows) for pair, path in paths.items()}
    plain = losses[AS_IT_IS, AS_IT_IS]
    best = min(losses, key=lambda pair: float(losses[pair].mean()))
    gain, doubt = _gain(plain - losses[best])
    if gain < (1.0 - _HELPS) * float(plain.mean()) or gain <= _SURE * doubt:
        sure = [pair for pair in losses if set(pair) & set(proven)]
        best = min(sure, key=lambda pair: float(losses[pair].mean()), default=(AS_IT_IS,) * 2)
        gain, doubt = _gain(plain - losses[best])
        if gain < -doubt:
            best = (AS_IT_IS, AS_IT_IS)
    seen = np.isfinite(actual)
    missed = [
        float(np.abs(paths[pair][1] - actual)[seen].mean()) if seen.any() else np.nan
        for pair in (best, (AS_IT_IS, AS_IT_IS))
    ]
    return best, (missed[0], missed[1])


def _losses(path: Array, actual: Array, windows: int) -> Array:
    """Mean quantile loss of `path` (levels, judged steps) by window (windows,), since errors of one
    window are alike."""
    level = np.array(_JUDGED)[:, None]
    error = actual - path
    loss = np.maximum(level * error, (level - 1.0) * error).mean(axis=0)
    seen = np.isfinite(actual)
    total = np.where(seen, loss, 0.0).reshape(windows, -1).sum(axis=1)
    return np.asarray(total / np.maximum(seen.reshape(windows, -1).sum(axis=1), 1))


def _gain(gains: Array) -> tuple[float, float]:
    """(mean, its standard error) of gains by window."""
    return float(gains.mean()), float(gains.std(ddof=1)) / float(np.sqrt(len(gains)))


def _stretch(judged: Array, actual: Array) -> float:
    """The factor by which intervals of `judged` (three levels, steps) hold what they say.

    Conformal: the 80 % quantile of how far the truth lies from the median, in units of the
    interval's half on that side (Romano, Patterson and Candes 2019, "Conformalized quantile
    regression").
    """
    low, middle, high = judged
    seen = np.isfinite(actual)
    half = np.where(actual > middle, high - middle, middle - low)[seen]
    size = np.maximum(half, 1e-12 + 1e-9 * np.abs(middle[seen]))
    share = np.abs(actual - middle)[seen] / size
    if not share.size:
        return 1.0
    factor = float(np.clip(np.quantile(share, 0.8), *_STRETCH))
    trust = share.size / (share.size + _SHRUNK)
    return float(factor**trust)


def _stretched(paths: Array, middle: int, factor: float) -> Array:
    stretched: Array = paths[middle] + factor * (paths - paths[middle])
    return stretched


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
