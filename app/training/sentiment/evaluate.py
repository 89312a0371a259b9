"""Scores published text classifiers next to baselines; knows the served path only.

Nothing is scored that training saw: `report` chooses nothing, and `select` is for choosing
(see `text_data`). Baselines are scored by the same code on the same texts.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.errors import UnrollError
from app.serving.models.folders import version_names
from app.serving.models.manifest import read_manifest
from app.training.common import scores
from app.training.common.cards import CALIBRATION_ERROR, with_figures
from app.training.common.comparison import Score
from app.training.common.publish import CARD, amend
from app.training.sentiment.baselines import BOARDS, METHODS, Answers, Board, baseline_answers
from app.training.sentiment.data import HeldOut, Text, TextSplit
from app.training.sentiment.reports import Interval, TextRow, text_markdown
from app.training.sentiment.served import Classified, ServedTexts

Baselines = Literal["none", "simple", "all"]
Progress = Callable[[str], None]
Classes = NDArray[np.intp]
Measure = Callable[[Classes, Classes], float]

_BASELINES: dict[Baselines, tuple[str, ...]] = {
    "none": (),
    "simple": ("most frequent", "naive Bayes"),
    "all": tuple(METHODS),
}

_MEASURED_ON_SIBLING: Final = """\
Measured on version {version}, not on this one. Version {version} had the same recipe, the same
number of steps and the same factors of its parts, but it had not learned the texts that are scored
here. This version has learned them: figures of its own on them would flatter it. The texts are the
part `report`; they went through the repository, features, graph and scheduler of the service.
A row of this version itself is of sentences that no version learns.

