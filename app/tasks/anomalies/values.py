"""Values of a series as arrays, before and after the network. Knows states; computes nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.features.calendar import timestamps
from app.features.running import Running
from app.serving.task import ExampleDefaults
from app.tasks.anomalies.state import SeriesState, StreamOptions

Array = NDArray[np.float64]


@dataclass(slots=True)  # not frozen: creating one would take four times as long
class AnomalyExample(ExampleDefaults):
    """Values of one series, encoded for the graph, and the state before and after them.

    values, a place a value, NaN where missing; told (time, ROW): rows for the network; following
    (time, AHEAD): one step ahead of each value; future (horizon, AHEAD), one row at least; last and
    units, a place a value: what a distance is counted from, and in; earlier: the value a season
    before each, None where there is none; running: the series after the values; start: the time of
    the first value, if it was told.
    """

    before: SeriesState
    values: list[float]
    told: NDArray[np.float32]
    following: NDArray[np.float32]
    future: NDArray[np.float32]
    last: list[float]
    units: list[float]
    earlier: list[float | None]
    running: Running
    horizon: int
    start: str | None = None

    @property
    def length(self) -> int:
        """Steps that the network takes."""
        return len(self.values)


@dataclass(slots=True)
class AnomalyPrediction:
    """Of each value what had been foretold of it and how unusual it was.

    values, expected, scores, a place a value, NaN where nothing is known; quantiles, of each value
    those that are wanted; anomalous, warming: of each value, warming that little is known yet;
    mean, median (horizon,) and paths (horizon, wanted) from here; state: after the values.
    position: of the first value. horizon: steps that were to be forecast, none of which are before
    the first known value. start: the time of the first value.
    """

    values: list[float]
    expected: list[float]
    quantiles: list[list[float]]
    scores: list[float]
    anomalous: list[bool]
    warming: list[bool]
    mean: Array
    median: Array
    paths: Array
    state: SeriesState
    position: int
    horizon: int
    start: str | None = None

    @property
    def options(self) -> StreamOptions:
        return self.state.options

    def to_json(self) -> dict[str, JsonValue]:
        """As a series at rest is answered: all scores, and the anomalies."""
        found = [i for i, anomalous in enumerate(self.anomalous) if anomalous]
        anomalies: list[dict[str, JsonValue]] = [
            {
                "index": i,
                "value": self.values[i],
                "expected": self.expected[i],
                "score": self.scores[i],
            }
            for i in found
        ]
        frequency = self.options.frequency
        if self.start is not None and frequency is not None and found:
            stamps, _ = timestamps(self.start, frequency, 0, len(self.scores))
            for anomaly, i in zip(anomalies, found, strict=True):
                anomaly["timestamp"] = stamps[i]
        return {
            "scores": list[JsonValue](self.scores),
            "anomalies": list(anomalies),
            "threshold": self.options.threshold,
            "season_length": self.state.running.season_length,
            "warm_up": sum(self.warming),
        }
