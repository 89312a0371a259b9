"""The network of the streaming forecaster: its graph answers as torch does, and it can learn."""

import numpy as np
import pytest
import torch

from app.features.running import AHEAD, GUESSES, ROW
from app.serving.runtime.session import Session
from app.training.anomalies.fit import draw, loss_of, train_network
from app.training.anomalies.generated import generated
from app.training.anomalies.material import build_material
from app.training.anomalies.network import (
    StreamForecaster,
    StreamForecasterOptions,
    stream_forecaster_graph,
)
from app.training.anomalies.recipe import AnomalyRecipe
from app.training.common.loop import LoopOptions
from app.training.forecast.data import Series

SMALL = StreamForecasterOptions(hidden_size=7, num_layers=2, head_size=5, levels=(0.1, 0.5, 0.9))


def test_the_graph_answers_as_torch_does() -> None:
    torch.manual_seed(0)
    network = StreamForecaster(SMALL).eval()
    torch.nn.init.normal_(network.head.weight, std=0.5)
    session = Session(stream_forecaster_graph(network).SerializeToString())
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2, 9, ROW)).astype(np.float32)
    ahead = rng.normal(size=(2, 9, AHEAD)).astype(np.float32)
    lengths = np.array([9, 4])
    feeds = {
        "rows": rows,
        "lengths": lengths,
        "state": rng.normal(size=(2, 14)).astype(np.float32),
        "next": ahead,
        "future": ahead[:, :3],
    }
    found = session.run(feeds)
    for row, length in enumerate(lengths.tolist()):
        state = torch.from_numpy(feeds["state"][row].reshape(2, 1, 7))
        told = torch.from_numpy(rows[row, :length, None])
        with torch.no_grad():
            outputs, after = network(told, (state,))
            quantiles = network.answer(outputs[:, 0], torch.from_numpy(ahead[row, :length]))
            last = outputs[-1].expand(3, -1)
            forecast = network.answer(last, torch.from_numpy(ahead[row, :3]))
        assert found["quantiles"][row, :length] == pytest.approx(quantiles.numpy(), abs=2e-5)
        assert found["forecast"][row] == pytest.approx(forecast.numpy(), abs=2e-5)
        assert found["next_state"][row] == pytest.approx(after[0].numpy().ravel(), abs=2e-5)


def test_quantiles_rise_and_an_untrained_median_is_among_the_guesses() -> None:
    network = StreamForecaster(SMALL)
    ahead = torch.randn(50, AHEAD) * 3
    quantiles = network.answer(torch.randn(50, 7), ahead).detach()
    assert bool((quantiles.diff(dim=-1) > 0).all())
    guesses = ahead[:, :GUESSES]
    assert bool((quantiles[:, 1] <= guesses.amax(1) + 1e-5).all())
    assert bool((quantiles[:, 1] >= guesses.amin(1) - 1e-5).all())


def test_cells_with_two_states_and_crossing_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="several states"):
        StreamForecaster(StreamForecasterOptions(cell="lstm"))
    with pytest.raises(ValueError, match="increasing"):
        StreamForecasterOptions(levels=(0.5, 0.1))


def test_the_end_of_a_series_is_not_learned() -> None:
    values = np.arange(60.0)
    longer = np.concatenate([values[:-6], 1e6 * np.ones(6)])
    first, second = (
        build_material([Series("csv", "a", each, "D", 7, 6)], 0, 100, seed=0)
        for each in (values, longer)
    )
    np.testing.assert_array_equal(first.rows, second.rows)
    np.testing.assert_array_equal(first.target, second.target)
    assert len(first.rows) == 54


def test_generated_series_are_the_same_again_and_of_many_kinds() -> None:
    first, second = generated(4, 22, 80), generated(4, 22, 80)
    for (values, season), (again, other) in zip(first, second, strict=True):
        np.testing.assert_array_equal(values, again)
        assert season == other
    assert any(np.isnan(values).any() for values, _ in first)
    assert len({season for _, season in first}) > 2


def test_a_network_learns() -> None:
    recipe = AnomalyRecipe(
        network=SMALL,
        loop=LoopOptions(steps=30, learning_rate=0.02, warmup=1, validate_every=15, averaging=0.5),
        batch_size=8,
        window=32,
        longest=60,
    )
    wave = np.sin(np.arange(60) / 3)  # can be foretold far better than by one unit up and down
    material = build_material([Series("csv", "a", wave, None, 1, 4)], 0, 60, recipe.seed)
    fixed = draw(np.random.default_rng(9), material, recipe)
    torch.manual_seed(recipe.seed)
    before = loss_of(StreamForecaster(SMALL), fixed).item()
    fit = train_network(material, material, recipe)
    assert loss_of(fit.network, fixed).item() < 0.8 * before
