"""`--workers 2` beside uvicorn's supervisor with prometheus-client's multiprocess mode.

    python -m benchmarks.workers [--rounds 3] [--seconds 2] [--only throughput,overload,...]

Both serve the same application over the same connections (library.py), and are asked in turns;
needs a C compiler.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import psutil
import typer

from benchmarks.load import closed, report
from benchmarks.load.__main__ import QUICK
from benchmarks.load.closed import CLIENTS
from benchmarks.load.networks import LARGE, SMALL
from benchmarks.load.overload import overload
from benchmarks.load.services import Running, Start
from benchmarks.load.site import Site
from benchmarks.workers import lives
from benchmarks.workers.asking import children, wait

OURS, LIBRARY = "`app/http/workers`", "uvicorn and prometheus-client"
DEADLINE: Final = 1.0
_CAPACITY_CLIENTS: Final = 64
ALL: Final = "throughput,overload,metrics,loading,killed,stopped,drain,orphans"


def main(
    rounds: Annotated[int, typer.Option(help="Turns of each.")] = 3,
    seconds: Annotated[float, typer.Option(help="Of one turn.")] = 2.0,
    only: Annotated[str, typer.Option(help="Parts, by commas.")] = ALL,
) -> None:
    """Measure both, and print a table."""
    plan = replace(QUICK, rounds=rounds, seconds=seconds, large_seconds=2 * seconds)
    lines: list[Sequence[Any]] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        site = Site(plan, Path(name), stack)
        starts = _starts(site)
        both = [
            site.start(name, start, "/health/ready")
            for name, start in zip("ab", starts, strict=True)
        ]
        for each in both:
            wait(lambda each=each: len(children(each)) == 2)  # type: ignore[misc]
        for part in only.split(","):
            for line in _PARTS[part](site, starts if part == "drain" else both):
                typer.echo(" | ".join(line), err=True)
                lines.append(line)
    typer.echo(report.table(("two processes", OURS, LIBRARY), lines))
    load = psutil.getloadavg()[0]
    typer.echo(f"{rounds} rounds of {seconds:g} s; {psutil.cpu_count()} cores, load {load:.1f}")


def _starts(site: Site) -> list[Callable[[int], Start]]:
    return [partial(_module, name, site.models) for name in ("ours", "library")]


def _module(name: str, models: Path, port: int) -> Start:
    return Start(["-m", f"benchmarks.workers.{name}", str(models), str(port), "2"])


def throughput(site: Site, both: Sequence[Running]) -> Iterator[lives.Row]:
    """Requests a second, CPU and latency with 32 clients, in turns."""
    for network in (SMALL, LARGE):
        pairs = [(each, site.client(each, network)) for each in both]
        closed.warm(pairs, CLIENTS)
        turns = closed.rounds(pairs, CLIENTS, site.plan.turn(network), site.plan.rounds)
        for what, name, scale in (
            ("per_second", "requests a second", 1.0),
            ("cpu", "CPU of a request, µs", 1e6),
            ("p99", "99th percentile, ms", 1e3),
        ):
            found = [[scale * getattr(turn, what) for turn in turns[each.name]] for each in both]
            cells = (", ".join(f"{value:.0f}" for value in values) for values in found)
            yield (f"{network} network: {name}", *cells)


def in_overload(site: Site, both: Sequence[Running]) -> Iterator[lives.Row]:
    """Twice the capacity over a fixed set of connections, in turns."""
    plan = site.plan
    for network in (SMALL, LARGE):
        found: dict[str, list[str]] = {each.name: [] for each in both}
        for number in range(plan.rounds):
            for each in both[:: -1 if number % 2 else 1]:
                seen = overload(
                    site.client(each, network, DEADLINE),
                    site.capacity(site.client(each, network), _CAPACITY_CLIENTS),
                    DEADLINE,
                    plan.requests,
                    seconds=plan.fixed_seconds,
                    quiet=plan.fixed_quiet,
                    fixed=True,
                )
                found[each.name].append(f"{seen.goodput:.2f}")
        cells = (", ".join(found[each.name]) for each in both)
        yield (f"{network} network, twice the capacity: in time / capacity", *cells)


_PARTS: Final[dict[str, Any]] = {
    "throughput": throughput,
    "overload": in_overload,
    "metrics": lives.metrics,
    "loading": lives.loading,
    "killed": lives.killed,
    "stopped": lives.stopped,
    "drain": lives.drain,
    "orphans": lives.orphans,
}

if __name__ == "__main__":
    typer.run(main)
