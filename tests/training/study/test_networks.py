"""What the experiments are made of: data, inverses, streams; small networks, hardly taught."""

import numpy as np
import pytest
import torch

from app.training.study import attention, copying, memory, stateful
from app.training.study.architectures import SHAPES, delayed, many_to_one, one_to_many, synchronous
from app.training.study.reader import Reader, made, served_stream, taught
from app.training.study.sentiment import Classifier, made_texts
from app.training.study.trend_season import WAYS, differenced, undone
from app.training.study.waves import KINDS, forecast


@pytest.mark.parametrize("lags", WAYS.values())
def test_differences_are_undone(lags: tuple[int, ...]) -> None:
    series = np.random.default_rng(0).normal(size=(3, 60)).cumsum(axis=1)
    past, ahead = series[:, :40], series[:, 40:]
    found = undone(past, differenced(series, lags)[:, -20:], lags)
    np.testing.assert_allclose(found, ahead, atol=1e-9)


def test_the_shapes_ask_for_what_they_say() -> None:
    rng = np.random.default_rng(1)
    wave = one_to_many(rng, 4)
    np.testing.assert_allclose(wave.targets[3, :, 0], np.sin(3 * wave.inputs[0, :, 0]), atol=1e-6)
    summed = many_to_one(rng, 4)
    marked = (summed.inputs[:, :, 0] * summed.inputs[:, :, 1]).sum(axis=0)
    np.testing.assert_allclose(summed.targets[-1, :, 0], marked, atol=1e-6)
    odd = synchronous(rng, 4)
    ones = odd.inputs[:, :, 0].cumsum(axis=0) % 2
    np.testing.assert_array_equal(odd.targets.argmax(2), ones)
    turned = delayed(rng, 4)
    read, answered = turned.inputs[:5].argmax(2), turned.targets[turned.asked].argmax(2)
    np.testing.assert_array_equal(read[::-1], answered)
    assert len(SHAPES) == 4


def test_a_list_is_asked_for_its_newest_values() -> None:
    inputs, target = memory.pairs(np.random.default_rng(2), 5, 3, again=True)
    assert inputs.shape == (15, 3, 24)
    for row in range(3):
        known = {}
        for step in inputs[:10, row]:
            known[int(step[:16].argmax())] = int(step[16:].argmax())
        asked = inputs[10:, row]
        assert not asked[:, 16:].any()
        assert [known[int(step[:16].argmax())] for step in asked] == target[:, row].tolist()


def test_copying_shows_bits_between_marks_and_asks_in_silence() -> None:
    inputs, target = copying.sequences(np.random.default_rng(3), 4, 2, 3)
    assert inputs.shape == (10, 2, 5)
    assert torch.equal(inputs[1:5, :, :3], target)
    assert inputs[0, :, 3].all()
    assert inputs[5, :, 4].all()
    assert not inputs[6:].any()


def test_a_network_that_copies_has_no_wrong_bits_and_one_of_zeros_half() -> None:
    class Copies(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, tuple[()]]:
            half = len(inputs) // 2 - 1
            return torch.cat([inputs[:-half], inputs[1 : half + 1] - 0.5])[:, :, :8], ()

    class Silent(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, tuple[()]]:
            return torch.full_like(inputs[:, :, :8], -1.0), ()

    assert copying.wrong_bits(Copies(), 5, 8) == 0.0
    assert copying.wrong_bits(Silent(), 5, 8) == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize("cell", ["ntm", "gru", "wavenet", "gated_delta"])
def test_a_network_streams_from_what_the_service_keeps(cell: str) -> None:
    """The memory of a Turing machine begins with something, and its heads at the first slot."""
    network = made(lambda: Reader(cell, 3, 5, 2), 4).eval()
    steps = np.random.default_rng(4).normal(size=(9, 3)).astype(np.float32)
    with torch.no_grad():
        whole = network(torch.from_numpy(steps)[:, None])[0][:, 0].numpy()
    with served_stream(network, "small") as opened:
        single, pieces = opened(), opened()
        one_by_one = np.concatenate([single(step[None]) for step in steps])
        in_pieces = np.concatenate([pieces(piece) for piece in np.split(steps, [4, 5])])
    np.testing.assert_allclose(one_by_one, whole, atol=1e-5)
    np.testing.assert_allclose(in_pieces, whole, atol=1e-5)


def test_teaching_is_the_same_each_time_and_lowers_the_loss() -> None:
    def drawn(rng: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=(6, 8, 1)).astype(np.float32))

    def loss(module: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.mse_loss(module(inputs)[0], inputs)

    fresh = drawn(np.random.default_rng(10_000))
    losses = []
    for steps in (1, 60, 60):
        network = made(lambda: Reader("gru", 1, 8, 1), 0)
        taught(network, drawn, loss, steps=steps, rate=1e-2)
        losses.append(loss(network, fresh).item())
    assert losses[1] == losses[2]
    assert losses[1] < 0.8 * losses[0]


def test_a_carried_state_is_told_from_an_empty_one() -> None:
    network = made(lambda: Reader("gru", 1, 8, 1), 1).eval()
    series = torch.from_numpy(stateful.waves(np.random.default_rng(0), 41, 4))
    carried, alone = (stateful.errors(network, series, carried=each) for each in (True, False))
    assert carried != alone


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]])
def test_one_value_is_asked_for_again_and_ten_are_not(kind: object) -> None:
    """Fed back by hand, a network of one value gives the same."""
    chosen = next(each for each in KINDS if each is kind)
    network = made(lambda: Reader(chosen.cell, 1, chosen.units, chosen.ahead, chosen.layers), 0)
    past = np.random.default_rng(5).normal(size=(2, 7))
    found = forecast(network, past, chosen.ahead)
    assert found.shape == (2, 10)
    if chosen.ahead == 1:
        longer = np.hstack([past, found[:, :3]])
        with torch.no_grad():
            answer = network(torch.from_numpy(longer).float().T[:, :, None])[0][-1, :, 0]
        np.testing.assert_allclose(answer.numpy(), found[:, 3], atol=1e-5)


def test_the_made_language_is_reversed_and_its_answers_are_as_long() -> None:
    source, target = attention.sentences(np.random.default_rng(6), 5, 3)
    words = source.numpy() - 2
    np.testing.assert_array_equal((words * 7 + 3)[::-1] % 20 + 2, target.numpy())
    assert len({word * 7 % 20 for word in range(20)}) == 20


def test_padding_does_not_change_a_label() -> None:
    texts, words = made_texts(60)
    network = made(lambda: Classifier(words, "gru", bidirectional=True), 0).eval()
    alone = texts.some(torch.tensor([int(texts.lengths.argmin())]))
    every = network(texts.ids, texts.lengths)
    torch.testing.assert_close(
        network(alone.ids, alone.lengths)[0], every[int(texts.lengths.argmin())]
    )
    assert 0 < int(texts.negated.sum()) < 60
