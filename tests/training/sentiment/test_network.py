"""The classifier in torch and in ONNX: the same answers, alone and in any batch."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.serving.runtime.session import Session
from app.training.common.cells import CELLS
from app.training.sentiment.mixture import Mixture
from app.training.sentiment.network import ClassifierOptions, TextClassifier

_VOCABULARY = 50
_CHUNK = 8


def _network(cell: str, **options: object) -> TextClassifier:
    torch.manual_seed(3)
    sizes = {"embedding_size": 6, "hidden_size": 10, "chunk_length": _CHUNK} | options
    network = TextClassifier(ClassifierOptions(_VOCABULARY, 3, cell=cell, **sizes))  # type: ignore[arg-type]
    # what half precision can say, as the graph keeps it
    network.embedding.weight.data = network.embedding.weight.data.half().float()
    torch.nn.init.normal_(network.head.weight)
    torch.nn.init.normal_(network.head.bias)
    return network.eval()


def _graph(network: TextClassifier, factor: float = 1.0) -> bytes:
    graph: bytes = Mixture(network).graph([factor], 3).SerializeToString()
    return graph


def _texts(*lengths: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    token_ids = np.zeros((len(lengths), max(lengths)), np.int64)
    for row, length in zip(token_ids, lengths, strict=True):
        row[:length] = rng.integers(1, _VOCABULARY, length)
    return token_ids, np.array(lengths)


def _run(
    session: Session, token_ids: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    return session.run({"token_ids": token_ids, "lengths": lengths}, ["logits"])["logits"]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("lengths", [(1,), (5, 8, 3), (9, 1, 16, 40), (7, 23)])
def test_torch_and_onnx_agree(
    cell: str, layers: int, bidirectional: bool, lengths: tuple[int, ...]
) -> None:
    network = _network(cell, num_layers=layers, bidirectional=bidirectional)
    token_ids, ends = _texts(*lengths)
    with torch.no_grad():
        expected = network(torch.from_numpy(token_ids), torch.from_numpy(ends)).numpy()
    session = Session(_graph(network))
    np.testing.assert_allclose(_run(session, token_ids, ends), expected, rtol=1e-4, atol=1e-5)


def test_reads_chunks_from_an_empty_state_and_pools_over_each_of_them() -> None:
    network = _network("gru")
    token_ids, lengths = _texts(2 * _CHUNK + 3)
    with torch.no_grad():
        pieces = [
            network.read(torch.from_numpy(token_ids[:, at : at + _CHUNK]), torch.tensor([length]))
            for at, length in ((0, _CHUNK), (_CHUNK, _CHUNK), (2 * _CHUNK, 3))
        ]
        steps = torch.cat(pieces, dim=1)  # (1, time, size)
        tops = [piece.amax(1) * piece.shape[1] / steps.shape[1] for piece in pieces]
        pooled = torch.cat([torch.stack(tops).sum(0), steps.mean(1)], dim=1)
        expected = network.head(pooled)
        actual = network(torch.from_numpy(token_ids), torch.from_numpy(lengths))
    np.testing.assert_allclose(actual.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_whole_chunks_said_again_and_again_change_nothing() -> None:
    session = Session(_graph(_network("gru")))
    token_ids, lengths = _texts(_CHUNK)
    once = _run(session, token_ids, lengths)
    for times in (2, 7, 50):
        again = _run(session, np.tile(token_ids, times), lengths * times)
        np.testing.assert_allclose(again, once, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_an_answer_does_not_depend_on_its_batch_mates(cell: str) -> None:
    network = _network(cell, hidden_size=48, embedding_size=32)
    session = Session(_graph(network))
    token_ids, lengths = _texts(3, 17, 8, 40, 1, 9, 33, 64)
    together = _run(session, token_ids, lengths)
    for i, length in enumerate(lengths):
        alone = _run(session, token_ids[i : i + 1, :length], lengths[i : i + 1])
        if cell == "rnn":  # the operator itself rounds otherwise in another batch
            np.testing.assert_allclose(together[i], alone[0], rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(together[i], alone[0])


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_contributions_and_bias_sum_up_to_the_logits(scale: float) -> None:
    network = _network("lstm")
    session = Session(_graph(network, scale))
    token_ids, lengths = _texts(3, 19, 8, 30)
    answer = session.run({"token_ids": token_ids, "lengths": lengths})
    contributions = answer["contributions"]
    assert contributions.shape == (4, 30, 3)
    bias = scale * network.head.bias.detach().numpy()
    np.testing.assert_allclose(
        contributions.sum(axis=1) + bias, answer["logits"], rtol=1e-4, atol=1e-5
    )
    for row, length in zip(contributions, lengths, strict=True):
        assert not row[length:].any()
        assert row[:length].any()
