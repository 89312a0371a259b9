"""How long the service takes until it is ready, and what it then holds in memory.

Starts `unroll serve` with the models of a folder a few times, and asks it as its clients do. Knows
HTTP and processes.
"""

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from benchmarks.http import service

REQUESTS: dict[str, dict[str, Any]] = {
    "/forecast": {"series": list(range(200)), "horizon": 24},
    "/sentiment": {"text": "a good film, and a long one " * 20},
    "/authorship": {"text": "the people of the several states " * 60},
}
ASKED = 50  # times, each of them


def started(python: str) -> tuple[float, float, float]:
    """(seconds until it was ready, MiB resident then, MiB resident after some requests)."""
    begin = time.perf_counter()
    with service(python) as (url, process), httpx.Client(base_url=url, timeout=30) as http:
        seconds = time.perf_counter() - begin
        at_first = process.memory_info().rss / 2**20
        for _ in range(ASKED):
            for path, body in REQUESTS.items():
                http.post(path, json=body).raise_for_status()
        return seconds, at_first, process.memory_info().rss / 2**20


def main(
    models_dir: Annotated[Path, typer.Option(help="Folder of models.")] = Path("models"),
    python: Annotated[
        str, typer.Option(help="An environment's; that of `make serve` has less to import.")
    ] = sys.executable,
    rounds: Annotated[int, typer.Option(help="Starts.", min=1)] = 5,
) -> None:
    """Print the median of some starts, and their range."""
    os.environ["UNROLL_MODELS_DIR"] = str(models_dir)
    found = [started(python) for _ in range(rounds)]
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
