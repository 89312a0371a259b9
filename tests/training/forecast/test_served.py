"""Asking a model through the repository of this process: the same answers as the task alone."""

import math
from pathlib import Path

import numpy as np
import pytest

from app.errors import ModelNotFound
from app.serving.runtime.session import Session
from app.tasks.forecast.task import ForecastTask
from app.training.forecast.served import Question, served
from tests.forecaster import FEATURES, quantile_graph, write_still_version


@pytest.fixture
def task() -> ForecastTask:
    return ForecastTask(FEATURES, Session(quantile_graph()))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for version in ("1", "2"):
        write_still_version(tmp_path, "still", version)
    return tmp_path


def test_answers_are_those_of_the_task(root: Path, task: ForecastTask) -> None:
    rng = np.random.default_rng(0)
    questions = [Question(rng.normal(50, 9, 30), 4, "MS") for _ in range(3)]
    gap = np.array([3.0, math.nan, 5.0, 4.0])
    questions += [Question(gap, 2), Question(rng.normal(0, 1, 200), 7, "h")]
    levels = (0.9, 0.5, 0.25)
    with served("still", root) as one:
        answers = one.ask(questions, levels)
        assert (one.model, one.version) == ("still", "2")
    assert len(answers) == len(questions)
    for question, answer in zip(questions, answers, strict=True):
        example = task.encode(question.values, question.horizon, levels, question.frequency)
        expected = task.predict([example])[0]
        assert np.allclose(answer.mean, expected.mean)
        assert answer.quantiles.shape == (3, question.horizon)
        for level, row in zip(levels, answer.quantiles, strict=True):
            assert np.allclose(row, expected.quantiles[repr(level)])


def test_a_version_can_be_chosen(root: Path) -> None:
    with served("still", root, version="1") as one:
        assert one.version == "1"
        assert len(one.ask([Question(np.arange(9.0), 2)] * 250, (0.5,))) == 250


def test_a_refused_version_says_why(root: Path) -> None:
    (root / "still" / "2" / "model.onnx").write_bytes(b"broken")
    with (
        pytest.raises(ModelNotFound, match=r"still/2: model\.onnx"),
        served("still", root, version="2"),
    ):
        pass
