"""Scores of the benchmark worked out by hand; simple methods; a version from data to figures."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from app.training.anomalies.baselines import (
    DETECTORS,
    exponential_smoothing,
    naive,
    seasonal_naive,
)
from app.training.anomalies.benchmark import Labelled, benchmark_score, read_benchmark
from app.training.anomalies.evaluate import evaluate_anomalies
from app.training.anomalies.network import StreamForecasterOptions
from app.training.anomalies.recipe import AnomalyRecipe
from app.training.anomalies.reports import evaluation_json, evaluation_table
from app.training.anomalies.train import record_figures, train_anomalies
from app.training.common.loop import LoopOptions

FILE = Labelled("a/b.csv", np.zeros(200), ((100, 119),))


def flagged(*rows: int) -> dict[str, np.ndarray]:
    scores = np.zeros(200)
    scores[list(rows)] = 1.0
    return {FILE.name: scores}


def sigmoid(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


def test_the_first_row_of_a_window_is_nearly_perfect() -> None:
    assert benchmark_score([FILE], flagged(100)) == pytest.approx((100.0, 1.0))
    assert benchmark_score([FILE], flagged(100, 101, 119)) == pytest.approx((100.0, 1.0))


def test_a_late_row_counts_less_and_wrong_ones_against() -> None:
    late = sigmoid(-1 / 20) / sigmoid(-1)  # the last row of the window
    assert benchmark_score([FILE], flagged(119))[0] == pytest.approx(50 * (late + 1))
    far, near = 0.11, -0.11 * sigmoid(2 / 19)
    assert benchmark_score([FILE], flagged(100, 50))[0] == pytest.approx(50 * (2 - far))
    assert benchmark_score([FILE], flagged(100, 121))[0] == pytest.approx(50 * (2 - near))
    assert benchmark_score([FILE], flagged(100, 50), "low_fp")[0] == pytest.approx(50 * 1.78)
    low_fn = 100 * (3 - far) / 3
    assert benchmark_score([FILE], flagged(100, 50), "low_fn")[0] == pytest.approx(low_fn)


def test_nothing_and_rows_on_probation_are_worth_nothing() -> None:
    assert benchmark_score([FILE], flagged()) == (0.0, 1.1)
    assert benchmark_score([FILE], flagged(50)) == (0.0, 1.1)
    assert benchmark_score([FILE], flagged(100, 3))[0] == pytest.approx(100.0)


def test_one_threshold_for_all_files() -> None:
    other = Labelled("c/d.csv", np.zeros(200), ())
    scores = flagged(100) | {other.name: np.where(np.arange(200) > 100, 2.0, 0.0)}
    assert benchmark_score([FILE, other], scores) == (0.0, 1.1)


def test_simple_forecasts_look_at_the_past_alone() -> None:
    values = np.array([1.0, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])
    assert np.isnan(naive(values, 3)[0])
    np.testing.assert_array_equal(naive(values, 3)[1:], values[:-1])
    np.testing.assert_array_equal(seasonal_naive(values, 3)[3:], values[3:])
    assert exponential_smoothing(np.full(20, 4.0), 1)[1:] == pytest.approx(np.full(19, 4.0))
    rising = exponential_smoothing(values, 3)
    assert np.abs(rising - values)[6:].mean() < np.abs(naive(values, 1) - values)[6:].mean()


@pytest.mark.parametrize("method", DETECTORS)
def test_simple_detectors_find_a_spike(method: str) -> None:
    values = np.random.default_rng(0).normal(size=300)
    values[200] += 30
    scores = DETECTORS[method](values, 24)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert int(np.argmax(scores)) == 200


def write_data(root: Path) -> Path:
    rng = np.random.default_rng(1)
    t = np.arange(300)
    values = 5 + np.sin(t / 24 * 2 * np.pi) + 0.1 * rng.normal(size=300)
    rows = [f"{i // 24 + 1:02d},{value}" for i, value in enumerate(values)]
    stamps = np.datetime64("2026-01-01T00:00") + np.arange(300) * np.timedelta64(1, "h")
    lines = "\n".join(f"{s},{row.split(',')[1]}" for s, row in zip(stamps, rows, strict=True))
    (root / "own.csv").write_text(f"time,value\n{lines}\n")
    folder = root / "nab"
    folder.mkdir()
    values[200] = 20.0
    marks = [str(stamp).replace("T", " ") + ":00" for stamp in stamps]
    text = "timestamp,value\n" + "\n".join(f"{m},{v}" for m, v in zip(marks, values, strict=True))
    (folder / "one__two.csv.gz").write_bytes(gzip.compress(text.encode()))
    windows = {"one/two.csv": [[marks[190] + ".000000", marks[220] + ".000000"]]}
    (folder / "windows.json").write_text(json.dumps(windows))
    return root


def test_a_version_from_data_to_figures(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    recipe = AnomalyRecipe(
        network=StreamForecasterOptions(hidden_size=4, head_size=4),
        loop=LoopOptions(steps=2, validate_every=2),
        batch_size=4,
        window=24,
        longest=300,
        generated=13,
    )
    root, work = tmp_path / "models", tmp_path / "runs"
    folder = train_anomalies(data, recipe, name="mine", repository=root, work=work)
    assert (folder.parent.name, folder.name) == ("mine", "1")
    assert "Not yet evaluated." in (folder / "README.md").read_text()
    found = evaluate_anomalies("mine", root, data, beside=None)
    assert found.benchmark[0].method == "mine/1"
    assert len(found.benchmark) == 4
    assert found.steps == []
    assert found.benchmark[0].standard > 50
    evaluation_table(found)
    record_figures(root, "mine", evaluation_json(found))
    card = (folder / "README.md").read_text()
    assert "Not yet evaluated." not in card
    assert "windowed Gaussian" in card


def test_a_folder_without_data_is_said_so(tmp_path: Path) -> None:
    assert read_benchmark(write_data(tmp_path) / "nab")[0].windows == ((190, 220),)
    with pytest.raises(FileNotFoundError):
        read_benchmark(tmp_path)
