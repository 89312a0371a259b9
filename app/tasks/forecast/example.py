"""One series as a forecaster's graph takes it, and the forecast of it; channels of one, too.

Knows arrays and JSON; no graph.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.features.rare import Rare
from app.features.series import Window
from app.serving.task import ExampleDefaults
from app.tasks.forecast.covariates.learned import Codes
from app.tasks.forecast.distribution import Bounds


@dataclass(frozen=True)
class ForecastExample(ExampleDefaults):
    """One series, encoded for the graph.

    context: (time, features). future: (horizon, features). codes: of categories, in the past
    (time, categories) and ahead (horizon, categories), where the graph takes some. rare: the
    distribution that stands in for the network's where demand is rare. others: of channels that are
    answered together all but the first, which share its arrays.
    """

    window: Window
    context: NDArray[np.float32]
    future: NDArray[np.float32]
    quantiles: tuple[float, ...]
    bounds: Bounds
    timestamps: list[str] | None
    season_length: int
    imputed: int
    notes: tuple[str, ...]
    codes: tuple[Codes, Codes] | None = None
    rare: Rare | None = None
    others: tuple["ForecastExample", ...] = ()

    @property
    def length(self) -> int:
        """Steps that the network takes: context and horizon."""
        return len(self.context) + len(self.future)

    @property
    def horizon(self) -> int:
        return len(self.future)


@dataclass(frozen=True)
class ForecastPrediction:
    """`mean`, `median` and every quantile hold one value per future step.

    The mean is the expected value of the step (see `distribution`): means may be added up. others:
    of channels that are answered together all but the first.
    """

    mean: list[float]
    median: list[float]
    quantiles: dict[str, list[float]]
    timestamps: list[str] | None
    season_length: int
    imputed: int
    notes: list[str]
    others: tuple["ForecastPrediction", ...] = ()

    def channels(self) -> list["ForecastPrediction"]:
        """One forecast for each channel; this one itself if there is but one."""
        return [replace(self, others=()), *self.others]

    def to_json(self) -> dict[str, JsonValue]:
        if self.others:
            return {"channels": [each.to_json() for each in self.channels()]}
        answer: dict[str, JsonValue] = {
            "mean": list(self.mean),
            "median": list(self.median),
            "quantiles": {key: list(path) for key, path in self.quantiles.items()},
            "season_length": self.season_length,
            "imputed": self.imputed,
            "notes": list(self.notes),
        }
        if self.timestamps is not None:
            answer["timestamps"] = list(self.timestamps)
        return answer
