"""What values one by one mean: how unusual each is, and the distribution of what comes next.

Knows features and the graph's tensors; knows no HTTP, no stream and no torch. A series at rest is
answered as a stream of its values.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from statistics import NormalDist
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from app.errors import InferenceFailed, InvalidInput
from app.features.calendar import timestamps
from app.features.padding import pad
from app.features.quantiles import Between, extrapolate, stretch
from app.features.running import AHEAD, ROW
from app.features.surprise import WARM_UP
from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session
from app.tasks.anomalies.features import AnomalyFeatures
from app.tasks.anomalies.scoring import Levels, scored, widened
from app.tasks.anomalies.state import (
    DEFAULT_QUANTILES,
    REMEMBERED,
    SeriesState,
    StreamOptions,
)
from app.tasks.anomalies.values import AnomalyExample, AnomalyPrediction
from app.telemetry import metrics

Array = NDArray[np.float64]
MAX_SEASON_LENGTH: Final = 100_000
_NORMAL: Final = NormalDist()
_NONE: Final = np.zeros(0)
_PIECE: Final = 4096  # rows
_LARGEST: Final = 1e100  # a value; what is beyond it counts as if it were there


class AnomalyTask:
    """Serves any graph with the tensors of `stream_forecaster_graph`."""

    def __init__(
        self, features: AnomalyFeatures, session: Session, name: tuple[str, str] = ("", "")
    ) -> None:
        """`name` is the model's name and version, for the metrics; ("", "") for no metrics."""
        self.features = features
        counters = (metrics.SCORED_VALUES, metrics.ANOMALIES, metrics.WARM_UP_VALUES)
        self._counters = [each.labels(*name) for each in counters] if any(name) else None
        self._session = session
        levels = np.array(features.levels)
        self._middle = features.levels.index(0.5)
        self._levels = Levels.of(features.levels, features.stretch)
        self._stretch = np.array(features.stretch)
        self._wanted = lru_cache(maxsize=256)(self._between)
        self._probits = np.array([_NORMAL.inv_cdf(p) for p in features.levels])
        edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
        self._shares = np.diff(edges)  # probability mass of each level

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        features = AnomalyFeatures.model_validate(manifest.features)
        return cls(features, open_session("model.onnx"), (manifest.name, manifest.version))

    def first(
        self,
        threshold: float | None = None,
        frequency: str | None = None,
        season_length: int | None = None,
        quantiles: Sequence[float] = DEFAULT_QUANTILES,
    ) -> SeriesState:
        """A series before its first value.

        Raises:
            InvalidInput: an option is wrong; it is named.
        """
        _check(threshold, season_length, quantiles)
        options = StreamOptions(
            self.features.threshold if threshold is None else float(threshold),
            frequency,
            season_length,
            tuple(float(each) for each in quantiles),
        )
        return SeriesState.first(options, self.features.state)

    def encode(
        self,
        series: Sequence[float | None] | Array,
        threshold: float | None = None,
        frequency: str | None = None,
        season_length: int | None = None,
        start: str | None = None,
    ) -> AnomalyExample:
        """A series from its first value on (None or NaN for missing).

        start: the time of the first value, for the answer; it needs `frequency`.

        Raises:
            InvalidInput: an option is wrong, or there is no value.
        """
        if len(series) == 0:
            raise InvalidInput("it is empty", field="series", allowed="one value at least")
        state = self.first(threshold, frequency, season_length)
        if start is not None:
            if frequency is None:
                raise InvalidInput(
                    "start needs a frequency to count from", field="frequency", allowed="e.g. h"
                )
            timestamps(start, frequency, 0, 1)  # says what is wrong with it
        example = self.follow(state, np.array(series, dtype=np.float64), 0)
        return replace(example, start=start)

    def follow(self, state: SeriesState, values: Array, horizon: int) -> AnomalyExample:
        """More values of a series, NaN for missing, and a forecast behind them."""
        running = state.running.copy()
        kept, rows, following, last, units = [], [], [], [], []
        earlier: list[float | None] = []
        for value in values.tolist():
            value = min(max(value, -_LARGEST), _LARGEST) if value == value else value
            kept.append(value)
            earlier.append(running.before)
            rows.append(running.take(value if value == value else None))
            following.append(running.ahead(1))
            last.append(running.last)
            units.append(running.unit)
        # one step ahead of the last value is known by now
        future = [*following[-1:], *(running.ahead(step) for step in range(2, horizon + 1))]
        future = future or [running.ahead(1)]
        return AnomalyExample(
            before=state,
            values=kept,
            told=_table(rows, ROW),
            following=_table(following, AHEAD),
            future=np.array(future, np.float32),
            last=last,
            units=units,
            earlier=earlier,
            running=running,
            horizon=horizon,
        )

    def predict(self, examples: Sequence[AnomalyExample]) -> list[AnomalyPrediction]:
        """All examples in one padded batch; each answer depends only on its own series."""
        rows, lengths = pad([e.told for e in examples])  # (batch, time, ROW)
        following, _ = pad([e.following for e in examples])  # (batch, time, AHEAD)
        future, _ = pad([e.future for e in examples])  # (batch, horizon, AHEAD)
        hidden, _ = pad([e.before.hidden for e in examples])  # (batch, state)
        found = self._session.run(
            {
                "rows": rows,
                "lengths": lengths,
                "state": hidden,
                "next": following,
                "future": future,
            }
        )
        if not all(np.isfinite(each).all() for each in found.values()):
            raise InferenceFailed("the network's answer is not finite")
        quantiles = found["quantiles"].tolist()
        return [
            self._decode(
                example,
                quantiles[i][: example.length],
                found["forecast"][i, : example.horizon],
                found["next_state"][i],
            )
            for i, example in enumerate(examples)
        ]

    def count(self, prediction: AnomalyPrediction) -> None:
        """Count what somebody asked for in the metrics."""
        if self._counters is None:
            return
        values, warming = prediction.values, prediction.warming
        known = [value == value for value in values]
        early = sum(map(min, known, warming))
        for counter, count in zip(
            self._counters, (sum(known), sum(prediction.anomalous), early), strict=True
        ):
            if count:
                counter.inc(count)

    def _decode(
        self,
        example: AnomalyExample,
        coming: list[list[float]],
        ahead: NDArray[np.float32],
        hidden: NDArray[np.float32],
    ) -> AnomalyPrediction:
        """coming (time, levels) and ahead (horizon, levels), in units -> values of the series."""
        before, position = example.before, example.before.position
        wanted = self._wanted(before.options.quantiles)
        found = scored(example, coming, self._levels, wanted)
        threshold = before.options.threshold
        paths, mean, median = np.zeros((0, len(before.options.quantiles))), _NONE, _NONE
        if example.horizon and example.running.known > 0:
            less, more = found.widths.factors
            future = self._future(example, ahead.astype(np.float64)).tolist()
            values = np.array([widened(row, less, more, self._middle) for row in future])
            paths = wanted.of(values)
            mean, median = values @ self._shares, values[:, self._middle]
        state = SeriesState(
            before.options,
            example.running,
            found.surprise,
            found.widths,
            hidden,
            found.foretold,
            _last(before.scores, found.scores),
        )
        return AnomalyPrediction(
            values=example.values,
            expected=found.expected,
            quantiles=found.quantiles,
            scores=found.scores,
            anomalous=[score >= threshold for score in found.scores],
            warming=[position + i < WARM_UP for i in range(example.length)],
            mean=mean,
            median=median,
            paths=paths,
            state=state,
            position=position,
            horizon=example.horizon,
            start=example.start,
        )

    def _future(self, example: AnomalyExample, ahead: Array) -> Array:
        """(horizon, levels) in units -> quantiles of the series."""
        unit = np.full((len(ahead), 1), example.running.unit)
        trained = self.features.trained_horizon
        stretched = stretch(ahead, self._stretch, self._middle)
        scaled = extrapolate(stretched, trained, self._middle, unit)
        found: Array = example.running.last + scaled * unit
        return found

    def _between(self, quantiles: tuple[float, ...]) -> Between:
        """What gives these quantiles, in any order, from the levels of the graph."""
        return Between(self._probits, np.array([_NORMAL.inv_cdf(p) for p in quantiles]))


