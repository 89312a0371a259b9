"""Checks arrays against the inputs of a graph. Knows shapes, element types and lengths."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.errors import InvalidInput
from app.serving.runtime.datatypes import NUMPY
from app.tasks.tensor.features import Tensor, TensorFeatures

Array = npt.NDArray[Any]

# Names of the batch and the time axis, among the names of other free dimensions.
_BATCH: Final = "\0batch"
_TIME: Final = "\0time"
_MAX_CACHED: Final = 4096


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large one request is.

    steps: the size of the time axis, 0 without one. beside: that of the longest other free axis.
    group: the `Example.group` of its rows.
    """

    rows: int
    steps: int
    beside: int
    group: Hashable


@dataclass(frozen=True, slots=True)
class Limits:
    """How large one request may be."""

    # Rows.
    rows: int
    # Steps of one row.
    steps: int
    # Rows times steps.
    all_steps: int

    def check(self, sizes: Sizes) -> None:
        """Compare a request with the limits.

        Raises:
            InvalidInput: the request is larger.
        """
        if sizes.rows > self.rows:
            raise InvalidInput(
                f"{sizes.rows} rows are too many", field="inputs", allowed=f"at most {self.rows}"
            )
        steps = sizes.steps + sizes.beside
        if steps > self.steps:
            raise InvalidInput(
                f"rows of {steps} steps are too long",
                field="inputs",
                allowed=f"at most {self.steps}",
            )
        if sizes.rows * steps > self.all_steps:
            raise InvalidInput(
                f"{sizes.rows} rows of {steps} steps are too many",
                field="inputs",
                allowed=f"at most {self.all_steps} steps in all rows together",
            )


class Checks:
    """The checks of one graph's inputs, prepared once."""

    def __init__(self, features: TensorFeatures) -> None:
        self._features = features
        self._masked = features.masked
        self._optional = features.optional
        self._known: dict[Hashable, Sizes] = {}  # by shapes, which repeat
        # Per input and axis: a fixed size, a name whose sizes must be equal, or None for any size.
        self._axes = {
            tensor.name: tuple(_axis(tensor, axis, size) for axis, size in enumerate(tensor.shape))
            for tensor in features.inputs
        }

    def sizes(self, shapes: Mapping[str, tuple[int, ...]]) -> Sizes:
        """Compare the shape of every input with the graph.

        Raises:
            InvalidInput: an input is missing, unknown or wrong; the first one is named.
        """
        key = tuple(shapes.items())
        sizes = self._known.get(key)
        if sizes is None:
            sizes = self._sizes(shapes)
            if len(self._known) >= _MAX_CACHED:
                self._known.clear()
            self._known[key] = sizes
        return sizes

    def _sizes(self, shapes: Mapping[str, tuple[int, ...]]) -> Sizes:
        for name in shapes.keys() - self._axes.keys():
            raise InvalidInput(
                f"there is no input {name!r}",
                field=f"inputs.{name}",
                allowed=f"one of {', '.join(self._axes)}",
            )
        known: dict[str, int] = {}
        group: list[tuple[int, ...]] = []
        beside = 0
        for tensor in self._features.inputs:
            shape = shapes.get(tensor.name)
            axes = self._axes[tensor.name]
            if shape is None and tensor.name in self._optional:
                group.append(tuple(size for size in axes if isinstance(size, int)))
                continue
            if shape is None:
                raise wrong(tensor, "this input is required")
            if len(shape) != len(axes):
                raise wrong(tensor, f"its shape {list(shape)} has {len(shape)} axes")
            own = []
            for size, must in zip(shape, axes, strict=True):
                if isinstance(must, int):
                    if size != must:
                        raise wrong(tensor, f"its shape is {list(shape)}")
                elif size == 0:  # some operators of ONNX Runtime end the process
                    raise wrong(tensor, f"its shape {list(shape)} holds nothing")
                elif must is not None and known.setdefault(must, size) != size:
                    raise wrong(tensor, _contradiction(shape, must, known[must]))
                if must == _BATCH:
                    continue
                if not isinstance(must, int) and must != _TIME:
                    beside = max(beside, size)
                if must != _TIME or not self._masked:
                    own.append(size)
            group.append(tuple(own))
        return Sizes(known.get(_BATCH, 1), known.get(_TIME, 0), beside, tuple(group))

    def ends(self, arrays: Mapping[str, Array], sizes: Sizes) -> list[int] | None:
        """Steps to keep of each row; None if rows must not be cut.

        A row of no steps is refused: what is pooled over it is no number, and ONNX Runtime gives
        zeros for its last state where the initial one would be right.

        Raises:
            InvalidInput: a length is 0 or does not fit the time axis.
        """
        name = self._features.lengths
        if name is None:
            return None
        lengths: list[int] = arrays[name].tolist()
        for row, length in enumerate(lengths):
            if not 1 <= length <= sizes.steps:
                raise InvalidInput(
                    f"the length of row {row} is {length}",
                    field=f"inputs.{name}",
                    allowed=f"1 to {sizes.steps}, the size of the time axis",
                )
        return lengths if self._masked else None

    def full_lengths(self, arrays: Mapping[str, Array], rows: int = 1) -> dict[str, Array]:
        """The lengths input for rows that fill their time axis."""
        name = self._features.lengths
        assert name is not None
        (dtype,) = (NUMPY[each.datatype] for each in self._features.inputs if each.name == name)
        steps = [
            arrays[tensor.name].shape[tensor.time_axis]
            for tensor in self._features.inputs
            if tensor.time_axis is not None and tensor.name in arrays
        ]
        return {name: np.full(rows, max(steps, default=0), dtype)}


def wrong(tensor: Tensor, message: str) -> InvalidInput:
    """The error for a wrong input; it says what the input must be."""
    return InvalidInput(
        message, field=f"inputs.{tensor.name}", allowed=f"{tensor.datatype} {tensor.shown()}"
    )


def _axis(tensor: Tensor, axis: int, size: int | str | None) -> int | str | None:
    if axis == tensor.batch_axis:
        return _BATCH
    return _TIME if axis == tensor.time_axis else size


def _contradiction(shape: tuple[int, ...], must: str, size: int) -> str:
    name = {_BATCH: "batch", _TIME: "time"}.get(must, must)
    return f"its shape is {list(shape)}, where another input has a {name} of {size}"
