"""Streams: memory and latency of 100,000, and steps a second beside services by hand.

Starts all services, asks them in turns, and compares within each round. Knows HTTP and processes.

    python -m benchmarks.streams            # all; needs a C compiler named cc
    python -m benchmarks.streams --quick    # 2,000 streams, short turns
"""

import http.client
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from benchmarks.http import cpu_seconds
from benchmarks.load.client import Client, build
from benchmarks.load.corpus import post, write_requests
from benchmarks.v2 import service
from tests.streams import write_stream_version

CLIENTS = 64
PATIENCE = 1800.0  # seconds that all streams may take to be opened
STREAMS = 1024  # among which the clients pick, so that few ask for the same one at a time
WINDOW = 512
STATE_BYTES = 2 * 40 * 4  # of an LSTM(40)
Row = tuple[str, str, str]  # what, the figure, what it should be


def main(
    streams: Annotated[int, typer.Option(help="Streams that are opened for the memory.")] = 100_000,
    rounds: Annotated[int, typer.Option(help="Turns of each service.")] = 5,
    seconds: Annotated[float, typer.Option(help="Of one turn.")] = 3.0,
    quick: Annotated[bool, typer.Option(help="2,000 streams, 2 turns of a second.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
) -> None:
    """Measure everything, write the rows as markdown and JSON."""
    if quick:
        streams, rounds, seconds = 2_000, 2, 1.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build(folder)
        rows = [
            *many_streams(folder, program, streams),
            *beside_by_hand(folder, program, rounds, seconds),
            *batching(folder, program, rounds, seconds),
        ]
    lines = ["| what | measured | wanted |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines.append("")
    lines.append(
        f"`python -m benchmarks.streams`: {rounds} rounds of {seconds:g} s a turn, medians of the "
        f"rounds and their range; {psutil.cpu_count()} cores, load average "
        f"{psutil.getloadavg()[0]:.1f}, Python {platform.python_version()}."
    )
    text = "\n".join(lines)
    typer.echo(text)
    if not quick:
        out.mkdir(parents=True, exist_ok=True)
        (out / "streams.md").write_text(text + "\n", encoding="utf-8")


@contextmanager
def unroll(folder: Path, models: Path, *options: str, **settings: str) -> Iterator[Any]:
    """The service on a store of its own: (port, process)."""
    before = dict(os.environ)
    own = {"UNROLL_STREAMS_DIR": str(folder), "UNROLL_STREAMS_URL": ""}
    os.environ.update(own | {f"UNROLL_{key.upper()}": value for key, value in settings.items()})
    command = ["-m", "app", "serve", "--models-dir", str(models), "--log-format", "json", *options]
    try:
        with service([*command, "--port"], "/v2/health/ready") as started:
            yield started
    finally:
        os.environ.clear()
        os.environ.update(before)


def many_streams(folder: Path, program: Path, count: int) -> list[Row]:
    """Memory of `count` streams of an LSTM(40) beyond their states, and steps afterwards."""
    models = folder / "many"
    write_stream_version(models, hidden=40)
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for sync in ("full", "normal"):
        with unroll(folder / f"store-{sync}", models, streams_sync=sync) as (port, process):
            ask = asker(port)
            for number in range(200):  # warm
                ask("PUT", f"/streams/w{number}", {"model": "lstm"})
                ask("POST", f"/streams/w{number}/steps", {"values": [0.5]})
            if sync == "full":
                before = process.memory_info().rss
                open_all(program, port, folder, count)
                grown = process.memory_info().rss - before
                each = grown / count
                rows.append(
                    (
                        f"{count:,} streams of an LSTM(40) opened, one step each: resident bytes a "
                        "stream (a state has 320)",
                        f"{each:.0f}",
                        f"under {400 + STATE_BYTES}",
                    )
                )
                known = count
            else:
                known = 200
            ask = asker(port)  # the connection was idle for too long
            taken = []
            for _ in range(500):
                name = f"s{rng.integers(known)}" if sync == "full" else f"w{rng.integers(known)}"
                start = time.perf_counter()
                ask("POST", f"/streams/{name}/steps", {"values": [0.5]})
                taken.append(time.perf_counter() - start)
                time.sleep(0.002)
            rows.append(
                (
                    f"a step of one of {known:,}, unloaded, synchronous={sync}: median, 95 %",
                    f"{1000 * statistics.median(taken):.2f} ms, "
                    f"{1000 * statistics.quantiles(taken, n=20)[18]:.2f} ms",
                    "median under 2 ms",
                )
            )
    rows.append(("a wait for this disk alone (fsync of 4 KiB): median", fsync(folder), ""))
    return rows


def fsync(folder: Path) -> str:
    """What the disk takes, whatever stands above it."""
    taken = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(200):
            file.write(bytes(4096))
            file.flush()
            start = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - start)
    return f"{1000 * statistics.median(taken):.2f} ms"


def asker(port: int) -> Callable[[str, str, Any], Any]:
    """Asks over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json"}

    def ask(method: str, path: str, body: Any) -> Any:
        connection.request(method, path, json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
        assert response.status in (200, 201), content
        return json.loads(content)

    return ask


def open_all(program: Path, port: int, folder: Path, count: int, prefix: str = "s") -> None:
    """Open so many streams, then take a step of each: 64 clients at once, each request once."""
    paths = [f"/streams/{prefix}{number}" for number in range(count)]
    opening = [post(path, {"model": "lstm"}).replace(b"POST", b"PUT", 1) for path in paths]
    steps = [post(f"{path}/steps", {"values": [0.5]}) for path in paths]
    for requests in (opening, steps):
        client = Client(program, port, write_requests(folder / "opening", requests))
        answers = client.fixed([(0, number) for number in range(count)], PATIENCE, CLIENTS)
        assert np.isin(answers.status, (200, 201)).all(), np.unique(answers.status)


def beside_by_hand(folder: Path, program: Path, rounds: int, seconds: float) -> list[Row]:
    """Steps a second of 64 clients, beside FastAPI by hand."""
    models = folder / "beside"
    graph = write_stream_version(models, hidden=40) / "model.onnx"
    window = {"values": [0.01 * step for step in range(WINDOW)]}
    steps = [post(f"/streams/s{n}/steps", {"values": [0.5]}) for n in range(STREAMS)]
    hand_steps = [post(f"/step/s{n}", {"values": [0.5]}) for n in range(STREAMS)]
    files = {
        "ours": write_requests(folder / "ours", steps),
        "dict": write_requests(folder / "dict", hand_steps),
        "window": write_requests(folder / "window", [post("/window", window)]),
    }
    by_hand = ["-m", "benchmarks.streams_by_hand", str(graph)]
    with ExitStack() as stack:
        ports = {
            "sqlite": stack.enter_context(unroll(folder / "beside-store", models)),
            "memory": stack.enter_context(unroll(folder, models, streams_url="memory://")),
            "plain": stack.enter_context(without_step_rounds(folder, models)),
            "hand": stack.enter_context(service(by_hand, "/docs")),
        }
        for name in ("sqlite", "memory", "plain"):
            open_all(program, ports[name][0], folder, STREAMS)
        asked = {"sqlite": "ours", "memory": "ours", "plain": "ours"}
        asked |= {"dict": "dict", "window": "window"}
        clients = {}
        for name, file in asked.items():
            port, process = ports.get(name, ports["hand"])
            clients[name] = (Client(program, port, files[file]), process)
        found = turns(clients, rounds, seconds)
    pairs = (
        (f"{CLIENTS} clients, LSTM(40), SQLite beside a dict by hand", "sqlite", "dict", 1.5),
        (f"the same, beside {WINDOW} points sent each time", "sqlite", "window", 20),
        ("the same with the store in memory, beside a dict by hand", "memory", "dict", 2),
        ("the store in memory: api/streams/step_rounds.py beside FastAPI", "memory", "plain", 1.15),
    )
    return [(what, *ratio(found, ours, other, wanted)) for what, ours, other, wanted in pairs]


@contextmanager
def without_step_rounds(folder: Path, models: Path) -> Iterator[Any]:
    """The service where FastAPI sees every step: (port, process)."""
    command = ["-m", "benchmarks.load.serve_variant", "no-step-rounds", str(models)]
    before = dict(os.environ)
    os.environ.update({"UNROLL_STREAMS_URL": "memory://"})
    try:
        with service(command, "/v2/health/ready") as started:
            yield started
    finally:
        os.environ.clear()
        os.environ.update(before)


def batching(folder: Path, program: Path, rounds: int, seconds: float) -> list[Row]:
    """Steps a second of an LSTM of 2 x 256 units with batches, and one at a time."""
    models = folder / "large"
    write_stream_version(models, hidden=256, inputs=1, layers=2)
    requests = [post(f"/streams/s{n}/steps", {"values": [0.5]}) for n in range(CLIENTS)]
    file = write_requests(folder / "large-requests", requests)
    with ExitStack() as stack:
        memory = {"streams_url": "memory://"}
        many = stack.enter_context(unroll(folder, models, **memory))
        one = stack.enter_context(unroll(folder, models, **memory, max_batch_size="1"))
        clients = {}
        for name, (port, process) in (("many", many), ("one", one)):
            open_all(program, port, folder, CLIENTS)
            clients[name] = (Client(program, port, file), process)
        found = turns(clients, rounds, seconds)
    what = f"LSTM 2 x 256, {CLIENTS} streams: batches beside one at a time"
    return [(what, *ratio(found, "many", "one", 1.8))]


@dataclass(frozen=True)
class Figures:
    """Steps a second, and CPU milliseconds of the service a step."""

    rate: float
    cpu: float


def turns(
    clients: dict[str, tuple[Client, psutil.Process]], rounds: int, seconds: float
) -> list[dict[str, Figures]]:
    """What each service gave, round by round; the first round warms up."""
    found = []
    for number in range(rounds + 1):
        figures: dict[str, Figures] = {}
        for name, (client, process) in clients.items():
            before = cpu_seconds(process)
            answers = client.closed(CLIENTS, seconds, seed=number + 1)
            assert (answers.status == 200).all(), name
            used = cpu_seconds(process) - before
            count = len(answers.status)
            figures[name] = Figures(count / seconds, 1000 * used / count)
        found.append(figures)
    return found[1:]


def ratio(found: list[dict[str, Figures]], ours: str, other: str, wanted: float) -> tuple[str, str]:
    """(the median of the rounds' ratios with their range and what each takes, what is wanted)."""
    ratios = [each[ours].rate / each[other].rate for each in found]
    costs = [each[other].cpu / each[ours].cpu for each in found]
    rates = [statistics.median(each[name].rate for each in found) for name in (ours, other)]
    cpu = [statistics.median(each[name].cpu for each in found) for name in (ours, other)]
    return (
        f"{statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f}; "
        f"{rates[0]:,.0f} and {rates[1]:,.0f} steps a second); by CPU time "
        f"{statistics.median(costs):.2f} x ({cpu[0]:.3f} and {cpu[1]:.3f} ms a step)",
        f"{wanted:g} x or more",
    )


if __name__ == "__main__":
    typer.run(main)