```sh
unroll evaluate sentiment --data DIR --version {version} --baselines {baselines} --record
```"""


def evaluate_texts(
    model: ServedTexts,
    split: TextSplit,
    part: HeldOut = "report",
    *,
    boards: Sequence[Board] = BOARDS,
    baselines: Baselines = "simple",
    cache: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> list[TextRow]:
    """Rows of every board that has texts in `split`: the model's, then the baselines'.

    Each text is asked once, though it may stand on two boards. `limit` scores so many texts of
    a board, evenly spread. `cache` is the folder of `baseline_answers`. `progress` is told
    what is being done.

    Raises:
        UnrollError: the model refuses a text, has not the labels of a board, or has learned all
            the held-out texts; of some it has not, only those are scored.
    """
    name = f"{model.model}/{model.version}"
    if model.refit_of and part == "report":
        boards = [board for board in boards if board.never_learned and board.of(split, part)]
    if model.refit_of and (part != "report" or not boards):
        raise UnrollError(
            f"{name} has learned these texts, so that figures on them would flatter it. Those in "
            f"its card are of version {model.refit_of}, which was fitted alike without them; where "
            f"that version is still there, score it: --version {model.refit_of}"
        )
    tell = progress or (lambda _: None)
    texts = {board: board.of(split, part) for board in boards}
    chosen = {board: _spread(len(of), limit) for board, of in texts.items() if of}
    asked = list(dict.fromkeys(texts[b][i].text for b, kept in chosen.items() for i in kept))
    answers = model.classify(asked, lambda done: tell(f"{name}: {done} of {len(asked)} texts"))
    at = {text: i for i, text in enumerate(asked)}
    rows: list[TextRow] = []
    for board, kept in chosen.items():
        scored = [texts[board][i] for i in kept]
        places = np.array([at[one.text] for one in scored], dtype=np.intp)
        given = {}
        for method in _BASELINES[baselines]:
            tell(f"{board.name}: {method}")
            given[method] = _taken(baseline_answers(board, split, method, cache)[part], kept)
        rows += _rows(board, part, name, scored, _of(answers, places), given)
    return rows


def record_text_figures(folder: Path, rows: Sequence[TextRow], *, baselines: Baselines) -> None:
    """Write an evaluation of the version in `folder` into its manifest and its model card.

    The versions beside it that were fitted alike on more texts get the same figures, and a
    sentence that says which version they were measured on, how, and with which `baselines`.

    Raises:
        ModelRefused: its manifest cannot be read.
        ValueError: its card has no section of figures.
    """
    table = text_markdown(rows)
    figures: dict[str, JsonValue] = {"rows": [row.to_json() for row in rows], "table": table}
    _record(folder, figures, f"{CALIBRATION_ERROR}\n\n{table}")
    for name in version_names(folder.parent):
        beside = folder.parent / name
        if read_manifest(beside).training.get("refit_of") == folder.name:
            note = _MEASURED_ON_SIBLING.format(version=folder.name, baselines=baselines)
            text = f"{note}\n\n{CALIBRATION_ERROR}\n\n{table}"
            _record(beside, figures | {"of": folder.name}, text)


def _record(folder: Path, figures: dict[str, JsonValue], text: str) -> None:
    card = with_figures((folder / CARD).read_text(encoding="utf-8"), text)
    amend(folder, evaluation=read_manifest(folder).evaluation | figures, card=card)


def _rows(
    board: Board,
    part: HeldOut,
    name: str,
    texts: Sequence[Text],
    answers: Classified,
    given: dict[str, Answers],
) -> list[TextRow]:
    missing = set(board.labels) - set(answers.labels)
    if missing:
        raise UnrollError(f"{name} has no label {', '.join(sorted(missing))}: {answers.labels}")
    actual = board.actual(texts)
    columns = np.array([answers.labels.index(label) for label in board.labels], dtype=np.intp)
    probabilities = scores.among(answers.probabilities, columns)
    ours = Answers(probabilities.argmax(axis=1), probabilities)
    served = columns[actual]  # (texts,) the labels by the model's numbers
    row = replace(
        _row(board, part, name, actual, ours),
        as_served=scores.accuracy(served, answers.probabilities.argmax(axis=1)),
        calibration_error_as_served=_calibration_error(served, answers.probabilities),
        truncated=float(answers.truncated.mean()),
    )
    others = {method: _row(board, part, method, actual, one) for method, one in given.items()}
    if others:
        rival = max(others, key=lambda method: others[method].accuracy)
        row = _against(row, rival, actual, ours.predicted, given[rival].predicted)
    return [row, *others.values()]


def _row(board: Board, part: HeldOut, method: str, actual: Classes, answers: Answers) -> TextRow:
    predicted, probabilities = answers.predicted, answers.probabilities

    def with_interval(score: Measure) -> tuple[float, Interval]:
        resampled = scores.bootstrap_interval(
            lambda rows: score(actual[rows], predicted[rows]), len(actual)
        )
        return score(actual, predicted), resampled

    accuracy, accuracy_interval = with_interval(scores.accuracy)
    macro_f1, macro_f1_interval = with_interval(scores.macro_f1)
    error = chance = math.nan
    if probabilities is not None:
        error = _calibration_error(actual, probabilities)
        chance = scores.calibration_error_by_chance(probabilities)
    return TextRow(
        board=board.name,
        part=part,
        texts=len(actual),
        method=method,
        accuracy=accuracy,
        accuracy_interval=accuracy_interval,
        macro_f1=macro_f1,
        macro_f1_interval=macro_f1_interval,
        balanced_accuracy=scores.balanced_accuracy(actual, predicted),
        calibration_error=error,
        calibration_error_by_chance=chance,
    )


def _calibration_error(actual: Classes, probabilities: NDArray[np.float64]) -> float:
    """Of the likeliest labels; `probabilities` (texts, labels)."""
    right = probabilities.argmax(axis=1) == actual
    return scores.expected_calibration_error(probabilities.max(axis=1), right)


def _against(row: TextRow, rival: str, actual: Classes, ours: Classes, theirs: Classes) -> TextRow:
    """The lead over a rival, with an interval over the texts that both were asked."""
    gain = (ours == actual).astype(np.float64) - (theirs == actual)  # (texts,)
    return replace(
        row,
        rival=rival,
        ahead=float(gain.mean()),
        ahead_interval=scores.bootstrap_interval(lambda rows: float(gain[rows].mean()), len(gain)),
    )


def _spread(count: int, limit: int | None) -> list[int]:
    if limit is None or limit >= count:
        return list(range(count))
    kept: list[int] = np.linspace(0, count - 1, limit).round().astype(int).tolist()
    return kept


def _taken(answers: Answers, kept: Sequence[int]) -> Answers:
    probabilities = answers.probabilities
    return Answers(
        answers.predicted[list(kept)],
        None if probabilities is None else probabilities[list(kept)],
    )


def _of(answers: Classified, places: Classes) -> Classified:
    return Classified(answers.labels, answers.probabilities[places], answers.truncated[places])


def sentiment_score(model: ServedTexts, split: TextSplit) -> Score:
    """Macro-F1 of a model on the part report, the mean over the boards.

    Raises:
        UnrollError: as `evaluate_texts`.
    """
    rows = evaluate_texts(model, split, baselines="none")
    ours = [row.macro_f1 for row in rows if row.method == f"{model.model}/{model.version}"]
    return Score("macro-F1", float(np.mean(ours)), higher_is_better=True)
