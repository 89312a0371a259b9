"""Scores classifiers of one's own texts next to baselines; knows the served path only."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from rich.table import Table
from sklearn.metrics import f1_score

from app.errors import UnrollError
from app.serving.models.manifest import read_manifest
from app.tasks.sentiment import SentimentTask
from app.training.classify.baselines import baseline_marks
from app.training.classify.data import Labelled
from app.training.common import scores
from app.training.common.cards import CALIBRATION_ERROR, markdown_table, with_figures
from app.training.common.comparison import Score
from app.training.common.publish import CARD, amend
from app.training.common.reports import number, row_to_json
from app.training.sentiment.data import Part
from app.training.sentiment.served import served_texts

Marks = NDArray[np.int64]


@dataclass(frozen=True)
class ClassifierRow:
    """Scores of one method on held-out texts, each 0 to 1; NaN where it is not defined.

    accuracy: share of texts with exactly the right label or labels, with its 95 % interval.
    micro_f1: over all labels together, only where a text may have several. calibration_error: of
    the likeliest label; where a text may have several, of each label by itself.
    """

    method: str
    texts: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    micro_f1: float = math.nan
    calibration_error: float = math.nan

    def to_json(self) -> dict[str, JsonValue]:
        return row_to_json(asdict(self))


def evaluate_classifier(folder: Path, parts: Mapping[Part, Labelled]) -> list[ClassifierRow]:
    """The version in `folder` on the part report, and baselines fitted to the part train.

    Raises:
        UnrollError: the version has other labels, or refuses a text.
    """
    ours = [_served_row(folder, parts["report"])]
    theirs = baseline_marks(dict(parts))
    return [*ours, *(_row(method, parts["report"], marks) for method, marks in theirs.items())]


def classifier_score(folder: Path, report: Labelled) -> Score:
    """Macro-F1 of a version on held-out texts.

    Raises:
        UnrollError: as `evaluate_classifier`.
    """
    return Score("macro-F1", _served_row(folder, report).macro_f1, higher_is_better=True)


def record_classifier(folder: Path, rows: list[ClassifierRow]) -> None:
    """Write the figures into the manifest and the card of the version in `folder`."""
    table = markdown_table(_HEADINGS, [_cells(row) for row in rows])
    card = with_figures((folder / CARD).read_text(encoding="utf-8"), f"{_HOW}\n\n{table}")
    amend(folder, evaluation={"rows": [row.to_json() for row in rows]}, card=card)


_HEADINGS: Final = ("method", "texts", "accuracy", "95 %", "macro-F1", "micro-F1", "ECE")
_HOW: Final = f"""\
On held-out texts that chose nothing, through the repository, graph and scheduler of the service.
The baselines read TF-IDF of words, pairs of words and 2 to 5 characters. {CALIBRATION_ERROR}"""


def classifier_table(rows: list[ClassifierRow]) -> Table:
    """The rows for a terminal."""
    table = Table("method", title="Held-out texts")
    for heading in _HEADINGS[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: ClassifierRow) -> list[str]:
    low, high = row.accuracy_interval
    figures = (number(row.macro_f1), number(row.micro_f1), number(row.calibration_error))
    return [row.method, str(row.texts), number(row.accuracy), f"{low:.3f}, {high:.3f}", *figures]


def _served_row(folder: Path, report: Labelled) -> ClassifierRow:
    name, version = folder.parent.name, folder.name
    manifest = read_manifest(folder)
    root = folder.parent.parent
    with served_texts(manifest.task, SentimentTask, name, root, version=version) as model:
        answers = model.classify(report.texts, None)
    if answers.labels and answers.labels != report.labels:
        raise UnrollError(f"{name}/{version} has other labels: {', '.join(answers.labels)}")
    probabilities = answers.probabilities  # (texts, labels)
    threshold = manifest.features.get("threshold")
    if isinstance(threshold, float):
        marks = (probabilities >= threshold).astype(np.int64)
        sure = np.where(marks == 1, probabilities, 1.0 - probabilities).reshape(-1)
        right = (marks == report.marks).reshape(-1)  # (texts * labels,)
    else:
        marks = np.eye(len(report.labels), dtype=np.int64)[probabilities.argmax(axis=1)]
        sure = probabilities.max(axis=1)
        right = (marks == report.marks).all(axis=1)
    error = scores.expected_calibration_error(sure, right)
    return _row(f"{name}/{version}", report, marks, error)


def _row(method: str, report: Labelled, marks: Marks, error: float = math.nan) -> ClassifierRow:
    right = (marks == report.marks).all(axis=1)  # (texts,)

    def accuracy(rows: NDArray[np.intp]) -> float:
        return float(right[rows].mean())

    def f1(average: str) -> float:
        return float(f1_score(report.marks, marks, average=average, zero_division=0))

    return ClassifierRow(
        method=method,
        texts=len(right),
        accuracy=float(right.mean()),
        accuracy_interval=scores.bootstrap_interval(accuracy, len(right)),
        macro_f1=f1("macro"),
        micro_f1=f1("micro") if report.several else math.nan,
        calibration_error=error,
    )
