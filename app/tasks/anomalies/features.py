"""What the manifest of a streaming forecaster says of it. Knows fields, no arrays."""

from pydantic import BaseModel, ConfigDict, Field


class AnomalyFeatures(BaseModel):
    """The `features` of a streaming forecaster's manifest.

    levels: quantiles that the graph computes, increasing, 0.5 among them. state: numbers in the
    network's state. stretch: factors for each level's distance from the median (conformal
    prediction). threshold: the score from which a value is called anomalous, unless a stream says
    otherwise. trained_horizon: steps ahead that were trained.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    levels: tuple[float, ...]
    state: int = Field(ge=1)
    stretch: tuple[float, ...]
    threshold: float = Field(gt=0, lt=1)
    trained_horizon: int = Field(ge=1)
