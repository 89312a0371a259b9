"""Day-ahead electricity prices with covariates, from day to day. Asks a service.

Every day's 24 hours are forecast at once from the hours before and from the load and wind that were
forecast for the day, as in Lago et al. (2021), Applied Energy 293.
"""

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from app.remote import service

Array = NDArray[np.float64]

DAY = 24
_COVARIATES = ("load_forecast", "wind_forecast")


def main(
    data: Annotated[Path, typer.Option(help="CSV: time, price and covariates, by the hour.")],
    url: str = "http://127.0.0.1:8000",
    first: Annotated[str, typer.Option(help="The first day that is forecast.")] = "2016-01-03",
    every: Annotated[int, typer.Option(help="Days from one that is forecast to the next.")] = 6,
    model: Annotated[str, typer.Option(help="Who is asked.")] = "forecast",
    learned: Annotated[
        bool, typer.Option(help="It has learned the covariates, and answers nothing without them.")
    ] = False,
) -> None:
    """Print mean absolute errors of medians with and without covariates, and of naive methods."""
    table = pd.read_csv(data)
    price: Array = table["price"].to_numpy(np.float64)
    days = range(
        int((table["time"] >= first).to_numpy().argmax()), len(price) - DAY + 1, every * DAY
    )
    errors: dict[str, list[Array]] = {}
    inside: list[Array] = []
    seconds: list[float] = []
    with service(url) as client:
        for origin in days:
            actual = price[origin : origin + DAY]
            options: dict[str, Any] = {"frequency": "h", "model": model}
            options["start"] = str(table["time"].iloc[0]).replace(" ", "T")
            began = time.perf_counter()
            (one,) = client.forecast(
                [price[:origin]],
                DAY,
                past_covariates={name: table[name].tolist()[:origin] for name in _COVARIATES},
                future_covariates={
                    name: table[name].tolist()[origin : origin + DAY] for name in _COVARIATES
                },
                **options,
            )
            seconds.append(time.perf_counter() - began)
            guesses = {
                "with covariates": np.array(one["median"]),
                "the day before": price[origin - DAY : origin],
                "the week before": price[origin - 7 * DAY : origin - 6 * DAY],
            }
            if not learned:
                (plain,) = client.forecast([price[:origin]], DAY, **options)
                guesses["without"] = np.array(plain["median"])
            for name, guess in guesses.items():
                errors.setdefault(name, []).append(np.abs(guess - actual))
            low, high = (np.array(one["quantiles"][level]) for level in ("0.1", "0.9"))
            inside.append(((low <= actual) & (actual <= high)).astype(np.float64))
    typer.echo(f"{len(days)} days from {first}, every {every}; mean absolute error")
    for name, of in errors.items():
        typer.echo(f"{name:>16}: {np.mean(of):.3f}")
    typer.echo(f"in 80 %: {np.mean(inside):.3f}; {np.median(seconds):.2f} s a forecast (median)")


if __name__ == "__main__":
    typer.run(main)
