"""Draws series with their forecasts. Knows matplotlib and numbers; asks no model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

MOST_PANELS: Final = 12
_LEAST_PAST: Final = 50  # points of the past that are drawn


@dataclass(frozen=True)
class Panel:
    """One series: `past` (time,), NaN where missing; `mean` and each of `quantiles` (horizon,)."""

    name: str
    past: NDArray[np.float64]
    mean: Sequence[float]
    quantiles: Mapping[float, Sequence[float]]


def draw(path: Path, panels: Sequence[Panel]) -> None:
    """Write the first panels as a picture; the ending of `path` says which kind.

    Raises:
        OSError: it cannot be written.
        ValueError: matplotlib does not know the ending.
    """
    shown = panels[:MOST_PANELS]
    columns = 1 if len(shown) == 1 else 2
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(6.5 * columns, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, panel in zip(axes, shown, strict=False):
        past = panel.past[-max(_LEAST_PAST, 4 * len(panel.mean)) :]
        ahead = np.arange(len(panel.mean)) + 1
        axis.plot(np.arange(len(past)) - len(past) + 1, past, color="black", linewidth=1)
        levels = sorted(panel.quantiles)
        if len(levels) > 1:
            low, high = panel.quantiles[levels[0]], panel.quantiles[levels[-1]]
            label = f"{100 * levels[0]:g} to {100 * levels[-1]:g} %"
            axis.fill_between(ahead, low, high, alpha=0.3, linewidth=0, label=label)
        middle = panel.quantiles.get(0.5, panel.mean)
        axis.plot(ahead, middle, linewidth=1.5, label="median" if 0.5 in levels else "mean")
        axis.set_title(panel.name.replace("$", r"\$"), fontsize=9)
        axis.legend(fontsize=7)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    figure.savefig(path, dpi=120)
