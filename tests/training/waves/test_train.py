"""The recipe of forecast-waves: its numbers are serving's, its batches repeat, it publishes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.serving.models.manifest import read_manifest
from app.serving.runtime.session import Session
from app.tasks.forecast.distribution import mean_weights
from app.tasks.forecast.features import ForecastFeatures
from app.tasks.forecast.task import ForecastTask
from app.training.common.loop import LoopOptions
from app.training.forecast.network import Forecaster, ForecasterOptions, forecaster_graph
from app.training.forecast.served import Question, served
from app.training.waves.data import draw, spaced_waves, waves
from app.training.waves.fit import (
    as_served,
    batch_of,
    steps_ahead,
    train_member,
    training_batch,
)
from app.training.waves.recipe import WavesRecipe
from app.training.waves.train import train_waves

TINY = WavesRecipe(
    network=ForecasterOptions(
        cell="gru", hidden_size=4, num_layers=1, dropout=0.0, recurrent_dropout=0.0
    ),
    loop=LoopOptions(steps=6, validate_every=3, warmup=2),
    batch_size=8,
    validation=16,
    calibration=40,
    scored=20,
)


@pytest.fixture(scope="module")
def network() -> Forecaster:
    torch.manual_seed(3)
    network = Forecaster(TINY.network)
    torch.nn.init.normal_(network.head.weight, std=0.3)  # at the start it is zero
    return network.eval()


@pytest.fixture(scope="module")
def task(network: Forecaster) -> ForecastTask:
    features = ForecastFeatures(
        context_length=TINY.context_length,
        memory=TINY.context_length,
        normalise=False,
        trained_horizon=TINY.horizon,
        levels=TINY.network.levels,
    )
    return ForecastTask(features, Session(forecaster_graph([network]).SerializeToString()))


def test_the_series_are_the_textbooks() -> None:
    ours = spaced_waves(np.random.default_rng(1), np.full(50, 60), 60)

    assert np.allclose(ours, waves(np.random.default_rng(1), 50, 60), atol=1e-12)


def test_the_number_of_points_sets_the_spacing() -> None:
    points = np.array([60, 51])
    ours = spaced_waves(np.random.default_rng(1), points, 60)
    wide = spaced_waves(np.random.default_rng(1), np.array([60, 60]), 60)

    assert np.array_equal(ours[0], wide[0])
    # 51 points are through at time 1, where a series of 60 has nine more to go
    assert not np.allclose(ours[1, 1:], wide[1, 1:], atol=0.05)
    assert abs(ours[1, 50] - wide[1, 59]) < 0.1


def test_contexts_are_to_the_bit_what_serving_computes(task: ForecastTask) -> None:
    rng = np.random.default_rng(5)
    past = waves(rng, 200, 60)[:, :50]
    lengths = rng.integers(2, 51, 200)
    lengths[:50] = 50
    past[100:][rng.random((100, 50)) < 0.2] = np.nan
    past[:, -1] = 0.25
    past[3, :20] = np.nan  # a gap at the start is no part of the series

    context, steps = as_served(past, lengths, TINY)

    assert steps[3] == 30
    for row in range(200):
        example = task.encode(past[row, 50 - lengths[row] :], horizon=10)
        assert steps[row] == len(example.context)
        assert np.array_equal(context[row, : steps[row]], example.context)
        assert not context[row, steps[row] :].any()
        assert np.array_equal(steps_ahead(TINY), example.future)


def test_the_mean_that_is_trained_is_the_mean_that_is_served(
    task: ForecastTask, network: Forecaster
) -> None:
    series = waves(np.random.default_rng(2), 12, 60)
    drawn = batch_of(series, TINY)

    with torch.no_grad():
        quantiles = network(drawn.context, drawn.lengths, drawn.future)
    ours = quantiles @ torch.from_numpy(mean_weights(TINY.network.levels)).float()

    answers = task.predict([task.encode(row[:50], horizon=10) for row in series])
    assert np.allclose(ours.numpy(), [answer.mean for answer in answers], atol=1e-5)
    assert np.allclose(drawn.target.numpy(), series[:, 50:], atol=1e-6)
    assert mean_weights(TINY.network.levels).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("series", [None, 30])
def test_a_batch_depends_on_its_step_alone(series: int | None) -> None:
    recipe = replace(TINY, series=series, short=0.5, gaps=0.5)
    forwards = training_batch(recipe, 0)
    backwards = training_batch(recipe, 0)

    drawn = [forwards(step) for step in range(4)]
    again = [backwards(step) for step in (3, 2, 1, 0)][::-1]

    for one, other in zip(drawn, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(drawn[0].target, drawn[1].target)
    assert not torch.equal(drawn[0].target, training_batch(recipe, 1)(0).target)


def test_a_fixed_set_holds_as_many_series_as_it_says() -> None:
    recipe = replace(TINY, series=5, batch_size=64)
    batch = training_batch(recipe, 0)

    ends = {tuple(row) for step in range(3) for row in batch(step).target.numpy().tolist()}

    assert len(ends) == 5


def test_members_share_the_fixed_set() -> None:
    recipe = replace(TINY, series=5, batch_size=64)
    sets = [
        {tuple(row) for row in training_batch(recipe, member)(0).target.numpy().tolist()}
        for member in (0, 1)
    ]

    assert sets[0] == sets[1]


def test_fresh_series_do_not_come_back() -> None:
    recipe = replace(TINY, batch_size=64)
    batch = training_batch(recipe, 0)

    ends = {tuple(row) for step in range(3) for row in batch(step).target.numpy().tolist()}

    assert len(ends) == 3 * 64


def test_both_spacings_are_drawn_as_often_as_they_stand_there() -> None:
    recipe = replace(TINY, points=(60, 60, 60, 51))
    seen: list[int] = []

    class Noting:
        """A generator that notes what it chose."""

        def __init__(self) -> None:
            self.rng = np.random.default_rng(0)

        def choice(self, among: np.ndarray, count: int) -> np.ndarray:
            chosen = self.rng.choice(among, count)
            seen.extend(chosen.tolist())
            return chosen

        def random(self, size: object) -> np.ndarray:
            return self.rng.random(size)  # type: ignore[call-overload, no-any-return]

    draw(Noting(), 4000, recipe)  # type: ignore[arg-type]

    assert set(seen) == {60, 51}
    assert seen.count(60) / len(seen) == pytest.approx(0.75, abs=0.03)


def test_a_cut_training_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = train_member(TINY, 0)
    checkpoint = tmp_path / "member-0.pt"

    def stop(told: object) -> None:
        if checkpoint.exists():
            raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        train_member(TINY, 0, checkpoint=checkpoint, progress=stop)
    resumed = train_member(TINY, 0, checkpoint=checkpoint)

    assert resumed.score == whole.score
    pairs = zip(resumed.network.parameters(), whole.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("waves")
    return train_waves(replace(TINY, members=2), repository=root / "models", work=root / "runs")


def test_a_published_version_loads_and_answers(published: Path) -> None:
    past = waves(np.random.default_rng(4), 1, 60)[0, :50]

    with served("forecast-waves", published.parent.parent) as one:
        answer = one.ask([Question(past, 10)], (0.1, 0.5, 0.9))[0]

    assert (one.version, published.name) == ("1", "1")
    assert answer.mean.shape == (10,)
    assert (np.diff(answer.quantiles, axis=0) >= 0).all()


def test_a_published_version_says_what_it_is(published: Path) -> None:
    manifest = read_manifest(published)
    card = (published / "README.md").read_text(encoding="utf-8")

    assert manifest.network.members == 2
    assert manifest.features["normalise"] is False
    assert manifest.training["recipe"]["points"] == [60, 60, 60, 51]  # type: ignore[call-overload, index]
    errors = manifest.evaluation["errors"]
    assert isinstance(errors, list)
    assert [row["method"] for row in errors if isinstance(row, dict)] == [
        "naive",
        "least squares",
        "forecast-waves/1",
    ]
    assert str(manifest.evaluation["table"]) in card
    assert "0.00083" in card
    assert {"coverage_80", "coverage_95"} < manifest.evaluation.keys()
    assert any(None in golden.request["series"] for golden in manifest.golden)  # type: ignore[operator]
