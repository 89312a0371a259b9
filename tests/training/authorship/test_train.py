"""From folders of texts to a version that is served, reported and evaluated, with tiny networks."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.errors import InvalidInput
from app.serving.models.manifest import read_manifest
from app.serving.models.repository import Repository
from app.training.authorship.baselines import BASELINES
from app.training.authorship.evaluate import evaluate_authorship, record_authorship
from app.training.authorship.recipe import AuthorshipRecipe
from app.training.authorship.scores import Row
from app.training.authorship.train import TASKS, train_authorship
from tests.training.authorship.tables import RECIPE, WHOLE, write_folders


@pytest.fixture(name="data")
def folders(tmp_path: Path) -> Path:
    return write_folders(tmp_path / "data")


@dataclass(frozen=True)
class Trained:
    """A version trained from `data` in the repository `models`, and what was told of it."""

    data: Path
    models: Path
    folder: Path
    rows: list[Row]
    said: list[str]


def train(root: Path, recipe: AuthorshipRecipe) -> Trained:
    data, models = write_folders(root / "data"), root / "models"
    said: list[str] = []
    folder, rows = train_authorship(
        data, recipe, name="mine", repository=models, work=root / "work", tell=said.append
    )
    return Trained(data, models, folder, rows, said)


@pytest.fixture(name="trained", scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """By RECIPE; only to be read."""
    return train(tmp_path_factory.mktemp("trained"), RECIPE)


@pytest.mark.parametrize("recipe", [RECIPE, WHOLE], ids=["style", "whole"])
def test_a_published_model_is_served(
    trained: Trained, tmp_path: Path, recipe: AuthorshipRecipe
) -> None:
    one = trained if recipe is RECIPE else train(tmp_path, recipe)
    folder, rows, said = one.folder, one.rows, one.said
    assert folder == one.models / "mine" / "1"
    first = rows[0]
    assert first.method == "network"
    assert first.count == (12 if recipe.folds else 4)
    assert first.accuracy > 0.7, "their habits are plain"
    assert {*BASELINES} <= {row.method for row in rows}
    assert ("its n-gram profile alone" in {row.method for row in rows}) == bool(
        recipe.network.profile
    )
    assert "held out" in said[1]
    repository = Repository(one.models, TASKS)
    repository.load_all()
    try:
        model = repository.get("mine", "1", "authorship")
        example = model.task.encode("upon the people there is power, whilst the law " * 20, True)
        answer = model.scheduler.submit(example, deadline=None).result(timeout=60).prediction
        assert answer.author == "Anna"
        with pytest.raises(InvalidInput):
            model.task.encode("too short")
    finally:
        repository.close()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "its maker, who states the terms" in card
    assert "| network | held out |" in card


def test_the_published_model_is_scored_on_what_it_never_learned(
    trained: Trained, tmp_path: Path
) -> None:
    data, models = tmp_path / "data", tmp_path / "models"
    shutil.copytree(trained.data, data)
    shutil.copytree(trained.models, models)
    rows, guesses = evaluate_authorship(models, "mine", data)
    assert rows == []
    assert [text for text, _, _ in guesses] == ["unknown: Unknown/0.txt", "unknown: Unknown/1.txt"]
    assert [author for _, author, _ in guesses] == ["Anna", "Bert"]
    fresh = data / "Bert" / "7.txt"
    fresh.write_text("on which a law by a state while people, " * 10, encoding="utf-8")
    rows, _ = evaluate_authorship(models, "mine", data)
    assert [(row.method, row.count) for row in rows] == [
        ("mine/1", 1),
        *((method, 1) for method in BASELINES),
    ]
    record_authorship(models, "mine", rows)
    manifest = read_manifest(models / "mine" / "1")
    assert manifest.evaluation["rows"] == [row.to_json() for row in rows]
    assert "| mine/1 | not learned |" in (models / "mine" / "1" / "README.md").read_text()
    with pytest.raises(FileNotFoundError, match="no model 'other'"):
        evaluate_authorship(models, "other", data)


def test_the_same_seed_gives_the_same_graph(trained: Trained, tmp_path: Path) -> None:
    again = train(tmp_path, RECIPE)
    first, second = ((one.folder / "model.onnx").read_bytes() for one in (trained, again))
    assert first == second


def test_texts_that_are_too_short_to_judge_are_left_out(data: Path, tmp_path: Path) -> None:
    (data / "Anna" / "9.txt").write_text("Upon my word.", encoding="utf-8")
    said: list[str] = []
    folder, _ = train_authorship(
        data, RECIPE, repository=tmp_path / "models", work=tmp_path / "work", tell=said.append
    )
    assert said[1] == "left out 1 texts of fewer than 40 characters"
    assert read_manifest(folder).training["texts"] == 12
    for path in (data / "Anna").iterdir():
        path.write_text("Upon my word.", encoding="utf-8")
    with pytest.raises(ValueError, match="Anna has fewer than two texts"):
        train_authorship(data, RECIPE, repository=tmp_path / "more", work=tmp_path / "other")
