"""Many texts and many series through the Python client, beside the load generator. Knows both.

Every round asks the same service first by one and then by the other, lists of the same size over as
many connections; ratios are taken within a round. Memory is that of this process while a generator
feeds `iter_sentiment`, whose answers are not kept.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.load import corpus
from benchmarks.load.client import Client as Generator
from benchmarks.load.client import build
from benchmarks.load.services import ROOT, Running, running, unroll
from unroll_client import Client

TEXTS, SERIES = 100, 50  # in a list: what the client sends
POINTS, HORIZON = 100, 12


@dataclass(frozen=True)
class Way:
    """One kind of input. size: inputs in a list; field: where a list stands in the body."""

    name: str
    path: str
    field: str
    size: int
    more: dict[str, Any]
    ask: Callable[[Client, list[Any]], Sequence[Any]]


def main(
    count: Annotated[int, typer.Option(help="Texts, and series.")] = 10_000,
    rounds: Annotated[int, typer.Option(help="Rounds of texts; of series a third.")] = 3,
    seconds: Annotated[float, typer.Option(help="Of one turn of the load generator.")] = 8.0,
    connections: Annotated[int, typer.Option(help="Lists on their way at once.")] = 4,
) -> None:
    """Rates of the client and of the load generator, and the memory of the client."""
    rng = np.random.default_rng(5)
    texts = corpus.texts(count)
    series = [each.tolist() for each in rng.normal(100, 10, (count, POINTS)).round(1)]
    of_texts = Way(
        "texts", "/sentiment", "text", TEXTS, {}, lambda client, some: client.sentiment(some)
    )
    of_series = Way(
        "series",
        "/forecast",
        "series",
        SERIES,
        {"horizon": HORIZON},
        lambda client, some: client.forecast(some, HORIZON),
    )
    table = Table(title=f"{count} each, lists over {connections} connections")
    for heading in ("", "client /s", "load generator /s", "ratio, by round", "median ratio"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder, service(Path(folder)) as one:
        program = build(Path(folder))
        for way, inputs, turns in (
            (of_texts, texts, rounds),
            (of_series, series, max(1, rounds // 3)),
        ):
            bodies = [
                corpus.post(way.path, {way.field: inputs[i : i + way.size], **way.more})
                for i in range(0, len(inputs), way.size)
            ]
            file = corpus.write_requests(Path(folder) / way.name, bodies)
            generator = Generator(program, one.port, file)
            generator.closed(connections, 1.0)  # warm
            pairs = []
            for _ in range(turns):
                ours = by_client(one, way, inputs, connections)
                theirs = by_generator(generator, way, seconds, connections)
                pairs.append((ours, theirs))
                print(f"{way.name}: {ours:.0f} and {theirs:.0f} a second", file=sys.stderr)
            ratios = [ours / theirs for ours, theirs in pairs]
            ours, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
            shown = ", ".join(f"{each:.2f}" for each in ratios)
            row = way.name, f"{ours:.0f}", f"{theirs:.0f}", shown
            table.add_row(*row, f"{statistics.median(ratios):.2f}")
        grown = [memory(one, texts, times, connections) for times in (1, 3)]
    console = Console()
    console.print(table)
    for times, (before, most) in zip((1, 3), grown, strict=True):
        console.print(
            f"{times * count} texts one by one: {before:.1f} MiB before, {most:.1f} MiB at most"
        )


@contextmanager
def service(folder: Path) -> Iterator[Running]:
    """The models that ship."""
    how = partial(unroll, ROOT / "models")
    with running("Unroll", how, "/health/ready", folder / "service.log") as one:
        yield one


def by_client(one: Running, way: Way, inputs: list[Any], connections: int) -> float:
    """Inputs a second. Raises RuntimeError: some are without an answer."""
    with Client(f"http://127.0.0.1:{one.port}", connections=connections) as client:
        start = time.perf_counter()
        found = way.ask(client, inputs)
        taken = time.perf_counter() - start
    if len(found) != len(inputs):
        raise RuntimeError(f"{len(inputs)} {way.name} have {len(found)} answers")
    return len(inputs) / taken


def by_generator(generator: Generator, way: Way, seconds: float, connections: int) -> float:
    """Inputs a second. Raises RuntimeError: an answer was not 200."""
    answers = generator.closed(connections, seconds)
    if (answers.status != 200).any():
        raise RuntimeError(f"{way.name}: not every answer was 200")
    return float(way.size * len(answers.due) / (answers.due + answers.seconds).max())


def memory(one: Running, texts: Sequence[str], times: int, connections: int) -> tuple[float, float]:
    """(MiB before, MiB at most) of this process while so many times the texts are answered."""
    process = psutil.Process()
    before = most = process.memory_info().rss / 2**20
    everything = (text for _ in range(times) for text in texts)
    with Client(f"http://127.0.0.1:{one.port}", connections=connections) as client:
        for number, _ in enumerate(client.iter_sentiment(everything)):
            if number % 500 == 0:
                most = max(most, process.memory_info().rss / 2**20)
    return before, most


if __name__ == "__main__":
    typer.run(main)
