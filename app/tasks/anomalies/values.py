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


@dataclass(frozen=True)
class AnomalyExample(ExampleDefaults):
    """Values of one series, encoded for the graph, and the state before and after them.

    values (time,), NaN where missing; told (time, ROW): rows for the network; following (time,
    AHEAD): one step ahead of each value; future (horizon, AHEAD), one row at least; last and units
    (time,): what a distance is counted from, and in; earlier (time,): the value a season before,
    NaN where there is none; warming (time,): whether little is known yet; running: the series
    after the values; start: the time of the first value, if it was told.
    """

    before: SeriesState
    values: Array
    told: NDArray[np.float32]
    following: NDArray[np.float32]
    future: NDArray[np.float32]
    last: Array
    units: Array
    earlier: Array
    warming: NDArray[np.bool_]
    running: Running
    horizon: int
    start: str | None = None

    @property
    def length(self) -> int:
        """Steps that the network takes."""
        return len(self.values)


@dataclass(frozen=True)
class AnomalyPrediction:
    """Of each value what had been foretold of it and how unusual it was.

    values, expected, scores (time,), NaN where nothing is known; quantiles (time, wanted);
    anomalous, warming (time,); mean, median (horizon,) and paths (horizon, wanted) from here;
    state: after the values. position: of the first value. horizon: steps that were to be
    forecast, none of which are before the first known value. start: the time of the first value.
    """

    values: Array
    expected: Array
    quantiles: Array
    scores: Array
    anomalous: NDArray[np.bool_]
    warming: NDArray[np.bool_]
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
        found = np.flatnonzero(self.anomalous)
        anomalies: list[dict[str, JsonValue]] = [
            {
                "index": int(i),
                "value": float(self.values[i]),
                "expected": float(self.expected[i]),
                "score": float(self.scores[i]),
            }
            for i in found
        ]
        frequency = self.options.frequency
        if self.start is not None and frequency is not None and len(found):
            stamps, _ = timestamps(self.start, frequency, 0, len(self.scores))
            for anomaly, i in zip(anomalies, found.tolist(), strict=True):
                anomaly["timestamp"] = stamps[i]
        return {
            "scores": self.scores.tolist(),
            "anomalies": list(anomalies),
            "threshold": self.options.threshold,
            "season_length": self.state.running.season_length,
            "warm_up": int(self.warming.sum()),
        }
