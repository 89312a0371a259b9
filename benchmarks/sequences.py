"""How many texts a second /generate and /translate answer, for one client and for several at once.

Starts `unroll serve` for itself and stops it again. The runs take turns: what else runs disturbs
both alike. Told are the medians. Knows HTTP; no model.
"""

import asyncio
import statistics
from typing import Annotated, Any, Final, Literal

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.http import load, service

_SENTENCE: Final = "Two young men in green shirts are playing football in a park."  # 12 words


def main(
    task: Annotated[Literal["generate", "translate"], typer.Argument(help="What is asked.")],
    clients: Annotated[int, typer.Option(help="Clients at once, beside one.")] = 16,
    requests: Annotated[int, typer.Option(help="Requests of each client in one run.")] = 3,
    rounds: Annotated[int, typer.Option(help="Runs of each kind.")] = 5,
    length: Annotated[int, typer.Option(help="Characters to generate.")] = 200,
    target: Annotated[str, typer.Option(help="Language to translate into.")] = "de",
    beam_width: Annotated[int, typer.Option(help="Beams of a translation.")] = 5,
) -> None:
    """Measure one client and several at once, by turns."""
    if task == "generate":
        body: dict[str, Any] = {"prompt": "ROMEO:\n", "max_length": length, "seed": 1}
        unit, size = "characters", length
    else:
        body = {"text": _SENTENCE, "target": target, "beam_width": beam_width}
        unit, size = "sentences", 1
    with service() as (url, process):
        found = asyncio.run(_measured(url, process, f"/{task}", body, clients, requests, rounds))
    table = Table(title=f"POST /{task}, {unit}, median of {rounds} runs")
    for heading in ("clients", f"{unit}/s", "p50 ms", "p95 ms", "CPU ms/request"):
        table.add_column(heading, justify="right")
    for count, results in found.items():
        medians = [
            statistics.median(values)
            for values in zip(*((r.per_second, r.p50, r.p95, r.cpu) for r in results), strict=True)
        ]
        figures = (medians[0] * size, *medians[1:])
        table.add_row(str(count), *(f"{figure:.1f}" for figure in figures))
    ratios = [
        many.per_second / one.per_second for one, many in zip(found[1], found[clients], strict=True)
    ]
    Console().print(table)
    Console().print(
        f"{clients} clients over one: {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


async def _measured(
    url: str,
    process: psutil.Process,
    path: str,
    body: dict[str, Any],
    clients: int,
    requests: int,
    rounds: int,
) -> dict[int, list[Any]]:
    """By the number of clients, the results of their runs."""
    await load(url, process, body, 1, 3, path)  # warm
    found: dict[int, list[Any]] = {1: [], clients: []}
    for _ in range(rounds):
        for count, results in found.items():
            results.append(await load(url, process, body, count, count * requests, path))
    return found


if __name__ == "__main__":
    typer.run(main)
