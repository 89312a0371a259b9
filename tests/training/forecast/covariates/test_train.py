"""From a table with covariates to a version that answers by them."""

from pathlib import Path

import pytest

from app.serving.models.manifest import read_manifest
from app.tasks.forecast.features import ForecastFeatures
from app.training.forecast.covariates.train import train_with_covariates
from app.training.forecast.evaluate import evaluate_forecast
from app.training.forecast.tables.options import TableOptions
from app.training.forecast.train import record_figures
from tests.training.forecast.covariates.made import errors, read_shops, tiny, train, write_shops


def test_what_the_covariates_do_is_learned(tmp_path: Path) -> None:
    # Five seeds, one thread and two (`python -m tests.training.forecast.covariates.made 2`): told
    # 1.05 to 1.80, turned 12.7 to 14.8, the level 3.2 to 4.4.
    folder, series = train(tmp_path, tiny(150))
    found = errors(folder, series)
    assert found["told"] < 2.5
    assert found["turned"] > 8.0
    assert found["level"] > 3.0


def test_a_version_tells_what_it_has_learned_and_is_scored(tmp_path: Path) -> None:
    folder, series = train(tmp_path, tiny(members=2))
    manifest = read_manifest(folder)
    assert manifest.network.members == 2
    about = ForecastFeatures.model_validate(manifest.features).covariates
    assert about is not None
    assert about.columns[1].categories == ("north", "south")
    assert len(manifest.golden) == 4
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "`promotion`: true or false; known ahead" in card
    assert "`region`: 2 categories; of a whole series" in card
    assert "of the past" in card
    rows = evaluate_forecast(
        "shops", tmp_path / "models", tmp_path / "shops.csv", own=TableOptions(others=True)
    )
    assert {row.series for row in rows} == {len(series)}
    assert {row.method for row in rows} >= {"shops/1 median", "seasonal_naive"}
    record_figures(tmp_path / "models", "shops", rows)
    assert "seasonal_naive" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_graph(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, _ = train(tmp_path / "a", tiny())
    second, _ = train(tmp_path / "b", tiny())
    assert (first / "model.onnx").read_bytes() == (second / "model.onnx").read_bytes()


@pytest.mark.parametrize("days", [24, 40])
def test_little_is_enough(tmp_path: Path, days: int) -> None:
    path = write_shops(tmp_path, days=days)
    folder = train_with_covariates(
        path, read_shops(path), tiny(), name="few", repository=tmp_path, work=tmp_path / "work"
    )
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "nan" not in card
