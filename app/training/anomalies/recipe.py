"""What decides a streaming forecaster, but the data. Knows numbers only."""

from dataclasses import dataclass, field

from app.training.anomalies.network import StreamForecasterOptions
from app.training.common.loop import LoopOptions

_LOOP = LoopOptions(
    steps=9000, learning_rate=3e-3, weight_decay=0.01, averaging=0.997, validate_every=500
)


@dataclass(frozen=True)
class AnomalyRecipe:
    """Every choice that makes the model; goes into the manifest as it is."""

    network: StreamForecasterOptions = field(default_factory=StreamForecasterOptions)  # its sizes
    loop: LoopOptions = _LOOP  # how it is trained
    batch_size: int = 48  # windows in a step
    window: int = 128  # values in a window
    longest: int = 1200  # values of one series, at most
    generated: int = 1600  # series that are generated beside those of the data
    seed: int = 0  # of series and windows
