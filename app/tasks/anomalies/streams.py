"""A stream of values: a series that goes on from a state that is kept as bytes. Knows no store.

It is asked as `StreamGraph` of the tensor task is, so that both go the same way through a request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import InvalidInput
from app.features.surprise import WARM_UP
from app.tasks.anomalies.state import DEFAULT_QUANTILES, REMEMBERED, SeriesState
from app.tasks.anomalies.task import AnomalyTask
from app.tasks.anomalies.values import AnomalyExample, AnomalyPrediction

Array = npt.NDArray[Any]
# Names in a sealed state: what the network knows, and the bytes of all else.
_HIDDEN: Final = "hidden_state"
_SERIES: Final = "series"
_ALLOWED: Final = (
    "frequency as text, season_length as a whole number, threshold between 0 and 1, quantiles as "
    "up to 99 numbers between 0 and 1"
)
_BEYOND: Final = 0.7  # of what is left to 1, from a score that was no anomaly to the threshold


@dataclass(frozen=True, slots=True)
class Feedback:
    """Whether the value at a position (from 0) was an anomaly."""

    position: int
    anomalous: bool


@dataclass(frozen=True, slots=True)
class ValueSteps:
    """values (steps,), NaN where missing; horizon: steps to forecast after them; feedback: on
    values before them, told before they are taken."""

    values: npt.NDArray[np.float64]
    horizon: int = 0
    feedback: tuple[Feedback, ...] = ()

    @property
    def count(self) -> int:
        return len(self.values)


class ValueStream:
    """The streams of one streaming forecaster. An instance does not change."""

    file: Final = "model.onnx"
    outputs: tuple[str, ...] = ()
    compared: Final = ("anomaly_score",)
    can_be_fed_again: Final = True
    warm_up: Final = WARM_UP  # values of which little is known yet

    def __init__(self, task: AnomalyTask) -> None:
        self.task = task

    @property
    def first(self) -> bytes:
        """The state before the first value, with nothing told of the series."""
        return self.first_with({})

    def first_with(self, options: Mapping[str, Any]) -> bytes:
        """The same with options. Raises InvalidInput for options that are none."""
        return self.task.first(**_checked(options)).pack()

    def first_again(self, state: bytes) -> bytes:
        """The first state of a stream with the options that `state` has. Raises ValueError."""
        options = SeriesState.unpack(state).options
        return SeriesState.first(options, self.task.features.state).pack()

    def example(
        self, state: bytes, steps: ValueSteps, at: int, outputs: Sequence[str]
    ) -> AnomalyExample:
        """All steps from `state`; there is nothing to choose among outputs.

        Raises:
            InvalidInput: feedback is on a value that is not remembered.
            ValueError: `state` is one of another network.
        """
        before = SeriesState.unpack(state)
        if len(before.hidden) != self.task.features.state:
            raise ValueError(f"{len(before.hidden)} numbers are no state of this network")
        for each in steps.feedback:
            before = _told(before, each)
        return self.task.follow(before, steps.values, steps.horizon)

    def runs(self, steps: ValueSteps) -> int:
        """How many runs it takes."""
        return 1

    def state_after(self, prediction: AnomalyPrediction) -> bytes:
        """The state that a run has led to."""
        return prediction.state.pack()

    def joined(
        self, predictions: Sequence[AnomalyPrediction], outputs: Sequence[str]
    ) -> dict[str, Any]:
        """What is answered, by name, a place a value; of the forecast a row a step ahead."""
        [one] = predictions
        self.task.count(one)
        return {
            "position": one.position,
            "value": one.values,
            "expected": one.expected,
            "quantiles": one.quantiles,
            "anomaly_score": one.scores,
            "anomalous": one.anomalous,
            "warming": one.warming,
            "levels": one.options.quantiles,
            "horizon": one.horizon,
            "mean": one.mean,
            "median": one.median,
            "paths": one.paths,
        }

    def tensors_of(self, state: bytes) -> dict[str, Array]:
        """hidden_state (state,) float32 of the network, all else as bytes. Raises ValueError."""
        whole = SeriesState.unpack(state)
        rest = replace(whole, hidden=whole.hidden[:0]).pack()
        return {_HIDDEN: whole.hidden, _SERIES: np.frombuffer(rest, np.uint8)}

    def state_from(self, tensors: Mapping[str, Array]) -> bytes:
        """The same as bytes. Raises ValueError for states of another model."""
        hidden, rest = tensors.get(_HIDDEN), tensors.get(_SERIES)
        if hidden is None or rest is None or rest.dtype != np.uint8 or len(tensors) != 2:
            raise ValueError(f"a state has {_HIDDEN} and {_SERIES}, which is of bytes")
        if hidden.dtype != np.float32 or hidden.shape != (self.task.features.state,):
            raise ValueError("the state is one of another network")
        return replace(SeriesState.unpack(rest.tobytes()), hidden=hidden).pack()

    def packed(self, steps: ValueSteps) -> bytes:
        """The values as bytes, to be fed again."""
        return steps.values.tobytes()

    def unpacked(self, content: bytes, count: int) -> ValueSteps:
        """What `packed` has made of `count` values. Raises ValueError for anything else."""
        values = np.frombuffer(content, np.float64)
        if len(values) != count:
            raise ValueError(f"{len(content)} bytes are no {count} values")
        return ValueSteps(values)

    def pieces(self, parts: Sequence[ValueSteps], most: int) -> list[ValueSteps]:
        """The same values in pieces of at most `most`."""
        values = np.concatenate([each.values for each in parts]) if parts else np.zeros(0)
        return [ValueSteps(values[at : at + most]) for at in range(0, len(values), most)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    threshold: float | None = None
    frequency: str | None = Field(None, max_length=32)
    season_length: int | None = None
    quantiles: list[float] = Field(list(DEFAULT_QUANTILES), min_length=1, max_length=99)


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options by name, of the right types. Raises InvalidInput."""
    try:
        return _Options.model_validate(dict(options)).model_dump()
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_context=False)
        place = ".".join(map(str, ("options", *first["loc"])))
        raise InvalidInput(first["msg"], field=place, allowed=_ALLOWED) from None


def _told(state: SeriesState, told: Feedback) -> SeriesState:
    """With the threshold that fits to what was told. Raises InvalidInput for a forgotten value."""
    first = state.position - len(state.scores)
    if not first <= told.position < state.position:
        raise InvalidInput(
            f"the score at {told.position} is not kept",
            field="feedback",
            allowed=f"a position of the last {REMEMBERED} values of the stream",
        )
    score = float(state.scores[told.position - first])
    threshold = state.options.threshold
    if told.anomalous:
        threshold = min(threshold, max(score, 1e-6))
    elif score >= threshold:
        threshold = min(1.0 - _BEYOND * (1.0 - score), 1.0)
    return state.with_threshold(threshold)
