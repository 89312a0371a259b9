"""The authorship network: torch and ONNX agree, padding and batch-mates change nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.serving.runtime.session import Session
from app.training.authorship.network import (
    AuthorshipNetwork,
    AuthorshipOptions,
    authorship_graph,
    ngram_hashes,
)
from app.training.authorship.profile import fit_profile, profile_counts


def small(cell: str = "gru", profile: int = 0, seed: int = 0) -> AuthorshipNetwork:
    torch.manual_seed(seed)
    options = AuthorshipOptions(
        num_classes=3,
        ngrams=3,
        buckets=32,
        embedding_size=8,
        stride=4,
        cell=cell,
        hidden_size=6,
        num_layers=2,
        profile=profile,
        profile_ngrams=4,
    )
    network = AuthorshipNetwork(options).eval()
    with torch.no_grad():  # the graph holds tables in half precision
        network.embedding.weight.copy_(network.embedding.weight.half())
        network.profile_weights.normal_().copy_(network.profile_weights.half())
        network.inverse_frequency.uniform_(0.0, 3.0)
    return network


def texts(lengths: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, 20, size=(len(lengths), max(lengths)))
    for row, length in zip(ids, lengths, strict=True):
        row[length:] = 0
    return ids, np.array(lengths)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn", "layernorm_lstm"])
@pytest.mark.parametrize("profile", [0, 64])
@pytest.mark.parametrize("lengths", [[1], [4, 8], [23, 40, 5, 9]], ids=str)
def test_the_graph_answers_what_torch_does(cell: str, profile: int, lengths: list[int]) -> None:
    network = small(cell, profile)
    ids, sizes = texts(lengths)
    with torch.no_grad():
        expected = network(torch.from_numpy(ids), torch.from_numpy(sizes)).numpy()
    session = Session(authorship_graph([network]).SerializeToString())
    answer = session.run({"character_ids": ids, "lengths": sizes})["logits"]
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)


def test_members_are_averaged_and_the_profile_counts_once() -> None:
    members = [small(profile=64, seed=seed) for seed in (1, 2)]
    for member in members:
        member.profile_weights.copy_(members[0].profile_weights)
        member.inverse_frequency.copy_(members[0].inverse_frequency)
    ids, sizes = texts([30, 12])
    with torch.no_grad():
        answers = [m(torch.from_numpy(ids), torch.from_numpy(sizes)).numpy() for m in members]
    feeds = {"character_ids": ids, "lengths": sizes}
    whole = Session(authorship_graph(members).SerializeToString()).run(feeds)["logits"]
    np.testing.assert_allclose(whole, np.mean(answers, axis=0), rtol=1e-4, atol=1e-5)
    parts = [
        Session(authorship_graph(members, **{part: False}).SerializeToString()).run(feeds)["logits"]
        for part in ("recurrent", "profile")
    ]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-4, atol=1e-5)


SESSION = Session(authorship_graph([small(profile=64)]).SerializeToString())


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.integers(0, 100))
def test_a_row_does_not_depend_on_the_others(lengths: list[int], seed: int) -> None:
    ids, sizes = texts(lengths, seed)
    together = SESSION.run({"character_ids": ids, "lengths": sizes})["logits"]
    for row, length in enumerate(lengths):
        feeds = {"character_ids": ids[row : row + 1, :length], "lengths": sizes[row : row + 1]}
        alone = SESSION.run(feeds)["logits"][0]
        np.testing.assert_allclose(together[row], alone, rtol=1e-5, atol=1e-5)


def test_a_hash_is_that_of_the_last_characters() -> None:
    ids = torch.tensor([[3, 1, 4, 1, 5, 3, 1, 4, 1, 5]])
    for n, hashed in enumerate(ngram_hashes(ids, 4), start=1):
        row = hashed[0].tolist()
        assert row[n - 1 : 5] == row[n + 4 :], "the same characters, the same number"
    assert len(set(ngram_hashes(ids, 2)[1][0, :5].tolist())) == 5


def test_the_profile_counts_as_the_graph_does_and_tells_texts_apart() -> None:
    rng = np.random.default_rng(0)
    labels = [0] * 8 + [1] * 8 + [2] * 8
    ids = [rng.integers(1 + 3 * label, 8 + 3 * label, size=80) for label in labels]
    network = small(profile=256)
    counts = profile_counts(ids, network.options)
    assert counts.shape == (24, 256)
    assert counts[0].sum() == 3 * 80  # two to four characters end at each place
    fit_profile([network], ids, labels, weight=1.0)
    rows = torch.from_numpy(np.stack(ids))
    logits = network.profile_logits(rows, torch.full((24,), 80))
    assert logits.argmax(dim=1).tolist() == labels
    rng = np.random.default_rng(1)
    fresh = torch.from_numpy(rng.integers(4, 11, size=(5, 80)))
    assert (network.profile_logits(fresh, torch.full((5,), 80)).argmax(dim=1) == 1).all()


def test_an_author_without_texts_is_the_least_likely() -> None:
    options = AuthorshipOptions(num_classes=3, profile=64)
    ids = [np.full(30, 1 + label) for label in [0, 0, 2, 2]]
    network = AuthorshipNetwork(options)
    fit_profile([network], ids, [0, 0, 2, 2], weight=1.0)
    logits = network.profile_logits(torch.from_numpy(np.stack(ids)), torch.full((4,), 30))
    assert logits.argmax(dim=1).tolist() == [0, 0, 2, 2]


def test_two_authors_share_one_machine() -> None:
    options = AuthorshipOptions(num_classes=2, profile=64)
    ids = [np.full(30, 1 + label) for label in [0, 0, 0, 0, 1, 1, 1, 1]]
    network = AuthorshipNetwork(options)
    fit_profile([network], ids, [0, 0, 0, 0, 1, 1, 1, 1], weight=1.0)
    logits = network.profile_logits(torch.from_numpy(np.stack(ids)), torch.full((8,), 30))
    assert logits.argmax(dim=1).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_wrong_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="stride"):
        AuthorshipOptions(num_classes=2, stride=0)
    with pytest.raises(ValueError, match="two classes"):
        AuthorshipOptions(num_classes=1)
