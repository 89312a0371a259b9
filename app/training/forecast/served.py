"""Asks a published forecaster as a client does; knows requests and answers, not scores or torch."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.serving.models.loader import LoadedModel
from app.tasks.forecast.covariates.build import plan_of
from app.tasks.forecast.task import ForecastTask
from app.training.common.served import (
    RemoteModel,
    loaded_model,
    predictions_of,
    remote_model,
)
from app.training.forecast.tables.covariates import Cells

Array = NDArray[np.float64]

_CHUNK = 100  # series in one request; the service takes more, but a request has a time limit


@dataclass(frozen=True)
class Question:
    """One series: `values` (time,), NaN where missing, and how far to look ahead.

    start: of its first value; past and future: its covariates by name, a cell for each step.
    """

    values: Array
    horizon: int
    frequency: str | None = None
    start: str | None = None
    past: Mapping[str, Cells] = field(default_factory=dict)
    future: Mapping[str, Cells] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """`mean` (horizon,) and `quantiles` (levels, horizon) in the order asked for."""

    mean: Array
    quantiles: Array


@dataclass(frozen=True)
class Served:
    """A model that answers: `ask` takes any number of questions and quantile levels.

    channels: how many series it forecasts together, 0 if each is by itself; then questions are
    those channels, in their order.
    """

    model: str
    version: str
    channels: int
    ask: Callable[[Sequence[Question], Sequence[float]], list[Answer]]


@contextmanager
def served(
    model: str, root: Path, *, version: str | None = None, url: str | None = None
) -> Iterator[Served]:
    """The model of a server at `url`, or without one of the repository folder `root`.

    Raises:
        ModelNotFound: it is not there, or the version was refused (with the reason).
        UnrollError: the server cannot be reached or refuses a request.
    """
    if url is not None:
        yield _over_http(remote_model(url, model, version))
        return
    with loaded_model(root, "forecast", ForecastTask, model, version) as loaded:
        yield _in_process(loaded)


def _in_process(loaded: LoadedModel) -> Served:
    task = loaded.task
    learned = isinstance(task, ForecastTask) and task.learned is not None
    channels = len(task.channels) if isinstance(task, ForecastTask) else 0

    def ask(questions: Sequence[Question], levels: Sequence[float]) -> list[Answer]:
        answers: list[Answer] = []
        if channels:
            example = task.encode(**_together(questions, levels))
            [together] = predictions_of(loaded, [example])
            return [_answer(each.to_json(), levels) for each in together.channels()]
        for start in range(0, len(questions), _CHUNK):
            chunk = questions[start : start + _CHUNK]
            plain = [one for one in chunk if learned or not one.past]
            examples = [task.encode(**_encoded(one, levels)) for one in plain]
            given = iter(predictions_of(loaded, examples))
            for one in chunk:
                direct = learned or not one.past
                forecast = next(given).to_json() if direct else _planned(loaded, one, levels)
                answers.append(_answer(forecast, levels))
        return answers

    return Served(loaded.name, loaded.version, channels, ask)


def _encoded(one: Question, levels: Sequence[float]) -> dict[str, Any]:
    """The keywords of `encode`, and of `plan_of`."""
    request = {"series": _numbers(one.values), **_request(one, levels)}
    if one.past:
        request |= {"past_covariates": one.past, "future_covariates": one.future}
        request |= {"start": one.start}
    return request


def _together(questions: Sequence[Question], levels: Sequence[float]) -> dict[str, Any]:
    """The same for channels that are forecast together."""
    first = questions[0]
    series = [_numbers(one.values) for one in questions]
    together = {"series": series, "start": first.start, "multivariate": True}
    return _encoded(first, levels) | together


def _planned(loaded: LoadedModel, one: Question, levels: Sequence[float]) -> dict[str, Any]:
    """The forecast with a regression on the covariates, as the service makes it."""
    plan = plan_of(**_encoded(one, levels))
    examples = [loaded.task.encode(**ask.request) for ask in plan.asks]
    return plan.combine([each.to_json() for each in predictions_of(loaded, examples)]).to_json()


def _over_http(remote: RemoteModel) -> Served:
    together = remote.training().get("channels")
    channels = len(together) if isinstance(together, list) else 0

    def ask(questions: Sequence[Question], levels: Sequence[float]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        if channels:
            found = remote.ask("forecast", _together(questions, levels))["forecasts"]
            return [_answer(each, levels) for each in found]
        for chunk in _alike(questions):
            series = [_numbers(questions[i].values) for i in chunk]
            body = _request(questions[chunk[0]], levels) | {"series": series}
            if any(questions[i].past for i in chunk):
                body["start"] = [questions[i].start for i in chunk]
                body["past_covariates"] = [questions[i].past for i in chunk]
                body["future_covariates"] = [questions[i].future for i in chunk]
            forecasts = remote.ask("forecast", body)["forecasts"]
            for i, forecast in zip(chunk, forecasts, strict=True):
                answers[i] = _answer(forecast, levels)
        return [answers[i] for i in range(len(questions))]

    return Served(remote.name, remote.version, channels, ask)


def _alike(questions: Sequence[Question]) -> Iterator[list[int]]:
    """Indices of questions that share horizon and frequency, as many as fit one request."""
    groups: dict[tuple[int, str | None], list[int]] = {}
    for i, one in enumerate(questions):
        groups.setdefault((one.horizon, one.frequency), []).append(i)
    for group in groups.values():
        for start in range(0, len(group), _CHUNK):
            yield group[start : start + _CHUNK]


def _request(question: Question, levels: Sequence[float]) -> dict[str, Any]:
    """Never a season length: a client that has only a frequency must get the same answer."""
    request: dict[str, Any] = {"horizon": question.horizon, "quantiles": list(levels)}
    if question.frequency is not None:
        request["frequency"] = question.frequency
    return request


def _numbers(values: Array) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _answer(forecast: Any, levels: Sequence[float]) -> Answer:
    by_level = {float(level): row for level, row in forecast["quantiles"].items()}
    quantiles = [by_level[level] for level in levels]
    return Answer(
        np.asarray(forecast["mean"], dtype=np.float64),
        np.asarray(quantiles, dtype=np.float64),  # (levels, horizon)
    )
