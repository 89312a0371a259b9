"""How long the service takes until it is ready, and what it then holds in memory.

Starts `unroll serve` with the models of a folder a few times, and asks it as its clients do. Knows
HTTP and processes.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer

SERIES = {"series": list(range(200)), "horizon": 24}
TEXTS: dict[str, dict[str, Any]] = {
    "/forecast": SERIES,
    "/sentiment": {"text": "a good film, and a long one " * 20},
    "/authorship": {"text": "the people of the several states " * 60},
}
ASKED = 50  # times, each of them
PATIENCE = 120.0  # seconds


def started(python: Path, models_dir: Path) -> tuple[float, float, float]:
    """(seconds until it was ready, MiB resident then, MiB resident after some requests)."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(python), "-m", "app", "serve", "--port", str(port), "--models-dir"]
    begin = time.perf_counter()
    process = psutil.Popen(
        [*command, str(models_dir)],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            while not is_ready(http):
                if time.perf_counter() > begin + PATIENCE or process.poll() is not None:
                    raise SystemExit("it did not become ready")
                time.sleep(0.02)
            seconds = time.perf_counter() - begin
            at_first = process.memory_info().rss / 2**20
            for _ in range(ASKED):
                for path, body in TEXTS.items():
                    http.post(path, json=body).raise_for_status()
        return seconds, at_first, process.memory_info().rss / 2**20
    finally:
        process.terminate()
        process.wait(30)


def is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def main(
    models_dir: Annotated[Path, typer.Option(help="Folder of models.")] = Path("models"),
    python: Annotated[
        Path, typer.Option(help="An environment's; that of `make serve` has less to import.")
    ] = Path(sys.executable),
    rounds: Annotated[int, typer.Option(help="Starts.", min=1)] = 5,
) -> None:
    """Print the median of some starts, and their range."""
    found = [started(python, models_dir) for _ in range(rounds)]
    for name, unit, values in zip(
        ("ready after", "resident when ready", "resident after 150 requests"),
        ("s", "MiB", "MiB"),
        zip(*found, strict=True),
        strict=True,
    ):
        typer.echo(
            f"{name}: {statistics.median(values):.2f} {unit}"
            f" ({min(values):.2f} to {max(values):.2f}, {rounds} starts)"
        )


if __name__ == "__main__":
    typer.run(main)
