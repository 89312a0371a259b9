"""Series of shops that promotions decide, as a table, and a recipe that learns them in seconds.

`python -m tests.training.forecast.covariates.made` prints the error of five seeds.
"""

import csv
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from app.serving.models.loader import load_version
from app.training.common.loop import LoopOptions
from app.training.forecast.covariates.network import CovariateSizes
from app.training.forecast.covariates.recipe import CovariateRecipe
from app.training.forecast.covariates.train import train_with_covariates
from app.training.forecast.data import Series, read_series
from app.training.forecast.tables.options import TableOptions
from app.training.forecast.train import TASKS

HORIZON: Final = 7
LIFT: Final = {"north": 20.0, "south": -10.0}  # what a promotion does, by the kind of shop
LEVEL: Final = 50.0


def write_shops(folder: Path, seed: int = 0, days: int = 160) -> Path:
    """Four shops: a level, noise of 1, and what a promotion on one day in four does there."""
    rng = np.random.default_rng(seed)
    path = folder / "shops.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        write = csv.writer(file)
        write.writerow(["unique_id", "ds", "y", "promotion", "region", "visitors"])
        for shop in range(4):
            region = "south" if shop % 2 else "north"
            promoted = rng.random(days) < 0.25
            values = LEVEL + LIFT[region] * promoted + rng.normal(size=days)
            for day in range(days):
                date = np.datetime64("2024-01-01") + day
                visitors = round(float(values[day] * 10), 1)
                write.writerow(
                    [
                        f"s{shop}",
                        date,
                        round(float(values[day]), 3),
                        promoted[day],
                        region,
                        visitors,
                    ]
                )
    return path


def read_shops(path: Path) -> list[Series]:
    """As the command reads them, all columns being covariates of `y`."""
    return read_series(path, own=TableOptions(others=True))


def tiny(steps: int = 4, members: int = 1, seed: int = 0) -> CovariateRecipe:
    return CovariateRecipe(
        network=CovariateSizes(hidden_size=16),
        loop=LoopOptions(
            steps=steps, warmup=1, validate_every=max(steps // 3, 1), learning_rate=0.01
        ),
        members=members,
        batch_size=32,
        windows=600,
        seed=seed,
    )


def question(one: Series, **changes: Any) -> dict[str, Any]:
    """The last horizon of a series as a request asks for it."""
    past, future = one.covariates()
    return {
        "series": one.known().tolist(),
        "horizon": one.horizon,
        "frequency": one.frequency,
        "start": one.first,
        "past_covariates": past,
        "future_covariates": {"promotion": future["promotion"]},
    } | changes


def errors(folder: Path, series: list[Series]) -> Mapping[str, float]:
    """Mean absolute errors of the medians on the last horizons, with promotions as they were, with
    each of them turned round, and of repeating the level."""
    model = load_version(folder, TASKS)
    try:
        found: dict[str, list[float]] = {"told": [], "turned": [], "level": []}
        for one in series:
            told = question(one)
            ahead = told["future_covariates"]["promotion"]
            other = ["False" if cell == "True" else "True" for cell in ahead]
            turned = question(one, future_covariates={"promotion": other})
            for name, asked in (("told", told), ("turned", turned)):
                [answer] = model.task.predict([model.task.encode(**asked)])
                found[name].append(float(np.abs(np.array(answer.median) - one.future()).mean()))
            found["level"].append(float(np.abs(np.median(one.known()) - one.future()).mean()))
        return {name: float(np.mean(of)) for name, of in found.items()}
    finally:
        model.close()


def train(folder: Path, recipe: CovariateRecipe, seed: int = 0) -> tuple[Path, list[Series]]:
    """(the published version, the series it has learned)."""
    path = write_shops(folder, seed)
    series = read_shops(path)
    version = train_with_covariates(
        path,
        series,
        recipe,
        past_only=("visitors",),
        name="shops",
        repository=folder / "models",
        work=folder / "work",
    )
    return version, series


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for number in range(5):
        with tempfile.TemporaryDirectory() as place:
            found = errors(*train(Path(place), tiny(150, seed=number), number))
        print(number, {name: round(value, 2) for name, value in found.items()})
