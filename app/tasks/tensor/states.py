"""What the states of a graph begin with. Knows features and arrays; keeps no state."""

from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import ModelRefused
from app.serving.runtime.datatypes import NUMPY
from app.tasks.tensor.features import TensorFeatures
from app.tasks.tensor.values import from_json

Array = npt.NDArray[Any]


def initial_states(features: TensorFeatures) -> dict[str, Array]:
    """One row of each state input before the first step, without the batch axis.

    Raises:
        ModelRefused: an initial value does not fit its state.
    """
    found: dict[str, Array] = {}
    for tensor in features.inputs:
        if tensor.name not in features.states:
            continue
        shape = [
            size
            for axis, size in enumerate(tensor.shape)
            if axis != tensor.batch_axis and isinstance(size, int)
        ]
        values = features.initial.get(tensor.name)
        try:
            found[tensor.name] = (
                np.zeros(shape, NUMPY[tensor.datatype])
                if values is None
                else from_json(values, tensor.datatype, shape)
            )
        except ValueError as error:
            raise ModelRefused(f"the initial value of {tensor.name}: {error}") from None
    return found
