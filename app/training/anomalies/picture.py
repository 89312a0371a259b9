"""Draws series with their scores and anomalies. Knows matplotlib and numbers; asks no model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

MOST_PANELS: Final = 8


@dataclass(frozen=True)
class Panel:
    """One series: `values` (time,), NaN where missing, `scores` (time,), places of anomalies."""

    name: str
    values: NDArray[np.float64]
    scores: Sequence[float]
    anomalies: Sequence[int]


def draw(path: Path, panels: Sequence[Panel]) -> None:
    """Write the first panels as a picture; the ending of `path` says which kind.

    Raises:
        OSError: it cannot be written.
        ValueError: matplotlib does not know the ending.
    """
    shown = panels[:MOST_PANELS]
    figure = Figure(figsize=(11, 3.0 * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown), 1, squeeze=False).ravel()
    for axis, panel in zip(axes, shown, strict=True):
        axis.plot(panel.values, color="black", linewidth=0.8)
        places = list(panel.anomalies)
        axis.plot(places, panel.values[places], "o", color="tab:red", label="anomalies")
        axis.set_title(panel.name.replace("$", r"\$"), fontsize=9)
        axis.legend(fontsize=7, loc="upper left")
        other = axis.twinx()
        other.plot(panel.scores, color="tab:blue", linewidth=0.5, alpha=0.6)
        other.set_ylim(0, 3)
        other.set_yticks([0, 1])
        other.set_ylabel("score", fontsize=7)
    figure.savefig(path, dpi=120)
