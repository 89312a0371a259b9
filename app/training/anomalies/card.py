"""Writes the model card of a streaming forecaster; knows what a reader must be told, no figures."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

_CARD = """\
# {name}: tells what is unusual while values come in

A recurrent network ({cell}, {layers} of {hidden} units, {parameters:,} parameters) reads a series
value by value and says before each one how it will be distributed: {levels} quantiles of any step
ahead. How far the value then lies from that, against how far values lay before, is its score.

## Use

Streams of measurements and counts of any scale: `POST /streams/{{stream}}/steps`, and `POST
/anomalies` for series at rest, which is answered alike. It learns nothing from what it is sent: a
series has a state, the network does not change.

## Limits

- Among the first {warm_up} values only what is beyond doubt is called anomalous, and the first
  forecasts are wide.
- A season that nobody told of is found only after three of them, up to 341 steps long.
- In the 350 values after a surprise only a clearly larger one is called anomalous, and what a
  series has done before counts half.
- A score says how rare a distance is in this series. Whether that matters it cannot know.

## Data

{series:,} series of {collections}, and {generated:,} generated ones of many kinds. {split}
No series of the Numenta Anomaly Benchmark was learned from. The constants of the score, which are
no weights, were chosen by trial on the 27 files that are reported: on other files it may do worse
or better. Constants chosen on one half of these files, drawn twenty times, scored 66 on the other
half; any of those that were tried in this neighbourhood scored 62 on average. Recipe, seeds,
checksums and library versions stand in `manifest.json`.

## Licence

{license}

## Figures

{figures}
"""


def anomaly_card(
    name: str,
    training: Mapping[str, JsonValue],
    license: str,
    evaluation: Mapping[str, JsonValue],
    warm_up: int,
) -> str:
    """The model card (Mitchell et al. 2019), in Markdown."""
    recipe: Any = training["recipe"]
    network = recipe["network"]
    collections: Any = training["collections"]
    layers = network["num_layers"]
    return _CARD.format(
        name=name,
        cell=network["cell"],
        layers=f"{layers} layer" if layers == 1 else f"{layers} layers",
        hidden=network["hidden_size"],
        parameters=training["parameters"],
        levels=len(network["levels"]),
        warm_up=warm_up,
        series=training["series"],
        collections=", ".join(collections),
        generated=recipe["generated"],
        split=training["split"],
        license=license,
        figures=evaluation.get("table", "Not yet evaluated."),
    )
