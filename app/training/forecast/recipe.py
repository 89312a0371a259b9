"""What decides a forecaster, but the data. Knows numbers only."""

from dataclasses import dataclass, field

from app.features.series import SeriesOptions
from app.training.common.loop import LoopOptions
from app.training.forecast.network import ForecasterOptions


@dataclass(frozen=True)
class ForecastRecipe:
    """Every choice that makes the model; goes into the manifest as it is."""

    network: ForecasterOptions = field(default_factory=ForecasterOptions)  # sizes of a member
    loop: LoopOptions = field(default_factory=LoopOptions)  # how a member is trained
    members: int = 4  # networks that are averaged
    batch_size: int = 256  # windows in a step
    context_length: int = 64  # last values that the encoder reads
    memory: int = 1100  # last values from which level, scale and season are estimated
    trained_horizon: int = 64  # steps ahead in training, at most
    generated: int = 6000  # series that are generated beside those of the data
    seed: int = 0  # of windows; a member adds its number

    def series_options(self) -> SeriesOptions:
        return SeriesOptions(context_length=self.context_length, memory=self.memory)
