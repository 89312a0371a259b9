"""What the network learns from: rows, guesses and what came then. Knows series, no network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.features.running import AHEAD, GUESSES, ROW, Running
from app.training.anomalies.generated import generated
from app.training.forecast.data import Series

Array = NDArray[np.float32]
MOST_AHEAD = 48  # steps; further ahead nothing is trained
_LEAST = 24  # values of a series that is learned
_FARTHEST = 60.0  # units; what came from further away counts as if from there
_LITTLE = 1e-4
_PIECES = 5  # of one series


@dataclass(frozen=True)
class Material:
    """Many series, one behind the other.

    rows (values, ROW); ahead (values, asked, AHEAD), the first of each one step ahead; target
    (values, asked), in units from the last value, NaN where nothing is known; weight (values,);
    begins (series + 1,): where each series begins.
    """

    rows: Array
    ahead: Array
    target: Array
    weight: Array
    begins: NDArray[np.int64]


def build_material(
    series: Sequence[Series], count: int, steps: int, seed: int, asked: int = 3
) -> Material:
    """`series` but for their ends, in pieces of up to `steps` values, and `count` generated ones.

    Of a long series some pieces are taken. Half of all are read with their season told, others
    must find it. For each value `asked` steps ahead are learned: the next one, and others at
    random.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for one in series:
        values = one.known()
        told = {"frequency": one.frequency, "season_length": one.season_length}
        pieces = min(_PIECES, -(-len(values) // steps))
        for start in np.linspace(0, max(len(values) - steps, 0), pieces).astype(int):
            piece = values[start : start + steps]
            parts.append(_encoded(rng, piece, told if rng.random() < 0.5 else {}, asked))
    for values, season in generated(seed, count, steps):
        told = {"season_length": season} if season > 1 and rng.random() < 0.5 else {}
        parts.append(_encoded(rng, values, told, asked))
    parts = [part for part in parts if len(part[0]) >= _LEAST]
    rows, ahead, target, weight = (np.concatenate(each) for each in zip(*parts, strict=True))
    begins = np.concatenate([[0], np.cumsum([len(part[0]) for part in parts])])
    return Material(rows, ahead, target, weight, begins)


def _encoded(
    rng: np.random.Generator, values: NDArray[np.float64], told: Mapping[str, object], asked: int
) -> tuple[Array, Array, Array, Array]:
    running = Running(**told)  # type: ignore[arg-type]
    known = np.flatnonzero(np.isfinite(values))
    values = values[known[0] :] if len(known) else values[:0]
    count = len(values)
    rows = np.zeros((count, ROW), np.float32)
    ahead = np.zeros((count, asked, AHEAD), np.float32)
    target = np.full((count, asked), np.nan, np.float32)
    weight = np.zeros(count, np.float32)
    steps = np.exp(rng.uniform(0, math.log(MOST_AHEAD + 1), (count, asked))).astype(int)
    steps[:, 0] = 1
    numbers = values.tolist()
    for t, value in enumerate(numbers):
        row = running.take(None if math.isnan(value) else value)
        rows[t] = row
        for k in range(asked):
            step = int(steps[t, k])
            if t + step >= count:
                continue
            ahead[t, k] = running.ahead(step)
            distance = (numbers[t + step] - running.last) / running.unit
            target[t, k] = min(max(distance, -_FARTHEST), _FARTHEST)
        # a series that can be foretold well counts as much as one that cannot
        usual = min(math.exp(4.0 * each) for each in row[GUESSES : 2 * GUESSES])
        weight[t] = 1.0 / (max(usual - _LITTLE, 0.0) + 0.1)
    return rows, ahead, target, weight
