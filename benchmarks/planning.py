"""What a planner would try a forecaster with: clean trends, rare demand, counts.

Knows generated series of its own, other than those of training, and the items of
../shared/data/retail; asks the task as the service does, without HTTP.
"""

import csv
import gzip
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from app.tasks.forecast import scores
from app.training.common.cards import markdown_table
from app.training.forecast.served import Answer, Question, served

Array = NDArray[np.float64]
LEVELS = (0.025, 0.1, 0.5, 0.8, 0.9, 0.95, 0.975, 0.99)
UPPER = (0.5, 0.8, 0.9, 0.95, 0.99)
# frequency -> (usual points, season, horizon)
CALENDARS = {"W": (156, 52, 26), "MS": (96, 12, 24), "D": (210, 7, 28), "h": (504, 24, 48)}
TRENDS = ("straight", "falling", "growing")


@dataclass(frozen=True)
class Case:
    """A past (time,) and what followed (horizon,)."""

    kind: str
    frequency: str
    season: int
    past: Array
    truth: Array


@dataclass(frozen=True)
class Row:
    """Of the series of a kind: how many; for trends `error` in shares of the last value's, and
    coverage of 80 %; for demand the mean quantile loss, and how far coverage misses its levels."""

    kind: str
    method: str
    series: int
    error: float
    covered: float
    missed: float


def trends(seed: int, count: int) -> Iterator[Case]:
    """Straight, falling and exponential trends, half with a season, little noise to some."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        frequency = list(CALENDARS)[i % 4]
        usual, season, horizon = CALENDARS[frequency]
        kind, seasonal = TRENDS[i // 4 % 3], i // 12 % 2 == 1
        points = int(usual * rng.uniform(0.6, 1.3))
        t = np.arange(points + horizon)
        noise = rng.normal(size=len(t)) * rng.choice([0.002, 0.01, 0.03])
        shape = np.zeros(len(t))
        if seasonal:
            size = rng.uniform(0.05, 0.3)
            shape += size * np.sin(2 * np.pi * (t / season + rng.random()))
            shape += size / 3 * np.cos(4 * np.pi * t / season + rng.random())
        if kind == "growing":
            rate = rng.uniform(0.5, 3.5) / points
            values = 100 * np.exp(rate * t) * (1 + shape + noise)
        elif kind == "falling":
            lost = rng.uniform(0.4, 0.9)
            values = 1000 * (1.3 - lost * t / len(t) + 0.6 * (shape + noise))
        else:
            values = 50 * (1 + rng.uniform(0.8, 5.0) * t / points + 2 * (shape + noise))
        name = f"{kind}, season" if seasonal else kind
        yield Case(name, frequency, season, values[:points], values[points:])


def lines(seed: int, count: int) -> Iterator[Case]:
    """50 + 2 t and noise of 2.5, 60 points, 20 steps."""
    rng = np.random.default_rng(seed)
    t = np.arange(80)
    for _ in range(count):
        values = 50.0 + 2.0 * t + rng.normal(size=80) * 2.5
        yield Case("50 + 2 t", "D", 7, values[:60], values[60:])


def demand(seed: int, count: int) -> Iterator[Case]:
    """Rare, lumpy and Poisson demand and counts, 104 weeks, 12 ahead."""
    rng = np.random.default_rng(seed)
    n = 116

    def draw(kind: str) -> Array:
        if kind == "rare":
            return np.where(rng.random(n) < 0.17, 1.0 + rng.poisson(2.0, n), 0.0)
        if kind == "lumpy":
            return np.where(rng.random(n) < 0.17, np.ceil(rng.lognormal(1.5, 1.0, n)), 0.0)
        if kind == "drifting":
            return rng.poisson(np.exp(np.cumsum(rng.normal(size=n) * 0.05))).astype(np.float64)
        return rng.poisson(float(kind.removeprefix("Poisson ")), n).astype(np.float64)

    for kind in ("rare", "lumpy", "drifting", "Poisson 1", "Poisson 6", "Poisson 25"):
        for _ in range(count):
            values = draw(kind)
            if values[:104].any():
                yield Case(kind, "W", 1, values[:104], values[104:])


def retail(path: Path) -> Iterator[Case]:
    """The eight items of M5: 28 days from origins a hundred days apart, after two years."""
    items: dict[str, list[float]] = {}
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            items.setdefault(row["unique_id"], []).append(float(row["y"]))
    for sold in items.values():
        values = np.array(sold)
        for origin in range(730, len(values) - 28, 100):
            if values[:origin].any():
                past, truth = values[:origin], values[origin : origin + 28]
                yield Case("M5 items", "D", 7, past, truth)


Ask = Callable[[Sequence[Case]], list[Answer]]


def by_network(ask: Any) -> Ask:
    def answers(cases: Sequence[Case]) -> list[Answer]:
        questions = [Question(c.past, len(c.truth), c.frequency) for c in cases]
        found: list[Answer] = ask(questions, LEVELS)
        return found

    return answers


def by_statsforecast(name: str) -> Ask:
    """AutoETS and AutoTheta with their own intervals; Croston's as a Poisson distribution."""

    def answers(cases: Sequence[Case]) -> list[Answer]:
        from statsforecast import models

        found = []
        for case in cases:
            season = case.season if len(case.past) >= 2 * case.season else 1
            make = getattr(models, name)
            model = make() if name.startswith("Croston") else make(season_length=season)
            if name.startswith("Croston"):
                rate = model.forecast(case.past, len(case.truth))["mean"]
                draws = np.random.default_rng(0).poisson(np.maximum(rate, 0.0), (4000, len(rate)))
                found.append(Answer(rate, np.quantile(draws, LEVELS, axis=0)))
                continue
            answer = model.forecast(case.past, len(case.truth), level=[80])
            paths = {0.1: answer["lo-80"], 0.5: answer["mean"], 0.9: answer["hi-80"]}
            quantiles = [paths.get(level, np.full(len(case.truth), np.nan)) for level in LEVELS]
            found.append(Answer(answer["mean"], np.stack(quantiles)))
        return found

    return answers


