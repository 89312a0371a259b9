"""How unusual values are: against the series' own past, whatever its scale."""

import numpy as np
import pytest

from app.features.surprise import LEAST_KNOWN, WARM_UP, Surprise

NOISE = np.random.default_rng(3).normal(size=900)


def scores_of(values: list[float], expected: list[float] | None = None) -> list[float]:
    surprise = Surprise()
    guesses = [0.0] * len(values) if expected is None else expected
    return [surprise.take(*pair) for pair in zip(values, guesses, strict=True)]


def test_a_spike_is_unusual_and_the_next_one_less() -> None:
    values = [*NOISE[:600], 15.0, *NOISE[600:700], 15.0, *NOISE[700:]]
    scores = scores_of(values)
    assert scores[600] == max(scores)
    assert scores[600] > 0.999
    assert scores[701] < scores[600]
    assert sum(score > 0.999 for score in scores[300:]) <= 3


def test_a_level_shift_is_told_once() -> None:
    scores = np.array(scores_of([*NOISE[:600], *(NOISE[600:] + 12.0)]))
    assert scores[600:604].max() > 0.999
    assert (scores[610:] > 0.999).sum() == 0


def test_a_value_far_from_what_was_foretold_is_unusual_at_a_usual_level() -> None:
    wave = 10 * np.sin(np.arange(600) / 5)
    values = wave + 0.1 * NOISE[:600]
    values[500] = -values[500]
    scores = scores_of(values.tolist(), wave.tolist())
    assert int(np.argmax(scores[LEAST_KNOWN:])) + LEAST_KNOWN == 500


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_scores_do_not_depend_on_the_unit(factor: float) -> None:
    plain, other = scores_of(NOISE.tolist()), scores_of((factor * NOISE).tolist())
    assert other == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("values", [[3.0] * 500, [0.0] * 500, [1.0, 2.0] * 250])
def test_nothing_is_unusual_where_nothing_happens(values: list[float]) -> None:
    expected = values  # as it is foretold
    assert max(scores_of(values, expected)) < 0.99


def test_scores_are_between_0_and_1_for_any_numbers() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_cauchy(500) * 10.0 ** rng.integers(-90, 90, 500)
    scores = scores_of(values.tolist(), rng.normal(size=500).tolist())
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_another_list_of_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="no surprise"):
        Surprise([0.0])


def test_what_was_there_before_scores_less_than_a_record() -> None:
    values = NOISE.copy()
    values[300], values[700], values[800] = 12.0, 12.0, 14.0
    scores = np.array(scores_of(values.tolist()))
    lost = -np.log10(1 - scores)
    assert lost[300] > 1.5 * lost[700]
    assert scores[WARM_UP:].max() == scores[300]


def test_the_fewer_are_known_the_larger_a_surprise_must_be() -> None:
    found = []
    for at in (12, 25, 50, 100, 250):
        values = NOISE[:300].copy()
        values[at] = 30.0
        found.append(scores_of(values.tolist())[at])
    assert found == sorted(found)
    assert found[0] < found[-1]
