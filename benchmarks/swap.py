"""What requests feel of a swap: latencies while a version replaces another, against before.

Requests arrive at a fixed rate, whether or not the ones before are answered (an open loop), so a
pause shows in every request that came meanwhile. Versions are published by renaming and taken up
with a load; every other swap rolls back. Starts `unroll serve` for itself; knows HTTP, no model.
"""

import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer
from rich.console import Console
from rich.table import Table

SHIPPED = Path(__file__).resolve().parent.parent / "models"
MEGABYTES = 1e6


@dataclass(frozen=True)
class Request:
    """When it was due and how long it took, in seconds; the version that answered, "" for none."""

    due: float
    seconds: float
    version: str


@dataclass(frozen=True)
class Result:
    """Latencies in milliseconds, before the swaps and while they went on."""

    cycles: int
    rate: float
    requests: int
    failed: int
    untrue: int
    swap_seconds: float
    before: list[float]
    during: list[float]
    ratio_p99: float
    megabytes_before: float
    megabytes_after: float


def main(
    cycles: Annotated[int, typer.Option(help="Publications, each with a roll-back.")] = 20,
    rate: Annotated[float, typer.Option(help="Requests a second.")] = 40.0,
    points: Annotated[int, typer.Option(help="Points of the series.")] = 200,
    horizon: Annotated[int, typer.Option(help="Steps to forecast.")] = 24,
    model: Annotated[str, typer.Option(help="A shipped forecaster.")] = "forecast",
    pause: Annotated[float, typer.Option(help="Seconds between swaps.")] = 1.0,
    out: Annotated[Path | None, typer.Option(help="Write the result here, as JSON.")] = None,
) -> None:
    """Measure POST /forecast while versions are published and rolled back."""
    series = [100 + 10 * ((step * 7) % 12) + 0.1 * step for step in range(points)]
    body = {"series": series, "horizon": horizon, "season_length": 12, "model": model}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        copy_version(model, "1", root)
        with service(root) as (url, process):
            result = asyncio.run(measure(url, process, root, model, body, cycles, rate, pause))
    report(result)
    if out is not None:
        out.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")


async def measure(
    url: str,
    process: psutil.Process,
    root: Path,
    model: str,
    body: dict[str, Any],
    cycles: int,
    rate: float,
    pause: float,
) -> Result:
    """Swap `cycles` times there and back under load, after a while of load alone."""
    done: list[Request] = []
    swaps: list[tuple[float, float]] = []
    limits = httpx.Limits(max_connections=256)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as http:
        for _ in range(20):  # warm
            (await http.post("/forecast", json=body)).raise_for_status()
        (truth,) = (await http.post("/forecast", json=body)).json()["forecasts"]
        megabytes = process.memory_info().rss / MEGABYTES
        ended = asyncio.Event()
        load = asyncio.create_task(arrivals(http, body, truth, rate, ended, done))
        for version in range(2, cycles + 2):
            await asyncio.sleep(pause)
            # not on the loop of the load: a slow disk would hold up those who ask
            await asyncio.to_thread(copy_version, model, str(version), root)
            swaps.append(await swap(http, model, None))
            await asyncio.sleep(pause)
            swaps.append(await swap(http, model, 1))
        ended.set()
        await load
    during = [each.seconds for each in done if any(a <= each.due <= b for a, b in swaps)]
    before = [
        each.seconds for each in done if not any(a - 0.1 <= each.due <= b + 0.1 for a, b in swaps)
    ]
    answered = [each for each in done if each.version]
    return Result(
        cycles=cycles,
        rate=rate,
        requests=len(done),
        failed=len(done) - len(answered),
        untrue=sum(each.version == "?" for each in answered),
        swap_seconds=statistics.fmean(b - a for a, b in swaps),
        before=percentiles(before),
        during=percentiles(during),
        ratio_p99=percentiles(during)[2] / percentiles(before)[2],
        megabytes_before=megabytes,
        megabytes_after=process.memory_info().rss / MEGABYTES,
    )


async def arrivals(
    http: httpx.AsyncClient,
    body: dict[str, Any],
    truth: dict[str, Any],
    rate: float,
    ended: asyncio.Event,
    done: list[Request],
) -> None:
    """One request every 1 / `rate` seconds until `ended`; then wait for all answers."""

    async def one(due: float) -> None:
        version = ""
        try:
            response = await http.post("/forecast", json=body)
            if response.status_code == 200:
                answer = response.json()
                version = answer["version"] if answer["forecasts"] == [truth] else "?"
        except httpx.HTTPError:
            pass
        done.append(Request(due, time.perf_counter() - due, version))

    tasks = set()
    due = time.perf_counter()
    while not ended.is_set():
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.add(asyncio.create_task(one(due)))
        due += 1 / rate
    await asyncio.gather(*tasks)


async def swap(http: httpx.AsyncClient, model: str, version: int | None) -> tuple[float, float]:
    """Load a version, None for the highest; when the call began and when it was done."""
    policy = {"latest": {}} if version is None else {"specific": {"versions": [version]}}
    config = json.dumps({"version_policy": policy})
    begun = time.perf_counter()
    path = f"/v2/repository/models/{model}/load"
    response = await http.post(path, json={"parameters": {"config": config}})
    response.raise_for_status()
    return begun, time.perf_counter()


def percentiles(seconds: Sequence[float]) -> list[float]:
    """The 50th, 95th and 99th, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return [1000 * cuts[each - 1] for each in (50, 95, 99)]


def copy_version(model: str, version: str, root: Path) -> None:
    """The shipped version under another number, put into its place whole."""
    work = root.parent / "work"
    shipped = max((SHIPPED / model).iterdir(), key=lambda folder: int(folder.name))
    shutil.copytree(shipped, work)
    manifest = work / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8")) | {"version": version}
    manifest.write_text(json.dumps(content), encoding="utf-8")
    (root / model).mkdir(parents=True, exist_ok=True)
    work.rename(root / model / version)


@contextmanager
def service(root: Path) -> Iterator[tuple[str, psutil.Process]]:
    """`unroll serve` of `root` on a free port, ready: (its address, its process)."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--log-level", "ERROR"]
    environment = os.environ | {"UNROLL_MODELS_DIR": str(root), "UNROLL_WATCH_SECONDS": "0"}
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env=environment) as child:
        try:
            while httpx_status(f"{url}/health/ready") != 200:
                if child.poll() is not None:
                    raise SystemExit("the service did not start")
                time.sleep(0.1)
            yield url, psutil.Process(child.pid)
        finally:
            child.terminate()


def httpx_status(url: str) -> int:
    """The status of a GET; 0 if nobody answers."""
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return 0


def report(result: Result) -> None:
    """The result for a terminal."""
    title = (
        f"{2 * result.cycles} swaps of {result.swap_seconds:.2f} s at {result.rate:g} requests/s"
    )
    table = Table(title=title)
    for heading in ("", "p50 ms", "p95 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    for name, row in (("before", result.before), ("during", result.during)):
        table.add_row(name, *(f"{each:.2f}" for each in row))
    console = Console()
    console.print(table)
    console.print(
        f"p99 during / before: {result.ratio_p99:.2f}; failed: {result.failed} of "
        f"{result.requests}; untrue: {result.untrue}; memory: {result.megabytes_before:.0f} -> "
        f"{result.megabytes_after:.0f} MB"
    )


if __name__ == "__main__":
    typer.run(main)
