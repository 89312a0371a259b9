"""Whether a sequence in parts is answered as the whole. Knows the path that serves; no graph.

Rows of several lengths are cut in several ways, one by one among them, and every part is asked with
the states that the part before gave: alone, and, where rows may be padded, in one batch with the
parts of other rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.errors import InvalidInput
from app.tasks.tensor.task import TensorExample, TensorPrediction, TensorTask
from app.training.importing.probe import TOLERANCE, Array, Feeds, Probe, distance

_LENGTHS: Final = (11, 1, 7, 4, 2)
# Sizes of parts; the last one goes on to the end.
_CUTS: Final = ((1,) * 10, (5,), (2, 3, 1), (10,))
LONG: Final = 300
LONG_CUT: Final = 200
# Differences in the last bits may grow on the way, and a step that is not seen is far more.
_LONG_TOLERANCE: Final = 1e-3


@dataclass(frozen=True)
class Proof:
    """off: how far parts and whole are apart at most, in units of the largest value of a tensor.

    where: the tensor that is furthest off; "" if none is off.
    """

    off: float
    where: str

    @property
    def holds(self) -> bool:
        return self.off <= TOLERANCE

    def told(self) -> str:
        """The difference in words."""
        return f"within {self.off:.1g} of its size" if self.off else "to the bit"


def prove(task: TensorTask, probe: Probe) -> Proof:
    """Try whether parts equal the whole; `probe` makes the rows."""
    rows = [probe.feeds(1, steps, seed) for seed, steps in enumerate(_LENGTHS)]
    inputs = [_data(task, row) for row in rows]
    whole = [task.predict([task.split(row)[0]])[0] for row in inputs]
    worst = Proof(0.0, "")
    for cuts in _CUTS:
        together = _in_parts(task, probe, inputs, cuts)
        for row, parts in enumerate(together):
            worst = _worse(worst, task, whole[row], parts)
        (alone,) = _in_parts(task, probe, inputs[:1], cuts)
        worst = _worse(worst, task, whole[0], alone)
    if worst.holds:
        long = _long(task, probe)
        if long.off > _LONG_TOLERANCE:
            return long
    return worst


def _long(task: TensorTask, probe: Probe) -> Proof:
    """The same of one long row in two parts; it proves nothing if the graph takes no such row."""
    row = _data(task, probe.feeds(1, LONG))
    nothing = Proof(0.0, "")
    try:
        (whole,) = task.predict([task.split(row)[0]])
    except InvalidInput:
        return nothing
    (parts,) = _in_parts(task, probe, [row], [LONG_CUT])
    return _worse(nothing, task, whole, parts)


def same_answers(task: TensorTask, original: TensorTask, probe: Probe) -> Proof:
    """Whether whole sequences are answered as by the graph that `task` was made from."""
    worst = Proof(0.0, "")
    for seed, steps in enumerate((*_LENGTHS, LONG)):
        row = probe.feeds(1, steps, seed)
        known = {name: value for name, value in row.items() if name in task.inputs}
        gone = {name: np.zeros_like(value) for name, value in row.items() if name not in known}
        try:
            (before,) = original.predict([original.split(row | gone)[0]])
        except InvalidInput:  # too long for it
            continue
        try:
            (after,) = task.predict([task.split(known)[0]])
        except InvalidInput:
            return Proof(1.0, next(iter(original.outputs)))
        for name in original.outputs:
            off = distance(before.value(name), after.value(name))
            worst = max(worst, Proof(off, name), key=lambda each: each.off)
    return worst


def _data(task: TensorTask, row: Feeds) -> Feeds:
    """Without states and lengths: the whole sequence from its beginning."""
    optional = task.features.optional
    return {name: value for name, value in row.items() if name not in optional}


def _in_parts(
    task: TensorTask, probe: Probe, rows: Sequence[Feeds], cuts: Sequence[int]
) -> list[list[TensorPrediction]]:
    """The answers to each row's parts; the first parts share a batch, then the second ones."""
    answers: list[list[TensorPrediction]] = [[] for _ in rows]
    starts = [0] * len(rows)
    for size in (*cuts, None):
        asked: list[tuple[int, TensorExample]] = []
        for index, row in enumerate(rows):
            steps = _steps(probe, row)
            end = steps if size is None else min(steps, starts[index] + size)
            if end <= starts[index]:
                continue
            part = {
                name: _between(value, probe.roles.time[name], starts[index], end)
                for name, value in row.items()
            }
            states = _carried(task, answers[index][-1]) if answers[index] else {}
            asked.append((index, task.split(part | states)[0]))
            starts[index] = end
        found = task.predict([example for _, example in asked]) if asked else []
        for (index, _), prediction in zip(asked, found, strict=True):
            answers[index].append(prediction)
    return answers


def _carried(task: TensorTask, answer: TensorPrediction) -> Feeds:
    carried = {}
    for state, continued in task.features.states.items():
        axis = task.inputs[state].batch_axis
        assert axis is not None
        carried[state] = np.expand_dims(answer.value(continued), axis)
    return carried


def _steps(probe: Probe, row: Feeds) -> int:
    axes = probe.roles.time
    return max(int(row[name].shape[axis]) for name in row if (axis := axes[name]) is not None)


def _between(value: Array, axis: int | None, start: int, end: int) -> Array:
    if axis is None:
        return value
    return value[(slice(None),) * axis + (slice(start, end),)]


def _worse(
    worst: Proof, task: TensorTask, whole: TensorPrediction, parts: Sequence[TensorPrediction]
) -> Proof:
    for name, tensor in task.outputs.items():
        axis = tensor.row_time_axis()
        values = [each.value(name) for each in parts]
        got = values[-1] if axis is None else np.concatenate(values, axis)
        off = distance(whole.value(name), got)
        if off > worst.off:
            worst = Proof(off, name)
    return worst
