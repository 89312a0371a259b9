"""The features in a forecaster's manifest. Knows names and numbers; no network."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.features.covariates import BesideOptions
from app.features.series import SeriesOptions


class LearnedCovariate(BaseModel):
    """A covariate that a network has learned.

    ahead: whether its future is known, too; static: whether it is the same at every step of a
    series. Of numbers: centre and scale are what a unit is taken from, lowest and highest what was
    seen. Of categories: those that were seen; any other one is code 0, and the first one 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Literal["number", "boolean", "category"]
    ahead: bool
    static: bool = False
    centre: float = 0.0
    scale: float = Field(1.0, gt=0.0)
    lowest: float = 0.0
    highest: float = 0.0
    categories: tuple[str, ...] = ()


class CovariateFeatures(BaseModel):
    """What a network with covariates has learned beside the series.

    scale_length: values that level and unit are taken from; years: whether the time of the year
    was learned. frequency and season_length are those of the data, if all series shared one, and
    stand where a request names none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[LearnedCovariate, ...]
    scale_length: int = Field(ge=2)
    years: bool
    frequency: str | None = None
    season_length: int | None = None


class ForecastFeatures(BaseModel):
    """The `features` of a forecaster's manifest.

    levels: quantiles that the graph computes, increasing, 0.5 among them. calibration: per kind of
    calendar ("" if unknown), factors for each level's distance from the median (conformal
    prediction). trends: whether the decoder reads `features.trends`. rare: whether demand that is
    often zero is answered by `features.rare`. covariates: of a network that has learned some.
    channels: the names, in order, of series that a network has learned together and answers
    together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    context_length: int = Field(ge=2)
    memory: int = Field(ge=2)
    normalise: bool = True
    trends: bool = False
    rare: bool = False
    trained_horizon: int = Field(ge=1)
    levels: tuple[float, ...]
    calibration: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    covariates: CovariateFeatures | None = None
    channels: tuple[str, ...] = ()

    def series_options(self) -> SeriesOptions:
        return SeriesOptions(self.context_length, self.memory, self.normalise, self.trends)

    def beside_options(self) -> BesideOptions:
        """Of a network that has learned covariates."""
        assert self.covariates is not None
        return BesideOptions(
            self.context_length, self.covariates.scale_length, self.trained_horizon
        )