def _table(rows: Sequence[Sequence[float]], width: int) -> NDArray[np.float32]:
    """Rows as an array. NumPy holds the interpreter while it reads lists: it is given pieces."""
    if len(rows) <= _PIECE:
        return np.array(rows, np.float32).reshape(-1, width)
    found = np.empty((len(rows), width), np.float32)
    for at in range(0, len(rows), _PIECE):
        found[at : at + _PIECE] = rows[at : at + _PIECE]
    return found


def _last(before: "array[float]", scores: list[float]) -> "array[float]":
    """The last scores that are remembered, of those before and the new ones."""
    found = before + array("d", scores)
    return found[-REMEMBERED:]


def _check(threshold: float | None, season_length: int | None, quantiles: Sequence[float]) -> None:
    if threshold is not None and not 0.0 < threshold <= 1.0:
        raise InvalidInput(
            f"{threshold} is no threshold", field="threshold", allowed="more than 0, at most 1"
        )
    if season_length is not None and not 1 <= season_length <= MAX_SEASON_LENGTH:
        raise InvalidInput(
            f"{season_length} steps are no season",
            field="season_length",
            allowed=f"1 to {MAX_SEASON_LENGTH}",
        )
    for i, level in enumerate(quantiles):
        if not 0.0 < level < 1.0:
            raise InvalidInput(
                f"{level} is no quantile", field=f"quantiles[{i}]", allowed="between 0 and 1"
            )
