"""CPU time of a value: streams of `forecast-stream`, beside `forecast` that is sent the past again.

Starts the service with the models of a repository, opens many streams, and reads the time of its
process from the system: other work on the machine matters little. Knows HTTP and processes.

    python -m benchmarks.anomalies            # 1,000 streams
    python -m benchmarks.anomalies --quick    # 50
"""

import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import psutil
import typer

from benchmarks.http import cpu_seconds
from benchmarks.streams import Row, asker, unroll

MODELS: Final = ("forecast-stream", "forecast")
BEFORE: Final = 500  # values of a stream before it is measured
POINTS: Final = 512  # that `forecast` is sent for one step
AT_ONCE: Final = 200  # values in one request
CLIENTS: Final = 16  # that ask at the same time, in one of the ways


def main(
    models: Annotated[Path, typer.Option(help="A model repository.")] = Path("models"),
    streams: Annotated[int, typer.Option(help="Streams that are open.")] = 1000,
    rounds: Annotated[int, typer.Option(help="Turns of each way.")] = 5,
    quick: Annotated[bool, typer.Option(help="50 streams, 2 turns.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
) -> None:
    """Measure, and write the rows as markdown."""
    if quick:
        streams, rounds = 50, 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in MODELS:
            (folder / "models").mkdir(exist_ok=True)
            (folder / "models" / each).symlink_to((models / each).resolve())
        rows = measured(folder, streams, rounds)
    lines = ["| what | measured | wanted |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines.append("")
    lines.append(
        f"`python -m benchmarks.anomalies`: medians of {rounds} rounds; {psutil.cpu_count()} "
        f"cores, load average {psutil.getloadavg()[0]:.1f}, Python {platform.python_version()}."
    )
    text = "\n".join(lines)
    typer.echo(text)
    if not quick:
        out.mkdir(parents=True, exist_ok=True)
        (out / "anomalies.md").write_text(text + "\n", encoding="utf-8")


def measured(folder: Path, streams: int, rounds: int) -> list[Row]:
    """Milliseconds of one value, of the same by `forecast`, and of many values at once."""
    values = 10 + np.random.default_rng(0).normal(size=(streams, BEFORE))
    numbers = count()
    with unroll(folder / "store", folder / "models") as (port, process):
        ask = asker(port)
        for number, past in enumerate(values):
            ask("PUT", f"/streams/s{number}", {"model": "forecast-stream"})
            ask("POST", f"/streams/s{number}/steps", {"values": past.tolist()})

        def steps(count: int, ask: Callable[[str, str, Any], Any] = ask) -> None:
            name = f"s{next(numbers) % streams}"
            ask("POST", f"/streams/{name}/steps", {"values": [10.5] * count})

        def some(_: int) -> None:
            own = asker(port)
            for _ in range(streams // CLIENTS):
                steps(1, own)

        def together() -> None:
            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(some, range(CLIENTS)))

        series = 10 + np.random.default_rng(1).normal(size=POINTS)
        question: dict[str, Any] = {"series": series.tolist(), "horizon": 1}
        # how often each is done in a turn, how many requests that is, and what
        ways: dict[str, tuple[int, int, Callable[[], Any]]] = {
            "one": (streams, 1, lambda: steps(1)),
            "together": (1, streams // CLIENTS * CLIENTS, together),
            "forecast": (50, 1, lambda: ask("POST", "/forecast", question)),
            "many": (20, 1, lambda: steps(AT_ONCE)),
        }
        times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, (done, each, act) in ways.items():
                asked = done * each
                cpu, wall = cpu_seconds(process), time.perf_counter()
                for _ in range(done):
                    act()
                wall = time.perf_counter() - wall
                times[way].append((1e3 * (cpu_seconds(process) - cpu) / asked, 1e3 * wall / asked))
    cpu_of = {way: statistics.median(cpu for cpu, _ in found) for way, found in times.items()}
    wall_of = {way: statistics.median(wall for _, wall in found) for way, found in times.items()}
    ratio = cpu_of["forecast"] / cpu_of["one"]
    return [
        (
            f"one value, {streams:,} streams open: CPU of the service, ms",
            f"{cpu_of['one']:.2f}",
            "0.5",
        ),
        (f"the same of {CLIENTS} clients at a time", f"{cpu_of['together']:.2f}", "0.5"),
        (
            f"`/forecast` with {POINTS} points for one step: CPU, ms",
            f"{cpu_of['forecast']:.2f}, {ratio:.0f} x as much",
            "20 x",
        ),
        (
            f"{AT_ONCE} values in one request: CPU and time, ms",
            f"{cpu_of['many']:.1f} and {wall_of['many']:.1f}",
            "20",
        ),
    ]


if __name__ == "__main__":
    typer.run(main)
