"""Writes the model card of the generated waves; knows what a reader must be told, no figures."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

_CARD = """\
# {name}: two sines and noise, ten steps ahead

A network for one kind of series only: the generated waves on which textbooks compare recurrent
networks. Each is 0.5 sin((t - o1)(10 f1 + 10)) + 0.2 sin((t - o2)(20 f2 + 20)) + 0.1 (u - 0.5)
with its own uniform f1, f2, o1, o2 in 0 to 1 and a uniform u at every point. From the last
{context} values it answers {levels} quantiles of every coming step. Inside: {members},
{cell}, {layers} layers of {hidden} units.

## Use

To compare networks, to learn, and to test a deployment against figures that are known. Values
reach the network as they are: it knows no other scale than about -0.75 to 0.75. For anything
else take the general `forecast`. Shorter series (from 2 points), missing values and horizons
beyond {horizon} are answered, with less knowledge and, beyond {horizon}, without training.
Intervals are calibrated on {context} points: from fewer than 20 they come out too narrow.

## Data

Generated: {series}, of {points} points between time 0 and 1,
{short:.0%} of them cut to fewer points and {gaps:.0%} with missing values.
{split}.
Recipe, seeds and library versions stand in `manifest.json`.

## Licence

Apache-2.0. No foreign data went into it.

## Figures

{figures}
"""


def waves_card(
    name: str,
    training: Mapping[str, JsonValue],
    evaluation: Mapping[str, JsonValue],
) -> str:
    """The model card (Mitchell et al. 2019), in Markdown."""
    recipe: Any = training["recipe"]
    network = recipe["network"]
    members: Any = training["members"]
    series = recipe["series"]
    return _CARD.format(
        name=name,
        context=recipe["context_length"],
        horizon=recipe["horizon"],
        levels=len(network["levels"]),
        members="one recurrent encoder-decoder"
        if len(members) == 1
        else f"the mean of {len(members)} recurrent encoder-decoders",
        cell=network["cell"],
        layers=network["num_layers"],
        hidden=network["hidden_size"],
        series="new series at every step" if series is None else f"{series:,} fixed series",
        points=" or ".join(map(str, sorted(set(recipe["points"])))),
        short=recipe["short"],
        gaps=recipe["gaps"],
        split=training["split"],
        figures=evaluation.get("table", "Not yet evaluated."),
    )
