"""Writes the model cards of forecasters with covariates; knows what a reader must be told."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from app.tasks.forecast.features import ForecastFeatures, LearnedCovariate

_CARD = """\
# {name}: a forecaster with covariates

It has learned series of its maker, and what is known beside them. Give it the past of a series
like those and its covariates, by name; it answers the distribution of the next steps. The network
is an ensemble of {members} recurrent encoder-decoders ({cell}, {layers} layers of {hidden}): the
encoder reads the last {context} values with their covariates, the decoder walks over the horizon,
reads what is known of each step, and answers {levels} quantiles of it at once.

## Covariates

{covariates}
With `start` the calendar counts, too.

## Use

For series like those it has learned, up to {trained} steps ahead; further ones are answered, with
intervals that go on widening as they did. What a covariate does outside of the values that were
learned nobody knows: such answers have a note. It must not be the only ground of a decision about
people.

## Data

{series} series, {windows} windows. sha256 of every file and the whole recipe stand in
`manifest.json`. Split: {split}.

Error of the medians on the time that a network has left out, in that of repeating the last cycle:
{scores}.

## Licence

Trained on data of its maker, who states the terms.

## Figures

{figures}
"""


def covariate_card(
    name: str,
    training: Mapping[str, JsonValue],
    features: ForecastFeatures,
    evaluation: Mapping[str, JsonValue],
) -> str:
    """The model card (Mitchell et al. 2019) of a forecaster with covariates, in Markdown."""
    assert features.covariates is not None
    recipe: Any = training["recipe"]
    members: Any = training["members"]
    network = recipe["network"]
    return _CARD.format(
        name=name,
        members=len(members),
        cell=network["cell"],
        layers=network["num_layers"],
        hidden=network["hidden_size"],
        context=features.context_length,
        levels=len(features.levels),
        covariates=_beside(features),
        trained=features.trained_horizon,
        series=training["series"],
        windows=training["windows"],
        split=training["split"],
        scores=", ".join(f"{member['best_score']:.3f}" for member in members),
        figures=str(evaluation.get("table", "")) or "Not yet evaluated.",
    )


def _beside(features: ForecastFeatures) -> str:
    assert features.covariates is not None
    parts = []
    if features.channels:
        listed = ", ".join(f"`{name}`" for name in features.channels)
        parts.append(
            f"It has learned {len(features.channels)} channels together: {listed}. A request has "
            "all of them as `series`, in this order and of one length, and `multivariate: true`.\n"
        )
    if features.covariates.columns:
        parts += map(_line, features.covariates.columns)
        parts.append(
            "\nA request has to have all of them in `past_covariates`, and those that are known "
            "ahead in\n`future_covariates`."
        )
    return "\n".join(parts)


def _line(one: LearnedCovariate) -> str:
    what = {
        "number": f"numbers, {one.lowest:g} to {one.highest:g}",
        "boolean": "true or false",
        "category": f"{len(one.categories)} categories",
    }[one.kind]
    when = "of a whole series" if one.static else "known ahead" if one.ahead else "of the past"
    return f"- `{one.name}`: {what}; {when}"
