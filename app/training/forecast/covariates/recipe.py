"""What decides a forecaster with covariates, but the data. Knows numbers only."""

from dataclasses import dataclass, field

from app.features.calendar import Cycles
from app.training.common.loop import LoopOptions
from app.training.forecast.covariates.network import CovariateSizes

_CYCLES = 7  # of the season that level, unit and encoder look at: a week of days
_SHORTEST, _LONGEST = 28, 168  # steps that the encoder reads
_STEPS = 1200


def covariate_loop(steps: int | None = None) -> LoopOptions:
    """How a member is trained; few data are soon learned by heart."""
    steps = steps or _STEPS
    return LoopOptions(
        steps=steps,
        warmup=min(100, steps),
        validate_every=min(150, steps),
        patience=4,
        averaging=0.995,
    )


@dataclass(frozen=True)
class CovariateRecipe:
    """Every choice that makes the model; goes into the manifest as it is."""

    network: CovariateSizes = field(default_factory=CovariateSizes)  # sizes of a member
    loop: LoopOptions = field(default_factory=covariate_loop)  # how one is trained
    members: int = 4  # networks that are averaged; each leaves out another part of the time
    batch_size: int = 64  # windows in a step
    windows: int = 8000  # that are cut from all series, at most
    folds: int = 10  # parts of the time of a series, a member leaves one out; not divisible by 3
    without_calendar: float = 0.1  # share of the windows that are learned without dates
    strange: float = 0.02  # share of the categories that are learned as ones never seen
    seed: int = 0  # of windows; a member adds its number

    def context_length(self, cycles: Cycles) -> int:
        """Steps that the encoder reads."""
        return min(self.scale_length(cycles), _LONGEST)

    def scale_length(self, cycles: Cycles) -> int:
        """Steps that level and unit are taken from."""
        return max(_CYCLES * cycles.short, _SHORTEST)
