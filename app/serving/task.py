"""What the engine asks of a task. Knows protocols only; tasks are implemented in `app.tasks`."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

from pydantic import JsonValue

from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session

# From the name of a file that the manifest lists to a session of that graph.
OpenSession: TypeAlias = Callable[[str], Session]
# From a worker's task, its manifest and its open sessions by file name: for each graph that can be
# addressed by tensors a task whose examples have the file's name as their `graph`.
GraphTasks: TypeAlias = Callable[
    ["Task[Any, Any]", Manifest, Mapping[str, Session]], "Mapping[str, Task[Any, Any]]"
]


class Example(Protocol):
    """One validated input as arrays. `ExampleDefaults` has all members but `length`."""

    @property
    def length(self) -> int:
        """Steps that the network takes for it; examples of similar length share batches."""
        ...

    @property
    def group(self) -> Hashable:
        """Only examples of the same group share a batch. Default: None, for all of a task."""
        ...

    @property
    def graph(self) -> str | None:
        """File of the graph that it addresses by tensors. Default: None, it is the task's own."""
        ...

    @property
    def rows(self) -> int:
        """Rows that it has in one step of a `SteppingTask`, at most. Default: 1."""
        ...


class ExampleDefaults:
    """The defaults of `Example`; the examples of every task inherit from it."""

    __slots__ = ()

    @property
    def group(self) -> Hashable:
        return None

    @property
    def graph(self) -> str | None:
        return None

    @property
    def rows(self) -> int:
        return 1


class Prediction(Protocol):
    """One answer."""

    def to_json(self) -> dict[str, JsonValue]:
        """The answer as JSON values, as golden examples hold it."""
        ...


E = TypeVar("E", bound=Example)
P = TypeVar("P", bound=Prediction)


class Task(Protocol[E, P]):
    """What a request means: one class per task, one instance per worker thread.

    `encode` may be called from any thread while `predict` runs in another one, so it must not
    change the instance.
    """

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        """Build an instance from a verified folder."""
        ...

    def encode(self, *args: Any, **request: Any) -> E:
        """Validate one input and turn it into arrays.

        Implementations name their own arguments; golden requests are passed as keywords.

        Raises:
            InvalidInput: the input cannot be answered.
        """
        ...

    def predict(self, examples: Sequence[E]) -> list[P]:
        """Answers in the order of `examples`; none depends on the others in the batch."""
        ...


@runtime_checkable
class Revised(Protocol):
    """A task whose answers have changed since versions were published that it still serves."""

    def still_answered(self, golden: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """The fields of a golden answer that must come out today as they did when it was made."""
        ...


R_co = TypeVar("R_co", bound=Prediction, covariant=True)


class Run(Protocol[R_co]):
    """One example of a `SteppingTask` that is being computed, step by step."""

    @property
    def rows(self) -> int:
        """Rows of its next step; the `rows` of its example at most."""
        ...

    @property
    def finished(self) -> bool:
        """Whether it takes no more steps."""
        ...

    def prediction(self) -> R_co:
        """Its answer; call it once it is finished."""
        ...


@runtime_checkable
class SteppingTask(Protocol):
    """A task whose networks take one step at a time, called by the engine.

    Runs join and leave between steps, and no answer depends on which runs share a step. `predict`
    computes a whole batch in the same way. `begin` and `step` are called from one thread only.
    """

    def begin(self, examples: Sequence[Any]) -> Sequence[Run[Any]]:
        """A run for each example, in order; work before the first step is done in one batch."""
        ...

    def step(self, runs: Sequence[Any]) -> None:
        """One step of all `runs`, which `begin` returned and none of which is finished.

        If it raises, no run has taken the step.
        """
        ...
