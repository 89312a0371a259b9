"""Asks a published streaming forecaster as the service does. Knows answers, not scores."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.tasks.anomalies.task import AnomalyTask
from app.tasks.anomalies.values import AnomalyPrediction
from app.training.common.served import loaded_model, predictions_of

_AT_ONCE = 50  # series


@dataclass(frozen=True)
class Question:
    """One series: `values` (time,), NaN where missing."""

    values: NDArray[np.float64]
    frequency: str | None = None


@dataclass(frozen=True)
class ServedStreams:
    """A version that answers series at rest, as it would answer their streams."""

    model: str
    version: str
    ask: Callable[[Sequence[Question]], list[AnomalyPrediction]]


@contextmanager
def served_streams(
    model: str, root: Path, *, version: str | None = None
) -> Iterator[ServedStreams]:
    """The version of the repository folder `root`.

    Raises:
        ModelNotFound: it is not there, or the version was refused (with the reason).
    """
    with loaded_model(root, "anomalies", AnomalyTask, model, version) as loaded:

        def ask(questions: Sequence[Question]) -> list[AnomalyPrediction]:
            found: list[AnomalyPrediction] = []
            for start in range(0, len(questions), _AT_ONCE):
                examples = [
                    loaded.task.encode(one.values, frequency=one.frequency)
                    for one in questions[start : start + _AT_ONCE]
                ]
                found += predictions_of(loaded, examples)
            return found

        yield ServedStreams(loaded.name, loaded.version, ask)
