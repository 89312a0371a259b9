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
    """Every choice that makes the model; goes into the manifest as it is.

    points: between time 0 and 1 a series has as many as are drawn from here (those further on
    go on with the same spacing). series: how many there are to learn from, and None for new
    ones at every step; validation: how many others choose the best step. short, gaps: shares
    of the rows that are cut to fewer points, or have values missing. squared: weight of the
    squared error next to the pinball loss. calibration, scored: fresh series for each at the end.
    """

    network: ForecasterOptions = field(default_factory=_network)
    loop: LoopOptions = field(default_factory=_loop)
    members: int = 1
    batch_size: int = 128
    context_length: int = 50
    horizon: int = 10
    points: tuple[int, ...] = (60, 60, 60, 51)
    series: int | None = None
    validation: int = 2000
    short: float = 0.05
    gaps: float = 0.02
    squared: float = 2.0
    calibration: int = 5000
    scored: int = 5000
    seed: int = 0

    def series_options(self) -> SeriesOptions:
        return SeriesOptions(self.context_length, self.context_length, normalise=False)
