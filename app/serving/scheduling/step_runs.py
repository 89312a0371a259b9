"""Computes the steps of a task and the tensor requests of its graphs. Knows no queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from app.serving.scheduling.entry import P
from app.serving.task import Run, SteppingTask, Task


@dataclass(frozen=True, slots=True)
class FinishedRun(Generic[P]):
    """A run without steps: a tensor request of a graph, which is computed as a whole."""

    answer: P
    rows: int = 0
    finished: bool = True

    def prediction(self) -> P:
        return self.answer


class Stepper:
    """What a worker of the step scheduler calls: a stepping task and its graphs by file name."""

    def __init__(self, task: SteppingTask, graphs: Mapping[str, Task[Any, Any]]) -> None:
        self._task = task
        self._graphs = graphs
        self.step = task.step

    def begin(self, examples: Sequence[Any]) -> Sequence[Run[Any]]:
        """Runs of examples that are all of the task, or all of one graph."""
        graph = examples[0].graph
        if graph is None:
            return self._task.begin(examples)
        return [FinishedRun(each) for each in self._graphs[graph].predict(examples)]
