"""The evaluation of a text classifier whose answers are known, next to baselines."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.errors import UnrollError
from app.serving.models.loader import load_version
from app.serving.models.manifest import read_manifest
from app.training.common.cards import with_figures
from app.training.sentiment.data import Text, TextSplit, read_texts
from app.training.sentiment.evaluate import evaluate_texts, record_text_figures
from app.training.sentiment.reports import text_markdown, text_table
from app.training.sentiment.served import Classified, ServedTexts, served_texts
from tests.keywords import KeywordTask, write_keyword_version, write_tweets

CARD = (
    "# A model\n\n## Use\n\nFor tests.\n\n## Figures\n\nNot yet evaluated.\n\n## Licence\n\nNone.\n"
)


@pytest.fixture
def split(tmp_path: Path) -> TextSplit:
    write_tweets(tmp_path)
    return read_texts(tmp_path, ("airline",))


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ServedTexts]:
    write_keyword_version(tmp_path / "models")
    with served_texts("sentiment", KeywordTask, "sentiment", tmp_path / "models") as one:
        yield one


def test_rows_are_counted_by_hand(model: ServedTexts, split: TextSplit) -> None:
    three, two = evaluate_texts(model, split, "report", baselines="none")
    known = {"negative": "bad", "neutral": "", "positive": "good"}
    right = [known[one.label] in one.text.split() or one.label == "neutral" for one in split.report]
    assert (three.board, three.method, three.texts) == ("airline", "sentiment/1", len(right))
    assert three.accuracy == three.as_served == pytest.approx(np.mean(right))
    assert three.calibration_error == three.calibration_error_as_served
    polar = [r for r, one in zip(right, split.report, strict=True) if one.label != "neutral"]
    assert two.board == "airline negative or positive"
    assert two.texts == len(polar)
    assert two.as_served == pytest.approx(np.mean(polar))
    # a text with neither word is neutral as served, and undecided between the other two
    undecided_negative = [
        "bad" not in one.text.split() for one in split.report if one.label == "negative"
    ]
    expected = (sum(polar) + sum(undecided_negative)) / len(polar)
    assert two.accuracy == pytest.approx(expected)
    assert two.accuracy > two.as_served
    for row in (three, two):
        assert row.accuracy_interval[0] < row.accuracy < row.accuracy_interval[1]
        assert row.truncated == 0
        assert row.rival == ""
        assert math.isnan(row.ahead)


def test_baselines_stand_beside_it_on_the_same_texts(
    model: ServedTexts, split: TextSplit, tmp_path: Path
) -> None:
    rows = evaluate_texts(model, split, "select", baselines="all", cache=tmp_path / "kept")
    methods = ["sentiment/1", "most frequent", "naive Bayes", "linear SVM"]
    assert [row.method for row in rows] == methods * 2
    assert {row.part for row in rows} == {"select"}
    ours, *others = rows[:4]
    assert {row.texts for row in rows[:4]} == {len(split.select)}
    assert ours.rival == max(others, key=lambda row: row.accuracy).method
    assert ours.ahead == pytest.approx(ours.accuracy - max(row.accuracy for row in others))
    assert ours.ahead_interval[0] <= ours.ahead <= ours.ahead_interval[1]
    assert math.isnan(others[2].calibration_error)
    assert others[1].calibration_error >= 0
    assert (tmp_path / "kept").is_dir()
    again = evaluate_texts(model, split, "select", baselines="all", cache=tmp_path / "kept")
    assert [row.to_json() for row in again] == [row.to_json() for row in rows]


def test_no_text_of_another_part_is_asked_and_none_twice(split: TextSplit) -> None:
    asked: list[str] = []

    def classify(texts: object, progress: object) -> Classified:
        assert isinstance(texts, list)
        asked.extend(texts)
        probabilities = np.full((len(texts), 3), 1 / 3)
        labels = ("positive", "negative", "neutral")
        return Classified(labels, probabilities, np.zeros(len(texts), np.bool_))

    one = ServedTexts("even", "1", classify)
    evaluate_texts(one, split, "report", baselines="none")
    assert sorted(asked) == sorted({one.text for one in split.report})
    asked.clear()
    told: list[str] = []
    rows = evaluate_texts(one, split, limit=5, baselines="simple", progress=told.append)
    assert {row.texts for row in rows} == {5}
    assert len(asked) <= 10
    assert "airline: naive Bayes" in told


def test_a_model_without_the_labels_is_refused(split: TextSplit) -> None:
    def classify(texts: object, progress: object) -> Classified:
        assert isinstance(texts, list)
        return Classified(("ham", "spam"), np.ones((len(texts), 2)), np.ones(len(texts), np.bool_))

    with pytest.raises(UnrollError, match="post/1 has no label negative, neutral, positive"):
        evaluate_texts(ServedTexts("post", "1", classify), split, baselines="none")


def test_a_model_that_has_learned_the_texts_is_refused(split: TextSplit) -> None:
    def classify(texts: object, progress: object) -> Classified:
        raise AssertionError

    model = ServedTexts("sentiment", "2", classify, refit_of="1")
    with pytest.raises(
        UnrollError, match=r"sentiment/2 has learned .* of version 1, .*: --version 1$"
    ):
        evaluate_texts(model, split, baselines="none")


def test_nothing_to_score_is_no_rows(model: ServedTexts) -> None:
    split = TextSplit((Text("x", "negative", "airline"),), (), ())
    assert evaluate_texts(model, split, baselines="all") == []


def test_rows_become_json_and_tables(model: ServedTexts, split: TextSplit) -> None:
    rows = evaluate_texts(model, split)
    read = json.loads(json.dumps([row.to_json() for row in rows], allow_nan=False))
    assert read[0]["ahead_interval"][0] <= read[0]["ahead"]
    assert read[1]["as_served"] is None
    assert read[1]["ahead_interval"] == [None, None]
    boards, leads = 2, 2
    assert text_table(rows).row_count == len(rows) + boards + leads
    assert len(text_markdown(rows).splitlines()) == len(rows) + 2


def test_figures_are_recorded_in_a_version_that_still_loads(
    model: ServedTexts, split: TextSplit, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "sentiment" / "1"
    rows = evaluate_texts(model, split)
    with pytest.raises(ValueError, match="no section '## Figures'"):
        record_text_figures(folder, rows, baselines="simple")
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    record_text_figures(folder, rows, baselines="simple")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert text_markdown(rows) in card
    assert "Not yet evaluated" not in card
    assert card.endswith("\n\n## Licence\n\nNone.\n")
    evaluation = read_manifest(folder).evaluation
    assert evaluation["rows"] == [row.to_json() for row in rows]
    load_version(folder, {"sentiment": KeywordTask}).close()
    record_text_figures(folder, rows, baselines="simple")
    assert (folder / "README.md").read_text(encoding="utf-8") == card


def test_a_version_that_was_fitted_alike_tells_the_same_figures(
    model: ServedTexts, split: TextSplit, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    write_keyword_version(models, version="2", training={"refit_of": "1"})
    write_keyword_version(models, version="3")
    folders = [models / "sentiment" / version for version in ("1", "2", "3")]
    for folder in folders:
        (folder / "README.md").write_text(CARD, encoding="utf-8")
    rows = evaluate_texts(model, split)
    record_text_figures(folders[0], rows, baselines="all")
    own, alike, other = (read_manifest(folder).evaluation for folder in folders)
    assert alike == own | {"of": "1"}
    assert other == {}
    card = (folders[1] / "README.md").read_text(encoding="utf-8")
    figures = card.split("## Figures")[1]
    assert "Measured on version 1, not on this one." in figures
    assert "--version 1 --baselines all --record" in figures
    assert f"\n\n{own['table']}\n" in figures
    assert "Not yet evaluated" in (folders[2] / "README.md").read_text(encoding="utf-8")
    with served_texts("sentiment", KeywordTask, "sentiment", models, version="2") as refit:
        assert refit.refit_of == "1"


def test_figures_that_end_a_card_are_replaced() -> None:
    card = "# A\n\n## Figures\n\nold\n"
    assert with_figures(card, "new") == "# A\n\n## Figures\n\nnew\n"
