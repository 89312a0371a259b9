"""Latency, throughput and CPU of POST /forecast, measured over a real socket.

Starts `unroll serve` for itself and stops it again. Knows HTTP and the process; no model.
"""

import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import psutil
import typer
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """What one load gave; times in milliseconds."""

    clients: int
    per_second: float
    p50: float
    p95: float
    p99: float
    cpu: float


def main(
    points: Annotated[int, typer.Option(help="Points of the series.")] = 200,
    horizon: Annotated[int, typer.Option(help="Steps to forecast.")] = 24,
    clients: Annotated[str, typer.Option(help="Clients at once, one run each.")] = "1,2,8,32",
    requests: Annotated[int, typer.Option(help="Requests of one run.")] = 500,
    model: Annotated[str, typer.Option(help="Model to ask.")] = "forecast",
) -> None:
    """Measure POST /forecast with 1, 2, 8 ... clients at once."""
    series = [100 + 10 * ((step * 7) % 12) + 0.1 * step for step in range(points)]
    body = {"series": series, "horizon": horizon, "season_length": 12, "model": model}
    table = Table(title=f"{points} points, horizon {horizon}, model {model}")
    for heading in ("clients", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms/request"):
        table.add_column(heading, justify="right")
    with service() as (url, process):
        asyncio.run(load(url, process, body, 1, 20))  # warm
        for count in map(int, clients.split(",")):
            result = asyncio.run(load(url, process, body, count, requests))
            figures = (result.per_second, result.p50, result.p95, result.p99, result.cpu)
            table.add_row(str(count), *(f"{figure:.2f}" for figure in figures))
    Console().print(table)


async def load(
    url: str,
    process: psutil.Process,
    body: dict[str, Any],
    clients: int,
    requests: int,
    path: str = "/forecast",
) -> Result:
    """Send `requests` from `clients` at once, each waiting for its answer before the next."""
    seconds: list[float] = []

    async def client(http: httpx.AsyncClient) -> None:
        while len(seconds) < requests:
            start = time.perf_counter()
            (await http.post(path, json=body)).raise_for_status()
            seconds.append(time.perf_counter() - start)

    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as http:
        cpu, start = cpu_seconds(process), time.perf_counter()
        await asyncio.gather(*(client(http) for _ in range(clients)))
        wall = time.perf_counter() - start
        cpu = cpu_seconds(process) - cpu
    cuts = [1000 * cut for cut in statistics.quantiles(seconds, n=100)]
    return Result(
        clients, len(seconds) / wall, cuts[49], cuts[94], cuts[98], 1000 * cpu / len(seconds)
    )


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of the process so far, all of its threads."""
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def service(python: str = sys.executable) -> Iterator[tuple[str, psutil.Process]]:
    """`unroll serve` of an environment on a free port, ready: (its address, its process)."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [python, "-m", "app", "serve", "--port", str(port), "--log-level", "ERROR"]
    with subprocess.Popen(command) as child:
        try:
            while not ready(url):
                if child.poll() is not None:
                    raise SystemExit("the service did not start")
                time.sleep(0.02)
            yield url, psutil.Process(child.pid)
        finally:
            child.terminate()


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    typer.run(main)
