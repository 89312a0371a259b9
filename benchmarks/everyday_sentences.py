"""What a sentiment model says of everyday sentences, of other languages, and of what is repeated.

Knows the served path and lists of sentences; nothing of how a model was trained.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from app.serving.models.loader import LoadedModel
from app.tasks.sentiment import SentimentPrediction, SentimentTask
from app.training.common.scores import expected_calibration_error
from app.training.common.served import loaded_model, predictions_of
from app.training.sentiment.everyday_judged import EVERYDAY
from app.training.sentiment.everyday_select import SELECT

SURE: Final = 0.9
TIMES: Final = (2, 3, 5, 10, 30, 100, 300, 1000)
FOREIGN: Final = {
    "German": (
        "Das Essen war kalt und der Kellner unfreundlich.",
        "Ich bin sehr zufrieden mit dem Kauf.",
        "Der Zug fährt um neun Uhr.",
        "Leider ist das Paket nie angekommen.",
    ),
    "French": (
        "Je suis très content de mon achat.",
        "Le service était lent et désagréable.",
        "La bibliothèque ferme à dix-huit heures.",
        "Quelle belle journée !",
    ),
    "Spanish": (
        "La comida estaba riquísima.",
        "No funciona y nadie contesta.",
        "La reunión es el martes.",
        "Estoy muy decepcionado con el hotel.",
    ),
    "Japanese": ("とても楽しかったです。", "電車が遅れました。", "この本は三百ページあります。"),
    "Russian": (
        "Мне очень понравился этот отель.",
        "Телефон сломался через день.",
        "Сегодня вторник.",
    ),
    "Arabic": ("الخدمة ممتازة", "لم يصل الطلب", "يفتح المتجر في التاسعة"),
    "signs": ("???", "12 + 7 = 19", "-----", "\U0001f620\U0001f620", "#@%&"),
}


def answers(model: LoadedModel, texts: list[str]) -> list[SentimentPrediction]:
    """What the model says of each text, in order."""
    return predictions_of(model, [model.task.encode(text=text) for text in texts])


def sentences(model: LoadedModel, rows: Sequence[tuple[str, str, str]], show: bool) -> None:
    """Accuracy by kind and label, calibration and sure errors of (kind, text, label)."""
    found = answers(model, [text for _, text, _ in rows])
    right = np.array([one.label == label for one, (_, _, label) in zip(found, rows, strict=True)])
    scores = np.array([one.score for one in found])
    sure = int((~right & (scores > SURE)).sum())
    print(f"{right.mean():.3f} of {len(rows)} right, {sure} wrong with over {SURE:.0%} confidence")
    print(f"expected calibration error {expected_calibration_error(scores, right):.3f}")
    total: Counter[str] = Counter()
    good: Counter[str] = Counter()
    for (kind, _, label), one in zip(rows, right, strict=True):
        for group in (kind, label):
            total[group] += 1
            good[group] += int(one)
    print(", ".join(f"{group} {good[group]}/{count}" for group, count in total.items()))
    for (_, text, label), one in zip(rows, found, strict=True):
        if show and one.label != label:
            print(f"  {one.label} {one.score:.2f}, not {label}: {text}")


def repeated(model: LoadedModel, rows: Sequence[tuple[str, str, str]]) -> None:
    """How many texts keep their label however often they are said, a space between."""
    changed = 0
    for _, text, _ in rows:
        first, *more = answers(model, [" ".join([text] * times) for times in (1, *TIMES)])
        changed += any(one.label != first.label for one in more)
    print(f"{changed} of {len(rows)} sentences change their label said up to {TIMES[-1]} times")


def foreign(model: LoadedModel) -> None:
    """Of each language how many texts are abstained from."""
    for language, texts in FOREIGN.items():
        found = [one.to_json() for one in answers(model, list(texts))]
        kept = sum(bool(one.get("abstained")) for one in found)
        sure = max(one.score for one in answers(model, list(texts)))
        print(f"{language}: {kept} of {len(texts)} abstained, highest score {sure:.2f}")


def main(
    models: Annotated[Path, typer.Option(help="The repository of models.")] = Path("models"),
    name: Annotated[str, typer.Option(help="Of the model.")] = "sentiment",
    version: Annotated[str | None, typer.Option(help="Of the model.")] = None,
    part: Annotated[str, typer.Option(help="report, or select while something is chosen.")] = (
        "report"
    ),
    show: Annotated[bool, typer.Option("--show", help="Print what was wrong.")] = False,
    every: Annotated[int, typer.Option(help="Repeat each so many-th sentence only.", min=1)] = 8,
) -> None:
    """Print how one version does."""
    judged = [(kind, *one) for kind, several in EVERYDAY.items() for one in several]
    rows = judged if part == "report" else [("select", *one) for one in SELECT]
    with loaded_model(models, "sentiment", SentimentTask, name, version) as model:
        sentences(model, rows, show)
        repeated(model, rows[::every])
        foreign(model)


if __name__ == "__main__":
    typer.run(main)
