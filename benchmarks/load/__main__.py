"""Runs the experiments and keeps their figures: `make bench`, or `python -m benchmarks.load run`.

`run` measures everything but the soak in about a quarter of an hour, `run --quick` in two minutes
with figures that are good for a working day and not for a report; `soak` takes half an hour.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.load import corpus, report
from benchmarks.load.bench import Bench, Plan
from benchmarks.load.client import build
from benchmarks.load.networks import LARGE, SMALL, publish_large, publish_small
from benchmarks.load.soak import soak as run_soak

RESULTS = Path(__file__).resolve().parent.parent / "results"
Out = Annotated[Path, typer.Option(help="Folder of the results.")]
Quick = Annotated[bool, typer.Option("--quick", help="Shorter turns, fewer of them.")]
cli = typer.Typer(add_completion=False, no_args_is_help=True)

PLAN = Plan()
QUICK = Plan(
    rounds=3,
    seconds=1.5,
    large_seconds=5.0,
    overload_seconds=5.0,
    curve_seconds=3.0,
    curve_shares=(0.5, 0.9, 1.3),
    policy_rows=400,
    policy_seconds=4.0,
)


@cli.command()
def run(
    quick: Quick = False,
    only: Annotated[
        str, typer.Option(help="Some of policies, small, large, overload, curves; by commas.")
    ] = "policies,small,large,overload,curves",
    out: Out = RESULTS,
) -> None:
    """Measure, print tables, and put the figures into latest.json.

    The policies come first: a service that was asked for too much goes on for a while.
    """
    facts = report.machine() | {"quick": quick}
    with _bench(QUICK if quick else PLAN) as bench:
        for part in only.split(","):
            typer.echo(f"{part} ...")
            facts |= getattr(bench, part)()
            facts |= {f"{part}_date": facts["date"], f"{part}_quick": quick}
            figures = report.keep(out, facts)
            (out / "load.md").write_text("\n".join(bench.tables), encoding="utf-8")
    if bench.curves_drawn:
        report.draw(out / "load.png", bench.curves_drawn, bench.plan.deadlines)
    typer.echo("\n".join([*bench.tables, figures]))


@cli.command()
def soak(
    minutes: Annotated[float, typer.Option(help="How long.")] = 30.0,
    network: Annotated[str, typer.Option(help="small or large.")] = LARGE,
    out: Out = RESULTS,
) -> None:
    """Ask at 0.7 of capacity for half an hour, and see whether anything grows."""
    with _bench(PLAN) as bench:
        service = bench.unroll()
        client = bench.client(service, network)
        capacity = bench.capacity(client)
        found = run_soak(service, client, capacity, corpus_size(), minutes)
    facts: dict[str, Any] = {
        "soak_date": report.machine()["date"],
        "soak_network": network,
        "soak_minutes": found.minutes,
        "soak_rate": 0.7 * capacity,
        "soak_rss_slope_mib_per_hour": found.rss_slope_mib_per_hour,
        "soak_rss_start_mib": found.rss_start_mib,
        "soak_rss_end_mib": found.rss_end_mib,
        "soak_threads_growth": found.threads_growth,
        "soak_descriptors_growth": found.descriptors_growth,
        "soak_answered": found.answered,
        "soak_not_answered": found.not_answered,
    }
    report.keep(out, facts)
    typer.echo(report.table(("soak", ""), list(facts.items())))


def corpus_size() -> int:
    return PLAN.requests


@contextmanager
def _bench(plan: Plan) -> Iterator[Bench]:
    """A folder with both networks, the client, and services that end with it."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        models = folder / "models"
        publish_small(models)
        publish_large(models)
        assert {each.name for each in models.iterdir()} == {SMALL, LARGE}
        small = [
            corpus.post("/v2/models/small/infer", _tensors(row))
            for row in corpus.rows(plan.requests)
        ]
        large = [
            corpus.post("/sentiment", {"text": text, "model": LARGE})
            for text in corpus.texts(plan.requests)
        ]
        yield Bench(plan, folder, models, build(folder), {SMALL: small, LARGE: large}, stack)


def _tensors(row: list[int]) -> dict[str, Any]:
    """A row of token ids as the Open Inference Protocol has it in JSON."""
    return {
        "inputs": [
            {"name": "token_ids", "datatype": "INT64", "shape": [1, len(row)], "data": row},
            {"name": "lengths", "datatype": "INT64", "shape": [1], "data": [len(row)]},
        ]
    }


if __name__ == "__main__":
    cli()
