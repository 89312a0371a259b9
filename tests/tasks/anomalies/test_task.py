"""Values one by one: in parts as at once, in any company, and for every kind of series."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from app.errors import InvalidInput
from app.features.surprise import WARM_UP
from app.tasks.anomalies.state import SeriesState
from app.tasks.anomalies.streams import Feedback, ValueSteps, ValueStream
from app.tasks.anomalies.task import AnomalyTask
from app.tasks.anomalies.values import AnomalyPrediction
from tests.streamer import untrained_task

TASK = untrained_task(seed=1)
RNG = np.random.default_rng(8)
WAVE = 20 + 5 * np.sin(np.arange(500) / 24 * 2 * np.pi) + RNG.normal(size=500)
KINDS = {
    "wave": WAVE,
    "constant": np.full(400, 7.0),
    "missing": np.where((np.arange(400) % 50 < 20) | (np.arange(400) < 10), np.nan, WAVE[:400]),
    "all missing": np.full(50, np.nan),
    "shift": np.concatenate([WAVE[:250], WAVE[250:] + 1e6]),
    "counter": np.cumsum(np.arange(400) % 3).astype(float),
    "two in turn": np.tile([1.0, -1.0], 200),
    "one value": np.array([5.0]),
    "huge": np.array([1e308, -1e308] * 150),
    "tiny": WAVE * 1e-300,
}


def answer(values: Any, task: AnomalyTask = TASK, **options: Any) -> AnomalyPrediction:
    [found] = task.predict([task.encode(values, **options)])
    return found


def in_parts(values: np.ndarray, sizes: Sequence[int], **options: Any) -> list[AnomalyPrediction]:
    stream = ValueStream(TASK)
    state, at = stream.first_with(options), 0
    found: list[AnomalyPrediction] = []
    while at < len(values):
        steps = ValueSteps(values[at : at + sizes[len(found) % len(sizes)]])
        [prediction] = TASK.predict([stream.example(state, steps, 0, ())])
        state, at = stream.state_after(prediction), at + steps.count
        found.append(prediction)
    return found


@pytest.mark.parametrize("name", KINDS)
def test_parts_are_answered_as_the_whole_to_the_bit(name: str) -> None:
    values = KINDS[name]
    whole = answer(values)
    parts = in_parts(values, (1, 1, 2, 7, 50))
    for field in ("expected", "scores", "quantiles"):
        joined = np.concatenate([getattr(part, field) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, field))
    assert parts[-1].state.pack() == whole.state.pack()


def test_company_changes_no_answer() -> None:
    examples = [TASK.encode(values) for values in KINDS.values()]
    together = [each.state.pack() for each in TASK.predict(examples)]
    assert together == [TASK.predict([example])[0].state.pack() for example in examples]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_series_is_answered(name: str) -> None:
    values = KINDS[name]
    found = TASK.follow(TASK.first(), values, 12)
    [prediction] = TASK.predict([found])
    assert all(0 <= score <= 1 for score in prediction.scores)
    threshold = prediction.options.threshold
    assert prediction.anomalous == [score >= threshold for score in prediction.scores]
    assert sum(prediction.warming) == min(len(values), WARM_UP)
    known = ~np.isnan(prediction.expected)
    assert (np.diff(np.array(prediction.quantiles)[known], axis=1) >= 0).all()
    if name == "all missing":
        assert not known.any()
        assert len(prediction.mean) == 0
    else:
        assert prediction.paths.shape == (12, 3)
        assert np.isfinite(prediction.paths).all()
        assert np.isfinite(prediction.mean).all()


def test_what_stands_out_is_found() -> None:
    values = WAVE.copy()
    values[400] += 60
    found = answer(values, untrained_task(), season_length=24)
    assert int(np.argmax(found.scores)) == 400
    assert np.flatnonzero(found.anomalous).tolist() == [400]
    answered: Any = found.to_json()["anomalies"]
    assert [(each["index"], each["value"]) for each in answered] == [(400, values[400])]


@pytest.mark.parametrize("name", ["constant", "counter", "two in turn"])
def test_nothing_stands_out_of_what_goes_on(name: str) -> None:
    assert not any(answer(KINDS[name], untrained_task()).anomalous)


def test_what_is_beyond_doubt_is_found_in_a_short_series() -> None:
    values = WAVE[:60].copy()
    values[40] += 300
    found = answer(values, untrained_task())
    assert np.flatnonzero(found.anomalous).tolist() == [40]
    assert all(found.warming)
    assert not any(answer(WAVE[:60], untrained_task()).anomalous)


def test_no_score_looks_ahead() -> None:
    whole, start = answer(WAVE), answer(WAVE[:333])
    np.testing.assert_array_equal(whole.scores[:333], start.scores)


def test_the_threshold_alone_decides_what_is_called_anomalous() -> None:
    low, high = answer(WAVE, threshold=0.5), answer(WAVE, threshold=1.0)
    np.testing.assert_array_equal(low.scores, high.scores)
    assert any(low.anomalous)
    assert not any(high.anomalous)


def test_feedback_moves_the_threshold() -> None:
    stream = ValueStream(TASK)
    state = in_parts(WAVE, (len(WAVE),), threshold=0.9)[-1].state
    position = int(np.argmax(state.scores)) + len(WAVE) - len(state.scores)
    score = max(state.scores)

    def threshold_after(*told: Feedback) -> float:
        example = stream.example(state.pack(), ValueSteps(WAVE[:1], feedback=told), 0, ())
        return example.before.options.threshold

    assert threshold_after(Feedback(position, anomalous=False)) > score
    assert threshold_after(Feedback(position, anomalous=True)) == 0.9
    quiet = int(np.argmin(state.scores)) + len(WAVE) - len(state.scores)
    assert threshold_after(Feedback(quiet, anomalous=True)) < 0.9
    with pytest.raises(InvalidInput, match="not kept"):
        threshold_after(Feedback(0, anomalous=True))


def test_the_state_stays_small() -> None:
    sizes = [len(part.state.pack()) for part in in_parts(np.tile(WAVE, 4), (100,))]
    assert max(sizes) < 16_000
    assert sizes[-1] == sizes[-5]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": "high"}, "options.threshold"),
        ({"season_length": 0}, "season_length"),
        ({"frequency": "fortnight!"}, "frequency"),
        ({"quantiles": [0.5, 1.0]}, "quantiles[1]"),
        ({"quantiles": []}, "options.quantiles"),
        ({"colour": 1}, "options.colour"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ValueStream(TASK).first_with(options)
    assert refused.value.field == field


def test_a_state_of_another_format_is_refused() -> None:
    state = ValueStream(TASK).first
    assert SeriesState.unpack(state).pack() == state
    with pytest.raises(ValueError, match="format 1"):
        SeriesState.unpack((1).to_bytes(8, "little") + state[8:])


def test_intervals_cover_what_they_say_in_the_long_run() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(0, 1, 1000), rng.normal(0, 6, 1000)])
    low, _, high = np.array(answer(values, untrained_task()).quantiles[200:]).T
    inside = (values[200:] >= low) & (values[200:] <= high)
    assert 0.78 < inside.mean() < 0.82
    assert 0.77 < inside[-500:].mean() < 0.83


def test_a_state_of_something_else_is_refused() -> None:
    state = ValueStream(TASK).first
    for content in (b"", state[:40], state + b"12345678", bytes(len(state))):
        with pytest.raises(ValueError, match=r"state|series|surprise"):
            SeriesState.unpack(content)


def test_a_state_has_the_networks_and_the_rest() -> None:
    stream = ValueStream(TASK)
    steps = ValueSteps(np.array([1.0, 2.0, 4.0, 3.0]))
    [prediction] = TASK.predict([stream.example(stream.first, steps, 0, ())])
    state = stream.state_after(prediction)
    tensors = stream.tensors_of(state)
    assert sorted(tensors) == ["hidden_state", "series"]
    assert tensors["hidden_state"].shape == (TASK.features.state,)
    assert np.abs(tensors["hidden_state"]).max() > 0
    assert stream.state_from(tensors) == state
    hidden = tensors["hidden_state"]
    for broken in (
        {"series": tensors["series"]},
        tensors | {"hidden_state": hidden[:-1]},
        tensors | {"hidden_state": hidden.astype(np.float64)},
        tensors | {"series": tensors["series"][:40]},
        tensors | {"other": hidden},
    ):
        with pytest.raises(ValueError, match=r"state|series|surprise"):
            stream.state_from(broken)
