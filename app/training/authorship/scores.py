"""Scores of answers about authors, and the two numbers that calibrate them. Knows no network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from torch.nn import functional

from app.tasks.authorship import Calibration
from app.training.common.scores import balanced_accuracy, expected_calibration_error

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """One text of a known author and what was answered: `probabilities` (authors,)."""

    name: str
    truth: int
    probabilities: Array
    characters: int
    fold: int = 0
    head: int = 0  # characters that the text was cut to, 0 for the whole text

    @property
    def answer(self) -> int:
        return int(self.probabilities.argmax())


@dataclass(frozen=True)
class Row:
    """One line of a table: a method on a set of texts, and for each author how many were right.

    `calibration_error` is None for a method without probabilities.
    """

    method: str
    texts: str
    count: int
    right: int
    by_author: dict[str, tuple[int, int]]
    macro_recall: float
    log_loss: float | None = None
    calibration_error: float | None = None

    @property
    def accuracy(self) -> float:
        return self.right / self.count

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "method": self.method,
            "texts": self.texts,
            "count": self.count,
            "right": self.right,
            "accuracy": round(self.accuracy, 4),
            "macro_recall": round(self.macro_recall, 4),
            "log_loss": None if self.log_loss is None else round(self.log_loss, 4),
            "calibration_error": None
            if self.calibration_error is None
            else round(self.calibration_error, 4),
            "by_author": {name: list(pair) for name, pair in self.by_author.items()},
        }


def score(
    method: str,
    texts: str,
    truths: Sequence[int],
    answers: Sequence[int],
    authors: Sequence[str],
    probabilities: Array | None = None,
) -> Row:
    """What `answers` to `texts` are worth; `probabilities` (texts, authors) if there are any."""
    truth, answer = np.array(truths), np.array(answers)
    by_author = {
        authors[label]: (int((answer[truth == label] == label).sum()), int((truth == label).sum()))
        for label in sorted(set(truths))
    }
    loss = error = None
    if probabilities is not None:
        given = probabilities[np.arange(len(truth)), truth]
        loss = float(-np.log(np.maximum(given, 1e-12)).mean())
        error = expected_calibration_error(probabilities.max(axis=1), answer == truth)
    return Row(
        method=method,
        texts=texts,
        count=len(truth),
        right=int((answer == truth).sum()),
        by_author=by_author,
        macro_recall=balanced_accuracy(truth, answer),
        log_loss=loss,
        calibration_error=error,
    )


def calibrate(judged: Sequence[Judged]) -> Calibration:
    """The calibration with the least log loss on `judged`, answers without any."""
    logs = torch.tensor(np.log(np.maximum([one.probabilities for one in judged], 1e-30)))
    truth = torch.tensor([one.truth for one in judged])
    lengths = torch.tensor([one.characters for one in judged], dtype=torch.float64) / 1000.0
    scale = torch.zeros((), dtype=torch.float64, requires_grad=True)  # its logarithm
    growth = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, growth], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        factor = scale.exp() * lengths ** growth.clamp(min=0.0)
        value = functional.cross_entropy(logs * factor[:, None], truth)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return Calibration(
        scale=round(scale.exp().item(), 4),
        growth=round(max(0.0, growth.item()), 4),
    )


def rescale(judged: Judged, calibration: Calibration) -> Judged:
    """The answer that `calibration` would have given, from one without calibration."""
    logs = np.log(np.maximum(judged.probabilities, 1e-30))
    shares = calibration.probabilities(logs, judged.characters)
    return replace(judged, probabilities=shares)


def rescale_across(judged: Sequence[Judged], calibrating: Sequence[Judged]) -> list[Judged]:
    """Every answer with a calibration that saw no text of its fold.

    `calibrating` are the texts that may calibrate: they are looked up by fold, whole and cut.
    """
    folds = {one.fold for one in judged}
    of = {fold: calibrate([one for one in calibrating if one.fold != fold]) for fold in folds}
    return [rescale(one, of[one.fold]) for one in judged]


def choose_threshold(judged: Sequence[Judged], precision: float) -> float:
    """The lowest threshold, in hundredths, above which at least `precision` of answers are right.

    0.99 if there is none; never below what an even guess among the authors would be.
    """
    confidence = np.array([one.probabilities.max() for one in judged])
    right = np.array([one.answer == one.truth for one in judged])
    lowest = 1.0 / len(judged[0].probabilities)
    for hundredth in range(int(np.ceil(lowest * 100)), 100):
        answered = confidence >= hundredth / 100
        if answered.any() and right[answered].mean() >= precision:
            return hundredth / 100
    return 0.99


def coverage_table(judged: Sequence[Judged], thresholds: Sequence[float]) -> list[list[str]]:
    """Rows of threshold, share answered, share of those right."""
    if not judged:
        return [[f"{threshold:.2f}", "-", "-"] for threshold in thresholds]
    confidence = np.array([one.probabilities.max() for one in judged])
    right = np.array([one.answer == one.truth for one in judged])
    rows = []
    for threshold in thresholds:
        answered = confidence >= threshold
        exact = f"{right[answered].mean():.3f}" if answered.any() else "-"
        rows.append([f"{threshold:.2f}", f"{answered.mean():.3f}", exact])
    return rows
