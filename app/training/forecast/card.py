"""Writes the model cards of forecasters; knows what a reader must be told, not the figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

_FORECAST = """\
# {name}: a forecaster for any series

Give it the past of one series; it answers the distribution of the next steps. The network is an
ensemble of {members} recurrent encoder-decoders ({cell}, {layers} layers of {hidden}): the
encoder reads the last {context} values, the decoder walks over the horizon and answers
{levels} quantiles of every step at once. Medians are never fed back, so errors do not pile up.

## Use

For business, economic and sensor series that continue their own past: levels, trends and
seasons. It sees one series at a time and nothing else: no prices, holidays or weather. The median
of a step is a weighted mean of the network's own and of four plain ways on (lines, a growth, a
level), by weights that the network gives. Demand that is often zero is answered with the
distribution of its own past values instead, and so are counts that vary as chance makes them.
It was trained on horizons up to {trained} steps; further ones are answered, with intervals that go
on widening as they did, at most with the root of time. It must not be the only ground of a decision
about people.

## Limits

- A trend is gone on with as far as it held in the past of the series: clean ones as they are,
  others damped. A growth goes on without end, at most to a thousand times what was seen; a curve
  that levels off, or a trend that has just turned, is seen late.
- It was calibrated on economic, tourism, load and weather series. On pure white noise its
  intervals are right for the next steps and too wide many steps ahead.
- Counts that are seldom zero come out as numbers with fractions, and nothing keeps percentages
  below 100: tell `integer`, `minimum` and `maximum`.
- Demand that is often zero is taken to stay as it was lately: it has no trend.
- A season is inferred from values only where three whole cycles are among the last {memory} points:
  tell `frequency` or `season_length` where you know them.

## Data

{series} series and {generated} generated ones: {sources}.{started}
sha256 of every file and the whole recipe stand in `manifest.json`.

Split: {split}.

## Licence

{license}

## Figures

{figures}
"""


_SOURCES = {
    "m1": "M1",
    "m3": "M3",
    "tourism": "Tourism",
    "m4_hourly": "M4 Hourly",
    "m4_weekly": "M4 Weekly",
    "nn5": "NN5",
    "ett": "ETT (two transformers)",
    "classic": "small classic series (Melbourne temperatures, sunspots, Beijing PM2.5, Chicago\n"
    "boardings, exchange rates and others)",
    "csv": "the maker's own CSV files",
}
_OWN_LICENSE = "Trained on data of its maker, who states the terms."
_PUBLIC_LICENSE = """\
Weights: Apache-2.0. The data are not part of the project: the competition collections are
published for free use by their organisers, ETT is CC BY-ND 4.0, Beijing PM2.5 is CC BY 4.0,
Chicago boardings are open data of the city, and the exchange rates carry no licence. Whether
weights inherit terms of their data is not settled law: look at your own case."""


def forecast_license(collections: Sequence[str]) -> str:
    """Under which terms a forecaster trained on `collections` stands."""
    return _OWN_LICENSE if list(collections) == ["csv"] else _PUBLIC_LICENSE


def forecast_card(
    name: str, training: Mapping[str, JsonValue], evaluation: Mapping[str, JsonValue]
) -> str:
    """The model card (Mitchell et al. 2019) of a general forecaster, in Markdown."""
    recipe: Any = training["recipe"]
    network = recipe["network"]
    members: Any = training["members"]
    collections: Any = training["collections"]
    figures = str(evaluation.get("table", "")) or "Not yet evaluated."
    started = training.get("started_from")
    return _FORECAST.format(
        name=name,
        members=len(members),
        cell=network["cell"],
        layers=network["num_layers"],
        hidden=network["hidden_size"],
        context=recipe["context_length"],
        levels=len(network["levels"]),
        trained=recipe["trained_horizon"],
        memory=recipe["memory"],
        series=training["series"],
        sources=", ".join(_SOURCES[name] for name in collections),
        license=forecast_license(collections),
        generated=recipe["generated"] + recipe.get("made", 0),
        started=f"\nThe weights were first those of {started}." if started else "",
        split=training["split"],
        figures=figures,
    )
