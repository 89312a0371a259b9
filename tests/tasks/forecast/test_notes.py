"""What is said beside a forecast, on a network that stands still; golden answers from before."""

import numpy as np
import pytest
from pydantic import JsonValue

from app.serving.runtime.session import Session
from app.tasks.forecast.task import ForecastTask
from tests.forecaster import FEATURES, quantile_graph


def still() -> ForecastTask:
    """It knows of no trend and no season: its median is the last level."""
    return ForecastTask(FEATURES.model_copy(update={"memory": 200}), Session(quantile_graph()))


@pytest.mark.parametrize(
    ("past", "options", "said"),
    [
        ([1.0, 2.0, 3.0], {}, "3 points say little"),
        ([0.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0], {}, "2 of 8 values are not 0"),
        ([8.0, 9.0, 8.0, 7.0, 11.0, 8.0], {"maximum": 10}, "1 value lies outside of minimum"),
        ((100 * 1.09 ** np.arange(40)).tolist(), {}, "a steady trend"),
        ((3.0 * np.arange(-20.0, 20.0)).tolist(), {}, "a steady trend"),
    ],
)
def test_what_the_model_does_not_know_is_said(
    past: list[float], options: dict[str, float], said: str
) -> None:
    [answer] = still().predict([still().encode(past, 12, **options)])  # type: ignore[arg-type]
    assert said in " ".join(answer.notes)
    [plain] = still().predict([still().encode([8.0, 9.0, 8.0, 7.0, 11.0, 8.0] * 3, 6)])
    assert plain.notes == []


@pytest.mark.parametrize(
    ("points", "asked", "said"),
    [
        (150, 24, []),
        (190, 95, []),
        (150, 168, ["a season of 168 steps cannot be seen in 150 points: two are needed"]),
    ],
)
def test_a_season_that_is_asked_for_is_looked_for_or_it_is_said(
    points: int, asked: int, said: list[str]
) -> None:
    past = np.random.default_rng(0).normal(size=points).tolist()
    example = still().encode(past, 6, frequency="h", season_length=asked)
    [answer] = still().predict([example])
    assert answer.season_length == asked
    assert answer.notes == said


def test_golden_answers_from_before_the_median_hold_what_has_not_changed() -> None:
    old: dict[str, JsonValue] = {
        "mean": [1.0],
        "quantiles": {"0.1": [0.5], "0.9": [2.0]},
        "notes": [],
        "imputed": 0,
    }
    assert still().still_answered(old).keys() == {"quantiles", "imputed"}
    flat: dict[str, JsonValue] = old | {"quantiles": {"0.1": [1.0], "0.9": [1.0]}}
    assert still().still_answered(flat).keys() == {"imputed"}
    assert still().still_answered(old | {"median": [1.0]}) == old | {"median": [1.0]}
