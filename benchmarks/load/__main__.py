"""Runs the experiments and keeps their figures: `make bench`, or `python -m benchmarks.load run`.

`run` measures the parts of DEFAULT in about a quarter of an hour, `run --quick` in two minutes with
figures that are good for a working day and not for a report. The parts of LONG take as long again
with `run --only`, most of it for `fixed`; `ablate` five minutes a variant, `soak` half an hour.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.load import ablation, report
from benchmarks.load.aims import Aims
from benchmarks.load.bench import Bench
from benchmarks.load.costs import costs
from benchmarks.load.networks import LARGE
from benchmarks.load.site import Plan, Site
from benchmarks.load.soak import soak as run_soak
from benchmarks.load.variants import VARIANTS, variant

RESULTS = Path(__file__).resolve().parent.parent / "results"
DEFAULT: Final = "policies,small,large,baseline,overload,curves"
LONG: Final = "steady,fixed,deadlines,stall,costs"
Out = Annotated[Path, typer.Option(help="Folder of the results.")]
Quick = Annotated[bool, typer.Option("--quick", help="Shorter turns, fewer of them.")]
cli = typer.Typer(add_completion=False, no_args_is_help=True)

PLAN = Plan()
QUICK = Plan(
    rounds=3,
    seconds=1.5,
    large_seconds=5.0,
    capacity_seconds=2.0,
    overload_seconds=5.0,
    curve_seconds=3.0,
    curve_shares=(0.5, 0.9, 1.3),
    policy_rows=400,
    policy_seconds=4.0,
    fixed_rounds=1,
    fixed_seconds=4.0,
    fixed_quiet=2.0,
)


@cli.command()
def run(
    quick: Quick = False,
    only: Annotated[str, typer.Option(help=f"Parts, by commas; besides these {LONG}.")] = DEFAULT,
    out: Out = RESULTS,
) -> None:
    """Measure, print tables, and put the figures into latest.json.

    The policies come first: a service that was asked for too much goes on for a while.
    """
    facts = report.machine() | {"quick": quick}
    figures = ""
    with _site(QUICK if quick else PLAN) as site:
        bench = Bench(site)
        parts = _parts(bench, Aims(site)) | {"costs": partial(costs, site)}
        for part in only.split(","):
            typer.echo(f"{part} ...")
            facts |= parts[part]()
            facts |= {f"{part}_date": facts["date"], f"{part}_quick": quick}
            figures = report.keep(out, facts)
            (out / "load.md").write_text("\n".join(site.tables), encoding="utf-8")
    if bench.curves_drawn:
        report.draw(out / "load.png", bench.curves_drawn, site.plan.deadlines)
    typer.echo("\n".join([*site.tables, figures]))


def _parts(bench: Bench, aims: Aims) -> dict[str, Callable[[], dict[str, Any]]]:
    parts = bench.policies, bench.small, bench.large, bench.overload, bench.curves
    more = aims.baseline, aims.steady, aims.fixed, aims.deadlines, aims.stall
    return {part.__name__: part for part in (*parts, *more)}


@cli.command()
def ablate(
    quick: Quick = False,
    variants: Annotated[
        str, typer.Option(help="By commas: names of variants.py, or `revision REV`.")
    ] = ",".join(VARIANTS),
    out: Out = RESULTS,
) -> None:
    """Compare variants of the service in one run, and write ablation.md."""
    facts = report.machine() | {"quick": quick}
    with _site(QUICK if quick else PLAN) as site:
        names = variants.split(",")
        rows = ablation.ablate(site, {name: variant(name, site.folder) for name in names})
    about = "; ".join(f"{name} {facts[name]}" for name in ("date", "machine", "uvicorn", "quick"))
    text = f"{about}\n\n{ablation.tables(rows)}"
    out.mkdir(parents=True, exist_ok=True)
    (out / "ablation.md").write_text(text, encoding="utf-8")
    typer.echo(text)


@cli.command()
def soak(
    minutes: Annotated[float, typer.Option(help="How long.")] = 30.0,
    network: Annotated[str, typer.Option(help="small or large.")] = LARGE,
    out: Out = RESULTS,
) -> None:
    """Ask at 0.7 of capacity for half an hour, and see whether anything grows."""
    with _site(PLAN) as site:
        service = site.unroll()
        client = site.client(service, network)
        capacity = site.capacity(client)
        found = run_soak(service, client, capacity, site.plan.requests, minutes)
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


@contextmanager
def _site(plan: Plan) -> Iterator[Site]:
    """A folder with both networks and the client, and services that end with it."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        yield Site(plan, Path(name), stack)


if __name__ == "__main__":
    cli()
