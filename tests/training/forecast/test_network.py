"""The forecaster's graph and where a training starts: the same function in both forms."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from app.features.trends import CANDIDATES
from app.serving.runtime.session import Session
from app.training.forecast.network import Forecaster, ForecasterOptions, forecaster_graph
from app.training.forecast.start import Start, published, start_from
from app.training.forecast.train import train_forecast
from tests.training.forecast.test_train import data, tiny  # noqa: F401

PLAIN = ForecasterOptions(hidden_size=8)
WEIGHED = replace(PLAIN, candidates=CANDIDATES)


def network(options: ForecasterOptions) -> Forecaster:
    torch.manual_seed(0)
    made = Forecaster(options).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def inputs(options: ForecasterOptions) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    context = torch.randn(3, 20, options.context_features, generator=draw)
    future = torch.randn(3, 9, options.inputs, generator=draw)
    return context, torch.tensor([20, 7, 3]), future


def answer(made: Forecaster, given: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    with torch.no_grad():
        return made(*given)  # type: ignore[no-any-return]


@pytest.mark.parametrize("options", [PLAIN, WEIGHED], ids=["plain", "weighed"])
def test_the_graph_answers_as_the_network(options: ForecasterOptions) -> None:
    made, given = network(options), inputs(options)
    session = Session(forecaster_graph([made]).SerializeToString())
    feeds = dict(zip(("context", "lengths", "future"), (x.numpy() for x in given), strict=True))
    expected = answer(made, given).numpy()
    np.testing.assert_allclose(session.run(feeds)["quantiles"], expected, atol=1e-5)
    assert (np.diff(expected, axis=2) >= 0.0).all()


def test_a_candidate_that_has_all_the_weight_is_the_median() -> None:
    made, given = network(WEIGHED), inputs(WEIGHED)
    with torch.no_grad():
        made.weights.weight.zero_()
        made.weights.bias.copy_(torch.tensor([-50.0, -50.0, 50.0, -50.0, -50.0]))
    found = answer(made, given)[:, :, made.middle]
    torch.testing.assert_close(found, given[2][:, :, WEIGHED.future_features + 1])


def test_a_network_with_candidates_starts_near_the_one_without() -> None:
    before, given = network(PLAIN), inputs(WEIGHED)
    after = Forecaster(WEIGHED).eval()
    start_from(after, PLAIN, before.state_dict())
    given[2][:, :, PLAIN.future_features :] = 0.0
    plain = (given[0], given[1], given[2][:, :, : PLAIN.future_features])
    one, other = answer(before, plain), answer(after, given)
    widths = (one - one[:, :, [before.middle]], other - other[:, :, [before.middle]])
    torch.testing.assert_close(*widths)
    shares = other[:, :, before.middle] / one[:, :, before.middle]
    torch.testing.assert_close(shares, torch.full_like(shares, 1 / (1 + 4 * np.exp(-3.0))))


def test_other_sizes_are_refused() -> None:
    small = network(replace(PLAIN, hidden_size=4))
    with pytest.raises(ValueError, match="other sizes"):
        start_from(Forecaster(WEIGHED), small.options, small.state_dict())
    fewer = network(PLAIN)
    with pytest.raises(ValueError, match="other sizes"):
        start_from(Forecaster(PLAIN), WEIGHED, network(WEIGHED).state_dict())
    start_from(Forecaster(PLAIN), PLAIN, fewer.state_dict())


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_published_version_is_gone_on_with(data: Path, tmp_path: Path, cell: str) -> None:  # noqa: F811
    models, recipe = tmp_path / "models", tiny(cell, members=2)
    first = train_forecast(data, recipe, name="mine", repository=models, work=tmp_path / "a")
    start: Start = published(first)
    assert len(start.members) == 2
    made = [Forecaster(start.options).eval() for _ in start.members]
    for one, weights in zip(made, start.members, strict=True):
        start_from(one, start.options, weights)
    given = inputs(start.options)
    feeds = dict(zip(("context", "lengths", "future"), (x.numpy() for x in given), strict=True))
    served = Session((first / "model.onnx").read_bytes()).run(feeds)["quantiles"]
    expected = torch.stack([answer(one, given) for one in made]).mean(0)
    np.testing.assert_allclose(served, expected.numpy(), atol=1e-5)
    second = train_forecast(
        data, recipe, name="mine", repository=models, work=tmp_path / "b", start=first
    )
    assert "mine/1" in (second / "manifest.json").read_text()


def test_another_model_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no forecaster to start from"):
        published(Path("models/forecast-stream/1"))
