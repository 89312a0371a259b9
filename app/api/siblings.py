"""What the processes behind one port ask each other. Knows models and statistics; no route."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from typing import Any, Final, Protocol, TypeAlias

from app.errors import DeadlineExceeded, ModelRefused, Unanswered
from app.serving.models.loader import LoadedModel
from app.serving.models.repository import Repository
from app.serving.scheduling.statistics import Duration, Snapshot, statistics_of

# What each process answers, by question.
Answers: TypeAlias = Mapping[str, Callable[[Any], Awaitable[Any]]]


_CLOCK: Final = 0.001  # seconds by which a timer may be early


class Siblings(Protocol):
    """The other processes behind the port. What is asked is answered by `answers` of each."""

    @property
    def ready(self) -> bool:
        """Whether every process was ready once."""
        ...

    @property
    def silent(self) -> int:
        """How many of the processes do not answer now."""
        ...

    async def start(self, answers: Answers) -> None:
        """Answer from now on."""

    def stop(self) -> None:
        """Answer no more."""

    def tell_loaded(self) -> None:
        """This process has loaded its models."""

    async def metrics(self) -> bytes:
        """The page of metrics of all processes, this one and those that have ended included."""
        ...

    async def gather(self, what: str, value: Any = None) -> list[Any]:
        """What every process answers, this one too. Raises Unanswered if any cannot."""
        ...

    async def others(self, what: str, value: Any, seconds: float | None) -> list[Any]:
        """What every other process answers within `seconds`. Raises Unanswered if any cannot."""
        ...


def answers(repository: Repository, control: Executor) -> Answers:
    """What this process answers to the others; `control` has the thread that loads and unloads."""

    async def statistics(models: list[list[str]]) -> list[dict[str, Any]]:
        return [asdict(statistics_of(*each).snapshot()) for each in models]

    async def follow(_: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(control, repository.follow)

    return {"statistics": statistics, "follow": follow}


async def statistics(siblings: Siblings | None, models: Sequence[LoadedModel]) -> list[Snapshot]:
    """The figures of each model, those of all processes together."""
    if siblings is None:
        return [statistics_of(each.name, each.version).snapshot() for each in models]
    names = [[each.name, each.version] for each in models]
    try:
        found = await siblings.gather("statistics", names)
    except Unanswered:  # one of them is just ending
        return await statistics(None, models)
    return [_sum([_snapshot(process[index]) for process in found]) for index in range(len(names))]


async def have_followed(siblings: Siblings | None, deadline: float | None) -> None:
    """Have every other process do what is wanted since this one has noted it.

    `deadline` is a `time.monotonic()` value.

    Raises:
        DeadlineExceeded: one has not yet. It will, or it is replaced by one that does.
        ModelRefused: one could not.
    """
    if siblings is None:
        return
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        await siblings.others("follow", None, left)
    except Unanswered as error:
        if deadline is not None and time.monotonic() >= deadline - _CLOCK:
            raise DeadlineExceeded(
                "done here, but another process has not answered in time; it will follow"
            ) from error
        raise ModelRefused(f"done here, but not by another process: {error}") from error


def _snapshot(sent: dict[str, Any]) -> Snapshot:
    return Snapshot(
        Duration(**sent["success"]),
        Duration(**sent["fail"]),
        Duration(**sent["queue"]),
        {int(size): Duration(**batch) for size, batch in sent["batches"].items()},
        sent["last"],
    )


def _sum(snapshots: Sequence[Snapshot]) -> Snapshot:
    sizes = sorted({size for each in snapshots for size in each.batches})
    return Snapshot(
        _total([each.success for each in snapshots]),
        _total([each.fail for each in snapshots]),
        _total([each.queue for each in snapshots]),
        {
            size: _total([each.batches[size] for each in snapshots if size in each.batches])
            for size in sizes
        },
        max(each.last for each in snapshots),
    )


def _total(durations: Sequence[Duration]) -> Duration:
    return Duration(sum(each.count for each in durations), sum(each.seconds for each in durations))
