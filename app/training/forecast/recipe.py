"""What decides a forecaster, but the data. Knows numbers only."""

from dataclasses import dataclass, field

from app.features.series import SeriesOptions
from app.features.trends import CANDIDATES
from app.training.common.loop import LoopOptions
from app.training.forecast.network import ForecasterOptions


def _network() -> ForecasterOptions:
    return ForecasterOptions(candidates=CANDIDATES)


@dataclass(frozen=True)
class ForecastRecipe:
    """Every choice that makes the model; goes into the manifest as it is."""

    network: ForecasterOptions = field(default_factory=_network)  # sizes of a member
    loop: LoopOptions = field(default_factory=LoopOptions)  # how a member is trained
    members: int = 4  # networks that are averaged
    batch_size: int = 256  # windows in a step
    context_length: int = 64  # last values that the encoder reads
    memory: int = 1100  # last values from which level, scale and season are estimated
    trained_horizon: int = 64  # steps ahead in training, at most
    generated: int = 6000  # series that are generated beside those of the data
    made: int = 6000  # series with clean trends, counts, shares and shifts that are generated
    made_share: float = 0.28  # of the batches that come from them
    window_share: float = 1.0  # of the windows that are cut from each series
    kept: float = 0.15  # of the weights that a training starts from, in those that it ends with
    seed: int = 0  # of windows; a member adds its number

    def series_options(self) -> SeriesOptions:
        return SeriesOptions(
            context_length=self.context_length,
            memory=self.memory,
            trends=self.network.candidates > 0,
        )
