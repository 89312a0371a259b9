"""The Numenta Anomaly Benchmark: its files, and the score of detectors. Knows no detector.

Lavin and Ahmad (2015), "Evaluating real-time anomaly detection algorithms: the Numenta Anomaly
Benchmark", section 2.2. A detector gives each row a score; one threshold for all files is chosen to
be the best. The first 15 % of a file, 750 rows at most, do not count.
"""

import csv
import gzip
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Weights of a window that was found, one that was missed, and a row that was flagged wrongly.
PROFILES: Final = {
    "standard": (1.0, 1.0, 0.11),
    "low_fp": (1.0, 1.0, 0.22),
    "low_fn": (1.0, 2.0, 0.11),
}
_PROBATION: Final = 0.15
_PROBATION_ROWS: Final = 5000  # of which that share does not count, at most
_WINDOWS: Final = "windows.json"


@dataclass(frozen=True)
class Labelled:
    """One file: values (rows,), and windows as (first row, last row)."""

    name: str
    values: Array
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """Rows that do not count."""
        rows = min(len(self.values), _PROBATION_ROWS)
        return math.floor(_PROBATION * rows)


def read_benchmark(folder: Path) -> list[Labelled]:
    """The files that `windows.json` in `folder` names, each as `<folder>__<file>.csv.gz`.

    Raises:
        FileNotFoundError: there is no such file.
    """
    windows = json.loads((folder / _WINDOWS).read_text(encoding="utf-8"))
    found = []
    for name, spans in sorted(windows.items()):
        path = folder / f"{name.replace('/', '__')}.gz"
        rows = list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
        place: dict[datetime, int] = {}
        for at, row in enumerate(rows):
            place.setdefault(_when(row["timestamp"]), at)
        values = np.array([float(row["value"]) for row in rows])
        places = tuple((place[_when(first)], place[_when(last)]) for first, last in spans)
        found.append(Labelled(name, values, places))
    return found


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text[:19])


def benchmark_score(
    files: Sequence[Labelled], scores: Mapping[str, Array], profile: str = "standard"
) -> tuple[float, float]:
    """(the score, the threshold that gives it): 0 for flagging nothing, 100 for a perfect detector.

    scores: (rows,) by the name of the file. Rows of equal score are flagged together. It may be
    below 0 only if nothing is better than nothing.
    """
    hit, missed, wrong = PROFILES[profile]
    levels: list[Array] = []
    weights: list[Array] = []
    groups: list[NDArray[np.int64]] = []
    count = 0
    for one in files:
        weight, group = _weights(one, hit, wrong)
        group[group >= 0] += count
        count += len(one.windows)
        counted = np.arange(len(weight)) >= one.probation
        levels.append(np.asarray(scores[one.name], np.float64)[counted])
        weights.append(weight[counted])
        groups.append(group[counted])
    level, group = np.concatenate(levels), np.concatenate(groups)
    order = np.argsort(-level, kind="stable")
    level, weight, group = level[order], np.concatenate(weights)[order], group[order]
    best_of = dict.fromkeys(np.unique(group[group >= 0]).tolist(), -missed)
    gains = np.where(group < 0, weight, 0.0)
    for at in np.flatnonzero(group >= 0).tolist():  # a window counts its best row alone
        window = int(group[at])
        gains[at] = max(float(weight[at]) - best_of[window], 0.0)
        best_of[window] += gains[at]
    null = -missed * len(best_of)
    last_of_level = np.append(level[1:] != level[:-1], True)
    totals = np.where(last_of_level, null + np.cumsum(gains), -np.inf)
    at = int(np.argmax(totals))
    best, threshold = (float(totals[at]), float(level[at])) if totals[at] > null else (null, 1.1)
    return 100.0 * (best - null) / (hit * len(best_of) - null), threshold


def _weights(one: Labelled, hit: float, wrong: float) -> tuple[Array, NDArray[np.int64]]:
    """What flagging each row is worth (rows,), and which window it lies in, -1 for none."""
    rows = np.arange(len(one.values))
    weight, group = np.full(len(rows), -wrong), np.full(len(rows), -1)
    full = _scaled(np.array([-1.0]))[0]
    for index, (first, last) in enumerate(one.windows):
        after = rows > last  # overwritten by the next window
        width = last - first
        weight[after] = wrong * _scaled((rows[after] - last) / width) if width else -wrong
        inside = (rows >= first) & (rows <= last)
        weight[inside] = hit * _scaled(-(last - rows[inside] + 1) / (width + 1)) / full
        group[inside] = index
    return weight, group


def _scaled(position: Array) -> Array:
    """The scaled sigmoid of the paper: 1 long before the end of a window, -1 long after it."""
    value = 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0
    found: Array = np.where(position > 3.0, -1.0, value)
    return found
