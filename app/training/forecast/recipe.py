"""What decides a forecaster, but the data. Knows numbers only."""

from dataclasses import dataclass, field

from app.features.series import SeriesOptions
from app.training.common.loop import LoopOptions
from app.training.forecast.network import ForecasterOptions


@dataclass(frozen=True)
class ForecastRecipe:
    """Every choice that makes the model; goes into the manifest as it is."""

    network: ForecasterOptions = field(default_factory=ForecasterOptions)
    loop: LoopOptions = field(default_factory=LoopOptions)
    members: int = 4
    batch_size: int = 256
    context_length: int = 64
    memory: int = 1100
    trained_horizon: int = 64
    generated: int = 6000
    seed: int = 0

    def series_options(self) -> SeriesOptions:
        return SeriesOptions(context_length=self.context_length, memory=self.memory)
