"""From series with covariates to a published forecaster; knows the order of things."""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import torch
from pydantic import JsonValue

from app.features.calendar import timestamps
from app.tasks.forecast.features import ForecastFeatures
from app.training.common.loop import Fit
from app.training.common.members import Report, train_members
from app.training.common.network_facts import network_facts
from app.training.common.publish import Draft, publish
from app.training.forecast.covariates.card import covariate_card
from app.training.forecast.covariates.channels import channels_of, names_of
from app.training.forecast.covariates.fit import (
    Material,
    build_material,
    calibration,
    train_member,
)
from app.training.forecast.covariates.learn import features_of
from app.training.forecast.covariates.network import CovariateForecaster, covariate_graph
from app.training.forecast.covariates.recipe import CovariateRecipe
from app.training.forecast.data import OWN, Series, sha256_of
from app.training.forecast.train import TASKS, describe_training

_GOLDEN = 3  # series that a version is replayed with
_LICENSE = "Trained on data of its maker, who states the terms."


def train_with_covariates(
    data: Path,
    series: list[Series],
    recipe: CovariateRecipe,
    *,
    past_only: Collection[str] = (),
    multivariate: bool = False,
    name: str = "forecast",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
    jobs: int = 1,
) -> Path:
    """Train, calibrate and publish; returns the folder of the new version.

    `series` were read from `data`; `past_only` names the covariates whose future nobody knows.
    multivariate: the series are channels of one system, which are learned together. Checkpoints
    stand in `work / name`; the same call goes on from them.

    Raises:
        ConfigurationError: series whose covariates differ, or cannot be learned; that are no
            channels.
        ValueError: no series is long enough.
        ModelRefused: the result does not pass the checks of loading.
    """
    names: list[str] = []
    if multivariate:
        names, series = names_of(data, series), channels_of(series)
    features = features_of(series, recipe, past_only, names)
    material = build_material(series, features, recipe)
    job = partial(_member, material, recipe)
    fits = train_members(job, recipe.members, work / name, jobs=jobs)
    networks = [fit.network for fit in fits if isinstance(fit.network, CovariateForecaster)]
    factors = calibration(networks, material, recipe.network.levels)
    features = features.model_copy(update={"calibration": {"": factors}})
    training = describe_training(recipe, fits) | {
        "data": dict(sha256_of(data, {OWN})),
        "collections": [OWN],
        "series": len(series),
        "windows": len(material.windows),
        "split": _split(recipe),
        "channels": list(names),
    }
    draft = Draft(
        name=name,
        task="forecast",
        description=(
            "Forecaster of the channels of one system, together."
            if names
            else "Forecaster of series like those it has learned, with their covariates."
        ),
        license=_LICENSE,
        intended_use="Forecasts of series like those of its maker, from what is known beside them.",
        network=network_facts(
            networks,
            cell=recipe.network.cell,
            num_layers=recipe.network.num_layers,
            hidden_size=recipe.network.hidden_size,
        ),
        graphs={"model.onnx": covariate_graph(networks).SerializeToString()},
        features=features.model_dump(mode="json"),
        training=training,
        card=covariate_card(name, training, features, {}),
        requests=golden_requests(series, features),
    )
    return publish(draft, repository, TASKS)


def golden_requests(
    series: Sequence[Series], features: ForecastFeatures
) -> tuple[dict[str, JsonValue], ...]:
    """The ends of some of `series`, with what was known beside them; also without dates."""
    if features.channels:
        every = [_golden(one, features) for one in series]
        channels: list[JsonValue] = [each["series"] for each in every]
        dated = [every[0] | {"series": channels, "multivariate": True}]
    else:
        dated = [_golden(one, features) for one in series[:_GOLDEN]]
    undated = {key: value for key, value in dated[0].items() if key != "start"}
    return (*dated, undated)


def _golden(one: Series, features: ForecastFeatures) -> dict[str, JsonValue]:
    assert features.covariates is not None
    known = one.known()
    first = max(0, len(known) - features.memory)
    horizon = len(one.future())
    before, ahead = one.covariates()
    past: dict[str, JsonValue] = {}
    future: dict[str, JsonValue] = {}
    for each in features.covariates.columns:
        stands_in = each.categories[0] if each.categories else each.centre
        kept = before[each.name][first:]
        nothing = all(cell is None for cell in kept)
        past[each.name] = [stands_in] * len(kept) if nothing else list(kept)
        if each.ahead and not each.static:
            future[each.name] = list(ahead.get(each.name, [stands_in] * horizon))
    request: dict[str, JsonValue] = {
        "series": [value if value == value else None for value in known[first:].tolist()],
        "horizon": horizon,
        "past_covariates": past,
        "future_covariates": future,
    }
    if one.frequency is not None:
        request["frequency"] = one.frequency
        if one.first is not None:
            [start], _ = timestamps(one.first, one.frequency, first, 1)
            request["start"] = start
    return request


def _member(
    material: Material, recipe: CovariateRecipe, member: int, checkpoint: Path, report: Report
) -> Fit:
    torch.set_num_threads(1)
    return train_member(material, recipe, member, checkpoint=checkpoint, progress=report)


def _split(recipe: CovariateRecipe) -> str:
    return (
        "by time: of every series the last horizon is held out and only reported; of what stands "
        f"before it, cut into {recipe.folds} parts, each network leaves out another one, which "
        "chooses its epoch and calibrates the intervals"
    )
