"""Trains the members of an ensemble side by side and shows how far they are; knows no recipe."""

import math
import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from app.training.common.loop import Fit, NotScored, Progress

Report = Callable[[Progress], None]
Job = Callable[[int, Path, Report], Fit]
"""(member, checkpoint, progress) -> its fit."""


_inherited: Job | None = None


@dataclass(frozen=True)
class _Told:
    member: int
    progress: Progress


def train_members(job: Job, members: int, work: Path, *, jobs: int = 1) -> list[Fit]:
    """Train `members` networks, `jobs` at a time, each with one thread; checkpoints in `work`.

    Ctrl-C ends all that run and keeps the best of those that were validated; others are left out.
    Running the same again goes on from the checkpoints.
    """
    console = Console(stderr=True)
    with _bars(console, members) as show:
        if jobs == 1 or members == 1 or not hasattr(os, "fork"):
            return _one_by_one(job, members, work, show)
        return _side_by_side(job, members, work, jobs, show)


def _checkpoint(work: Path, member: int) -> Path:
    return work / f"member-{member}.pt"


def _one_by_one(job: Job, members: int, work: Path, show: Callable[[_Told], None]) -> list[Fit]:
    fits: list[Fit] = []
    for member in range(members):
        report = _reporter(member, show)
        try:
            fits.append(job(member, _checkpoint(work, member), report))
        except NotScored:
            if not fits:
                raise
            break  # the members before it are whole
        if fits[-1].interrupted:
            break
    return fits


def _side_by_side(
    job: Job, members: int, work: Path, jobs: int, show: Callable[[_Told], None]
) -> list[Fit]:
    global _inherited
    _inherited = job  # workers are forked and find it here: material is too large to be sent
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager:
        told: Any = manager.Queue()
        stop = manager.Event()
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker) as pool:
            futures: list[Future[Fit]] = [
                pool.submit(_run, member, _checkpoint(work, member), told, stop)
                for member in range(members)
            ]
            try:
                _follow(futures, told, show)
            except KeyboardInterrupt:
                stop.set()
                for future in futures:
                    future.cancel()
            return _scored([future for future in futures if not future.cancelled()])


def _scored(futures: Sequence[Future[Fit]]) -> list[Fit]:
    """What the members found that were validated once at least.

    Raises:
        NotScored: none was.
    """
    fits: list[Fit] = []
    unscored: list[NotScored] = []
    for future in futures:
        try:
            fits.append(future.result())
        except NotScored as error:
            unscored.append(error)
    if not fits:
        raise unscored[0] if unscored else NotScored("stopped before any network was trained")
    return fits


def _follow(futures: list[Future[Fit]], told: Any, show: Callable[[_Told], None]) -> None:
    while not all(future.done() for future in futures):
        try:
            show(told.get(timeout=0.5))
        except queue.Empty:
            continue


def _start_worker() -> None:
    # Ctrl-C reaches the whole group: only the parent acts on it, and tells the others
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _run(member: int, checkpoint: Path, told: Any, stop: Any) -> Fit:
    assert _inherited is not None

    def report(progress: Progress) -> None:
        if progress.step % 20 == 0 or progress.score is not None:
            told.put(_Told(member, progress))
            if stop.is_set():
                raise KeyboardInterrupt

    return _inherited(member, checkpoint, report)


def _reporter(member: int, show: Callable[[_Told], None]) -> Report:
    return lambda progress: show(_Told(member, progress))


@contextmanager
def _bars(console: Console, members: int) -> Iterator[Callable[[_Told], None]]:
    """A bar per member on a terminal; elsewhere a line per validation."""
    columns = (
        TextColumn("member {task.fields[member]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}  left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = [
            bars.add_task("", start=False, total=None, member=i, told="waits")
            for i in range(members)
        ]

        def show(told: _Told) -> None:
            p, task = told.progress, tasks[told.member]
            if not bars.tasks[task].started:
                bars.start_task(task)
            best = f"  best score {p.best:.4f}" if math.isfinite(p.best) else ""
            bars.update(task, completed=p.step, total=p.steps, told=f"loss {p.loss:.4f}{best}")
            if not console.is_terminal and p.score is not None:
                console.print(
                    f"member {told.member} step {p.step}/{p.steps} loss {p.loss:.4f}"
                    f" score {p.score:.4f} best {p.best:.4f}"
                )

        yield show
