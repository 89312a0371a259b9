"""A made system in which one channel leads another by a few steps, and a recipe that learns it.

`python -m tests.training.forecast.covariates.system` prints the errors of five seeds.
"""

import csv
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from app.serving.models.loader import load_version
from app.training.forecast.covariates.channels import channels_of
from app.training.forecast.covariates.recipe import CovariateRecipe
from app.training.forecast.covariates.train import train_with_covariates
from app.training.forecast.data import read_series
from app.training.forecast.train import TASKS
from tests.training.forecast.covariates.made import tiny

LEAD: Final = 3  # steps by which `valve` goes before `level`
HORIZON: Final = LEAD
NAMES: Final = ("valve", "level", "noise")
STEPS: Final = 150  # batches, which take a few seconds of CPU


def write_system(folder: Path, seed: int = 0, days: int = 400) -> Path:
    """`valve` is noise, `level` the same three days later and twice as large; one more is noise."""
    rng = np.random.default_rng(seed)
    valve, other = rng.normal(size=(2, days + LEAD))
    level = 20.0 + 2.0 * valve[:days] + rng.normal(scale=0.2, size=days)
    path = folder / "system.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        write = csv.writer(file)
        write.writerow(["ds", *NAMES])
        for day in range(days):
            row = (10.0 + valve[day + LEAD], level[day], other[day])
            date = np.datetime64("2023-01-01") + day
            write.writerow([date, *(round(float(value), 4) for value in row)])
    return path


def train_system(
    folder: Path, path: Path, recipe: CovariateRecipe, *, together: bool = True
) -> Path:
    """The version that has learned the table; `level` by itself if not together."""
    series = [replace(one, horizon=HORIZON) for one in read_series(path)]
    if not together:
        series = [one for one in series if one.id.endswith("level")]
    return train_with_covariates(
        path,
        series,
        recipe,
        multivariate=together,
        name="together" if together else "alone",
        repository=folder / "models",
        work=folder / "work",
    )


def error(version: Path, path: Path) -> float:
    """Mean absolute error of the medians of `level` in the days of `path`, from many origins."""
    model = load_version(version, TASKS)
    channels = channels_of(read_series(path))
    together = bool(model.manifest.features.get("channels"))
    missed = []
    try:
        for origin in range(100, len(channels[0].values) - HORIZON, HORIZON):
            known = [one.values[:origin].tolist() for one in channels]
            asked = {"series": known, "multivariate": True} if together else {"series": known[1]}
            example = model.task.encode(
                horizon=HORIZON, frequency="D", start=channels[0].first, **asked
            )
            [answer] = model.task.predict([example])
            forecast = answer.channels()[1 if together else 0].median
            truth = channels[1].values[origin : origin + HORIZON]
            missed.append(float(np.abs(np.array(forecast) - truth).mean()))
    finally:
        model.close()
    return float(np.mean(missed))


def both_errors(folder: Path, seed: int, steps: int = STEPS) -> tuple[float, float]:
    """(of the channels together, of `level` alone), each on days of the system never seen."""
    unseen = folder / "unseen"
    unseen.mkdir()
    table, other = write_system(folder, seed), write_system(unseen, 1000 + seed)
    joint, alone = (
        error(train_system(folder, table, tiny(steps, seed=seed), together=together), other)
        for together in (True, False)
    )
    return joint, alone


if __name__ == "__main__":
    torch.set_num_threads(1)
    for number in range(5):
        with tempfile.TemporaryDirectory() as place:
            joint, alone = both_errors(Path(place), number)
        print(number, f"together {joint:.2f}, alone {alone:.2f}", flush=True)
