"""From a folder of series to a published forecaster; knows the order of things, not the screen."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from pydantic import JsonValue

from app.serving.models.loader import TaskTypes
from app.serving.models.manifest import Network, read_manifest
from app.tasks.forecast.features import ForecastFeatures
from app.tasks.forecast.task import ForecastTask
from app.training.common.loop import Fit
from app.training.common.members import Report, train_members
from app.training.common.network_facts import network_facts
from app.training.common.publish import Draft, amend, library_versions, publish, served_version
from app.training.forecast.calibrate import stretch_factors
from app.training.forecast.card import forecast_card, forecast_license
from app.training.forecast.covariates.card import covariate_card
from app.training.forecast.data import Series, read_series, sha256_of
from app.training.forecast.fit import MADE, Material, build_material, predict, train_member
from app.training.forecast.network import Forecaster, forecaster_graph
from app.training.forecast.recipe import ForecastRecipe
from app.training.forecast.reports import Row, forecast_markdown
from app.training.forecast.start import Start, published

TASKS: TaskTypes = {"forecast": ForecastTask}


def train_forecast(
    data: Path,
    recipe: ForecastRecipe,
    *,
    name: str = "forecast",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
    jobs: int = 1,
    collections: tuple[str, ...] = (),
    series: list[Series] | None = None,
    start: Path | None = None,
) -> Path:
    """Train, calibrate and publish; returns the folder of the new version.

    `series` is what `read_series` found in `data`, where it was read already. Checkpoints stand in
    `work / name`; the same call goes on from them. `start` is the folder of a published forecaster
    whose weights the members begin with.

    Raises:
        FileNotFoundError: there is no series in `data`.
        ValueError: `start` is no forecaster of these sizes.
        ModelRefused: the result does not pass the checks of loading.
    """
    series = read_series(data, collections) if series is None else series
    material = build_material(series, recipe)
    begun = None if start is None else published(start)
    job = partial(_member, material, recipe, begun)
    fits = train_members(job, recipe.members, work / name, jobs=jobs)
    networks = [fit.network for fit in fits if isinstance(fit.network, Forecaster)]
    features = ForecastFeatures(
        context_length=recipe.context_length,
        memory=recipe.memory,
        trends=recipe.network.candidates > 0,
        rare=True,
        trained_horizon=recipe.trained_horizon,
        levels=recipe.network.levels,
        calibration=calibration(networks, material, recipe.network.levels),
    )
    found = sorted({one.dataset for one in series})
    training = describe_training(recipe, fits) | {
        "data": dict(sha256_of(data, set(found))),
        "collections": list(found),
        "series": len(series),
        "split": material.split,
        "started_from": None if begun is None else begun.told,
    }
    draft = Draft(
        name=name,
        task="forecast",
        description="General forecaster: any series, any horizon, calibrated quantiles.",
        license=forecast_license(found),
        intended_use="Forecasts of business, economic and sensor series from their own past.",
        network=network_of(networks),
        graphs={"model.onnx": forecaster_graph(networks).SerializeToString()},
        features=features.model_dump(mode="json"),
        training=training,
        card=forecast_card(name, training, {}),
        requests=golden_requests(),
    )
    return publish(draft, repository, TASKS)


def _member(
    material: Material,
    recipe: ForecastRecipe,
    start: Start | None,
    member: int,
    checkpoint: Path,
    report: Report,
) -> Fit:
    torch.set_num_threads(1)
    return train_member(
        material, recipe, member, checkpoint=checkpoint, progress=report, start=start
    )


def calibration(
    networks: list[Forecaster], material: Material, levels: tuple[float, ...]
) -> dict[str, tuple[float, ...]]:
    """Stretch factors per kind of calendar on the `select` ends; "" over all of them."""
    answers: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for collection, chosen in material.select.items():
        if collection == MADE:  # intervals are to hold on real series
            continue
        mean = np.mean([predict(network, chosen.windows) for network in networks], axis=0)
        for i, window in enumerate(chosen.prepared):
            pair = (mean[i].astype(np.float64), chosen.windows.target[i].astype(np.float64))
            answers.setdefault(window.cycles.kind or "", []).append(pair)
    factors = {}
    everything = [pair for pairs in answers.values() for pair in pairs]
    for kind, pairs in {**answers, "": answers.get("", everything)}.items():
        longest = max(len(truth) for _, truth in pairs)
        truth = np.full((len(pairs), longest), np.nan)
        quantiles = np.zeros((len(pairs), longest, len(levels)))
        for i, (answer, target) in enumerate(pairs):
            quantiles[i, : len(answer)] = answer
            truth[i, : len(target)] = target
        factors[kind] = stretch_factors(quantiles, truth, levels)
    return factors


def record_figures(
    repository: Path, name: str, rows: Sequence[Row], version: str | None = None
) -> None:
    """Write an evaluation into the manifest and card of a version, the served one if None."""
    folder = repository / name / (version or served_version(repository / name))
    manifest = read_manifest(folder)
    evaluation: dict[str, JsonValue] = {"rows": [row.to_json() for row in rows]}
    evaluation["table"] = forecast_markdown(rows)
    features = ForecastFeatures.model_validate(manifest.features)
    if features.covariates is None:
        card = forecast_card(name, manifest.training, evaluation)
    else:
        card = covariate_card(name, manifest.training, features, evaluation)
    amend(folder, evaluation=evaluation, card=card)


def network_of(networks: list[Forecaster]) -> Network:
    options = networks[0].options
    return network_facts(
        networks,
        cell=options.cell,
        num_layers=options.num_layers,
        hidden_size=options.hidden_size,
    )


def describe_training(recipe: object, fits: list[Fit]) -> dict[str, JsonValue]:
    """Recipe, seeds, steps, score and time of every member, and the library versions."""
    members: list[JsonValue] = [
        {
            "best_score": round(fit.score, 5),
            "best_step": fit.best_step,
            "steps": fit.steps,
            "seconds": round(fit.seconds),
            "interrupted": fit.interrupted,
        }
        for fit in fits
    ]
    return {
        # through JSON, so that a tuple is the list that a reader of the manifest gets
        "recipe": json.loads(json.dumps(asdict(recipe))),  # type: ignore[call-overload]
        "members": members,
        "libraries": library_versions(),
    }


def golden_requests() -> tuple[dict[str, JsonValue], ...]:
    """Real kinds of requests: seasonal, trending, with gaps, tiny, long, signed, constant."""
    t = np.arange(120)
    monthly = (100 + t + 20 * np.sin(2 * np.pi * t / 12) + 3 * np.cos(1.7 * t)).round(3)
    gaps: list[JsonValue] = [
        None if i in (5, 50, 51) else v for i, v in enumerate(monthly.tolist())
    ]
    hours = np.arange(24 * 21)
    load = 50 + 10 * np.sin(2 * np.pi * hours / 24) + 5 * (hours // 24 % 7 > 4)
    signed = (np.sin(t / 3.0) * 4 + np.cos(t * 1.3)).round(4)
    return (
        {"series": monthly.tolist(), "horizon": 24, "frequency": "MS", "start": "2015-01-01"},
        {"series": gaps, "horizon": 6, "frequency": "MS", "quantiles": [0.025, 0.5, 0.975]},
        {"series": load.round(3).tolist(), "horizon": 48, "frequency": "h"},
        {"series": signed.tolist(), "horizon": 100},
        {"series": [3.0, 5.0], "horizon": 3, "frequency": "YS"},
        {"series": [7.0] * 20, "horizon": 5},
    )
