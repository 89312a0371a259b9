"""Drawing units: shares, truncation, temperature, seeds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tasks.generate.sampling import MAX_SEED, Sampler, SamplingOptions, draw, next_seed

PROBABILITIES = np.array([0.05, 0.4, 0.1, 0.3, 0.15])
LOGS = np.log(PROBABILITIES).astype(np.float32)


def alone(sampler: Sampler, logs: np.ndarray) -> int:
    [drawn], [log] = draw([sampler], logs[None])
    assert log == logs[drawn]
    return drawn


def shares(options: SamplingOptions, draws: int = 20_000) -> np.ndarray:
    sampler = Sampler(options, 3)
    counts = np.bincount([alone(sampler, LOGS) for _ in range(draws)], minlength=5)
    return counts / draws


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (SamplingOptions(), PROBABILITIES),
        (SamplingOptions(top_k=2), [0, 4 / 7, 0, 3 / 7, 0]),
        (SamplingOptions(top_p=0.6), [0, 4 / 7, 0, 3 / 7, 0]),
        (SamplingOptions(top_p=0.71), [0, 0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85]),
        (SamplingOptions(top_k=3, top_p=0.4), [0, 1, 0, 0, 0]),
        (SamplingOptions(temperature=0), [0, 1, 0, 0, 0]),
        (SamplingOptions(temperature=0.5), PROBABILITIES**2 / (PROBABILITIES**2).sum()),
        (SamplingOptions(temperature=1e-300), [0, 1, 0, 0, 0]),
        (SamplingOptions(temperature=10, top_k=1), [0, 1, 0, 0, 0]),
        (SamplingOptions(top_k=100), PROBABILITIES),
    ],
)
def test_shares_are_the_probabilities(options: SamplingOptions, expected: list[float]) -> None:
    found = shares(options)
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert set(np.flatnonzero(found)) <= set(np.flatnonzero(expected))


@given(st.integers(0, MAX_SEED), st.integers(1, 5), st.floats(0.01, 1.0), st.floats(0.0, 5.0))
def test_what_is_drawn_is_possible_and_repeats(
    seed: int, top_k: int, top_p: float, temperature: float
) -> None:
    logs = LOGS.copy()
    logs[1] = -np.inf
    options = SamplingOptions(temperature, top_k, top_p)
    first, again = (Sampler(options, seed) for _ in range(2))
    drawn = [alone(first, logs) for _ in range(10)]
    assert drawn == [alone(again, logs) for _ in range(10)]
    assert 1 not in drawn


OPTIONS = st.builds(
    SamplingOptions,
    st.sampled_from([0.0, 1e-300, 0.8, 1.0, 10.0]),
    st.sampled_from([None, 1, 3, 100]),
    st.sampled_from([1.0, 0.9, 0.3, 1e-9]),
)


@given(st.lists(OPTIONS, min_size=2, max_size=20), st.integers(1, 70), st.integers(0, 1000))
def test_who_draws_at_the_same_time_changes_nothing(
    options: list[SamplingOptions], vocabulary: int, seed: int
) -> None:
    scores = np.random.default_rng(seed).normal(size=(len(options), vocabulary), scale=4)
    logs = np.round(scores).astype(np.float32)  # some of them are equal
    together, single = (
        [Sampler(each, seed + place) for place, each in enumerate(options)] for _ in range(2)
    )
    for _ in range(3):
        drawn, _ = draw(together, logs)
        assert drawn == [alone(each, row) for each, row in zip(single, logs, strict=True)]


def test_a_seed_draws_what_it_always_drew() -> None:
    """Another version of NumPy, or of this module, must not change what users have seen."""
    sampler = Sampler(SamplingOptions(), 42)
    assert [alone(sampler, LOGS) for _ in range(12)] == [4, 3, 2, 3, 1, 0, 4, 4, 1, 3, 1, 2]


def test_seeds_of_samples_stay_numbers_of_json() -> None:
    assert next_seed(5, 2) == 7
    assert next_seed(MAX_SEED, 1) == 0
