"""Asks a foreign graph with random rows and looks at what comes back. Knows roles, no verdict."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.serving.runtime.datatypes import NUMPY, OF_ONNX
from app.serving.runtime.session import Session, TensorSpec
from app.tasks.tensor.features import BATCH, TIME, Tensor, TensorFeatures
from app.training.importing.graph_file import GraphFile
from app.training.importing.roles import Roles
from app.training.importing.told import Told

Array = npt.NDArray[Any]
Feeds = dict[str, Array]

# Primes that no layer is likely to have for its size, so that an axis is known by its size.
SHAPES: Final = ((2, 5), (3, 5), (2, 7), (1, 1), (3, 11))
OTHERS: Final = (3, 4)  # sizes of a free axis that is neither batch nor time
# As app.serving.models.golden compares an answer in a batch with the one alone.
TOLERANCE: Final = 1e-5
_WORDS: Final = ("one", "two", "three")
_UNKNOWN_TABLE: Final = 2  # ids below it are in any table


@dataclass(frozen=True)
class Probe:
    """A graph, what its inputs are for, and values that it can take.

    reached: rows (count, ...) of states that the graph comes to, from which those of requests are
    drawn; other inputs, and states that are not named, get random values.
    """

    session: Session
    graph: GraphFile
    roles: Roles
    told: Told
    reached: Mapping[str, Array] = field(default_factory=dict)

    def feeds(self, rows: int, steps: int, seed: int = 0, other: int = OTHERS[0]) -> Feeds:
        """Random values for every input; every row is `steps` long, other free axes `other`."""
        generator = np.random.default_rng([seed, rows, steps])
        feeds: Feeds = {}
        for spec in self.session.inputs:
            if spec.name == self.roles.lengths:
                feeds[spec.name] = np.full(rows, steps, NUMPY[OF_ONNX[spec.type]])
                continue
            if spec.name in self.reached:
                known = self.reached[spec.name]
                chosen = known[generator.integers(len(known), size=rows)]
                feeds[spec.name] = np.moveaxis(chosen, 0, self.roles.batch[spec.name] or 0)
                continue
            # What all rows share is the same in all requests, so that they share batches.
            of = np.random.default_rng(0) if spec.name in self.roles.shared else generator
            feeds[spec.name] = self._values(spec, self._shape(spec, rows, steps, other), of)
        return feeds

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Every output. Raises what `Session.run` raises."""
        return self.session.run(feeds)

    def features(self, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> TensorFeatures:
        """The features of the graph, given its outputs' shapes for each of SHAPES.

        An output's batch axis is the one that follows the number of rows, its time axis the one
        that follows the number of steps; see `output_axes`.
        """
        inputs = tuple(
            _tensor(spec, self.roles.batch[spec.name], self.roles.time[spec.name])
            for spec in self.session.inputs
        )
        names = {size for spec in self.session.inputs for size in spec.shape}
        outputs = tuple(
            _tensor(spec, *output_axes(shapes[spec.name]), shapes[spec.name], names)
            for spec in self.session.outputs
        )
        return TensorFeatures(
            inputs=inputs,
            outputs=outputs,
            lengths=self.roles.lengths,
            states=dict(self.roles.states),
            shared=tuple(
                spec.name for spec in self.session.inputs if spec.name in self.roles.shared
            ),
        )

    def _shape(self, spec: TensorSpec, rows: int, steps: int, other: int) -> tuple[int, ...]:
        sizes = {self.roles.batch[spec.name]: rows, self.roles.time[spec.name]: steps}
        return tuple(
            sizes.get(axis, size if isinstance(size, int) else other)
            for axis, size in enumerate(spec.shape)
        )

    def _values(
        self, spec: TensorSpec, shape: tuple[int, ...], generator: np.random.Generator
    ) -> Array:
        dtype = NUMPY[OF_ONNX[spec.type]]
        low, high = self.told.values.get(spec.name, (None, None))
        if dtype.kind == "O":
            return generator.choice(np.array(_WORDS, object), shape)
        if dtype.kind == "b":
            return generator.random(shape) < 0.5
        if dtype.kind in "iu" and spec.type != "tensor(bfloat16)":
            if low is None or high is None:
                low, high = 0, self.graph.sizes.get(spec.name, _UNKNOWN_TABLE) - 1
            return generator.integers(int(low), int(high) + 1, shape).astype(dtype)
        values = (
            generator.normal(size=shape)
            if low is None or high is None
            else generator.uniform(low, high, shape)
        )
        values = np.round(values, 3).astype(np.float32)
        if spec.type == "tensor(bfloat16)":  # the upper half of a float's bits
            return (values.view(np.uint32) >> 16).astype(np.uint16)
        return values.astype(dtype)


def output_axes(shapes: Sequence[tuple[int, ...]]) -> tuple[int | None, int | None]:
    """(batch axis, time axis) of an output from its shapes for the first three of SHAPES."""
    first, rows, steps = shapes[:3]
    batch = [axis for axis, (one, two) in enumerate(zip(first, rows, strict=True)) if one != two]
    time = [
        axis
        for axis, (one, two) in enumerate(zip(first, steps, strict=True))
        if (one, two) == (SHAPES[0][1], SHAPES[2][1])
    ]
    right = [axis for axis in batch if (first[axis], rows[axis]) == (SHAPES[0][0], SHAPES[1][0])]
    return (right[0] if len(right) == 1 else None), (time[0] if time else None)


def distance(expected: Array, actual: Array) -> float:
    """How far apart, in units of the largest value; 1 for other shapes or other whole values."""
    if expected.shape != actual.shape:
        return 1.0
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(expected, actual) else 1.0
    if not expected.size:
        return 0.0
    one, other = expected.astype(np.float64), actual.astype(np.float64)
    return float(np.max(np.abs(one - other)) / max(float(np.max(np.abs(one))), 1e-30))


def _tensor(
    spec: TensorSpec,
    batch: int | None,
    time: int | None,
    shapes: Sequence[tuple[int, ...]] = (),
    names: Set[object] = frozenset(),
) -> Tensor:
    """The tensor of the features; a size that never changed in `shapes` is what it always is.

    `names` are those of the inputs' axes: only they are kept for an output's.
    """
    shape: list[int | str | None] = list(spec.shape)
    for axis in range(len(shape)):
        seen = {each[axis] for each in shapes}
        if axis == batch:
            shape[axis] = BATCH
        elif axis == time:
            shape[axis] = TIME
        elif len(seen) == 1:
            shape[axis] = seen.pop()
        elif shape[axis] in (BATCH, TIME) or (shapes and shape[axis] not in names):
            shape[axis] = None  # it follows the rows or the steps in a way of its own
    return Tensor(
        name=spec.name,
        datatype=OF_ONNX[spec.type],
        shape=tuple(shape),
        batch_axis=batch,
        time_axis=time,
    )
