"""What a worker that steps is given: the runs of a task and of its graphs. Knows no queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from app.serving.scheduling.entry import P
from app.serving.task import Run, SteppingTask, Task


@dataclass(frozen=True, slots=True)
class Done(Generic[P]):
    """A run that took no step: a request of a graph by its tensors, computed at once."""

    answer: P
    rows: int = 0
    finished: bool = True

    def prediction(self) -> P:
        return self.answer


class Stepper:
    """What a worker calls: a task that steps, and its graphs for whoever asks by tensors."""

    def __init__(self, task: SteppingTask, graphs: Mapping[str, Task[Any, Any]]) -> None:
        self._task = task
        self._graphs = graphs
        self.step = task.step

    def begin(self, examples: Sequence[Any]) -> Sequence[Run[Any]]:
        """Runs of examples that are all of the task, or all of one graph."""
        graph = graph_of(examples[0])
        if graph is None:
            return self._task.begin(examples)
        return [Done(each) for each in self._graphs[graph].predict(examples)]


def rows_of(example: Any) -> int:
    """Rows that an example takes in a step, at most; one by tensors takes none, but its turn."""
    rows: int = getattr(example, "rows", 1)
    return rows


def graph_of(example: Any) -> str | None:
    """The graph that an example addresses by its tensors; None for one of the task."""
    graph: str | None = getattr(example, "graph", None)
    return graph
