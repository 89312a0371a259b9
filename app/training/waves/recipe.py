"""What decides the forecaster of the generated waves. Knows numbers only."""

from dataclasses import dataclass, field

from app.features.series import SeriesOptions
from app.training.common.loop import LoopOptions
from app.training.forecast.network import ForecasterOptions


def _network() -> ForecasterOptions:
    return ForecasterOptions(cell="gru", hidden_size=64, dropout=0.0, recurrent_dropout=0.0)


def _loop() -> LoopOptions:
    return LoopOptions(steps=20_000, learning_rate=8e-3, weight_decay=0.0, patience=20)


@dataclass(frozen=True)
class WavesRecipe:
    """Every choice that makes the model; goes into the manifest as it is."""

    network: ForecasterOptions = field(default_factory=_network)  # sizes of a member
    loop: LoopOptions = field(default_factory=_loop)  # how a member is trained
    members: int = 1  # networks that are averaged
    batch_size: int = 128  # series in a step
    context_length: int = 50  # values that are read
    horizon: int = 10  # values that are forecast in training
    # a series has as many points between time 0 and 1 as are drawn from here; later points keep the
    # spacing
    points: tuple[int, ...] = (60, 60, 60, 51)
    series: int | None = None  # how many there are to learn from; None for new ones at every step
    validation: int = 2000  # other series, which choose the best step
    short: float = 0.05  # share of the rows that are cut to fewer points, 0 to 1
    gaps: float = 0.02  # share of the rows that have values missing, 0 to 1
    bfloat16: bool = False  # products in bfloat16 where the CPU has them
    squared: float = 2.0  # weight of the squared error beside the pinball loss
    calibration: int = 5000  # fresh series that calibrate the quantiles
    scored: int = 5000  # fresh series that are scored at the end
    seed: int = 0  # of series; a member adds its number

    def series_options(self) -> SeriesOptions:
        return SeriesOptions(self.context_length, self.context_length, normalise=False)