def score_trends(cases: Sequence[Case], method: str, ask: Ask) -> Iterator[Row]:
    by_kind: dict[str, list[tuple[float, float]]] = {}
    for case, answer in zip(cases, ask(cases), strict=True):
        median, low, high = (answer.quantiles[LEVELS.index(p)] for p in (0.5, 0.1, 0.9))
        plain = np.abs(case.truth - case.past[-1]).mean()
        error = float(np.abs(case.truth - median).mean() / plain)
        covered = scores.coverage(case.truth, low, high)
        for kind in (case.kind, "all"):
            by_kind.setdefault(kind, []).append((error, covered))
    for kind, found in by_kind.items():
        error, covered = np.mean(found, axis=0)
        if kind != "all" or len(by_kind) > 2:
            yield Row(kind, method, len(found), float(error), float(covered), float("nan"))


def score_demand(cases: Sequence[Case], method: str, ask: Ask) -> Iterator[Row]:
    """The loss is in units of the mean step of the past. A value with a probability of its own may
    make less of the future lie below a quantile, and more at or below, than its level."""
    losses: dict[str, list[float]] = {}
    outside: dict[str, list[Array]] = {}
    wanted = np.array(UPPER)
    rows = [LEVELS.index(level) for level in UPPER]
    for case, answer in zip(cases, ask(cases), strict=True):
        paths = answer.quantiles[rows]  # (levels, horizon)
        above = case.truth - paths
        loss = np.maximum(wanted[:, None] * above, (wanted[:, None] - 1) * above).mean()
        unit = np.abs(np.diff(case.past)).mean()
        losses.setdefault(case.kind, []).append(float(loss / unit) if unit > 0 else float("nan"))
        pair = np.stack([(above < 0).mean(axis=1), (above <= 0).mean(axis=1)])
        outside.setdefault(case.kind, []).append(pair)
    for kind, found in losses.items():
        below, within = np.mean(outside[kind], axis=0)
        missed = np.maximum(np.maximum(below - wanted, wanted - within), 0.0)
        loss = float(np.nanmean(found))
        yield Row(kind, method, len(found), loss, float(within[1]), float(missed.max()))


def main(
    models: Annotated[Path, typer.Option(help="Folder of models.")] = Path("models"),
    version: Annotated[list[str] | None, typer.Option(help="Of `forecast`; else served.")] = None,
    data: Annotated[Path, typer.Option(help="The public data.")] = Path("../shared/data"),
    seed: Annotated[int, typer.Option(help="Of the generated series.")] = 1,
    count: Annotated[int, typer.Option(help="Generated trends; a kind of demand has half.")] = 240,
    baselines: Annotated[bool, typer.Option(help="Statistical methods, too: minutes.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the rows here, as JSON.")] = None,
) -> None:
    """Print errors on clean trends, and losses and coverage on rare demand and counts."""
    smooth = [*trends(seed, count), *lines(seed, count // 4)]
    rare = [*demand(seed, count // 2), *retail(data / "retail" / "m5_small.csv.gz")]
    split = [smooth[:count], smooth[count:]]
    rows: list[Row] = []
    for one in version or (None,):
        with served("forecast", models, version=one) as model:
            name = f"forecast/{model.version}"
            for cases in split:
                rows += score_trends(cases, name, by_network(model.ask))
            rows += score_demand(rare, name, by_network(model.ask))
    for method in ("AutoETS", "AutoTheta") if baselines else ():
        for cases in split:
            rows += score_trends(cases, method, by_statsforecast(method))
    for method in ("CrostonSBA", "CrostonOptimized") if baselines else ():
        rows += score_demand(rare, method, by_statsforecast(method))
    kinds = list(dict.fromkeys(row.kind for row in rows))
    rows.sort(key=lambda row: kinds.index(row.kind))
    cells = [
        (r.kind, r.method, str(r.series), f"{r.error:.3f}", f"{r.covered:.3f}", f"{r.missed:.3f}")
        for r in rows
    ]
    headings = ("series", "method", "number", "error or loss", "in 80 %", "missed")
    sys.stdout.write(markdown_table(headings, cells) + "\n")
    if out is not None:
        out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
