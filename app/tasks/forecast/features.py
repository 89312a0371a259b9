"""The features in a forecaster's manifest. Knows names and numbers; no network."""

from pydantic import BaseModel, ConfigDict, Field

from app.features.series import SeriesOptions


class ForecastFeatures(BaseModel):
    """The `features` of a forecaster's manifest.

    levels: quantiles that the graph computes, increasing, 0.5 among them. calibration: per kind of
    calendar ("" if unknown), factors for each level's distance from the median (conformal
    prediction).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    context_length: int = Field(ge=2)
    memory: int = Field(ge=2)
    normalise: bool = True
    trained_horizon: int = Field(ge=1)
    levels: tuple[float, ...]
    calibration: dict[str, tuple[float, ...]] = Field(default_factory=dict)

    def series_options(self) -> SeriesOptions:
        return SeriesOptions(self.context_length, self.memory, self.normalise)
