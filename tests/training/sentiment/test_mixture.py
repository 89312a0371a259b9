"""The network and the n-grams in one graph: each counts as its factor for the kind of text says."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.serving.runtime.session import Session
from app.training.sentiment.batches import Encoded, Ids, collate
from app.training.sentiment.mixture import Mixture
from app.training.sentiment.network import ClassifierOptions, TextClassifier
from app.training.sentiment.ngram_fit import fit_ngrams
from app.training.sentiment.ngram_rows import NgramOptions

_PIECES = ["[pad]", "[unk]", *(f"{a}{b}a" for a in "bcdfgh" for b in "aeiou")]
_FACTORS = (0.5, 2.0, 3.0, 1.5, 0.25)  # of the network about three kinds, of two experts


def _texts(count: int, seed: int, first: int) -> Encoded:
    """The label is whether token 4 stands second; every text of a kind begins with `first`."""
    rng = np.random.default_rng(seed)
    tokens = [
        rng.integers(5, len(_PIECES), rng.integers(4, 12)).astype(np.int32) for _ in range(count)
    ]
    labels = rng.integers(0, 2, count)
    for ids, label in zip(tokens, labels, strict=True):
        ids[:2] = first, 4 if label else 5
    return Encoded(tokens, labels)


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    torch.manual_seed(3)
    network = TextClassifier(ClassifierOptions(len(_PIECES), 2, embedding_size=6, hidden_size=8))
    network.embedding.weight.data = network.embedding.weight.data.half().float()
    torch.nn.init.normal_(network.head.weight)
    torch.nn.init.normal_(network.head.bias)
    options = NgramOptions(bigrams=64, trigrams=32, characters=128)
    sources, silent = [_texts(200, 0, 2), _texts(200, 1, 3)], [_texts(200, 2, 12)]
    return Mixture(network.eval(), fit_ngrams(sources, _PIECES, 2, options, silent=silent))


@pytest.fixture(scope="module")
def session(mixture: Mixture) -> Session:
    return Session(mixture.graph(_FACTORS, 2).SerializeToString())


def _feeds(tokens: list[Ids]) -> dict[str, NDArray[np.int64]]:
    batch = collate(tokens, np.zeros(len(tokens), np.int64))
    return {"token_ids": batch.token_ids.numpy(), "lengths": batch.lengths.numpy()}


def _asked(first: int) -> list[Ids]:
    return list(_texts(40, 7, first).tokens)


@pytest.mark.parametrize("first", [2, 3, 12])
def test_the_graph_adds_the_parts_up_by_their_factors(
    mixture: Mixture, session: Session, first: int
) -> None:
    tokens = _asked(first)
    batch = collate(tokens, np.zeros(len(tokens), np.int64))
    with torch.no_grad():
        logits = mixture.network(batch.token_ids, batch.lengths).numpy().astype(np.float64)
    parts = mixture.parts(logits, tokens)
    expected = sum(factor * part for factor, part in zip(_FACTORS, parts, strict=True))
    answer = session.run(_feeds(tokens))
    np.testing.assert_allclose(answer["logits"], expected, rtol=1e-2, atol=1e-2)
    # what is left when all that the tokens add is taken away are the biases, as far as they count
    assert mixture.ngrams is not None
    _, trust = mixture.ngrams.parts(tokens)
    of_network = trust @ np.array(_FACTORS[:3])
    of_experts = trust[:, :2] * np.array(_FACTORS[3:])
    biases = of_network[:, None] * mixture.network.head.bias.detach().numpy()
    biases = biases + of_experts @ mixture.ngrams.bias
    left = answer["logits"] - answer["contributions"].sum(axis=1)
    np.testing.assert_allclose(left, biases, rtol=1e-2, atol=1e-2)


def test_the_network_counts_as_its_factor_for_the_kind_says(mixture: Mixture) -> None:
    for kind, first in enumerate((2, 3, 12)):
        tokens = _asked(first)
        alone = [float(number == kind) for number in range(3)] + [0.0, 0.0]
        answer = Session(mixture.graph(alone, 2).SerializeToString()).run(_feeds(tokens))
        network = Session(Mixture(mixture.network).graph([1.0], 2).SerializeToString())
        whole = network.run(_feeds(tokens))["logits"]
        share = (answer["logits"] / whole).mean(axis=1)
        assert np.median(share) > 0.75


def test_an_answer_does_not_depend_on_its_batch_mates(session: Session) -> None:
    tokens = [*_asked(2)[:5], *_asked(12)[:5]]
    together = session.run(_feeds(tokens), ["logits"])["logits"]
    for ids, row in zip(tokens, together, strict=True):
        np.testing.assert_array_equal(session.run(_feeds([ids]), ["logits"])["logits"][0], row)
