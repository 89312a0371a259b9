"""Asks a published text classifier as a client does; knows texts and answers, not scores."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.errors import UnrollError
from app.serving.models.loader import LoadedModel
from app.serving.task import Task
from app.training.common.served import (
    RemoteModel,
    loaded_model,
    predictions_of,
    remote_model,
)

_CHUNK = 32  # texts in one request; the service takes more, but a request has a time limit


@dataclass(frozen=True)
class Classified:
    """`probabilities` (texts, labels), one column for each of `labels`, and what was cut."""

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    truncated: NDArray[np.bool_]


@dataclass(frozen=True)
class ServedTexts:
    """A model that answers: `classify` takes any number of texts, and tells how many are done.

    `refit_of`: the version that was fitted alike, but without the held-out texts; empty if this
    one is.
    """

    model: str
    version: str
    classify: Callable[[Sequence[str], Callable[[int], None] | None], Classified]
    refit_of: str = ""


@contextmanager
def served_texts(
    task: str,
    kind: type[Task[Any, Any]],
    model: str,
    root: Path,
    *,
    version: str | None = None,
    url: str | None = None,
) -> Iterator[ServedTexts]:
    """The model of a server at `url`, or without one of the repository folder `root`.

    `task` is also the path that is asked; `kind` is its class.

    Raises:
        ModelNotFound: it is not there, or the version was refused (with the reason).
        UnrollError: the server cannot be reached or refuses a request.
    """
    if url is not None:
        yield _over_http(remote_model(url, model, version), task)
        return
    with loaded_model(root, task, kind, model, version) as loaded:
        yield _in_process(loaded)


def _in_process(loaded: LoadedModel) -> ServedTexts:
    def answers(texts: Sequence[str]) -> list[Any]:
        examples = [loaded.task.encode(text=text) for text in texts]
        return [prediction.to_json() for prediction in predictions_of(loaded, examples)]

    training = loaded.manifest.training
    return ServedTexts(loaded.name, loaded.version, _in_chunks(answers), _refit_of(training))


def _over_http(remote: RemoteModel, task: str) -> ServedTexts:
    def answers(texts: Sequence[str]) -> list[Any]:
        predictions: list[Any] = remote.ask(task, {"text": list(texts)})["predictions"]
        return predictions

    refit_of = _refit_of(remote.training())
    return ServedTexts(remote.name, remote.version, _in_chunks(answers), refit_of)


def _refit_of(training: Mapping[str, JsonValue]) -> str:
    return str(training.get("refit_of", ""))


def _in_chunks(
    answers: Callable[[Sequence[str]], list[Any]],
) -> Callable[[Sequence[str], Callable[[int], None] | None], Classified]:
    def classify(texts: Sequence[str], progress: Callable[[int], None] | None) -> Classified:
        found: list[Any] = []
        for start in range(0, len(texts), _CHUNK):
            chunk = texts[start : start + _CHUNK]
            predictions = answers(chunk)
            if len(predictions) != len(chunk):
                raise UnrollError(f"{len(chunk)} texts got {len(predictions)} answers")
            found += predictions
            if progress:
                progress(len(found))
        return _classified(found)

    return classify


def _classified(predictions: Sequence[Any]) -> Classified:
    labels = tuple(predictions[0]["probabilities"]) if predictions else ()
    rows = [[one["probabilities"][label] for label in labels] for one in predictions]
    return Classified(
        labels,
        np.array(rows, dtype=np.float64).reshape(len(predictions), len(labels)),
        np.array([bool(one.get("truncated", False)) for one in predictions]),
    )
