"""Channels that are learned together: aligned, told in the manifest, better than each by itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.errors import ConfigurationError
from app.features.covariates import context_features, future_features
from app.serving.models.loader import load_version
from app.tasks.forecast.covariates.learned import LearnedCovariates
from app.training.forecast.covariates.channels import channels_of, names_of
from app.training.forecast.covariates.learn import features_of, lay
from app.training.forecast.covariates.windows import cut
from app.training.forecast.data import Series, read_series
from app.training.forecast.evaluate import evaluate_forecast, forecast_score
from app.training.forecast.tables.covariates import Beside
from app.training.forecast.train import TASKS
from tests.training.forecast.covariates.made import tiny
from tests.training.forecast.covariates.system import (
    HORIZON,
    LEAD,
    NAMES,
    both_errors,
    train_system,
    write_system,
)


def series(name: str, points: int, first: str | None = "2024-01-01", season: int = 7) -> Series:
    values = np.arange(float(points))
    return Series("csv", f"table-{name}", values, "D" if first else None, season, 7, first)


def test_channels_are_laid_at_the_same_times() -> None:
    early, late = channels_of([series("a", 20, season=1), series("b", 15, "2024-01-03")])
    assert len(early.values) == len(late.values) == 20
    assert np.isnan(late.values[:2]).all()
    assert late.values[2:17].tolist() == list(range(15))
    assert np.isnan(late.values[17:]).all()
    assert early.first == late.first == "2024-01-01"
    assert early.season_length == late.season_length == 7


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([series("a", 20)], "1 series are no channels"),
        ([series(str(i), 20) for i in range(52)], "52 series are no channels"),
        ([series("a", 20, None), series("b", 19, None)], "without dates"),
        ([series("a", 20), series("b", 20, None)], "one frequency"),
        ([replace(series("a", 20), dataset="m3"), series("b", 20)], "one table"),
        (
            [
                replace(series(n, p), beside=Beside({"x": [1.0] * p}))
                for n, p in (("a", 9), ("b", 8))
            ],
            "begin and end at the same times",
        ),
    ],
)
def test_what_are_no_channels_is_refused(channels: list[Series], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        channels_of(channels)


def test_names_are_those_of_the_columns(tmp_path: Path) -> None:
    path = write_system(tmp_path, days=60)
    assert names_of(path, read_series(path)) == list(NAMES)
    (tmp_path / "other.csv").write_text(path.read_text())
    with pytest.raises(ConfigurationError, match="has 2"):
        names_of(tmp_path, read_series(tmp_path))


def test_windows_hold_all_channels_and_what_was_shortly_before_each_step(tmp_path: Path) -> None:
    channels = channels_of(read_series(write_system(tmp_path, days=80)))
    channels = [replace(one, horizon=HORIZON) for one in channels]
    features = features_of(channels, tiny(), (), NAMES)
    learned = LearnedCovariates(features)
    windows = cut(
        [lay(channels, learned)],
        learned,
        horizon=HORIZON,
        memory=features.memory,
        folds=10,
        most=10_000,
        seed=0,
    )
    assert windows.context.shape[2] == context_features(0, 3)
    assert windows.future.shape[1:] == (HORIZON, future_features(0, 3))
    assert windows.target.shape[1:] == (HORIZON, 3)
    valve = windows.future[:, :, 30 : 30 + LEAD]  # so many steps before each step ahead
    last = windows.context[np.arange(len(windows)), windows.lengths - 1, 0]
    for step in range(LEAD):
        np.testing.assert_array_equal(valve[:, step, step], last)
        assert not valve[:, step, :step].any()  # nobody knows them
    # those of the last step are what `level` does there
    match = np.corrcoef(valve[:, 0, LEAD - 1], windows.target[:, 0, 1])[0, 1]
    assert match > 0.9


def test_a_version_says_its_channels_and_is_scored(tmp_path: Path) -> None:
    table = write_system(tmp_path, days=90)
    version = train_system(tmp_path, table, tiny())
    model = load_version(version, TASKS)
    assert model.manifest.features["channels"] == list(NAMES)
    assert model.manifest.training["channels"] == list(NAMES)
    model.close()
    card = (version / "README.md").read_text(encoding="utf-8")
    assert "3 channels together: `valve`, `level`, `noise`" in card
    rows = evaluate_forecast("together", tmp_path / "models", table)
    assert {row.series for row in rows} == {3}
    score = forecast_score("together", tmp_path / "models", table, "1")
    assert 0.0 < score.value < 5.0
    other = write_system(tmp_path / "models", days=90)
    other.write_text("\n".join(line.rpartition(",")[0] for line in table.read_text().splitlines()))
    with pytest.raises(ValueError, match=r"3 channels together, and .* has 2 series"):
        evaluate_forecast("together", tmp_path / "models", other)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_channel_that_is_led_is_forecast_better_together(tmp_path: Path, seed: int) -> None:
    together, alone = both_errors(tmp_path, seed)
    assert together < 0.5 * alone
