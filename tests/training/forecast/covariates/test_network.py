"""The network with covariates: torch and ONNX agree, rows do not depend on each other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.features.covariates import context_features, future_features
from app.serving.runtime.session import Session
from app.training.forecast.covariates.network import (
    CovariateForecaster,
    CovariateSizes,
    covariate_graph,
)

COLUMNS = 3


def networks(
    categories: Sequence[int], cell: str = "gru", layers: int = 1, channels: int = 1
) -> list[CovariateForecaster]:
    torch.manual_seed(1)
    sizes = CovariateSizes(cell=cell, hidden_size=12, num_layers=layers)
    members = [CovariateForecaster(sizes, COLUMNS, categories, channels).eval() for _ in range(2)]
    for member in members:
        torch.nn.init.normal_(member.head.weight, std=0.4)  # at the start it is zero
    return members


def feeds(categories: Sequence[int], rows: int = 5, channels: int = 1) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 20, rows)
    lengths[0] = 20
    horizon, width = 7, context_features(COLUMNS, channels)
    ahead = future_features(COLUMNS, channels)
    found: dict[str, NDArray[Any]] = {
        "context": rng.normal(size=(rows, 20, width)).astype(np.float32),
        "lengths": lengths.astype(np.int64),
        "future": rng.normal(size=(rows, horizon, ahead)).astype(np.float32),
    }
    if categories:
        high = np.array(categories)
        found["context_codes"] = rng.integers(0, high, (rows, 20, len(high)))
        found["future_codes"] = rng.integers(0, high, (rows, horizon, len(high)))
    return found


@pytest.mark.parametrize("categories", [(), (4,), (2, 30)], ids=str)
@pytest.mark.parametrize(
    ("cell", "layers", "channels"), [("gru", 1, 1), ("lstm", 2, 1), ("gru", 1, 3)]
)
def test_onnx_answers_what_torch_does(
    categories: Sequence[int], cell: str, layers: int, channels: int
) -> None:
    members = networks(categories, cell, layers, channels)
    given = feeds(categories, channels=channels)
    answer = Session(covariate_graph(members).SerializeToString()).run(given)["quantiles"]
    with torch.no_grad():
        parts = [
            member(*(torch.from_numpy(each) for each in given.values())).numpy()
            for member in members
        ]
    np.testing.assert_allclose(answer, np.mean(parts, axis=0).reshape(answer.shape), atol=2e-5)
    by_channel = answer.reshape(*answer.shape[:2], channels, -1)
    assert (np.diff(by_channel, axis=3) > 0).all()


def test_rows_do_not_depend_on_each_other() -> None:
    session = Session(covariate_graph(networks((4,))).SerializeToString())
    given = feeds((4,), rows=6)
    together = session.run(given)["quantiles"]
    for row in range(6):
        alone = session.run({name: each[row : row + 1] for name, each in given.items()})
        np.testing.assert_array_equal(alone["quantiles"][0], together[row])


def test_a_step_does_not_depend_on_how_many_follow() -> None:
    session = Session(covariate_graph(networks((4,))).SerializeToString())
    given = feeds((4,))
    whole = session.run(given)["quantiles"]
    short = {name: each[:, :3] if "future" in name else each for name, each in given.items()}
    np.testing.assert_array_equal(session.run(short)["quantiles"], whole[:, :3])


def test_every_input_counts() -> None:
    session = Session(covariate_graph(networks((4, 4))).SerializeToString())
    given = feeds((4, 4))
    usual = session.run(given)["quantiles"]
    for name in ("context", "future", "context_codes", "future_codes"):
        one = 1 if "codes" in name else np.float32(1)
        changed = given | {name: (given[name] + one) % 4 if "codes" in name else given[name] + one}
        assert (session.run(changed)["quantiles"] != usual).any(), name
