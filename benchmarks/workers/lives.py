"""Metrics, loading, deaths and ends of two processes, under each supervisor. Yields table rows."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

import psutil

from benchmarks.load.networks import LARGE, SMALL
from benchmarks.load.services import Running, Start
from benchmarks.load.site import Site
from benchmarks.workers.asking import (
    all_answer,
    children,
    counted,
    infer,
    inferences,
    kill,
    load,
    page,
    post,
    ready,
    wait,
)
from benchmarks.workers.ours import HANG

_HUNG_SECONDS: Final = 60.0  # after which nobody waits for a replacement any more
ASKS: Final = 200  # of a new connection each, so that both processes are met
Row: TypeAlias = tuple[str, ...]


def metrics(site: Site, both: Sequence[Running]) -> Iterator[Row]:
    """Whether sums are right, before and after a process is killed."""
    cells = []
    for each in both:
        before = counted(each)
        sent = len(site.client(each, SMALL).closed(8, 1.0).status)
        time.sleep(0.5)  # what was answered may be counted a moment later
        total = counted(each)
        limits = [line for line in page(each) if line.startswith("unroll_queue_limit{")]
        stated = {inferences(each) for _ in range(20)}
        process = any(line.startswith("process_resident_memory") for line in page(each))
        kill(each)
        by_pid = ", by pid" if "pid=" in limits[0] else ""
        cells.append(
            (
                f"{total - before:.0f} of {sent}",
                f"{counted(each):.0f} of {total:.0f}",
                str(len(stated)),
                f"{len(limits)}{by_pid}",
                "yes" if process else "no",
            )
        )
    names = (
        "requests counted, of those answered",
        "and after one process was killed",
        "different answers of 20 of `/v2/models/small/stats`",
        "series of a gauge of two models (`unroll_queue_limit`)",
        "memory and CPU of the processes (`process_*`)",
    )
    yield from zip(names, *cells, strict=True)


def loading(site: Site, both: Sequence[Running]) -> Iterator[Row]:
    """Who still answers as before, after an unload and a load were answered."""
    rows: dict[str, list[str]] = {}
    for each in both:
        for what, status in (("unload", 404), ("load", 200)):
            assert post(each, f"/v2/repository/models/{LARGE}/{what}") == 200
            began, wrong, last = time.monotonic(), 0, 0.0
            for _ in range(ASKS):
                if infer(each) != status:
                    wrong, last = wrong + 1, time.monotonic() - began
            name = f"after `{what}` was answered: of {ASKS} answers as before; the last after, s"
            rows.setdefault(name, []).append(f"{wrong}; {last:.1f}")
            wait(lambda each=each, status=status: all_answer(each, status))  # type: ignore[misc]
            if what == "unload":
                gone = "no" if any(map(_is_info, page(each))) else "yes"
                rows.setdefault("its `unroll_model_info` is gone", []).append(gone)
    for name, cells in rows.items():
        yield (name, *cells)


def _is_info(line: str) -> bool:
    return line.startswith("unroll_model_info{") and f'model="{LARGE}"' in line


def killed(site: Site, both: Sequence[Running]) -> Iterator[Row]:
    """SIGKILL for one of two."""
    cells = []
    for each in both:
        with load(each) as found:
            seconds = kill(each)
        cells.append(f"{seconds:.1f}; {len(found.lost)} lost, {len(found.refused)} refused")
    yield ("one of two killed: both answer again after, s", *cells)


def stopped(site: Site, both: Sequence[Running]) -> Iterator[Row]:
    """One of two does not go on: the whole process (SIGSTOP), or its event loop alone."""
    for name, number in (("stopped (SIGSTOP)", signal.SIGSTOP), ("whose event loop hangs", HANG)):
        cells = []
        for each in both:
            child, told = children(each)[0], "never"
            child.send_signal(number)
            began = seconds = time.monotonic()
            while child in children(each) and seconds < began + _HUNG_SECONDS:
                if told == "never" and ready(each) == 503:
                    told = f"after {time.monotonic() - began:.0f}"
                time.sleep(0.2)
                seconds = time.monotonic()
            replaced = "never" if child in children(each) else f"{seconds - began:.0f}"
            cells.append(f"{replaced}; not ready meanwhile: {told}")
            if child in children(each):
                child.kill()
            wait(lambda each=each: len(children(each)) == 2 and all_answer(each, 200))  # type: ignore[misc]
        yield (f"one of two {name}: replaced after, s", *cells)


def drain(site: Site, starts: Sequence[Callable[[int], Start]]) -> Iterator[Row]:
    """SIGTERM under load, for services of their own."""
    lost, later, told, statuses = [], [], [], []
    for number, start in enumerate(starts):
        service = site.start(f"drained {number}", start, "/health/ready")
        wait(lambda service=service: len(children(service)) == 2)  # type: ignore[misc]
        with load(service, texts=40) as found:
            time.sleep(2.0)
            began, said = time.monotonic(), []
            service.process.send_signal(signal.SIGTERM)
            while service.process.status() != psutil.STATUS_ZOMBIE:
                said.append(ready(service))
                time.sleep(0.01)
            seconds = time.monotonic() - began
        before = sum(each < began for each in found.lost)
        lost.append(f"{before} of {sum(each < began for each in found.fine) + before}")
        later.append(f"{len(found.refused)} and {len(found.lost) - before}; {seconds:.1f} s")
        told.append("yes" if 503 in said else "no")
        statuses.append(str(service.process.wait(10)))
    yield ("SIGTERM under load: lost of what had been sent", *lost)
    yield ("of what was sent later: answered with 503, and connections broken; it took", *later)
    yield ("`/health/ready` says 503 before nobody listens", *told)
    yield ("exit status", *statuses)


def orphans(site: Site, both: Sequence[Running]) -> Iterator[Row]:
    """SIGKILL for the parent; nothing serves afterwards."""
    cells = []
    for each in both:
        served = children(each)
        each.process.kill()
        gone, alive = psutil.wait_procs(served, timeout=20)
        cells.append(f"{len(gone)} of {len(served)}")
        for child in alive:
            child.kill()
    yield ("parent killed: processes that end by themselves", *cells)
