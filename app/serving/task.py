"""What the engine asks of a task. Knows only protocols; every task implements them elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

from pydantic import JsonValue

from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session

OpenSession: TypeAlias = Callable[[str], Session]
# From a worker's task, its manifest and its open sessions by file: for each graph that can be
# addressed by tensors a task whose examples have the file's name as their `graph`.
GraphTasks: TypeAlias = Callable[
    ["Task[Any, Any]", Manifest, Mapping[str, Session]], "Mapping[str, Task[Any, Any]]"
]


class Example(Protocol):
    """One validated input as arrays.

    It may also have a `group`, any hashable: only examples of one group share a batch.
    """

    @property
    def length(self) -> int:
        """Steps the network takes for it; batches are formed by nearness of it."""
        ...


class Prediction(Protocol):
    """One answer."""

    def to_json(self) -> dict[str, JsonValue]:
        """The answer as JSON values, the same ones that golden examples hold."""
        ...


E = TypeVar("E", bound=Example)
P = TypeVar("P", bound=Prediction)


class Task(Protocol[E, P]):
    """What a request means: one class per task, one instance per worker thread.

    `encode` may be called from any thread while `predict` runs in another one, so it changes
    nothing in the instance.
    """

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        """Build an instance from a verified folder; `open_session` takes a listed file's name."""
        ...

    def encode(self, *args: Any, **request: Any) -> E:
        """Validate ONE input and turn it into arrays. Raises InvalidInput.

        Implementations name their own arguments; golden requests are passed as keywords.
        """
        ...

    def predict(self, examples: Sequence[E]) -> list[P]:
        """Answers in the order of `examples`; none of them depends on its batch-mates."""
        ...


R_co = TypeVar("R_co", bound=Prediction, covariant=True)


class Run(Protocol[R_co]):
    """One example on its way, some steps long."""

    @property
    def rows(self) -> int:
        """Rows that it has in its next step; its example's `rows` at most."""
        ...

    @property
    def finished(self) -> bool:
        """Whether it takes no more steps."""
        ...

    def prediction(self) -> R_co:
        """Its answer, once it is finished."""
        ...


@runtime_checkable
class SteppingTask(Protocol):
    """A task whose networks take steps that the engine counts out.

    Its examples have `rows`, the most rows that they take in a step. Runs join and leave between
    steps, and no answer depends on who is there. `predict` does the same for a batch that stays
    together. Both are called from the worker's own thread only.
    """

    def begin(self, examples: Sequence[Any]) -> Sequence[Run[Any]]:
        """A run for each example, in order; what they need at first is computed together."""
        ...

    def step(self, runs: Sequence[Any]) -> None:
        """One step of all `runs`, which are some that `begin` gave and none of them finished.

        If it raises, none of them has taken it.
        """
        ...
