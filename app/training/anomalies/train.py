"""From series to a published streaming forecaster; knows the order of things, not the screen."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue

from app.features.surprise import WARM_UP
from app.serving.models.loader import TaskTypes
from app.serving.models.manifest import Network, read_manifest
from app.serving.runtime.session import Session
from app.tasks.anomalies.features import AnomalyFeatures
from app.tasks.anomalies.task import AnomalyTask
from app.training.anomalies.card import anomaly_card
from app.training.anomalies.fit import draw, train_network
from app.training.anomalies.material import MOST_AHEAD, Material, build_material
from app.training.anomalies.network import StreamForecaster, stream_forecaster_graph
from app.training.anomalies.recipe import AnomalyRecipe
from app.training.common.loop import Fit
from app.training.common.members import Report, train_members
from app.training.common.network_facts import network_facts
from app.training.common.publish import Draft, amend, library_versions, publish, served_version
from app.training.forecast.calibrate import stretch_factors
from app.training.forecast.card import forecast_license
from app.training.forecast.data import Series, read_series, sha256_of

TASKS: TaskTypes = {"anomalies": AnomalyTask}
SPLIT: Final = (
    "Of each series the last horizon was held out, and a tenth of the series, by their ids, "
    "altogether. Some of those that choose the epoch set the widths of the intervals and the "
    "threshold."
)
_VALIDATION_SEED: Final = 10**6
_VALIDATED: Final = 12  # every so manieth of the series that choose
_CALIBRATED: Final = 20  # batches
_FLAGGED: Final = 1 / 2000  # of the values of ordinary series
_USUAL_THRESHOLD: Final = 0.9995  # where there is no series to measure it on


def train_anomalies(
    data: Path,
    recipe: AnomalyRecipe,
    *,
    name: str = "forecast-stream",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
    collections: tuple[str, ...] = (),
) -> Path:
    """Train, calibrate and publish; returns the folder of the new version.

    Checkpoints stand in `work / name`; the same call goes on from them.

    Raises:
        FileNotFoundError: there is no series in `data`.
        ModelRefused: the result does not pass the checks of loading.
    """
    series = [one for one in read_series(data, collections) if one.part != "unseen"]
    ordinary = [one for one in series if one.part == "select"] or series[:1]
    select = ordinary[::_VALIDATED]
    material = build_material(series, recipe.generated, recipe.longest, recipe.seed)
    validation = build_material(
        select, recipe.generated // 13, recipe.longest, _VALIDATION_SEED + recipe.seed
    )
    job = partial(_member, material, validation, recipe)
    [fit] = train_members(job, 1, work / name)
    network = fit.network
    assert isinstance(network, StreamForecaster)
    graph = stream_forecaster_graph(network).SerializeToString()
    features = AnomalyFeatures(
        levels=recipe.network.levels,
        state=recipe.network.hidden_size * recipe.network.num_layers,
        stretch=stretch_of(network, validation, recipe),
        threshold=_USUAL_THRESHOLD,
        trained_horizon=MOST_AHEAD,
    )
    threshold = threshold_of(AnomalyTask(features, Session(graph)), ordinary, recipe)
    features = features.model_copy(update={"threshold": threshold})
    found = sorted({one.dataset for one in series})
    training = _describe(recipe, fit, network, series) | {"data": dict(sha256_of(data, set(found)))}
    license = forecast_license(found)
    draft = Draft(
        name=name,
        task="anomalies",
        description="Scores values as they come in, and forecasts from there.",
        license=license,
        intended_use="To watch measurements and counts; a person decides what an alarm means.",
        network=_network(network),
        graphs={"model.onnx": graph},
        features=features.model_dump(mode="json"),
        training=training,
        card=anomaly_card(name, training, license, {}, WARM_UP),
        requests=golden_requests(),
    )
    return publish(draft, repository, TASKS)


def stretch_of(
    network: StreamForecaster, validation: Material, recipe: AnomalyRecipe
) -> tuple[float, ...]:
    """Factors for the distances of the next step's quantiles, so that they cover what they say."""
    rng = np.random.default_rng(recipe.seed + 2)
    levels = recipe.network.levels
    quantiles, truth = [], []
    network.eval()
    with torch.no_grad():
        for _ in range(_CALIBRATED):
            batch = draw(rng, validation, recipe)
            outputs, _state = network(batch.rows)
            answer = network.answer(outputs, batch.ahead[:, :, 0])  # (time, batch, levels)
            counted = batch.weight[:, :, 0] > 0
            quantiles.append(answer[counted].double().numpy())
            truth.append(batch.target[:, :, 0][counted].double().numpy())
    rows, values = np.concatenate(quantiles), np.concatenate(truth)
    return stretch_factors(rows[:, None], values[:, None], levels)  # horizon 1


def threshold_of(task: AnomalyTask, series: Sequence[Series], recipe: AnomalyRecipe) -> float:
    """The score that one value in 2,000 of `series` exceeds, their ends left out."""
    scores: list[NDArray[np.float64]] = []
    for one in series:
        values = one.known()[-2 * recipe.longest :]
        if len(values) > WARM_UP:
            [answer] = task.predict([task.encode(values, frequency=one.frequency)])
            scores.append(np.array(answer.scores[WARM_UP:]))
    if not scores:
        return _USUAL_THRESHOLD
    return float(np.quantile(np.concatenate(scores), 1.0 - _FLAGGED))


def record_figures(
    repository: Path, name: str, evaluation: dict[str, JsonValue], version: str | None = None
) -> None:
    """Write an evaluation into the manifest and card of a version, the served one if None."""
    folder = repository / name / (version or served_version(repository / name))
    manifest = read_manifest(folder)
    card = anomaly_card(name, manifest.training, manifest.license, evaluation, WARM_UP)
    amend(folder, evaluation=evaluation, card=card)


def golden_requests() -> tuple[dict[str, JsonValue], ...]:
    """Kinds of series: with a season and an outlier, with gaps, constant, tiny, of two values."""
    t = np.arange(120)
    daily = (50 + 10 * np.sin(2 * np.pi * t / 24) + np.cos(1.7 * t)).round(3)
    daily[100] += 40
    gaps: list[JsonValue] = [None if i in (0, 5, 50, 51) else v for i, v in enumerate(daily)]
    return (
        {"series": daily.tolist(), "frequency": "h"},
        {"series": gaps[:60], "season_length": 24, "threshold": 0.9},
        {"series": [7.0] * 40},
        {"series": [3.0]},
        {"series": [1.0, -1.0] * 20},
    )


def _member(
    material: Material,
    validation: Material,
    recipe: AnomalyRecipe,
    _: int,
    checkpoint: Path,
    report: Report,
) -> Fit:
    torch.set_num_threads(1)
    return train_network(material, validation, recipe, checkpoint=checkpoint, progress=report)


def _network(network: StreamForecaster) -> Network:
    options = network.options
    return network_facts(
        [network],
        cell=options.cell,
        num_layers=options.num_layers,
        hidden_size=options.hidden_size,
    )


def _describe(
    recipe: AnomalyRecipe, fit: Fit, network: StreamForecaster, series: Sequence[Series]
) -> dict[str, Any]:
    """Everything that the manifest says about the training but its files."""
    return {
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "parameters": sum(p.numel() for p in network.parameters()),
        "best_score": round(fit.score, 5),
        "best_step": fit.best_step,
        "steps": fit.steps,
        "seconds": round(fit.seconds),
        "interrupted": fit.interrupted,
        "collections": sorted({one.dataset for one in series}),
        "series": len(series),
        "split": SPLIT,
        "libraries": library_versions(),
    }
